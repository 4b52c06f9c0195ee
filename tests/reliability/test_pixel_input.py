"""Pictures that do not fit a model of pictures: a typed error of one line with the remedy, here and in commands."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest

from tests.data.video import clips
from tests.encoders.test_pixel_models import ENCODERS, SHAPE, fitted, played
from tests.scripted import ScriptedEnv
from tsreward.cli.main import main
from tsreward.data.episodes import save_episodes
from tsreward.data.features import encode_video
from tsreward.data.video.reading import read_frames
from tsreward.encoders.frames import FrameOptions
from tsreward.errors import DataError, ShapeError
from tsreward.io import save
from tsreward.pipeline.model import RewardModel
from tsreward.pipeline.relabel import relabel
from tsreward.sequences.episodes import Episode
from tsreward.wrappers.gymnasium_env import LearnedReward

FRAMES = np.random.default_rng(3).integers(0, 256, (10, *SHAPE), np.uint8)
WRONG: dict[str, tuple[np.ndarray, str]] = {
    "other size": (FRAMES.repeat(2, 1), "draw or resize them to 12 x 14 pixels"),
    "grey": (FRAMES[..., 0], "these frames are grey, and the model was fitted on colour"),
    "grey with a channel": (FRAMES[..., :1], "these frames are grey, and the model was fitted on colour"),
    "alpha": (FRAMES[..., [0, 1, 2, 0]], r"drop the alpha channel: frames\[\.\.\., :3\]"),
    "channels first": (FRAMES.transpose(0, 3, 1, 2), r"channels come first.*frames.transpose\(0, 2, 3, 1\)"),
    "stacked in channels": (FRAMES.repeat(3, -1), "frames of 9 channels are stacked ones"),
    "scaled": ((FRAMES / 255).astype(np.float32), r"got float32 between 0 and 1: .* or \(255 \* frames\)"),
    "floats": (FRAMES.astype(np.float32), "uint8, 0 to 255, got float32: give the environment's bytes"),
    "integers": (FRAMES.astype(np.int64), "uint8, 0 to 255, got int64: give the environment's bytes"),
    "sensors": (FRAMES[:, 0, 0, :].astype(np.float32), "observations|score data of the kind"),
}


@pytest.fixture(scope="module")
def model() -> RewardModel:
    return fitted(ENCODERS["conv"](SHAPE), played(SHAPE, [15, 12], seed=0))


@pytest.fixture(scope="module")
def model_file(model: RewardModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "pixels.safetensors"
    save(model, path)
    return path


def refused(work: Callable[[], Any], message: str) -> None:
    with pytest.raises((ShapeError, DataError), match=message) as caught:
        work()
    assert "\n" not in str(caught.value)


def complaint(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """Return the one line of a command that fails."""
    assert main([*map(str, arguments)]) == 2
    out, err = capsys.readouterr()
    (line,) = err.splitlines()
    assert (out, line[:17]) == ("", "tsreward: error: ")
    return line


@pytest.mark.parametrize("case", WRONG)
@pytest.mark.parametrize("name", ENCODERS)
def test_python(name: str, case: str) -> None:
    model, (obs, message) = fitted(ENCODERS[name](SHAPE), played(SHAPE, [15, 12], seed=0)), WRONG[case]
    refused(lambda: relabel(model, [Episode(obs)]), message)
    refused(lambda: model.fit([obs]), message)


@pytest.mark.parametrize("case", WRONG)
def test_an_environment(model: RewardModel, case: str) -> None:
    obs, message = WRONG[case]
    steps = len(obs) - 1
    low, high = obs.min(), obs.max()
    space = gymnasium.spaces.Box(low, high, obs.shape[1:], obs.dtype.type)
    env = ScriptedEnv([Episode(obs, np.zeros(steps), np.zeros(steps))], space)
    refused(lambda: LearnedReward(env, model).reset(), message)


@pytest.mark.parametrize("case", WRONG)
@pytest.mark.parametrize("command", ["score", "relabel", "evaluate"])
def test_commands(model_file: Path, tmp_path: Path, capsys, case: str, command: str) -> None:
    obs, message = WRONG[case]
    save_episodes([Episode(obs, np.zeros(len(obs) - 1), np.arange(len(obs) - 1) % 2.0)], tmp_path / "data.npz")
    arguments = {
        "score": ["score", str(tmp_path / "data.npz"), "--out", str(tmp_path / "out.csv")],
        "relabel": ["relabel", str(tmp_path / "data.npz"), "--out", str(tmp_path / "out.npz")],
        "evaluate": ["evaluate", "--data", str(tmp_path / "data.npz")],
    }[command]
    assert re.search(message, complaint(capsys, *arguments, "--model", model_file))
    assert [path.name for path in tmp_path.iterdir()] == ["data.npz"]


@pytest.mark.parametrize(
    ("episodes", "error", "message"),
    [
        ([], DataError, "got no episodes"),
        ([FRAMES[:0]], DataError, "Episode 0 is empty"),
        ([FRAMES, FRAMES[:0]], DataError, "Episode 1 is empty"),
        (
            [FRAMES[:3], FRAMES[:4]],
            DataError,
            "spans 5 steps .window=3, frame_skip=2. but the longest of 2 episodes has 4",
        ),
        ([FRAMES, FRAMES[..., :1]], ShapeError, r"episode 0 is \[10, 12, 14, 3\], episode 1 is \[10, 12, 14, 1\]"),
    ],
)
def test_experts_that_are_too_little(
    model: RewardModel, episodes: list, error: type[TSRewardError], message: str
) -> None:
    with pytest.raises(error, match=message):
        model.fit(episodes)


@pytest.mark.parametrize("lengths", [[], [0], [9, 0]])
def test_files_of_empty_episodes(tmp_path: Path, model_file: Path, capsys, lengths: list[int]) -> None:
    path, rows = tmp_path / "empty.npz", sum(lengths) + len(lengths)
    np.savez(path, obs=FRAMES[:1].repeat(rows, 0), lengths=np.array(lengths, int), terminated=np.zeros(len(lengths)))
    assert "'lengths' must be positive integers, one per episode" in complaint(
        capsys, "score", path, "--model", model_file
    )


def test_an_expert_shorter_than_a_window(tmp_path: Path, capsys) -> None:
    save_episodes([Episode(FRAMES[:3], np.zeros(2))], tmp_path / "short.npz")
    arguments = ("--window", "4", "--reward", "likeness", "--out", tmp_path / "m.safetensors")
    said = complaint(capsys, "fit", "--data", tmp_path / "short.npz", *arguments)
    assert "has a length of 2, less than --window 4: use a shorter window or longer episodes" in said


def test_videos_of_other_sizes(tmp_path: Path, model: RewardModel) -> None:
    pytest.importorskip("av", reason="needs the extra 'pixels'")
    path = clips.write(tmp_path / "large.mp4", clips.moving(12, 24, 28))
    refused(lambda: encode_video(model.encoder, path, tmp_path / "cache"), "draw or resize them to 12 x 14 pixels")
    assert encode_video(model.encoder, path, tmp_path / "cache", FrameOptions(size=SHAPE[:2])).shape == (12, 12)


def test_videos_of_other_rates(tmp_path: Path, model: RewardModel) -> None:
    pytest.importorskip("av", reason="needs the extra 'pixels'")
    path, size = clips.write(tmp_path / "clip.mp4", clips.moving(20)), FrameOptions(size=SHAPE[:2])  # 25 frames/s
    refused(
        lambda: read_frames(path, rate=12.5),
        "25 frames/s, which with frame_skip=1 makes 25 and not the 12.5.*frame_skip=2",
    )
    refused(lambda: read_frames(path, rate=10), "ffmpeg -i clip.mp4 -r 10 converted.mp4")
    refused(lambda: encode_video(model.encoder, path, tmp_path / "c", size, 2, rate=25), "makes 12.5 and not the 25")
    assert len(read_frames(path, frame_skip=2, rate=12.5)) == 10
    np.savez(tmp_path / "frames.npz", frames=FRAMES)
    refused(lambda: read_frames(tmp_path / "frames.npz", rate=25), "says no frame rate: leave rate out")


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # transformers leaves its JSON open
@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ("nothing in it", "holds no config.json of a model and no CLIP: give a folder that save_pretrained"),
        ("no weights", "Put config.json and model.safetensors there, as save_pretrained of a CLIP writes them"),
        ("pickled weights", "Put config.json and model.safetensors there"),
        ("no folder", "is neither a folder nor a name on the hub"),
    ],
)
def test_an_encoder_folder_without_weights(tmp_path: Path, broken: str, message: str) -> None:
    pytest.importorskip("transformers", reason="needs the extra 'pixels'")
    from tests.encoders.test_clip import write
    from tsreward.encoders.clip import CLIPEncoder

    folder = tmp_path / "tower"
    if broken == "nothing in it":
        folder.mkdir()
    elif broken != "no folder":
        write(folder)
        (folder / "model.safetensors").unlink()
    if broken == "pickled weights":
        (folder / "pytorch_model.bin").write_bytes(b"\x80\x04N.")
    refused(lambda: CLIPEncoder.pretrained(SHAPE, str(folder)), message)


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
def test_a_name_on_the_hub_without_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("transformers", reason="needs the extra 'pixels'")
    from huggingface_hub import constants

    from tsreward.encoders.clip import CLIPEncoder

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    refused(
        lambda: CLIPEncoder.pretrained(SHAPE, "nobody/no-such-clip"),
        "nobody/no-such-clip .*Check the name; without a network, download it elsewhere and give its folder",
    )
