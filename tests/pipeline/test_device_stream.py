"""`DeviceStream`: the rewards of `RewardStream` up to rounding, with nothing read back from the device."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.host_reads import HostReads
from tests.scripted import small_model
from tsreward.errors import DataError, NotFittedError, OptionError, ProtocolError, ShapeError
from tsreward.functional.tensors import ReadOnce
from tsreward.pipeline.device_stream import DeviceStream
from tsreward.pipeline.model import RewardModel
from tsreward.pipeline.stream import RewardStream
from tsreward.rewards.exploration import EnsembleDisagreement
from tsreward.rewards.likeness import Likeness, LikenessOptions
from tsreward.scorers.base import SCORERS
from tsreward.scorers.knn import KNN, KNNOptions
from tsreward.training import TrainOptions

ENVS = 40
KINDS = [
    ("penalty", 0.0, 1, 4, 1),
    ("penalty", 0.6, 2, 3, 1),
    ("likeness", 0.9, 3, 4, 1),
    ("likeness", 0.3, 1, 1, 2),
    ("lagrangian", 0.0, 1, 4, 1),
]


def observations(steps: int, seed: int = 0, dim: int = 3) -> Tensor:
    return torch.randn(steps, ENVS, dim, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("host", [True, False], ids=["host", "device"])
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: "-".join(map(str, kind)))
def test_rewards_are_those_of_the_reward_stream(kind: tuple[Any, ...], host: bool) -> None:
    mode, smoothing, skip, window, every = kind
    model = small_model(mode=mode, smoothing=smoothing, frame_skip=skip, window=window, every=every)
    slow, fast = RewardStream(model, ENVS), DeviceStream(model, ENVS)
    fast._host = host
    fast._batch = 16
    obs, rng = observations(30), np.random.default_rng(0)
    slow.start(obs[0])
    fast.start(obs[0])
    wanted, found = [], []
    for step in range(1, 30):
        paid = torch.tensor(rng.normal(size=ENVS))
        wanted.append(slow.step(obs[step], paid))
        found.append(fast.step(obs[step], paid))
        ended = torch.tensor(rng.random(ENVS) < 0.1)
        slow.start(obs[step] + 1, ended)
        fast.start(obs[step] + 1, ended)
    for name in ("score", "reward", "p_value"):
        one, other = (torch.stack([getattr(step, name) for step in steps]) for steps in (wanted, found))
        assert one.dtype == other.dtype
        near = (one - other).abs() <= 1e-5 * one.std()
        assert near.float().mean() >= (1.0 if name == "score" else 0.999)  # a rank may change by rounding
    flags = [torch.stack([step.is_anomaly for step in steps]) for steps in (wanted, found)]
    assert 0 < flags[0].float().mean() < 1 and (flags[0] == flags[1]).float().mean() > 0.999


@pytest.mark.parametrize("name", SCORERS.names(own=True))
def test_no_scorer_reads_numbers_in_a_step(name: str) -> None:
    cls = SCORERS[name]
    if name in NOT_OVER_NUMBERS:
        pytest.skip(NOT_OVER_NUMBERS[name])
    episodes = list(np.random.default_rng(0).normal(size=(6, 24, 3)).astype(np.float32))
    negative = [episode + 3 for episode in episodes] if cls.needs_negative else None
    model = RewardModel(cls(max(4, cls.min_window)), Likeness(LikenessOptions(smoothing=0.5, every=2)))
    model.fit(episodes, negative, options=TrainOptions(epochs=1, windows_per_epoch=64))
    assert steady_reads(DeviceStream(model, ENVS, check_every=0)) == {}


NOT_OVER_NUMBERS = {
    "dqn": "labels are given by a person or a table, and its network decides step by step",
    "vadclip": "reads features of CLIP, 512 numbers wide",
    "video_likelihood": "reads tokens",
    "masked_autoencoder": "reads frames",
    "goal_video": "learns from one video of a goal",
    "goal_video_and_frame": "learns from one video of a goal",
    "forward_backward": "reads pairs of frames far apart",
}


def steady_reads(stream: DeviceStream, dim: int = 3) -> dict[str, int]:
    """Return what four steps read, two of them with ends, after two steps of settling in."""
    stream._host = False  # as on a device that is not the host
    obs = observations(8, dim=dim)
    ended = torch.zeros(ENVS, dtype=torch.bool)
    ended[3] = True
    stream.start(obs[0])
    for step in (1, 2):
        stream.step(obs[step], torch.ones(ENVS))
    with HostReads() as seen:
        for step in (3, 4, 5, 6):
            stream.step(obs[step], torch.ones(ENVS))
            stream.start(obs[step], ended)
    assert seen.operations > 20
    return dict(seen.reads)


@pytest.mark.parametrize("mode", ["penalty", "likeness", "lagrangian"])
def test_no_mode_reads_numbers_in_a_step(mode: str) -> None:
    model = small_model(mode=mode, smoothing=0.3)
    bonus = EnsembleDisagreement(4, 3)
    bonus.update(torch.randn(8, 4, 3))
    assert steady_reads(DeviceStream(model, ENVS, check_every=0, bonus=bonus)) == {}


def test_the_count_of_reads_sees_them() -> None:
    """A look for NaN in every step is one read, and `RewardStream` reads several times."""
    model = small_model()
    assert steady_reads(DeviceStream(model, ENVS, check_every=1)) == {"_local_scalar_dense": 4}
    slow = RewardStream(model, ENVS)
    slow.start(observations(1)[0])
    with HostReads() as seen:
        slow.step(observations(1)[0], torch.ones(ENVS))
    assert seen.reads["item"] >= 3
    with HostReads() as seen:
        _ = torch.ones(3)[torch.ones(3) > 0]
    assert seen.reads == {"index": 1}


def test_everything_lies_on_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """On torch's device without values, a tensor of another device and a read of a number are errors."""
    model = small_model(smoothing=0.3)
    stream, obs = DeviceStream(model, ENVS, check_every=0), observations(1)[0]
    stream.start(obs)
    stream.step(obs, torch.ones(ENVS))
    caches = (model.calibration._known_count, model.scorer._is_fitted, model.scorer._any_constant)
    known = {cache._key[0].dtype: cache._value for cache in caches if cache._key is not None}
    assert known == {torch.long: 40, torch.bool: True, torch.float64: False}
    monkeypatch.setattr(ReadOnce, "__call__", lambda self, tensor, read=None: known[tensor.dtype])
    stream._host = False
    stream.model, stream._history = copy.deepcopy(model).to("meta"), None
    for name in ("_smoothed", "_age", "_damaged"):
        setattr(stream, name, getattr(stream, name).to("meta"))
    obs = obs.to("meta")
    stream.start(obs)
    for _ in range(3):
        earned = stream.step(obs, torch.zeros(ENVS, device="meta"))
        stream.start(obs, torch.zeros(ENVS, dtype=torch.bool, device="meta"))
    assert {part.device.type for part in earned} == {"meta"}
    with pytest.raises(RuntimeError, match=r"item\(\) cannot be called on meta"):
        stream.check()
    with pytest.raises(RuntimeError, match="device"):
        stream.step(obs, torch.zeros(ENVS, device="meta")).reward + torch.ones(ENVS)


