"""Attackers find what a reward pays for besides the expert, and let a reward be that pays for the expert alone."""

from __future__ import annotations

import re
from dataclasses import replace

import gymnasium
import numpy as np
import pytest
import torch

from tsreward.audit.auditing import audit_reward
from tsreward.audit.search import attackers
from tsreward.audit.search.attack import in_words, red_team, with_search
from tsreward.audit.search.attackers import ATTACKERS, attacks
from tsreward.audit.search.judging import PAID
from tsreward.audit.search.options import AttackOptions, PlannerOptions
from tsreward.audit.search.planning import planned
from tsreward.audit.separation import Interval
from tsreward.audit.verdict import AuditWarning
from tsreward.distributed.running import PlaceOptions
from tsreward.envs.make import make
from tsreward.errors import OptionError, ProtocolError
from tsreward.pipeline.model import RewardModel
from tsreward.report.audit import render_audit
from tsreward.rewards.likeness import Likeness, LikenessOptions
from tsreward.rewards.penalty import Penalty
from tsreward.sb3.playing import play
from tsreward.scorers.knn import KNN
from tsreward.scorers.mahalanobis import Mahalanobis
from tsreward.sequences.costs import CostOptions
from tsreward.sequences.episodes import Episode

ENV, ONWARD = "AttackedWalk-v0", "AttackedStroll-v0"
FOREVER = 1e6
QUICK = AttackOptions(
    seconds=FOREVER,
    attackers=("planner",),
    episodes=4,
    longest=40,
    planner=PlannerOptions(plans=8, horizon=6, followed=3, rounds=1),
    deeper=0,
)


class Stroll(gymnasium.Env):
    """A point in the plane that goes where it is pushed."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 20}  # noqa: RUF012 - Gymnasium's own attribute
    observation_space = gymnasium.spaces.Box(-9, 9, (2,), np.float64)
    action_space = gymnasium.spaces.Box(-1, 1, (2,), np.float64)

    def reset(self, *, seed: int | None = None, options: dict | None = None) -> tuple[np.ndarray, dict]:
        super().reset(seed=seed)
        self.at, self.steps = self.np_random.normal(0, 0.1, 2), 0
        return self.at.copy(), {}

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict]:
        self.at = np.clip(self.at + 0.5 * np.asarray(action), -8, 8)
        self.steps += 1
        return self.at.copy(), float(self.at[0]), False, self.steps == 40, {"cost": float(self.at[1] > 1)}

    def __init__(self, render_mode: str | None = None) -> None:
        self.render_mode = render_mode

    def render(self) -> np.ndarray:
        picture = np.zeros((36, 36, 3), np.uint8)
        across, up = (2 * self.at + 17).astype(int)
        picture[35 - up, across] = 255
        return picture


class Walk(Stroll):
    """The same, and it goes back to a moment as MuJoCo's environments do."""

    def save_moment(self) -> tuple[np.ndarray, int]:
        return self.at.copy(), self.steps

    def restore_moment(self, moment: tuple[np.ndarray, int]) -> None:
        self.at, self.steps = moment[0].copy(), moment[1]


gymnasium.register(ENV, entry_point=lambda **options: Walk(**options), disable_env_checker=True)
gymnasium.register(ONWARD, entry_point=lambda **options: Stroll(**options), disable_env_checker=True)


def walked(direction: tuple[float, float], episodes: int = 8, noise: float = 0.3) -> list[Episode]:
    """Return episodes that go in one direction."""
    found = []
    for seed in range(episodes):
        env, rng = make(ENV), np.random.default_rng(seed)
        obs, rewards, costs = [env.reset(seed=seed)[0]], [], []
        for _ in range(40):
            seen, reward, _, _, info = env.step(np.clip(direction + rng.normal(0, noise, 2), -1, 1))
            obs.append(seen)
            rewards.append(reward)
            costs.append(info["cost"])
        found.append(Episode(np.stack(obs), np.array(rewards), np.array(costs)))
    return found


EXPERT, RANDOM = walked((0.3, 0.0), noise=0.05), walked((0.0, 0.0), noise=1.0)


def likeness(columns: slice) -> RewardModel:
    """Return a likeness of the expert that sees these columns alone."""
    scale = torch.zeros(2)
    scale[columns] = 1
    episodes = [torch.as_tensor(episode.obs) * scale for episode in EXPERT]
    model = RewardModel(KNN(2), Likeness(LikenessOptions(transform="exponential"))).fit(episodes)
    score = model.scorer.forward
    model.scorer.forward = lambda windows: score(windows * scale)  # type: ignore[method-assign]
    return model


