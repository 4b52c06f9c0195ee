"""`RewardStream`: stepping through episodes gives the bits of `relabel`, and no environment sees another."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.scripted import script, small_model
from tsreward.errors import DataError, NotFittedError, OptionError, ProtocolError, ShapeError
from tsreward.pipeline.model import RewardModel, StepReward
from tsreward.pipeline.relabel import relabel
from tsreward.pipeline.stream import RewardStream, checked_rewards
from tsreward.rewards.exploration import ExplorationBonus
from tsreward.rewards.penalty import Penalty
from tsreward.scorers.deep_svdd import DeepSVDD
from tsreward.sequences.episodes import Episode

KINDS = [
    ("penalty", 0.0, 1, 4, 1),
    ("penalty", 0.6, 2, 3, 1),
    ("likeness", 0.9, 3, 4, 1),
    ("likeness", 0.3, 1, 1, 2),
    ("likeness", 0.0, 1, 4, 3),
]


@pytest.fixture(scope="module", params=KINDS, ids="{0[0]}-smoothing{0[1]}-skip{0[2]}-window{0[3]}-every{0[4]}".format)
def any_model(request: pytest.FixtureRequest) -> RewardModel:
    mode, smoothing, frame_skip, window, every = request.param
    return small_model(mode=mode, smoothing=smoothing, frame_skip=frame_skip, window=window, every=every)


@pytest.fixture(scope="module")
def model() -> RewardModel:
    return small_model(smoothing=0.6, frame_skip=2)


class Players:
    """E environments that play random episodes, each at its own pace, and what their steps earned."""

    def __init__(self, rng: np.random.Generator, num_envs: int) -> None:
        self.rng, self.num_envs = rng, num_envs
        self.running = [self.draw() for _ in range(num_envs)]
        self.at = np.zeros(num_envs, int)
        self.earned: list[list[tuple[float, ...]]] = [[] for _ in range(num_envs)]

    def draw(self) -> Episode:
        return script(self.rng, int(self.rng.integers(1, 15)))

    @property
    def obs(self) -> Tensor:
        return torch.stack([torch.tensor(e.obs[t]) for e, t in zip(self.running, self.at, strict=True)])

    def move(self, movers: np.ndarray) -> Tensor:
        """Move these environments by one step; return the rewards [E] of the environment, NaN where none moved."""
        self.at += movers
        rewards = [e.rewards[t - 1] if m else np.nan for e, t, m in zip(self.running, self.at, movers, strict=True)]
        return torch.tensor(rewards)

    def note(self, step: StepReward, movers: np.ndarray) -> None:
        for index in np.flatnonzero(movers):
            self.earned[index].append(tuple(part[index].item() for part in step))

    def check(self, model: RewardModel, index: int) -> None:
        """Compare what one running episode earned until now with the first rows of what `relabel` gives."""
        bulk = relabel(model, [self.running[index]])[0]
        assert self.earned[index] == list(zip(*(part.tolist() for part in bulk), strict=True))[: self.at[index]]

    def renew(self, which: np.ndarray) -> None:
        for index in np.flatnonzero(which):
            self.running[index], self.at[index], self.earned[index] = self.draw(), 0, []


@pytest.mark.parametrize("num_envs", [1, 3, 8, 11])
def test_rewards_are_those_of_relabel_to_the_bit(any_model: RewardModel, num_envs: int) -> None:
    """Environments move at random, end at their own times, and are begun anew in the middle now and then."""
    rng = np.random.default_rng(num_envs)
    players, online = Players(rng, num_envs), RewardStream(any_model, num_envs)
    online.start(players.obs)
    compared = 0
    for _ in range(60):
        movers = rng.random(num_envs) < 0.7
        rewards = players.move(movers)
        players.note(online.step(players.obs, rewards, torch.tensor(movers)), movers)
        ended = players.at == [len(episode) for episode in players.running]
        over = ended | (rng.random(num_envs) < 0.05)
        for index in np.flatnonzero(over):
            players.check(any_model, index)
        compared += over.sum()
        players.renew(over)
        online.start(players.obs, torch.tensor(over))
    assert compared > 5 * num_envs


def test_no_mask_means_all_of_them(model: RewardModel) -> None:
    players = Players(np.random.default_rng(0), 3)
    plain, masked = RewardStream(model, 3), RewardStream(model, 3)
    everyone = torch.ones(3, dtype=torch.bool)
    plain.start(players.obs)
    masked.start(players.obs, everyone)
    steps = [(torch.randn(3, 3, generator=torch.Generator().manual_seed(t)), torch.ones(3)) for t in range(6)]
    for obs, rewards in steps:
        for one, other in zip(plain.step(obs, rewards), masked.step(obs, rewards, everyone), strict=True):
            assert torch.equal(one, other)


@pytest.mark.parametrize("num_envs", [2, 8])
def test_no_environment_sees_another(any_model: RewardModel, num_envs: int) -> None:
    """The first one's rewards stay to the bit, whatever the others see, and whether they move or begin anew."""
    earned = []
    for others in range(3):
        rng = np.random.default_rng(others)
        mine = np.random.default_rng(99).normal(size=(20, 3)).astype(np.float32)
        online, rewards = RewardStream(any_model, num_envs), []
        for time, own in enumerate(mine):
            obs = rng.normal(scale=10.0**others, size=(num_envs, 3)).astype(np.float32)
            obs[0] = own
            mask = rng.random(num_envs) < 0.5
            mask[0] = True
            if time == 0:
                online.start(torch.tensor(obs))
                continue
            step = online.step(torch.tensor(obs), torch.ones(num_envs), torch.tensor(mask))
            rewards.append(tuple(part[0].item() for part in step))
            mask[0] = False
            online.start(torch.tensor(obs), torch.tensor(mask))
        earned.append(rewards)
    assert earned[0] == earned[1] == earned[2]


