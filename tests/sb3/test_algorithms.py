"""Algorithms get what the options say, and nothing else than before where they say nothing."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import stable_baselines3
from stable_baselines3.common.vec_env import DummyVecEnv

import tests.tiny  # noqa: F401
from tsreward.envs.make import make
from tsreward.envs.random_state import kept_random_state
from tsreward.errors import MissingExtraError, OptionError, pip_install
from tsreward.sb3.algorithms import AgentOptions, build_algorithm, rollout_shape
from tsreward.sb3.training import roll_out, train_agent


def built(options: AgentOptions, **kind: Any) -> Any:
    with kept_random_state():
        return build_algorithm(DummyVecEnv([lambda: make("Tiny/Cost-v0")] * options.num_envs), options, **kind)


@pytest.mark.parametrize(
    ("steps", "num_envs", "expected"),
    [
        (60_000, 8, (256, 256)),
        (1_500, 8, (160, 256)),
        (700, 6, (116, 696)),
        (1, 1, (2, 2)),
        (100_000, 3, (256, 256)),
    ],
)
def test_rollouts_are_made_of_whole_batches(steps: int, num_envs: int, expected: tuple[int, int]) -> None:
    rows, batch = rollout_shape(AgentOptions(steps=steps, num_envs=num_envs, rollout=256))
    assert (rows, batch) == expected
    assert rows * num_envs % batch == 0


@pytest.mark.parametrize(("algorithm", "rate"), [("ppo", 4e-4), ("td3", 1e-3), ("sac", 7e-4)])
def test_options_reach_the_algorithm(algorithm: Any, rate: float) -> None:
    plain = built(AgentOptions(algorithm, steps=9_000, num_envs=2))
    assert type(plain) is getattr(stable_baselines3, algorithm.upper())
    assert (plain.learning_rate, plain.gamma, plain.batch_size) == (rate, 0.99, 256)
    told = built(AgentOptions(algorithm, steps=900, num_envs=2, learning_rate=2e-4, gamma=0.9, batch_size=64))
    assert (told.learning_rate, told.gamma, told.batch_size) == (2e-4, 0.9, 64)
    if algorithm != "ppo":
        assert (plain.learning_starts, plain.gradient_steps, plain.train_freq.frequency) == (2_250, 4, 1)
        rare = built(AgentOptions(algorithm, num_envs=2, train_every=8, gradient_steps=3, learning_starts=7))
        assert (rare.learning_starts, rare.gradient_steps, rare.train_freq.frequency) == (7, 3, 8)


@pytest.mark.parametrize("library", ["torch", "jax"])
def test_the_entropy_is_per_dimension_of_the_action(library: Any) -> None:
    if library == "jax":
        pytest.importorskip("sbx")
    options = AgentOptions("sac", num_envs=2, hidden=8, library=library)
    size = make("Tiny/Cost-v0").action_space.shape[0]
    wanted = [built(replace(options, target_entropy=target)).target_entropy for target in (None, -2.0)]
    assert wanted == [-size, -2.0 * size]


@pytest.mark.parametrize("library", ["torch", "jax"])
def test_the_learning_rate_falls_in_the_second_half(library: Any) -> None:
    if library == "jax":
        pytest.importorskip("sbx")
    options = AgentOptions("sac", 64, num_envs=2, hidden=8, gradient_steps=1, learning_rate=1e-3, library=library)
    falling = train_agent("Tiny/Cost-v0", replace(options, final_learning_rate=0.1)).algorithm
    assert falling._current_progress_remaining <= 0
    assert falling.lr_schedule(0.5) == pytest.approx(1e-3)
    assert falling.lr_schedule(0.0) == pytest.approx(1e-4)
    for optimiser in _rates(falling):
        assert optimiser == pytest.approx(1e-4)


def _rates(algorithm: Any) -> list[float]:
    policy = algorithm.policy
    if hasattr(policy, "actor_state"):
        states = (policy.actor_state, policy.qf_state)
        return [float(state.opt_state.hyperparams["learning_rate"]) for state in states]
    return [part.optimizer.param_groups[0]["lr"] for part in (policy.actor, policy.critic)]


def test_the_twin_on_jax_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sbx", None)
    with pytest.raises(MissingExtraError, match=rf"sbx is not installed\. Install .*{re.escape(pip_install('jax'))}"):
        train_agent("Tiny/Cost-v0", AgentOptions("sac", library="jax"))


@pytest.mark.parametrize("algorithm", ["ppo", "td3", "sac"])
def test_the_twin_on_jax_repeats_itself(algorithm: Any) -> None:
    pytest.importorskip("sbx")
    options = AgentOptions(algorithm, steps=96, num_envs=2, hidden=8, gradient_steps=1, library="jax")
    first, second = (train_agent("Tiny/Cost-v0", options) for _ in range(2))
    assert type(first.algorithm).__module__.startswith("sbx")
    records = [roll_out(agent, "Tiny/Cost-v0", episodes=2, seed=1) for agent in (first, second)]
    assert np.array_equal(records[0].finished[0].obs, records[1].finished[0].obs)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"algorithm": "dqm"}, "Unknown algorithm 'dqm': did you mean 'dqn'"),
        ({"library": "tensorflow"}, "AgentOptions.library must be 'torch' or 'jax', got 'tensorflow'"),
        ({"lazy": "late"}, "AgentOptions.lazy must be true or false or None, got 'late'"),
        ({"steps": 0}, "AgentOptions.steps must be an integer >= 1, got 0"),
        ({"train_every": 0}, "AgentOptions.train_every must be an integer >= 1, got 0"),
        ({"learning_starts": -1}, "AgentOptions.learning_starts must be an integer >= 0 or None, got -1"),
        ({"learning_rate": 0.0}, r"AgentOptions.learning_rate must be a number in \(0, 1\) or None, got 0.0"),
        ({"target_entropy": -2.0}, r"target_entropy must be None for 'ppo', got -2.0: only sac"),
        (
            {"algorithm": "sac", "target_entropy": float("nan")},
            "target_entropy must be a finite number or None",
        ),
        ({"final_learning_rate": 0.0}, r"AgentOptions.final_learning_rate must be a number in \(0, 1\], got 0.0"),
        ({"gamma": 1.5}, r"AgentOptions.gamma must be a number in \[0, 1\], got 1.5"),
        ({"seed": -1}, r"AgentOptions.seed must be an integer in \[0, 4294967295\]"),
        ({"seed": 2**32}, r"AgentOptions.seed must be an integer in \[0, 4294967295\]"),
    ],
)
def test_options_that_cannot_work_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        AgentOptions(**options)


@pytest.mark.parametrize("algorithm", ["a2c", "ddpg", "trpo", "tqc", "crossq"])
def test_any_algorithm_learns_by_its_name(algorithm: str) -> None:
    options = AgentOptions(algorithm, steps=64, num_envs=2, hidden=8, rollout=16, gradient_steps=1, learning_starts=8)
    agent = train_agent("Tiny/Cost-v0", options).algorithm
    assert type(agent).__name__.lower() == algorithm and agent.num_timesteps == 64


@pytest.mark.parametrize("algorithm", ["dqn", "qrdqn"])
def test_discrete_actions_have_algorithms_too(algorithm: str) -> None:
    options = AgentOptions(algorithm, steps=64, num_envs=2, hidden=8, gradient_steps=1, learning_starts=8)
    assert train_agent("Tiny/Discrete-v0", options).algorithm.num_timesteps == 64
    with pytest.raises(OptionError, match=f"{algorithm} needs discrete actions, but Tiny/Cost-v0 has"):
        train_agent("Tiny/Cost-v0", options)


def test_the_policy_gets_its_arguments() -> None:
    given: Any = {"net_arch": [5, 6, 7], "activation_fn": "elu"}
    options = AgentOptions("ppo", num_envs=2, policy_kwargs=given)
    layers = built(options).policy.mlp_extractor.policy_net
    assert [layer.out_features for layer in layers if hasattr(layer, "out_features")] == [5, 6, 7]
    assert type(layers[1]).__name__ == "ELU"
    assert AgentOptions.from_json(options.to_json()) == options
    with pytest.raises(OptionError, match=r"does not take these policy_kwargs: .*'depth'"):
        built(AgentOptions(num_envs=2, policy_kwargs='{"depth": 3}'))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"algorithm": "tqcc"}, "Unknown algorithm 'tqcc': did you mean 'tqc'"),
        ({"algorithm": "a2c", "library": "jax"}, "Unknown algorithm 'a2c'"),
        ({"policy_kwargs": "[1]"}, "policy_kwargs must be a JSON object, got"),
        ({"policy_kwargs": {"net_arch": np.float32}}, "policy_kwargs must be plain values"),
        ({"policy_kwargs": '{"activation_fn": "rlu"}'}, "Unknown activation_fn 'rlu': did you mean 'relu'"),
    ],
)
def test_what_is_no_algorithm_or_policy_is_refused(values: Any, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        AgentOptions(**values)