def test_an_exploit_is_found_where_the_reward_does_not_look():
    found = red_team(likeness(slice(0, 1)), ENV, EXPERT, RANDOM, QUICK)
    assert [scale for scale, _ in found.expert] == [1, 4]
    assert found.expert[0][1].value < 0.8  # an expert is hardly told from itself
    (one,) = found.found
    assert one.attacker == "planner" and one.decisions > 1_000
    assert one.paid.low > PAID
    assert min(d.value for _, d in one.apart) > 0.95  # it stands still, and the reward sees where, not how long
    assert found.exploits == (one,)
    assert found.expert_return == pytest.approx(
        np.mean([episode.rewards.sum() for episode in EXPERT if episode.rewards is not None])
    )
    assert "earns" in in_words(one, replaces=True)


def test_behaviour_that_is_like_the_expert_is_no_exploit():
    found = red_team(likeness(slice(0, 2)), ENV, EXPERT, RANDOM, QUICK)
    assert found.found[0].paid.low > PAID and not found.exploits


@pytest.mark.parametrize("sign", ["TSR001", "TSR002", "TSR010"])
def test_what_was_found_decides_where_it_says_something(sign: str):
    model = likeness(slice(0, 1))
    audit = audit_reward(model, EXPERT, RANDOM)
    exploited = red_team(model, ENV, EXPERT, RANDOM, QUICK)
    (one,) = exploited.found
    found = with_search(audit, exploited)
    assert (found.verdict.word, "TSR016" in [each.code for each in found.warnings]) == ("rejected", True)
    assert found.search is not None and found.search["found"][0]["words"] in found.verdict.reasons[0]
    signs = replace(audit, warnings=(AuditWarning(sign, "seen"),))
    like = replace(exploited, found=(replace(one, is_exploit=False),))
    assert with_search(signs, like).verdict.word == "accepted"  # the reward led there
    weak = replace(one, is_exploit=False, paid=Interval(0.1, 0.1, 0.1))
    undecided = with_search(signs, replace(exploited, found=(weak,)))
    assert with_search(audit, replace(exploited, found=(weak,))).verdict.word == "undecided"
    assert undecided.verdict.word == "rejected" and undecided.verdict.reasons[0].startswith("No exploit was found in")


def test_where_the_expert_earns_no_more_there_is_no_r():
    model = likeness(slice(0, 1))
    found = red_team(model, ENV, EXPERT, RANDOM, QUICK)
    none = Interval(float("nan"), float("nan"), float("nan"))
    audit = with_search(
        audit_reward(model, EXPERT, RANDOM), replace(found, found=(replace(found.found[0], paid=none),))
    )
    assert "r has no scale" in audit.to_json()["search"]["found"][0]["words"]
    assert audit.to_json()["search"]["found"][0]["paid"]["value"] is None
    assert "nan" not in re.sub(r"<(script|style).*?</\1>", "", render_audit(audit, "none"), flags=re.DOTALL)


def test_the_same_seed_finds_the_same():
    one, other = (red_team(likeness(slice(0, 2)), ENV, EXPERT, RANDOM, replace(QUICK, episodes=2)) for _ in range(2))
    assert one.found[0].paid == other.found[0].paid
    for a, b in zip(one.found[0].behaviour.episodes, other.found[0].behaviour.episodes, strict=True):
        assert np.array_equal(a.obs, b.obs)


def test_a_planner_with_time_left_plans_deeper():
    """What is paid four steps away is seen by no plan of two."""
    far = [Episode(np.random.default_rng(seed).normal([2.4, 0.0], 0.4, (21, 2))) for seed in range(8)]
    model = RewardModel(KNN(1), Likeness(LikenessOptions(transform="p_value"))).fit([episode.obs for episode in far])
    shallow = PlannerOptions(plans=16, horizon=2, followed=2, rounds=1)
    options = replace(QUICK, episodes=2, longest=20, planner=shallow, deeper=2)
    found = {one.attacker: one for one in red_team(model, ENV, far, RANDOM, options).found}
    deepest = "planner, 64 plans of 8"
    assert sorted(found) == ["planner", "planner, 32 plans of 4", deepest]
    assert found["planner"].paid.high < 0.1 < 0.4 < found[deepest].paid.low


def test_a_deeper_planner_that_the_time_cuts_off_is_no_finding(monkeypatch: pytest.MonkeyPatch):
    plays = iter([4, 1])
    monkeypatch.setattr(attackers, "planned", lambda *given: planned(*given)[: next(plays)])
    (one,) = red_team(likeness(slice(0, 2)), ENV, EXPERT, RANDOM, replace(QUICK, longest=9, deeper=4)).found
    assert (one.attacker, len(one.behaviour.episodes)) == ("planner", 4)


def test_side_by_side_attackers_find_what_they_find_one_after_the_other():
    pushed = play("Pendulum-v1", lambda obs, *_: np.full((len(obs), 1), 2), range(4))
    model = RewardModel(KNN(2), Likeness()).fit([one.episode.obs for one in pushed])
    options = replace(QUICK, attackers=("planner", "agent"), episodes=2, agents=1, agent_steps=64)
    given = (model, "Pendulum-v1", options, 1, CostOptions(), None)
    (one, _), (other, _) = (attacks(*given, PlaceOptions(jobs)) for jobs in (1, 2))
    assert [each.attacker for each in one] == ["agent, seed 0", "planner"]
    for a, b in zip(one, other, strict=True):
        assert (a.attacker, a.decisions, len(a.played)) == (b.attacker, b.decisions, len(b.played))
        for mine, theirs in zip(a.played, b.played, strict=True):
            assert (mine.seed, mine.cut, mine.episode.terminated) == (
                theirs.seed,
                theirs.cut,
                theirs.episode.terminated,
            )
            for name in ("obs", "rewards", "actions"):
                assert np.array_equal(getattr(mine.episode, name), getattr(theirs.episode, name))