def test_a_reward_that_is_paid_now_and_then_is_0_in_between() -> None:
    """Whether steps are read one by one, all at once, or in two parts; the count begins anew with the episode."""
    model = small_model(mode="likeness")
    now_and_then = small_model(mode="likeness", every=3)
    episodes = [script(np.random.default_rng(seed), length) for seed, length in enumerate((7, 2, 3))]
    for wanted, found in zip(relabel(model, episodes), relabel(now_and_then, episodes), strict=True):
        assert (wanted.reward > 0).all()
        numbers = torch.arange(1, len(found.reward) + 1)
        assert torch.equal(found.reward, torch.where(numbers % 3 == 0, wanted.reward, 0.0))
        assert torch.equal(found.score, wanted.score)
    stream, parts = RewardStream(now_and_then, 1), []
    for episode in episodes:
        stream.start(torch.tensor(episode.obs[:1]))
        for obs in episode.obs[1:5]:
            stream.push(torch.tensor(obs[None]))
        if len(episode) == 7:
            parts.append(stream.flush().reward)
        for obs in episode.obs[5:]:
            stream.push(torch.tensor(obs[None]))
    parts.append(stream.flush().reward)
    whole = torch.cat([part.reward for part in relabel(now_and_then, episodes)])
    assert torch.equal(torch.cat(parts)[:, 0], whole)


def test_memory_of_the_caller_may_be_used_again(model: RewardModel) -> None:
    """Environments that share one observation buffer write over it in every step."""
    episode = script(np.random.default_rng(0), 9)
    online, buffer, rewards = RewardStream(model, 1), torch.tensor(episode.obs[:1]), []
    online.start(buffer)
    for obs, env_reward in zip(episode.obs[1:], episode.rewards, strict=True):
        buffer.copy_(torch.tensor(obs[None]))
        rewards.append(online.step(buffer, torch.tensor([env_reward])).reward.item())
        buffer.fill_(1e6)
    assert rewards == relabel(model, [episode])[0].reward.tolist()


