"""Training repeats itself under a seed, touches no global state, and refuses what cannot work before it starts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import tests.tiny  # noqa: F401
from tests.agents.test_random_state import draw
from tsreward.agents.random_policy import act_at_random
from tsreward.agents.random_state import kept_random_state
from tsreward.agents.suitability import check_environment
from tsreward.agents.training import AgentOptions, _rollout, roll_out, train_agent
from tsreward.errors import MissingExtraError, OptionError, ProtocolError, ShapeError
from tsreward.model import RewardModel
from tsreward.rewards.lagrangian import Lagrangian, LagrangianOptions
from tsreward.rewards.penalty import Penalty, PenaltyOptions
from tsreward.scorers.mahalanobis import Mahalanobis

SMALL = AgentOptions(steps=256, num_envs=4, hidden=8)


@pytest.fixture(scope="module")
def models() -> dict[str, RewardModel]:
    """Return models that know the left half of the line."""
    draws = np.random.default_rng(0)
    normal = [(draws.uniform(-1, 0.3, (40, 1)) * np.ones(3)).astype(np.float32) for _ in range(6)]
    fitted = {
        "penalty": RewardModel(Mahalanobis(2, 3), Penalty(PenaltyOptions(unit=1.0))),
        "lagrangian": RewardModel(Mahalanobis(2, 3), Lagrangian(LagrangianOptions(unit=1.0))),
    }
    for model in fitted.values():
        model.fit(normal)
    return fitted


@pytest.mark.parametrize("algorithm", ["ppo", "td3", "sac"])
def test_the_same_seed_gives_the_same_training_and_no_global_state_moves(algorithm):
    options = AgentOptions(algorithm, steps=96, num_envs=2, hidden=8, gradient_steps=1)
    with kept_random_state():
        before = draw()
    first, second = (train_agent("Tiny/Cost-v0", options) for _ in range(2))
    with kept_random_state():
        assert draw() == before
    assert [e.rewards.tolist() for e in first.record.finished] == [e.rewards.tolist() for e in second.record.finished]
    other = train_agent("Tiny/Cost-v0", replace(options, seed=1))
    assert first.record.finished[0].rewards.tolist() != other.record.finished[0].rewards.tolist()


def test_the_record_is_below_the_learned_reward(models):
    told = []
    agent = train_agent(
        "Tiny/Cost-v0", SMALL, models["penalty"], needs_cost=True, report=lambda done, total: told.append((done, total))
    )
    rows = [episode.obs[1:, 0] for episode in agent.record.finished]
    rewards = [episode.rewards for episode in agent.record.finished]
    assert np.abs(np.concatenate(rewards) - np.concatenate(rows)).max() < 0.1  # the place, less the noise of the sensor
    assert told[0] == (4, 256)
    assert told[-1] == (256, 256)


def test_the_multiplier_follows_the_flags(models):
    mode = models["lagrangian"].mode
    assert isinstance(mode, Lagrangian)
    assert float(mode.multiplier) == 0
    train_agent("Tiny/Cost-v0", AgentOptions(steps=2048, num_envs=8, hidden=8), models["lagrangian"])
    assert float(mode.multiplier) > 0


def test_roll_out_runs_whole_episodes(models):
    agent = train_agent("Tiny/Cost-v0", SMALL)
    first, second = (roll_out(agent, "Tiny/Cost-v0", episodes=5, seed=3, needs_cost=True) for _ in range(2))
    assert len(first.finished) >= 5
    assert [e.rewards.tolist() for e in first.finished] == [e.rewards.tolist() for e in second.finished]


def test_random_actions_repeat_under_a_seed():
    told = []
    records = [act_at_random("Tiny/Cost-v0", 50, 4, seed, lambda *at: told.append(at)) for seed in (3, 3, 4)]
    first, same, other = ([e.rewards.tolist() for e in record.all_episodes()] for record in records)
    assert first == same
    assert first != other
    assert sum(map(len, first)) == 52
    assert told[12] == (50, 50)


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
def test_rollouts_are_made_of_whole_batches(steps, num_envs, expected):
    rows, batch = _rollout(AgentOptions(steps=steps, num_envs=num_envs, rollout=256))
    assert (rows, batch) == expected
    assert rows * num_envs % batch == 0


def test_odd_numbers_of_steps_train_without_a_warning():
    train_agent("Tiny/Cost-v0", AgentOptions(steps=1, num_envs=1, hidden=8))
    train_agent("Tiny/Discrete-v0", AgentOptions(steps=100, num_envs=3, hidden=8))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"algorithm": "dqn"}, "AgentOptions.algorithm is 'ppo', 'td3' or 'sac', got 'dqn'"),
        ({"steps": 0}, "AgentOptions.steps must be at least 1, got 0"),
        ({"seed": -1}, "AgentOptions.seed is an integer from 0"),
        ({"seed": 2**32}, "AgentOptions.seed is an integer from 0"),
    ],
)
def test_options_that_cannot_work_are_refused(options, message):
    with pytest.raises(OptionError, match=message):
        AgentOptions(**options)


def test_check_environment_finds_what_does_not_suit():
    assert check_environment("Tiny/Cost-v0", "sac", needs_cost=True) == (3,)
    assert check_environment("Tiny/Plain-v0") == (3,)
    with pytest.raises(OptionError, match=r"Unknown environment 'Tiny/Cots-v0': did you mean 'Tiny/Cost-v0'\?"):
        check_environment("Tiny/Cots-v0")
    with pytest.raises(OptionError, match=r"td3 needs continuous actions, but Tiny/Discrete-v0 has Discrete\(2\)"):
        check_environment("Tiny/Discrete-v0", "td3")
    with pytest.raises(ShapeError, match="Taxi-v3 gives observations Discrete"):
        check_environment("Taxi-v3")
    with pytest.raises(ProtocolError, match=r"Tiny/Plain-v0 gives no info\['cost'\]: use one that does"):
        check_environment("Tiny/Plain-v0", needs_cost=True)


def test_a_package_that_an_environment_lacks_is_named(monkeypatch):
    import gymnasium

    def lacking(id):
        raise gymnasium.error.DependencyNotInstalled('box2d is not installed, run `pip install "gymnasium[box2d]"`')

    monkeypatch.setattr("tsreward.agents.suitability.make", lacking)
    with pytest.raises(MissingExtraError, match=r"LunarLander-v3 needs a package .* `pip install .gymnasium.box2d..`"):
        check_environment("LunarLander-v3")
