"""Evaluation stacks that match, and both returns in the logger and in the infos."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stable_baselines3 import A2C, PPO, SAC
from stable_baselines3.common.callbacks import EvalCallback
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import (
    DummyVecEnv,
    VecCheckNan,
    VecEnv,
    VecEnvWrapper,
    VecFrameStack,
    VecMonitor,
    VecNormalize,
)

from tests.walk import Walk, walk_model
from tsreward.errors import OptionError, ProtocolError
from tsreward.pipeline.model import RewardModel
from tsreward.sb3 import LearnedReturnsCallback, LearnedRewardCallback, LearnedRewardVecEnv, eval_env
from tsreward.wrappers.gymnasium_env import LearnedReward

pytestmark = pytest.mark.filterwarnings("ignore::tsreward.errors.TSRewardWarning")
OUTER: dict[str, Any] = {
    "plain": lambda venv: venv,
    "normalised": VecNormalize,
    "stacked": lambda venv: VecNormalize(VecFrameStack(VecCheckNan(venv), 2)),
    "monitored": lambda venv: VecNormalize(VecMonitor(venv)),
}


@pytest.fixture(scope="module")
def model() -> RewardModel:
    return walk_model("penalty")


@pytest.mark.parametrize("outer", OUTER)
@pytest.mark.parametrize("lazy", [False, True])
def test_eval_callback_runs_on_a_matching_stack(outer: str, lazy: bool, model: RewardModel, tmp_path: Path) -> None:
    if lazy and outer == "monitored":
        pytest.skip("a VecMonitor outside would miss lazy rewards, and is refused")
    venv = LearnedRewardVecEnv(DummyVecEnv([Walk] * 2), model, lazy=lazy)
    agent = PPO("MlpPolicy", OUTER[outer](venv), n_steps=32, batch_size=32, n_epochs=1, seed=0, device="cpu")
    evaluation = eval_env(lambda: Walk(), agent.get_env())
    watch = EvalCallback(evaluation, eval_freq=32, n_eval_episodes=2, log_path=str(tmp_path), verbose=0)
    agent.learn(128, callback=[LearnedRewardCallback(venv), watch])
    assert len(watch.evaluations_results) == 2
    if isinstance(evaluation, VecNormalize):
        training = agent.get_vec_normalize_env()
        assert training is not None and not evaluation.training
        assert evaluation.obs_rms.count > 30


def test_a_bare_evaluation_environment_ends_in_an_assertion(model: RewardModel) -> None:
    """What eval_env is there for."""
    venv = LearnedRewardVecEnv(DummyVecEnv([Walk]), model)
    agent = PPO("MlpPolicy", VecNormalize(venv), n_steps=32, batch_size=32, device="cpu")
    with warnings.catch_warnings(), pytest.raises(AssertionError):
        warnings.simplefilter("ignore")
        agent.learn(64, callback=EvalCallback(DummyVecEnv([lambda: Monitor(Walk())]), eval_freq=16, verbose=0))


def test_the_reported_return_is_chosen(model: RewardModel) -> None:
    training = LearnedRewardVecEnv(DummyVecEnv([Walk]), model)
    agent = PPO("MlpPolicy", training, device="cpu", seed=0)
    returns = {}
    for reward in ("true", "learned"):
        venv = eval_env(Walk(), training, reward)
        venv.seed(7)
        returns[reward] = evaluate_policy(agent, venv, 4, return_episode_rewards=True)[0]
    venv = eval_env(Walk(), training)
    venv.seed(7)
    infos = []
    obs = venv.reset()
    while len(infos) < 4:
        obs, _, dones, given = venv.step(agent.predict(obs, deterministic=True)[0])
        infos += [given[0]] * bool(dones[0])
    assert [info["ep_true_rew"] for info in infos] == pytest.approx(returns["true"], abs=1e-4)
    assert [info["ep_learned_rew"] for info in infos] == pytest.approx(returns["learned"], abs=1e-4)


def test_what_cannot_be_made_again_is_named(model: RewardModel) -> None:
    class Own(VecEnvWrapper):
        def reset(self) -> Any:
            return self.venv.reset()

        def step_wait(self) -> Any:
            return self.venv.step_wait()

    venv = LearnedRewardVecEnv(DummyVecEnv([Walk]), model)
    with pytest.raises(ProtocolError, match="eval_env cannot make Own again"):
        eval_env(Walk(), Own(venv))
    with pytest.raises(ProtocolError, match=r"without a LearnedRewardVecEnv: give agent\.get_env"):
        eval_env(Walk(), DummyVecEnv([Walk]))
    with pytest.raises(OptionError, match="'true' or 'learned', got 'both'"):
        eval_env(Walk(), venv, "both")  # type: ignore[arg-type]


class Kept(Logger):
    def __init__(self) -> None:
        super().__init__(None, [])
        self.rows: list[dict[str, Any]] = []

    def dump(self, step: int = 0) -> None:
        self.rows.append(dict(self.name_to_value))
        super().dump(step)


def logged(algorithm: Any, venv: VecEnv, callback: Any, **options: Any) -> dict[str, Any]:
    agent, kept = algorithm("MlpPolicy", venv, device="cpu", seed=0, **options), Kept()
    agent.set_logger(kept)
    agent.learn(300, callback=callback, log_interval=1)
    rows = [row for row in kept.rows if "rollout/ep_learned_rew_mean" in row]
    assert rows
    return rows[-1]


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("algorithm", [A2C, SAC])
def test_the_logger_gets_both_returns(lazy: bool, algorithm: Any, model: RewardModel) -> None:
    venv = LearnedRewardVecEnv(DummyVecEnv([lambda: Monitor(Walk())] * 2), model, lazy=lazy)
    options = {"n_steps": 30} if algorithm is A2C else {"buffer_size": 400, "learning_starts": 1000}
    row = logged(algorithm, venv, LearnedRewardCallback(venv), **options)
    learned, true = np.mean(venv.finished, axis=0)
    if not lazy or algorithm is A2C:  # a replay buffer pays some of its latest episodes later
        assert row["rollout/ep_true_rew_mean"] == pytest.approx(row["rollout/ep_rew_mean"], abs=1e-3)
    if algorithm is A2C:
        assert row["rollout/ep_learned_rew_mean"] == pytest.approx(learned)
        assert row["rollout/ep_true_rew_mean"] == pytest.approx(true)
    assert learned < true


def test_single_wrapped_environments_are_logged_too(model: RewardModel) -> None:
    venv = DummyVecEnv([lambda: LearnedReward(Monitor(Walk()), model)] * 2)
    row = logged(A2C, venv, LearnedReturnsCallback(), n_steps=30)
    assert row["rollout/ep_true_rew_mean"] == pytest.approx(row["rollout/ep_rew_mean"], abs=1e-3)
    assert row["rollout/ep_learned_rew_mean"] < row["rollout/ep_true_rew_mean"]
