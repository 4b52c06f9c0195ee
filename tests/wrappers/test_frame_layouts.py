"""Frames that wrappers of others have stacked, transposed or scaled earn what the plain ones earn, at every door."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from gymnasium.wrappers import FrameStackObservation
from stable_baselines3.common.vec_env import DummyVecEnv, VecFrameStack, VecTransposeImage

from tests.scripted import ScriptedEnv
from tsreward.encoders.conv import ConvEncoder, ConvOptions
from tsreward.encoders.frame_layout import FrameLayout
from tsreward.errors import DataError, ShapeError
from tsreward.io import describe, load, save
from tsreward.pipeline.model import RewardModel
from tsreward.pipeline.relabel import relabel
from tsreward.rewards.likeness import Likeness
from tsreward.sb3.vec_env import LearnedRewardVecEnv
from tsreward.scorers.knn import KNN
from tsreward.sequences.episodes import Episode
from tsreward.wrappers.gymnasium_env import LearnedReward
from tsreward.wrappers.gymnasium_vector import LearnedRewardVector

H, W = 12, 14
RNG = np.random.default_rng(5)
FRAMES = {channels: RNG.integers(0, 256, (11, H, W, channels), np.uint8) for channels in (1, 3)}


def model_of(channels: int) -> RewardModel:
    encoder = ConvEncoder((H, W, channels), ConvOptions(dim=8, channels=(4, 4)))
    model = RewardModel(KNN(3), Likeness(), encoder)
    return model.fit(list(np.random.default_rng(9).integers(0, 256, (4, 20, H, W, channels), np.uint8)))


MODELS = {1: model_of(1), 3: model_of(3)}


def stacked(frames: np.ndarray, number: int, axis: int, join: bool) -> np.ndarray:
    """Return every frame with those before it, the oldest first, zeros before the first."""
    before = [np.concatenate([np.zeros_like(frames[:k]), frames[: len(frames) - k]]) for k in range(number)][::-1]
    return np.concatenate(before, axis) if join else np.stack(before, axis)


MADE: dict[str, tuple[int, FrameLayout, Callable[[np.ndarray], np.ndarray]]] = {
    "grey": (1, FrameLayout("HW"), lambda frames: frames[..., 0]),
    "grey, scaled": (1, FrameLayout("HW", scaled=True), lambda frames: (frames[..., 0] / 255).astype(np.float32)),
    "stack": (1, FrameLayout("SHW", stack=4), lambda frames: stacked(frames[..., 0], 4, 1, False)),
    "stack, size not told": (1, FrameLayout("SHW"), lambda frames: stacked(frames[..., 0], 4, 1, False)),
    "stack as channels": (1, FrameLayout("CHW", stack=4), lambda frames: stacked(frames[..., 0], 4, 1, False)),
    "stack, scaled": (
        1,
        FrameLayout("SHW", scaled=True),
        lambda frames: np.float32(stacked(frames[..., 0], 4, 1, False)) / np.float32(255),
    ),
    "colour stack": (3, FrameLayout("SHWC", stack=4), lambda frames: stacked(frames, 4, 1, False)),
    "stack behind": (1, FrameLayout("HWC", stack=4), lambda frames: stacked(frames, 4, 3, True)),
    "colour stack behind": (3, FrameLayout("HWC", stack=4), lambda frames: stacked(frames, 4, 3, True)),
    "stack of three": (1, FrameLayout("HWC", stack=3), lambda frames: stacked(frames, 3, 3, True)),
    "channels first": (1, FrameLayout("CHW"), lambda frames: frames.transpose(0, 3, 1, 2)),
    "colours first": (3, FrameLayout("CHW"), lambda frames: frames.transpose(0, 3, 1, 2)),
    "colour stack first": (
        3,
        FrameLayout("CHW", stack=2),
        lambda frames: stacked(frames, 2, 3, True).transpose(0, 3, 1, 2),
    ),
    "side by side": (1, FrameLayout("HW", stack=2), lambda frames: stacked(frames[..., 0], 2, 2, True)),
    "scaled": (3, FrameLayout("HWC", scaled=True), lambda frames: frames / 255),
    "float16": (1, FrameLayout("HWC", scaled=True), lambda frames: (frames / 255).astype(np.float16)),
    **{
        kind: (3, FrameLayout("HWC"), partial(np.ndarray.astype, dtype=kind))
        for kind in ("int64", "int32", "int16", "uint16", "uint32", "uint64")
    },
}


def space_of(obs: np.ndarray) -> Box:
    return Box(0, 1 if obs.dtype.kind == "f" else 255, obs.shape[1:], obs.dtype.type)


def scripted(obs: np.ndarray) -> ScriptedEnv:
    steps = len(obs) - 1
    return ScriptedEnv([Episode(obs, np.zeros(steps), np.zeros(steps))], space_of(obs))


def played_gymnasium(model: RewardModel, obs: np.ndarray, frames: FrameLayout | None) -> list[float]:
    env = LearnedReward(scripted(obs), model, frames=frames)
    seen, _ = env.reset()
    assert np.array_equal(seen, obs[0])  # the agent keeps what it sees
    return [env.step(np.zeros(1, np.float32))[1] for _ in obs[1:]]


def played_vector(
    model: RewardModel, obs: np.ndarray, frames: FrameLayout | None, mode: AutoresetMode = AutoresetMode.NEXT_STEP
) -> list[float]:
    envs = SyncVectorEnv([lambda: scripted(obs)] * 2, autoreset_mode=mode)
    vector = LearnedRewardVector(envs, model, frames=frames)
    vector.reset()
    return [vector.step(np.zeros((2, 1), np.float32))[1][1] for _ in obs[1:]]


def played_sb3(model: RewardModel, obs: np.ndarray, frames: FrameLayout | None, lazy: bool = False) -> list[float]:
    venv = LearnedRewardVecEnv(DummyVecEnv([lambda: scripted(obs)] * 2), model, frames=frames, lazy=lazy)
    venv.driven = True
    venv.reset()
    rewards = [venv.step(np.zeros((2, 1), np.float32))[1][1] for _ in obs[1:]]
    return list(venv.take()[0][:, 1]) if lazy else rewards


DOORS: dict[str, Callable[..., Any]] = {
    "Gymnasium": played_gymnasium,
    "vector": played_vector,
    "vector, same step": partial(played_vector, mode=AutoresetMode.SAME_STEP),
    "SB3": played_sb3,
    "SB3, lazy": partial(played_sb3, lazy=True),
}


@pytest.mark.parametrize("case", MADE)
def test_every_door_pays_what_plain_frames_earn(case: str) -> None:
    channels, layout, make = MADE[case]
    model, frames = MODELS[channels], FRAMES[channels]
    obs = make(frames)
    wanted = relabel(model, Episode(frames)).reward
    assert torch.equal(relabel(model, Episode(obs), frames=layout).reward, wanted)
    assert torch.equal(model.score(Episode(obs), frames=layout), model.score(Episode(frames)))
    for name, play in DOORS.items():
        got, dtype = play(model, obs, layout), np.float32 if name.startswith("SB3") else np.float64
        assert np.array_equal(np.array(got, dtype), wanted.numpy().astype(dtype)), name


@pytest.mark.parametrize("case", MADE)
def test_fitting(case: str) -> None:
    channels, layout, make = MADE[case]
    episodes = list(np.random.default_rng(2).integers(0, 256, (4, 12, H, W, channels), np.uint8))
    plain, other = model_of(channels).fit(episodes), model_of(channels)
    other.fit([make(episode) for episode in episodes], frames=layout)
    assert torch.equal(other.score(FRAMES[channels]), plain.score(FRAMES[channels]))


@pytest.mark.parametrize("case", MADE)
def test_a_model_keeps_the_layout_of_its_fit(case: str, tmp_path: Path) -> None:
    channels, layout, make = MADE[case]
    obs, episodes = (
        make(FRAMES[channels]),
        list(np.random.default_rng(2).integers(0, 256, (4, 12, H, W, channels), np.uint8)),
    )
    model = model_of(channels).fit([make(episode) for episode in episodes], frames=layout)
    save(model, tmp_path / "m")
    assert describe(tmp_path / "m")["frames"] == layout.to_json()
    model = load(tmp_path / "m")
    assert model.frames == layout
    wanted = relabel(model, Episode(FRAMES[channels])).reward  # single frames need no layout
    assert torch.equal(relabel(model, Episode(obs)).reward, wanted)
    assert torch.equal(relabel(model, Episode(obs), frames=layout).reward, wanted)
    assert torch.equal(model.score(Episode(obs)), model.score(Episode(FRAMES[channels])))
    assert torch.equal(model.score(obs), model.score(FRAMES[channels]))
    for name, play in DOORS.items():
        got, dtype = play(model, obs, None), np.float32 if name.startswith("SB3") else np.float64
        assert np.array_equal(np.array(got, dtype), wanted.numpy().astype(dtype)), name
    again = load(tmp_path / "m").calibrate([make(episode) for episode in episodes])
    assert torch.equal(again.calibration.scores, load(tmp_path / "m").calibrate(episodes).calibration.scores)


def test_a_file_without_a_layout_is_as_before(tmp_path: Path) -> None:
    save(MODELS[1], tmp_path / "m")
    assert "frames" not in describe(tmp_path / "m")
    assert load(tmp_path / "m").frames is None


PROPOSED = {
    "grey": 'frames=FrameLayout("HW") or --frame-layout HW',
    "grey, scaled": 'frames=FrameLayout("HW", scaled=True) or --frame-layout HW,scaled',
    "stack": 'frames=FrameLayout("CHW", stack=4) or --frame-layout CHW,stack=4',
    "colour stack": 'frames=FrameLayout("SHWC") or --frame-layout SHWC',
    "stack behind": 'frames=FrameLayout("HWC", stack=4) or --frame-layout HWC,stack=4',
    "colour stack behind": 'frames=FrameLayout("HWC", stack=4)',
    "channels first": 'frames=FrameLayout("CHW") or',
    "colours first": 'frames=FrameLayout("CHW") or',
    "scaled": 'frames=FrameLayout("HWC", scaled=True)',
}


@pytest.mark.parametrize("case", PROPOSED)
def test_a_refusal_proposes_what_to_write(case: str) -> None:
    channels, _, make = MADE[case]
    for play in DOORS.values():
        with pytest.raises((ShapeError, DataError)) as caught:
            play(MODELS[channels], make(FRAMES[channels]), None)
        assert PROPOSED[case] in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["int64", "uint16"])
def test_integers_are_refused_as_what_they_are(kind: str) -> None:
    for play in DOORS.values():
        with pytest.raises(DataError, match=rf"got {kind}: .*frames=FrameLayout\(\"HWC\"\)"):
            play(MODELS[3], FRAMES[3].astype(kind), None)


def test_three_channels_are_colours_unless_wrappers_stack() -> None:
    obs = MADE["stack of three"][2](FRAMES[1])
    with pytest.raises(ShapeError, match="these frames have colours") as caught:
        LearnedReward(scripted(obs), MODELS[1])
    assert "FrameLayout" not in str(caught.value)
    venv = VecFrameStack(DummyVecEnv([lambda: scripted(FRAMES[1])]), 3)
    with pytest.raises(ShapeError, match=r'frames=FrameLayout\("HWC", stack=3\)'):
        LearnedRewardVecEnv(venv, MODELS[1])


def test_wrappers_of_stable_baselines3() -> None:
    frames, zeros = FRAMES[1], np.zeros((1, 1), np.float32)
    wanted = relabel(MODELS[1], Episode(frames)).reward.numpy().astype(np.float32)
    plain = DummyVecEnv([lambda: scripted(frames)])
    for venv, layout in [
        (VecFrameStack(plain, 4), FrameLayout("HWC", stack=4)),
        (VecTransposeImage(plain), FrameLayout("CHW")),
        (VecTransposeImage(VecFrameStack(plain, 4)), FrameLayout("CHW", stack=4)),
    ]:
        with pytest.raises(ShapeError) as caught:
            LearnedRewardVecEnv(venv, MODELS[1])
        assert repr(layout) in str(caught.value)
        rewarded = LearnedRewardVecEnv(venv, MODELS[1], frames=layout)
        rewarded.reset()
        assert [rewarded.step(zeros)[1][0] for _ in frames[1:]] == list(wanted)  # the last arrival too


def test_wrappers_of_gymnasium() -> None:
    frames = FRAMES[3]
    env = FrameStackObservation(scripted(frames), 4)
    with pytest.raises(ShapeError, match=r'FrameLayout\("SHWC"\)'):
        LearnedReward(env, MODELS[3])
    rewarded = LearnedReward(env, MODELS[3], frames=FrameLayout("SHWC"))
    rewarded.reset()
    got = [rewarded.step(np.zeros(1, np.float32))[1] for _ in frames[1:]]
    assert got == relabel(MODELS[3], Episode(frames)).reward.tolist()


def test_atari_wrappers() -> None:
    pytest.importorskip("cv2", reason="needs the extra 'atari'")
    ale_py = pytest.importorskip("ale_py", reason="needs the extra 'atari'")
    gymnasium.register_envs(ale_py)
    encoder = ConvEncoder((84, 84, 1), ConvOptions(dim=8, channels=(4, 4)))
    model = RewardModel(KNN(2), Likeness(), encoder).fit(list(RNG.integers(0, 256, (3, 9, 84, 84, 1), np.uint8)))

    def atari(stack: int = 1, **options: Any) -> gymnasium.Env:
        game = gymnasium.make("ALE/Pong-v5", frameskip=1, repeat_action_probability=0.0)
        env = gymnasium.wrappers.AtariPreprocessing(game, noop_max=0, **options)
        return env if stack == 1 else FrameStackObservation(env, stack)

    def rewards(env: gymnasium.Env, layout: FrameLayout | None) -> list[float]:
        if layout is not None:
            with pytest.raises(ShapeError) as caught:
                LearnedReward(env, model)
            assert repr(layout) in str(caught.value)
        env = LearnedReward(env, model, frames=layout)
        env.reset(seed=0)
        return [env.step(step % 6)[1] for step in range(6)]

    wanted = rewards(atari(grayscale_newaxis=True), None)
    assert rewards(atari(), FrameLayout("HW")) == wanted
    assert rewards(atari(scale_obs=True), FrameLayout("HW", scaled=True)) == wanted
    assert rewards(atari(4), FrameLayout("CHW", stack=4)) == wanted
    assert rewards(atari(4, scale_obs=True), FrameLayout("CHW", stack=4, scaled=True)) == wanted


WRONG: dict[str, tuple[FrameLayout, np.ndarray, str]] = {
    "axes": (
        FrameLayout("HW"),
        FRAMES[1],
        r'FrameLayout\("HW"\) declares observations of 2 axes \(H, W\), got \(12, 14, 1\)',
    ),
    "stack": (
        FrameLayout("SHW", stack=3),
        MADE["stack"][2](FRAMES[1]),
        r"declares a stack of 3, got 4 in observations \(4, 12, 14\)",
    ),
    "no multiple": (
        FrameLayout("HWC", stack=3),
        MADE["stack behind"][2](FRAMES[1]),
        r"declares 3 frames in the axis C .* and 4 is no multiple of 3",
    ),
    "other frames": (
        FrameLayout("CHW"),
        MADE["stack"][2](FRAMES[1]),
        r"with FrameLayout\(.CHW.\) frames \(12, 14, 4\)",
    ),
    "not scaled": (
        FrameLayout("HWC", scaled=True),
        FRAMES[1],
        "declares numbers from 0 to 1, got uint8: leave out scaled",
    ),
    "scaled": (FrameLayout("HWC"), FRAMES[1] / 255, r"float64 from 0 to 1, not bytes: .*scaled=True"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_declarations_are_refused_with_what_came(case: str) -> None:
    layout, obs, message = WRONG[case]
    for play in DOORS.values():
        with pytest.raises((ShapeError, DataError), match=message) as caught:
            play(MODELS[1], obs, layout)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("layout", "values", "message"),
    [
        (FrameLayout("HWC"), np.array([-1, 3]), "declares values from 0 to 255, got -1 to 3"),
        (FrameLayout("HWC"), np.array([0, 256]), "declares values from 0 to 255, got 0 to 256"),
        (FrameLayout("HWC", scaled=True), np.array([0.5, 1.5]), "declares values from 0 to 1, got 0.5 to 1.5"),
        (FrameLayout("HWC", scaled=True), np.array([-1.0, 1.0]), "declares values from 0 to 1, got -1 to 1"),
        (FrameLayout("HWC"), np.array([0.0, 3.0]), "integers from 0 to 255, got float64: declare scaled=True where"),
        (FrameLayout("HWC"), np.array([True, False]), "integers from 0 to 255, got bool"),
        (FrameLayout("HWC", scaled=True), np.array([True, False]), "numbers from 0 to 1, got bool"),
    ],
)
def test_values_that_are_not_what_was_declared(layout: FrameLayout, values: np.ndarray, message: str) -> None:
    obs = np.resize(values, (3, H, W, 1)).astype(values.dtype)
    with pytest.raises(DataError, match=message):
        relabel(MODELS[1], Episode(obs), frames=layout)


def test_the_text_of_the_command_line() -> None:
    for _, layout, _ in MADE.values():
        assert FrameLayout.parse(str(layout)) == layout
        assert eval(repr(layout), {"FrameLayout": FrameLayout}) == layout
    assert replace(FrameLayout("hwc".upper()), scaled=True) == FrameLayout.parse("hwc, scaled")
    for text, message in {
        "": "must be H, W and",
        "CH": "must be H, W and",
        "HWW": "must be H, W and",
        "HWX": "must be H, W and",
        "HWC,stak=4": "did you mean stack=4",
        "HWC,stack": "AXES,stack=N,scaled",
        "HWC,stack=0": "stack must be",
    }.items():
        with pytest.raises(ValueError, match=message):
            FrameLayout.parse(text)
