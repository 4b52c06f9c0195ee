"""`BulkReward`: whenever the rewards are taken, they have the bits of `OnlineReward`."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.scripted import script, small_model
from tsreward.errors import DataError, OptionError, ProtocolError
from tsreward.functional.tensors import in_chunks
from tsreward.pipeline.bulk import BulkReward, WideBatches
from tsreward.pipeline.model import RewardModel
from tsreward.pipeline.online import OnlineReward, StepReward
from tsreward.rewards.lagrangian import Lagrangian, LagrangianOptions
from tsreward.scorers.deep_svdd import DeepSVDD

KINDS = [("penalty", 0.0, 1, 4), ("penalty", 0.6, 2, 3), ("likeness", 0.9, 3, 4), ("likeness", 0.3, 1, 1)]


@pytest.fixture(scope="module", params=KINDS, ids="{0[0]}-smoothing{0[1]}-skip{0[2]}-window{0[3]}".format)
def any_model(request: pytest.FixtureRequest) -> RewardModel:
    mode, smoothing, frame_skip, window = request.param
    return small_model(mode=mode, smoothing=smoothing, frame_skip=frame_skip, window=window)


class Both:
    """E environments whose random episodes go through `OnlineReward` and `BulkReward` side by side."""

    def __init__(self, model: RewardModel, num_envs: int, seed: int = 0) -> None:
        self.rng, self.num_envs = np.random.default_rng(seed), num_envs
        self.online, self.bulk = OnlineReward(model, num_envs), BulkReward(model, num_envs)
        self.expected: list[StepReward] = []

    def draw(self) -> np.ndarray:
        return self.rng.normal(size=(self.num_envs, 3)).astype(np.float32)

    def reset(self) -> None:
        obs = self.draw()
        self.online.start(torch.tensor(obs))
        self.bulk.start(obs)

    def step(self, end: float = 0.15) -> None:
        arrived, obs, ended = self.draw(), self.draw(), self.rng.random(self.num_envs) < end
        rewards = self.rng.integers(-16, 17, self.num_envs) / 8
        self.expected.append(self.online.step(torch.tensor(arrived), torch.tensor(rewards)))
        self.online.start(torch.tensor(obs), torch.tensor(ended))
        self.bulk.step(arrived, rewards, ended, obs)
        for array in (arrived, obs, ended, rewards):  # environments write over their buffers
            array[:] = 1

    def check(self) -> None:
        expected, self.expected = self.expected, []
        found = self.bulk.take()
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
    both.bulk.start(both.draw())
    for _ in range(32):
        both.bulk.step(both.draw(), np.zeros(8), np.zeros(8, bool), both.draw())
    assert asked == []
    both.bulk.take()
    asked.clear()
    for _ in range(32):
        both.bulk.step(both.draw(), np.zeros(8), np.zeros(8, bool), both.draw())
    both.bulk.take()
    assert sum(asked) == 256
    assert len(asked) < 32


def test_a_multiplier_that_moves_is_refused() -> None:
    model = RewardModel(DeepSVDD(4, 3), Lagrangian(LagrangianOptions(unit=1.0)))
    with pytest.raises(OptionError, match=r"multiplier of Lagrangian moves .*: use LearnedRewardVecEnv"):
        BulkReward(model, 2)


def test_what_is_not_finite_is_refused_in_the_step() -> None:
    model, episode = small_model(), script(np.random.default_rng(0), 3)
    good, flags = episode.obs[:2], np.array([False, True])
    bad = good.copy()
    bad[1, 2] = np.nan
    bulk = BulkReward(model, 2)
    with pytest.raises(DataError, match=r"Environment\(s\) \[1\] gave NaN or inf in the observation"):
        bulk.start(bad)
    bulk.start(good)
    with pytest.raises(DataError, match=r"Environment\(s\) \[1\]"):
        bulk.step(bad, np.zeros(2), ~flags, good)
    with pytest.raises(DataError, match=r"Environment\(s\) \[1\]"):
        bulk.step(good, np.zeros(2), flags, bad)
    with pytest.raises(DataError, match=r"reward is NaN or inf at \[0\]"):
        bulk.step(good, np.array([np.inf, 0]), flags, good)
    assert bulk.pending == 0
    huge = np.full((2, 3), 3e38, np.float32)  # the sum overflows, the values are finite
    bulk.step(huge, np.zeros(2), ~flags, huge)
    assert bulk.pending == 1


def test_calls_in_the_wrong_order_are_refused() -> None:
    bulk = BulkReward(small_model(), 1)
    obs = np.zeros((1, 3), np.float32)
    with pytest.raises(ProtocolError, match="step was called before start"):
        bulk.step(obs, np.zeros(1), np.zeros(1, bool), obs)
    bulk.start(obs)
    with pytest.raises(ProtocolError, match="no step was noted"):
        bulk.take()


class Spy:
    """A function of rows that notes the sizes of its batches, and whose result may depend on them."""

    def __init__(self, depends: bool) -> None:
        self.depends, self.sizes = depends, []

    def __call__(self, rows: Tensor) -> Tensor:
        self.sizes.append(len(rows))
        return rows.sum(1) + (1e-6 * len(rows) if self.depends else 0)


@pytest.mark.parametrize("depends", [False, True])
def test_the_results_are_those_of_small_batches(depends: bool) -> None:
    spy = Spy(depends)
    wide = WideBatches(spy, chunk=4, wide=16)
    for number in (3, 15, 37, 64, 5, 16, 100, 1):
        rows = torch.randn(number, 3, generator=torch.Generator().manual_seed(number))
        assert torch.equal(wide(rows), in_chunks(Spy(depends), rows, 4)), number
    assert wide.agrees is not depends


def test_batches_are_wide_once_they_were_seen_to_agree() -> None:
    spy = Spy(depends=False)
    wide = WideBatches(spy, chunk=4, wide=16)
    wide(torch.ones(10, 3))
    assert (spy.sizes, wide.agrees) == ([4, 4, 4], None)
    wide(torch.ones(16, 3))
    assert (sorted(spy.sizes[3:]), wide.agrees) == ([4, 4, 4, 4, 16], True)
    spy.sizes.clear()
    wide(torch.ones(37, 3))
    assert spy.sizes == [16, 16, 4, 4]


def test_batches_stay_small_where_wide_ones_differ() -> None:
    spy = Spy(depends=True)
    wide = WideBatches(spy, chunk=4, wide=16)
    wide(torch.ones(16, 3))
    spy.sizes.clear()
    wide(torch.ones(32, 3))
    assert spy.sizes == [4] * 8