def test_inputs_are_not_written_to(model: RewardModel) -> None:
    online, obs, rewards = RewardStream(model, 2), torch.randn(2, 3), torch.ones(2, dtype=torch.float64)
    before = obs.clone()
    online.start(obs)
    online.step(obs, rewards)
    assert torch.equal(obs, before)
    assert rewards.tolist() == [1, 1]


def test_a_bonus_is_added_to_the_reward_alone(model: RewardModel) -> None:
    class Width(ExplorationBonus):
        weight = 1.0

        def forward(self, windows: Tensor) -> Tensor:
            return windows.flatten(1).shape[1] * torch.arange(1.0, len(windows) + 1, dtype=torch.float64)

        def update(self, windows: Tensor) -> None:
            raise AssertionError("asking must not change it")

    obs, rewards = torch.randn(2, 2, 3), torch.ones(2)
    steps = []
    for bonus in (None, Width()):
        online = RewardStream(model, 2, bonus)
        online.start(obs[0])
        steps.append(online.step(obs[1], rewards))
    assert (steps[1].reward - steps[0].reward).tolist() == pytest.approx([12, 24])
    assert all(torch.equal(one, other) for one, other in zip(steps[0][1:], steps[1][1:], strict=True))


def test_types_are_those_promised(any_model: RewardModel) -> None:
    online = RewardStream(any_model, 2)
    online.start(torch.zeros(2, 3))
    step = online.step(torch.zeros(2, 3, dtype=torch.float64), torch.ones(2))
    assert [part.dtype for part in step] == [torch.float64, torch.float32, torch.float32, torch.bool]
    assert [list(part.shape) for part in step] == [[2]] * 4


def test_a_likeness_needs_no_reward_and_a_penalty_does() -> None:
    for mode, wants in (("likeness", False), ("penalty", True)):
        online = RewardStream(small_model(mode=mode), 1)
        online.start(torch.zeros(1, 3))
        if wants:
            with pytest.raises(OptionError, match="give env_reward"):
                online.step(torch.zeros(1, 3), None)
        else:
            assert 0 <= online.step(torch.zeros(1, 3), None).reward.item() <= 1


def test_wrong_sizes_are_refused(model: RewardModel) -> None:
    online = RewardStream(model, 2)
    with pytest.raises(ShapeError, match=r"serves 2 environments, got observations \[3, 3\]"):
        online.start(torch.zeros(3, 3))
    with pytest.raises(ShapeError, match=r"expects observations \[B, 3\], got \[B, 4\]"):
        online.start(torch.zeros(2, 4))
    with pytest.raises(ProtocolError, match="before start"):
        online.step(torch.zeros(2, 3), torch.zeros(2))
    online.start(torch.zeros(2, 3))
    with pytest.raises(ShapeError, match=r"serves 2 environments, got observations \[1, 3\]"):
        online.step(torch.zeros(1, 3), torch.zeros(1))
    for wrong in (torch.zeros(1), torch.zeros(2, 1), torch.zeros(3)):
        with pytest.raises(ShapeError, match=r"expects rewards \[2\], got \["):
            online.step(torch.zeros(2, 3), wrong)


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_observations_that_are_not_finite_are_refused_and_leave_no_trace(model: RewardModel, value: float) -> None:
    obs, rewards = torch.randn(3, 2, 3), torch.zeros(2)
    broken = obs[1].clone()
    broken[1, 2] = value
    clean, online = RewardStream(model, 2), RewardStream(model, 2)
    with pytest.raises(DataError, match=r"Environment\(s\) \[1\] gave NaN or inf"):
        online.start(broken)
    clean.start(obs[0])
    online.start(obs[0])
    with pytest.raises(DataError, match=r"Environment\(s\) \[1\] gave NaN or inf"):
        online.step(broken, rewards)
    for later in obs[1:]:
        assert torch.equal(clean.step(later, rewards).reward, online.step(later, rewards).reward)