def test_rewards_can_stand_in_a_loss() -> None:
    stream = DeviceStream(small_model(), ENVS)
    stream.start(observations(1)[0])
    earned = stream.step(observations(1)[0], torch.ones(ENVS))
    weight = torch.ones(1, requires_grad=True)
    (weight * earned.reward * earned.score * earned.p_value).sum().backward()
    assert weight.grad is not None and not earned.is_anomaly.is_inference()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_never_paid(value: float) -> None:
    stream, model = DeviceStream(small_model(mode="likeness"), ENVS, check_every=6), small_model(mode="likeness")
    clean = DeviceStream(model, ENVS)
    obs = observations(8)
    stream.start(obs[0])
    clean.start(obs[0])
    for step in range(1, 6):
        given = obs[step].clone()
        if step == 2:
            given[5, 1] = value
        earned, wanted = stream.step(given), clean.step(obs[step])
        lost = earned.reward.isnan()
        assert lost.nonzero().flatten().tolist() == ([5] if 2 <= step < 6 else [])  # K = 4 windows hold it
        assert torch.equal(earned.is_anomaly[lost], torch.ones(int(lost.sum()), dtype=torch.bool))
        assert earned.p_value[lost].isnan().all() and torch.equal(earned.reward[~lost], wanted.reward[~lost])
    with pytest.raises(DataError, match=r"Environment\(s\) \[5\] gave NaN or inf .* within the last 6 steps"):
        stream.step(obs[6])
    assert torch.equal(stream.step(obs[7]).reward, stepped(clean, obs[6], obs[7]))


