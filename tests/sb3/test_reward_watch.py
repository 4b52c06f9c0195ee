"""A watch rings in a training where the reward goes wrong, and does then what was asked for."""

from __future__ import annotations

from dataclasses import replace

import gymnasium
import numpy as np
import pytest
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import DummyVecEnv

from tests.sb3.test_training import SMALL, models  # noqa: F401
from tsreward.data.alarms import find_alarms
from tsreward.data.episode_rows import EpisodeRow
from tsreward.errors import OptionError, ProtocolError, TSRewardWarning
from tsreward.pipeline.expert_windows import ExpertWindows
from tsreward.sb3 import episode_rows
from tsreward.sb3.callback import LearnedRewardCallback
from tsreward.sb3.recording import EpisodeRecorder
from tsreward.sb3.reward_watch import RewardWatch, WatchOptions
from tsreward.sb3.training import TrainingOutputs, train_agent
from tsreward.sb3.vec_env import LearnedRewardVecEnv

pytestmark = pytest.mark.filterwarnings("ignore:LearnedRewardVecEnv. 3 of 3 columns lie outside")
FAST = [100.0 * np.cumsum(np.random.default_rng(seed).normal(size=(40, 3)), 0).astype(np.float32) for seed in range(4)]
"""Beside an expert that moves so far, any agent of the tiny environments stands still."""
ONLY = WatchOptions(alarms=("TSR105",))


@pytest.fixture(autouse=True)
def each(monkeypatch):
    """Compare every episode with the expert, however short."""
    monkeypatch.setattr(episode_rows, "_EVERY", 0)


class Logged(BaseCallback):
    """Keeps what the logger was given."""

    def __init__(self) -> None:
        super().__init__()
        self.values: dict[str, object] = {}

    def _on_step(self) -> bool:
        self.values |= self.logger.name_to_value
        return True

    def _on_rollout_end(self) -> None:
        self.values |= self.logger.name_to_value


def environments() -> DummyVecEnv:
    return DummyVecEnv([lambda: gymnasium.make("Tiny/Cost-v0")] * 4)


def learn(venv, callbacks, steps=1024):
    agent = PPO("MlpPolicy", venv, n_steps=64, n_epochs=1, policy_kwargs={"net_arch": [8]}, seed=0, device="cpu")
    agent.learn(steps, callback=callbacks)
    return agent.num_timesteps


@pytest.mark.parametrize("lazy", [True, False])
def test_it_rings_once_and_the_logger_has_the_figures(models, lazy):  # noqa: F811
    model, rows, logged, rung = models["penalty"], [], Logged(), []
    venv = LearnedRewardVecEnv(environments(), model, lazy=lazy)
    watch = RewardWatch(venv, ExpertWindows.seen_by(model, FAST), ONLY, rung.append, rows.append)
    assert learn(venv, [LearnedRewardCallback(venv), watch, logged]) == 1024
    assert [one.code for one in rung] == ["TSR105"]
    assert watch.rung == rung == find_alarms(rows, ONLY.alarms)
    assert rows[-1].cost is None and 0 < rows[-1].motion < 0.1  # nobody records costs
    assert logged.values["watch/motion"] < 0.1 and logged.values["watch/alarms"] == 1
    names = set(EpisodeRow._fields) - {"step", "cost", "low_rate", "high_rate"}
    assert {name for name in logged.values if name.startswith("watch/")} == {
        f"watch/{name}" for name in (*names, "alarms")
    }


def test_rows_without_a_record_are_those_with_one(models):  # noqa: F811
    told: list[list[EpisodeRow]] = []
    for wrap in (EpisodeRecorder, lambda venv: venv):
        rows: list[EpisodeRow] = []
        venv = LearnedRewardVecEnv(wrap(environments()), models["penalty"], lazy=True)
        learn(venv, [LearnedRewardCallback(venv), RewardWatch(venv, log=rows.append)], 512)
        told.append(rows)
    assert len(told[0]) > 8
    for first, second in zip(*told, strict=True):
        assert first._replace(cost=None, true_return=0.0) == second._replace(true_return=0.0)
        assert first.true_return == pytest.approx(second.true_return, rel=1e-5)


def test_it_warns_where_nothing_else_is_asked_for(models):  # noqa: F811
    expert = ExpertWindows.seen_by(models["penalty"], FAST)
    with pytest.warns(
        TSRewardWarning, match=r"TSR105 after \d+ decisions: The agent stands still: features move 0\.00"
    ):
        train_agent(
            "Tiny/Cost-v0", SMALL, models["penalty"], outputs=TrainingOutputs(expert=expert, watch=WatchOptions())
        )


def test_it_ends_the_training_where_that_is_asked_for(models):  # noqa: F811
    expert, rows = ExpertWindows.seen_by(models["penalty"], FAST), []
    watch, options = WatchOptions("stop", ONLY.alarms), replace(SMALL, lazy=False)
    with pytest.warns(TSRewardWarning, match="The training ends here"):
        outputs = TrainingOutputs(rows.append, expert=expert, watch=watch)
        agent = train_agent("Tiny/Cost-v0", options, models["penalty"], outputs=outputs)
    assert agent.algorithm.num_timesteps < SMALL.steps
    assert len(rows) >= 8


def test_a_function_ends_it_by_saying_no(models):  # noqa: F811
    venv = LearnedRewardVecEnv(environments(), models["penalty"])
    watch = RewardWatch(venv, ExpertWindows.seen_by(models["penalty"], FAST), ONLY, lambda alarm: False)
    assert learn(venv, [LearnedRewardCallback(venv), watch]) < 1024
    assert len(watch.rung) == 1


def test_an_agent_on_the_true_reward_is_watched_by_its_record():
    record, rows = EpisodeRecorder(environments()), []
    expert = ExpertWindows.of([torch.from_numpy(one) for one in FAST], window=2)
    watch = RewardWatch(record, expert, ONLY, lambda alarm: None, rows.append)
    learn(record, watch, 512)
    assert [one.code for one in watch.rung] == ["TSR105"]
    assert rows[0].learned_return is None and rows[0].cost is not None


def test_off_it_hears_nothing(models):  # noqa: F811
    rows: list[EpisodeRow] = []
    expert = ExpertWindows.seen_by(models["penalty"], FAST)
    outputs = TrainingOutputs(rows.append, expert=expert, watch=WatchOptions("off"))
    train_agent("Tiny/Cost-v0", SMALL, models["penalty"], outputs=outputs)
    assert find_alarms(rows, ONLY.alarms) and WatchOptions("off").codes == ()


def test_it_goes_on_where_a_training_goes_on():
    rows = [EpisodeRow(10 * at, 10, 0.0, 1.0, motion=0.0) for at in range(1, 12)]
    watch = RewardWatch(EpisodeRecorder(environments()), None, ONLY, earlier=rows)
    assert watch.rung == []
    assert watch._alarms.add(rows[-1]) == []  # what rang before does not ring again


def test_what_it_cannot_watch_is_refused():
    with pytest.raises(ProtocolError, match="LearnedRewardVecEnv or an EpisodeRecorder, got DummyVecEnv"):
        RewardWatch(environments())
    with pytest.raises(OptionError, match="There is no alarm TSR1"):
        WatchOptions(alarms=("TSR1",))