def test_large_finite_observations_are_not_taken_for_infinite_ones(model: RewardModel) -> None:
    online = RewardStream(model, 2)
    online.start(torch.full((2, 3), 3e38))
    assert torch.isfinite(online.step(torch.full((2, 3), 3e38), torch.zeros(2)).reward).all()


def test_a_model_that_is_not_fitted_is_refused() -> None:
    online = RewardStream(RewardModel(DeepSVDD(2), Penalty()), 1)
    with pytest.raises(NotFittedError, match="Identity is not fitted"):
        online.start(torch.zeros(1, 3))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_reward_that_is_not_finite_is_refused(value: float) -> None:
    with pytest.raises(DataError, match=r"reward is NaN or inf at \[1\]"):
        checked_rewards(torch.tensor([0.0, value]))


class Both:
    """E environments whose random episodes are read step by step and many steps at once, side by side."""

    def __init__(self, model: RewardModel, num_envs: int, seed: int = 0) -> None:
        self.rng, self.num_envs = np.random.default_rng(seed), num_envs
        self.online, self.bulk = RewardStream(model, num_envs), RewardStream(model, num_envs)
        self.expected: list[StepReward] = []

    def draw(self) -> np.ndarray:
        return self.rng.normal(size=(self.num_envs, 3)).astype(np.float32)

    def reset(self) -> None:
        obs = self.draw()
        self.online.start(torch.tensor(obs))
        self.bulk.start(torch.tensor(obs))

    def step(self, end: float = 0.15) -> None:
        arrived, obs, ended = self.draw(), self.draw(), self.rng.random(self.num_envs) < end
        rewards = self.rng.integers(-16, 17, self.num_envs) / 8
        self.expected.append(self.online.step(torch.tensor(arrived), torch.tensor(rewards)))
        self.online.start(torch.tensor(obs), torch.tensor(ended))
        self.bulk.push(torch.from_numpy(arrived), torch.from_numpy(rewards))
        self.bulk.start(torch.from_numpy(obs), torch.from_numpy(ended))
        for array in (arrived, obs, ended, rewards):  # environments write over their buffers
            array[:] = 1

    def check(self) -> None:
        expected, self.expected = self.expected, []
        found = self.bulk.flush()
        for part, wanted in zip(found, (torch.stack(parts) for parts in zip(*expected, strict=True)), strict=True):
            assert part.dtype == wanted.dtype
            assert torch.equal(part, wanted)


@pytest.mark.parametrize("num_envs", [1, 3, 8])
def test_rewards_are_those_of_single_steps_to_the_bit(any_model: RewardModel, num_envs: int) -> None:
    """Rollouts of all lengths: shorter than a window, and long enough for wide batches."""
    both = Both(any_model, num_envs)
    both.reset()
    for steps in (1, 2, 1, 3, 40, 1, 90, 5):
        for _ in range(steps):
            both.step()
        assert both.bulk.pending == steps
        both.check()
        assert both.bulk.pending == 0


@pytest.mark.parametrize("end", [0.0, 1.0])
def test_episodes_that_never_end_and_episodes_of_one_step(any_model: RewardModel, end: float) -> None:
    both = Both(any_model, 2)
    both.reset()
    for _ in range(4):
        for _ in range(7):
            both.step(end)
        both.check()


def test_a_reset_of_all_ends_the_episodes_that_were_running(any_model: RewardModel) -> None:
    both = Both(any_model, 3)
    both.reset()
    both.step()
    both.reset()  # between steps that were noted
    both.step()
    both.check()
    both.reset()  # after they were taken
    both.reset()
    for _ in range(5):
        both.step()
    both.check()


