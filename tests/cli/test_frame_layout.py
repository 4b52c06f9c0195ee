"""Frames in another layout go through the commands where the layout is declared, and are refused with it where not."""

from __future__ import annotations

from typing import Any

import gymnasium
import h5py
import numpy as np
import pytest
from gymnasium.spaces import Box

from tsreward.cli.main import main
from tsreward.data.episodes import load_episodes, save_episodes
from tsreward.sequences.episodes import Episode

ENV = "Stacked-v0"


class Stacked(gymnasium.Env):
    """Shows the last three of grey frames, the newest behind, in episodes of six steps."""

    def __init__(self) -> None:
        self.observation_space, self.action_space = Box(0, 255, (16, 16, 3), np.uint8), Box(-1.0, 1.0, (1,), np.float32)

    def _obs(self) -> np.ndarray:
        return np.stack([np.full((16, 16), 40 * max(0, self._step - back), np.uint8) for back in (2, 1, 0)], -1)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self._step = 0
        return self._obs(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self._step += 1
        return self._obs(), 0.5, self._step == 6, False, {}


@pytest.fixture(autouse=True)
def registered() -> Any:
    gymnasium.register(ENV, Stacked)
    yield
    del gymnasium.registry[ENV]


def laid_out(frames: np.ndarray) -> np.ndarray:
    """Return (4, H, W) observations of frames [T, H, W, 1]."""
    before = [np.concatenate([frames[:1].repeat(k, 0), frames[: len(frames) - k]]) for k in (3, 2, 1, 0)]
    return np.stack(before, 1)[..., 0]


@pytest.fixture
def files(tmp_path):
    rng = np.random.default_rng(1)
    plain = [
        Episode(rng.integers(0, 256, (13, 12, 12, 1), np.uint8), rng.normal(size=12), np.zeros(12)) for _ in range(4)
    ]
    save_episodes(plain, tmp_path / "plain.npz")
    other = [Episode(laid_out(one.obs), one.rewards, one.costs) for one in plain]
    save_episodes(other, tmp_path / "other.npz")
    return tmp_path


FIT = ("--scorer", "mahalanobis", "--window", "2", "--reward", "likeness", "--held-out", "0")


def test_fit_score_and_relabel(files, document, capsys) -> None:
    document("fit", "--data", files / "plain.npz", "--out", files / "plain.safetensors", *FIT)
    told = ("--frame-layout", "CHW,stack=4")
    document("fit", "--data", files / "other.npz", *told, "--out", files / "other.safetensors", *FIT)
    rewards = {}
    for name, layout in (("plain", ()), ("other", told)):
        data = files / f"{name}.npz"
        for model in ("plain", "other"):
            arguments = (data, "--model", files / f"{model}.safetensors", *layout)
            document("score", *arguments, "--out", files / f"{name}-{model}.csv")
            document("relabel", *arguments, "--out", files / f"{name}-{model}.npz")
            rewards[name, model] = np.concatenate([one.rewards for one in load_episodes(files / f"{name}-{model}.npz")])
    scores = {path.read_text() for path in files.glob("*.csv")}
    assert len(scores) == 1
    assert all(np.array_equal(values, rewards["plain", "plain"]) for values in rewards.values())
    assert load_episodes(files / "other-plain.npz")[0].obs.shape == (13, 4, 12, 12)  # what was seen is kept
    capsys.readouterr()
    for command in ("score", "relabel"):
        out = files / ("x.csv" if command == "score" else "x.npz")
        model = str(files / "plain.safetensors")
        assert main([command, str(files / "other.npz"), "--model", model, "--out", str(out)]) == 2
        assert "--frame-layout CHW,stack=4" in capsys.readouterr().err


def test_a_model_keeps_the_layout_that_its_fit_was_told(files, document, capsys) -> None:
    model, told = files / "other.safetensors", ("--frame-layout", "CHW,stack=4")
    document("fit", "--data", files / "other.npz", *told, "--out", model, *FIT)
    for name, words in (("told", told), ("kept", ())):
        document("score", files / "other.npz", "--model", model, *words, "--out", files / f"{name}.csv")
        document("relabel", files / "other.npz", "--model", model, *words, "--out", files / f"{name}.npz")
    document("score", files / "plain.npz", "--model", model, "--out", files / "plain.csv")
    assert len({path.read_text() for path in files.glob("*.csv")}) == 1
    told_rewards, kept_rewards = (
        np.concatenate([one.rewards for one in load_episodes(files / f"{name}.npz")]) for name in ("told", "kept")
    )
    assert np.array_equal(told_rewards, kept_rewards)
    assert document("info", model)["frames"] == {"axes": "CHW", "stack": 4, "scaled": False}
    checked = document("check", model, "--data", files / "other.npz", code=1)["files"][0]["checks"]
    assert [one["detail"] for one in checked if not one["passed"]] == [
        "The calibration has 13 scores, wanted at least 20."
    ]
    document("compare", model, model, "--data", files / "other.npz", "--out", files / "c.html")
    capsys.readouterr()
    assert main(["info", str(model)]) == 0
    assert "frames.axes" in capsys.readouterr().out


def test_a_layout_that_does_not_fit(files, capsys) -> None:
    arguments = ["fit", "--data", str(files / "other.npz"), "--out", str(files / "m.safetensors"), *FIT]
    assert main([*arguments, "--frame-layout", "HW"]) == 2
    assert 'FrameLayout("HW") declares observations of 2 axes (H, W), got (4, 12, 12)' in capsys.readouterr().err
    assert main([*arguments, "--frame-layout", "HWX"]) == 2
    assert "must be H, W and" in capsys.readouterr().err


def test_collect_fit_and_train(tmp_path, document, capsys) -> None:
    told = ("--frame-layout", "HWC,stack=3")
    random = ("--agent", "random", "--steps", "64", "--num-envs", "2")
    document("collect", "--env", ENV, *random, *told, "--out", tmp_path / "data.npz")
    episodes = load_episodes(tmp_path / "data.npz")
    assert episodes[0].obs.dtype == np.uint8
    assert episodes[0].obs[:, 0, 0].tolist() == [[0], [40], [80], [120], [160], [200], [240]]
    noise = np.random.default_rng(0).integers(0, 256, (40, 16, 16, 1), np.uint8)
    seen = [Episode(one.obs, one.rewards) for one in episodes]
    save_episodes([*seen, Episode(noise, np.zeros(39))], tmp_path / "more.npz")
    document("fit", "--data", tmp_path / "more.npz", "--out", tmp_path / "m.safetensors", *FIT)
    train = ["train", "--env", ENV, "--model", str(tmp_path / "m.safetensors"), "--algorithm", "ppo", "--steps", "64"]
    train += ["--num-envs", "2", "--hidden", "4", "--rollout", "16", "--out", str(tmp_path / "run")]
    capsys.readouterr()
    assert main(train) == 2
    assert "these frames have colours" in capsys.readouterr().err
    assert main([*train, *told]) == 0
    kept = tmp_path / "run" / "model.safetensors"
    again = ["train", "--env", ENV, "--model", str(kept), *train[5:-1], str(tmp_path / "again")]
    assert main(again) == 0


@pytest.mark.parametrize("kind", ["npz", "hdf5"])
def test_rows_of_other_layouts_are_relabelled(kind, files, document) -> None:
    """Arrays beside each other, as D4RL has them, give the rewards of the plain frames."""
    frames = [one.obs[:-1] for one in load_episodes(files / "plain.npz")]
    ends = np.concatenate([np.arange(len(one)) == len(one) - 1 for one in frames])

    def written(name, obs):
        arrays = {"observations": obs, "rewards": np.ones(len(obs)), "terminals": ends}
        if kind == "npz":
            np.savez(files / f"{name}.npz", **arrays)
        else:
            with h5py.File(files / f"{name}.hdf5", "w") as file:
                for key, values in arrays.items():
                    file[key] = values
        return files / f"{name}.{kind}"

    def rewards(data, *words):
        out = files / f"out.{kind}"
        document("relabel", data, "--model", files / "m", "--out", out, *words)
        if kind == "npz":
            return np.load(out)["rewards"].tolist()
        with h5py.File(out) as file:
            return file["rewards"][:].tolist()

    plain = written("rows", np.concatenate(frames))
    document("fit", "--data", plain, "--out", files / "m", *FIT)
    other = written("stacked", np.concatenate([laid_out(one) for one in frames]))
    assert rewards(other, "--frame-layout", "SHW") == rewards(plain)


@pytest.mark.parametrize(
    ("change", "layout"),
    [
        (lambda x: x.transpose(0, 3, 1, 2), "CHW"),
        (lambda x: x[..., 0], "HW"),
        (laid_out, "SHW"),
        (lambda x: x.repeat(4, 3), "HWC,stack=4"),
        (lambda x: (x / 255).astype(np.float32), "HWC,scaled"),
        (lambda x: x[:, :1, :6, 0], None),
        (lambda x: x, None),
    ],
)
def test_pictures_that_are_fitted_as_numbers_are_told(change, layout, files, capsys) -> None:
    frames = change(load_episodes(files / "plain.npz")[0].obs.repeat(2, 1).repeat(2, 2))
    save_episodes([Episode(frames, np.zeros(12))] * 4, files / "p.npz")
    assert main(["fit", "--data", str(files / "p.npz"), "--out", str(files / "m"), *FIT]) == 0
    told = capsys.readouterr().err
    assert ("If they are pictures, declare the layout, frames=" in told) == (layout is not None)
    assert layout is None or f"--frame-layout {layout}." in told