@pytest.mark.parametrize("host", [True, False], ids=["host", "device"])
def test_what_only_float64_can_hold_is_lost_with_its_episode(host: bool) -> None:
    model = RewardModel(KNN(3, KNNOptions(clip=None)), Likeness()).fit(list(observations(40).double()))
    stream, obs = DeviceStream(model, ENVS, check_every=0), observations(5).double()
    stream._host = host
    obs[1, 5, 1] = 1e60
    stream.start(obs[0])
    assert stream.step(obs[1]).reward.isnan().nonzero().flatten().tolist() == [5]
    stream.start(obs[2], torch.arange(ENVS) == 5)
    assert stream.step(obs[3]).reward.isfinite().all()


def stepped(stream: DeviceStream, *obs: Tensor) -> Tensor:
    return [stream.step(one).reward for one in obs][-1]


def test_a_reward_or_a_first_observation_that_is_nan_is_noted() -> None:
    stream = DeviceStream(small_model(), ENVS, check_every=0)
    obs, paid = observations(3), torch.ones(ENVS)
    paid[2] = torch.nan
    stream.start(obs[0])
    assert stream.step(obs[1], paid).reward.isnan().nonzero().flatten().tolist() == [2]
    with pytest.raises(DataError, match=r"Environment\(s\) \[2\]"):
        stream.check()
    stream.check()
    broken = obs[0].clone()
    broken[7] = torch.nan
    stream.start(broken)
    with pytest.raises(DataError, match=r"Environment\(s\) \[7\]"):
        stream.check()


def test_a_scorer_that_has_learned_meanwhile_is_an_error() -> None:
    model = small_model(mode="likeness")
    fast, slow, obs = DeviceStream(model, ENVS), RewardStream(model, ENVS), observations(3)
    for change in (lambda: setattr(model.scorer, "std", model.scorer.std * 2), lambda: model.scorer.std.mul_(2)):
        fast.start(obs[0])
        fast.step(obs[1])
        change()
        with pytest.raises(ProtocolError, match=r"fitted again, or moved, while episodes run: call start\(obs\)"):
            fast.step(obs[1])
        fast.start(obs[0])
        slow.start(obs[0])
        assert torch.allclose(fast.step(obs[1]).score, slow.step(obs[1]).score, rtol=1e-4)


def test_what_is_wrong_is_said() -> None:
    model = small_model()
    with pytest.raises(OptionError, match="num_envs >= 1 and check_every >= 0, got 0 and 1"):
        DeviceStream(model, 0, 1)
    with pytest.raises(NotFittedError, match="a model that is not fitted"):
        DeviceStream(RewardModel(KNN(4), Likeness()), 2)
    stream = DeviceStream(model, 4)
    with pytest.raises(ProtocolError, match="a step before start"):
        stream.step(torch.zeros(4, 3))
    with pytest.raises(ShapeError, match=r"serves 4 environments, got observations \[5, 3\]"):
        stream.start(torch.zeros(5, 3))
    stream.start(torch.zeros(4, 3))
    with pytest.raises(ShapeError, match=r"expects rewards \[4\], got \[5\]"):
        stream.step(torch.zeros(4, 3), torch.zeros(5))
    with pytest.raises(ShapeError, match=r"expects observations"):
        stream.step(torch.zeros(4, 2), torch.zeros(4))