def test_a_model_that_was_not_needed_at_once_is_asked_once() -> None:
    model, asked = small_model(), []
    model.scorer.register_forward_hook(lambda module, given, scores: asked.append(len(scores)))
    both = Both(model, 8)
    both.bulk.start(torch.from_numpy(both.draw()))
    for _ in range(32):
        both.bulk.push(torch.from_numpy(both.draw()), torch.zeros(8))
    assert asked == []
    both.bulk.flush()
    asked.clear()
    for _ in range(32):
        both.bulk.push(torch.from_numpy(both.draw()), torch.zeros(8))
    both.bulk.flush()
    assert sum(asked) == 256
    assert len(asked) < 32


def test_what_is_not_finite_is_refused_in_the_step() -> None:
    good = torch.from_numpy(script(np.random.default_rng(0), 3).obs[:2])
    bad = good.clone()
    bad[1, 2] = torch.nan
    stream = RewardStream(small_model(), 2)
    stream.start(good)
    with pytest.raises(DataError, match=r"Environment\(s\) \[1\]"):
        stream.push(bad, torch.zeros(2))
    with pytest.raises(DataError, match=r"reward is NaN or inf at \[0\]"):
        stream.push(good, torch.tensor([torch.inf, 0]))
    assert stream.pending == 0
    stream.push(torch.full((2, 3), 3e38), torch.zeros(2))  # the sum overflows, the values are finite
    assert stream.pending == 1
    with pytest.raises(DataError, match=r"Environment\(s\) \[1\]"):
        stream.start(bad, torch.tensor([False, True]))


def test_steps_with_masks_read_at_once(any_model: RewardModel) -> None:
    rng, apart, together = np.random.default_rng(3), RewardStream(any_model, 3), RewardStream(any_model, 3)
    first = torch.from_numpy(rng.normal(size=(3, 3)).astype(np.float32))
    apart.start(first)
    together.start(first)
    for steps in (1, 5, 12, 2):
        expected, moves = [], []
        for _ in range(steps):
            obs, begun = torch.from_numpy(rng.normal(size=(2, 3, 3)).astype(np.float32))
            rewards, moved, ended = (
                torch.ones(3),
                torch.from_numpy(rng.random(3) < 0.6),
                torch.from_numpy(rng.random(3) < 0.2),
            )
            expected.append(apart.step(obs, rewards, moved))
            apart.start(begun, ended)
            together.push(obs, rewards, moved)
            together.start(begun, ended)
            moves.append(moved)
        for part, wanted in zip(
            together.flush(), (torch.stack(parts) for parts in zip(*expected, strict=True)), strict=True
        ):
            assert torch.equal(part[torch.stack(moves)], wanted[torch.stack(moves)])


def test_many_steps_pushed_at_once_are_the_same_steps(any_model: RewardModel) -> None:
    both, obs = Both(any_model, 2), torch.from_numpy(np.random.default_rng(1).normal(size=(9, 2, 3)).astype(np.float32))
    both.reset()
    for step in obs[:4]:
        both.expected.append(both.online.step(step, torch.ones(2)))
    both.bulk.push_many(obs[:4], torch.ones(4, 2))
    both.step(end=1.0)
    for step in obs[4:]:
        both.expected.append(both.online.step(step, torch.ones(2)))
    both.bulk.push_many(obs[4:], torch.ones(5, 2))
    windows = [both.online.windows()]
    both.check()
    assert torch.equal(both.bulk.windows()[-2:], windows[0])


def test_calls_in_the_wrong_order_are_refused() -> None:
    stream, obs, rewards = RewardStream(small_model(), 1), torch.zeros(1, 3), torch.zeros(1)
    for early in (stream.push, stream.step):
        with pytest.raises(ProtocolError, match="a step before start"):
            early(obs, rewards)
    stream.start(obs)
    with pytest.raises(ProtocolError, match="no step was pushed"):
        stream.flush()
    with pytest.raises(ProtocolError, match="nothing was read yet"):
        stream.windows()
    stream.push(obs, rewards)
    with pytest.raises(ProtocolError, match="are not read yet"):
        stream.step(obs, rewards)