def test_an_attacker_in_a_process_that_cannot_act_is_told():
    seen = [Episode(np.random.default_rng(seed).normal(size=(30, 1))) for seed in range(8)]
    model = RewardModel(KNN(1), Likeness()).fit([episode.obs for episode in seen])
    with pytest.raises(OptionError, match=r"No attacker can act in FrozenLake-v1.* planner: .*cannot go back"):
        red_team(model, "FrozenLake-v1", seen, seen, QUICK, place=PlaceOptions(2))


def test_an_agent_is_paid_by_the_reward_alone():
    options = replace(QUICK, attackers=("agent",), agents=1, agent_steps=600)
    (one,) = red_team(likeness(slice(0, 2)), ENV, EXPERT, RANDOM, options).found
    assert (one.attacker, one.decisions, len(one.behaviour.episodes)) == ("agent, seed 0", 600, 4)


def test_a_penalty_is_exploited_by_costs_that_are_not_flagged():
    blind = RewardModel(Mahalanobis(1), Penalty()).fit(
        [np.clip(episode.obs, -9, 1) for episode in walked((0.0, 0.0))], rewards=np.ones(9)
    )
    blind.scorer.forward = lambda windows: torch.zeros(len(windows))  # type: ignore[method-assign]
    found = red_team(blind, ENV, EXPERT, RANDOM, QUICK)
    (one,) = found.exploits
    assert one.cost_rate is not None and one.cost_rate > 0.5
    assert one.unseen == 1.0
    assert "of these are not flagged" in in_words(one, replaces=False)


class Door(Walk):
    """The same, and whoever goes left leaves."""

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict]:
        obs, _, _, over, info = super().step(action)
        return obs, 0.1, bool(self.at[0] < -1), over, info


gymnasium.register("AttackedDoor-v0", entry_point=lambda **options: Door(**options), disable_env_checker=True)


@pytest.mark.parametrize("strict", [True, False])
def test_a_penalty_is_exploited_by_ending_episodes_where_that_pays(strict: bool, monkeypatch: pytest.MonkeyPatch):
    """One that flags every step makes leaving worth while, one that flags none does not."""
    penalty = RewardModel(Mahalanobis(1), Penalty()).fit([episode.obs for episode in EXPERT], rewards=np.ones(9))
    penalty.scorer.forward = lambda windows: torch.full((len(windows),), 1e6 * strict)  # type: ignore[method-assign]
    safe = [Episode(one.obs, np.full(40, 0.1), np.zeros(40)) for one in EXPERT]
    left = play("AttackedDoor-v0", lambda obs, *_: np.tile([-1.0, 0.0], (len(obs), 1)), range(4))
    monkeypatch.setitem(ATTACKERS, "agent", lambda *_: iter([("agent", left, 40, 1.0)]))
    (one,) = red_team(penalty, "AttackedDoor-v0", safe, RANDOM, replace(QUICK, attackers=("agent",))).found
    assert one.length < 0.2
    assert (one.quits, one.is_exploit) == (strict, strict)
    assert ("return more under the penalty" in in_words(one, replaces=False)) == strict


def test_every_second_agent_is_trained_under_the_penalty():
    penalty = RewardModel(Mahalanobis(1), Penalty()).fit([episode.obs for episode in EXPERT], rewards=np.ones(9))
    options = replace(QUICK, attackers=("agent",), agent_steps=8, episodes=2)
    found = red_team(penalty, ENV, EXPERT, RANDOM, options).found
    assert {one.attacker for one in found} == {"agent, seed 0", "agent under the penalty, seed 1"}


def test_what_cannot_be_searched():
    model = likeness(slice(0, 2))
    with pytest.raises(OptionError, match=r"AttackOptions\.attackers must be one or more"):
        AttackOptions(attackers=())
    with pytest.raises(OptionError, match=rf"No attacker can act in {ONWARD}.*cannot go back"):
        red_team(model, ONWARD, EXPERT, RANDOM, QUICK)
    with pytest.raises(ProtocolError, match="gave no info"):
        costly = [Episode(np.random.default_rng(n).normal(size=(50, 3)), np.zeros(49), np.zeros(49)) for n in range(6)]
        penalty = RewardModel(KNN(2), Penalty()).fit([episode.obs for episode in costly], rewards=np.ones(9))
        red_team(penalty, "Pendulum-v1", costly, costly, QUICK)
    assert model.scorer.fitted
