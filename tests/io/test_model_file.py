"""What `save` writes, `load` reads again to the bit; what it cannot read, it does not write."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.reliability.forge import signed
from tests.reliability.models import fitted, same_state
from tsreward.encoders.base import ENCODERS, Encoder, Identity
from tsreward.encoders.clip import CLIPEncoder
from tsreward.encoders.clip_video import ClipVideoEncoder, ClipVideoOptions
from tsreward.encoders.conv import ConvEncoder, ConvOptions
from tsreward.encoders.efficientnet import EfficientNetEncoder
from tsreward.encoders.frames import FrameEncoder, FrameOptions
from tsreward.encoders.pixel_pca import PixelPCA, PixelPCAOptions
from tsreward.encoders.raw_frames import RawFrames
from tsreward.encoders.sorted_lidar import SortedLidar, SortedLidarOptions
from tsreward.encoders.vq import VQOptions, VQTokenizer
from tsreward.errors import CheckpointError, DataError, NotFittedError, OptionError
from tsreward.io import describe, load, save
from tsreward.pipeline.model import RewardModel
from tsreward.rewards.base import MODES, RewardMode
from tsreward.rewards.calibration import Calibration
from tsreward.rewards.lagrangian import Lagrangian, LagrangianOptions
from tsreward.rewards.likeness import Likeness, LikenessOptions
from tsreward.rewards.penalty import Penalty, PenaltyOptions
from tsreward.scorers.base import SCORERS
from tsreward.scorers.deep_svdd import DeepSVDD, DeepSVDDOptions
from tsreward.training import TrainOptions

WINDOW, DIM = 4, 6
ENCODER_EXAMPLES: list[Encoder] = [
    Identity((DIM,)),
    Identity((2, 3)),
    SortedLidar((DIM,)),
    SortedLidar((DIM,), SortedLidarOptions(groups=((0, 2), (3, 6)))),
    ConvEncoder((8, 9, 3), ConvOptions(dim=DIM, channels=(4, 5), seed=3)),
    ConvEncoder((2, 8, 9, 1), ConvOptions(dim=DIM, channels=(4,), masks=((0, 0, 2, 9), (7, 1, 8, 2)), size=(6, 7))),
    ClipVideoEncoder((2, 8, 9, 3), ClipVideoOptions(side=1)),
    PixelPCA((8, 9, 3), PixelPCAOptions(dim=DIM, side=4)),
    VQTokenizer((8, 8, 3), VQOptions(grid=2, codes=4, channels=4, epochs=1, frames_per_epoch=64)),
    RawFrames((2, 20, 16, 1), FrameOptions(size=(16, 16))),
]
MODE_EXAMPLES: list[RewardMode] = [
    Penalty(),
    Penalty(PenaltyOptions(form="raw", weight=2, smoothing=0.5)),
    Lagrangian(LagrangianOptions(target=0.1, unit=3.0)),
    Likeness(),
    Likeness(LikenessOptions(transform="negative", scale=1.5, clip_low=0.05, clip_high=0.9)),
    Likeness(LikenessOptions(transform="odds")),
    Likeness(LikenessOptions(transform="auto", scale=2.0)),
]


def observations(model: RewardModel, number: int, seed: int) -> torch.Tensor:
    """Return random observations, bytes where the encoder wants frames."""
    size, generator = (number, *model.obs_shape), torch.Generator().manual_seed(seed)
    if isinstance(model.encoder, FrameEncoder):
        return torch.randint(0, 256, size, dtype=torch.uint8, generator=generator)
    return torch.randn(size, generator=generator)


def fit(model: RewardModel) -> RewardModel:
    """Fit a model on random episodes of its observation shape, as little as will do."""
    rows = [observations(model, 30, index) for index in range(8)]
    if isinstance(model.encoder, PixelPCA | VQTokenizer):
        model.encoder.fit(rows)
    bad = [row + 3 for row in rows] if model.scorer.needs_negative else None
    model.fit(rows, bad, torch.ones(3), TrainOptions(windows_per_epoch=None, epochs=1))
    return model


def small(scorer: str = "deep_svdd", mode: RewardMode | None = None, encoder: Encoder | None = None) -> RewardModel:
    if encoder is not None and encoder.codes is not None:
        scorer = "video_likelihood"
    if encoder is not None and encoder.frame_shape is not None:
        scorer = "masked_autoencoder"
    cls = SCORERS[scorer]
    return RewardModel(cls(WINDOW, cls.Options()), Penalty() if mode is None else mode, encoder or Identity((DIM,)))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.safetensors"


def assert_equal_rewards(model: RewardModel, loaded: RewardModel) -> None:
    obs = observations(model, 40, 99)
    features = model.encode(obs)
    assert torch.equal(loaded.encode(obs), features)
    windows = features.unfold(0, WINDOW, 1).transpose(1, 2)
    assert torch.equal(loaded.score_windows(windows), model.score_windows(windows))
    env_reward = torch.linspace(-1, 1, len(windows))
    assert torch.equal(loaded.rate(windows, env_reward).reward, model.rate(windows, env_reward).reward)


@pytest.mark.parametrize("encoder", ENCODER_EXAMPLES, ids=lambda encoder: f"{type(encoder).__name__}{encoder.options}")
@pytest.mark.parametrize("mode", MODE_EXAMPLES, ids=lambda mode: f"{mode.options}")
def test_every_mode_and_encoder_comes_back(mode: RewardMode, encoder: Encoder, path: Path) -> None:
    model = fit(small(mode=type(mode)(mode.options), encoder=encoder))
    save(model, path)
    loaded = load(path)
    assert_equal_rewards(model, loaded)
    assert loaded.mode.options == mode.options and type(loaded.mode) is type(mode)
    assert loaded.encoder.options == encoder.options and type(loaded.encoder) is type(encoder)
    assert loaded.obs_shape == encoder.obs_shape
    assert not loaded.training


@pytest.mark.parametrize("name", SCORERS)
def test_every_scorer_comes_back(name: str, path: Path) -> None:
    model = fit(small(name))
    save(model, path)
    loaded = load(path)
    assert_equal_rewards(model, loaded)
    assert loaded.scorer.options == model.scorer.options
    assert same_state(loaded, model)


def test_the_examples_cover_the_tables() -> None:
    assert {type(mode) for mode in MODE_EXAMPLES} == set(MODES.values())
    elsewhere = {CLIPEncoder, EfficientNetEncoder}  # whose weights lie beside the file
    assert {type(encoder) for encoder in ENCODER_EXAMPLES} == set(ENCODERS.values()) - elsewhere


def test_sizes_of_the_pipeline_come_back(path: Path) -> None:
    model = RewardModel(
        DeepSVDD(WINDOW, DeepSVDDOptions(network="gru", clip=None)), Likeness(), Identity((DIM,)), 2, chunk=3
    )
    model.calibration = Calibration(16)
    save(fit(model), path)
    loaded = load(path)
    assert (loaded.window, loaded.frame_skip, loaded.chunk, loaded.calibration.size) == (WINDOW, 2, 3, 16)
    assert loaded.scorer.options == model.scorer.options


def test_what_a_mode_learned_after_fitting_comes_back(path: Path) -> None:
    model = fit(small(mode=Lagrangian()))
    assert isinstance(model.mode, Lagrangian)
    model.mode.update(flag_rate=0.5, episode_length=100.0)
    save(model, path)
    assert float(load(path).mode.state_dict()["multiplier"]) == float(model.mode.multiplier) > 0


def test_the_same_model_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("first", "second"):
        save(fitted(), tmp_path / name, note={"b": 1, "a": (2, None)})
    save(load(tmp_path / "first"), tmp_path / "third", note=describe(tmp_path / "first")["note"])
    first, second, third = ((tmp_path / name).read_bytes() for name in ("first", "second", "third"))
    assert first == second == third


def test_random_numbers_are_left_alone(path: Path) -> None:
    save(fitted(), path)
    before = torch.get_rng_state()
    load(path)
    assert torch.equal(torch.get_rng_state(), before)


def test_another_default_device_does_not_matter(path: Path) -> None:
    save(fitted(), path)
    with torch.device("meta"):
        loaded = load(path)
    assert same_state(loaded, fitted())


def test_a_link_to_a_model_is_followed(path: Path, tmp_path: Path) -> None:
    save(fitted(), path)
    link = tmp_path / "latest"
    link.symlink_to(path)
    assert same_state(load(link), fitted())
    assert same_state(load(str(link)), fitted())


def test_describe_says_what_is_inside(path: Path) -> None:
    save(fitted(), path, note={"seed": 7, "env": "SafetyHopperVelocity-v1"})
    found = describe(path)
    assert found["schema"] == 1
    assert set(found["versions"]) == {"tsreward", "torch", "numpy", "python"}
    assert found["encoder"] == {"name": "identity", "package": "tsreward", "obs_shape": [3], "options": {}}
    assert {name: found["scorer"][name] for name in ("name", "window", "dim")} == {
        "name": "deep_svdd",
        "window": 4,
        "dim": 3,
    }
    assert found["scorer"]["options"]["hidden"] == 8
    assert found["mode"]["name"] == "likeness" and found["mode"]["options"]["transform"] == "exponential"
    assert (found["calibration"], found["frame_skip"], found["chunk"]) == ({"size": 64}, 1, fitted().chunk)
    assert found["note"] == {"seed": 7, "env": "SafetyHopperVelocity-v1"}
    assert found["bytes"] == path.stat().st_size
    assert found["tensors"]["scorer.mean"]["dtype"] == "F64" and found["tensors"]["scorer.mean"]["shape"] == [3]


def test_a_file_without_an_option_takes_its_default(path: Path) -> None:
    save(fitted(), path)
    signed(lambda manifest, tensors: manifest["mode"]["options"].pop("clip_low"))(path, path.read_bytes())
    assert same_state(load(path), fitted())


def test_a_missing_file_is_named(path: Path) -> None:
    for function in (load, describe):
        with pytest.raises(CheckpointError, match=rf"{path} cannot be loaded: There is no such file"):
            function(path)
    with pytest.raises(CheckpointError, match="cannot be loaded: It cannot be read"):
        load("a\0b")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data[:-1], "It changed while it was read"),
        (lambda data: data[:-1] + bytes([data[-1] ^ 1]), "does not match its SHA-256 digest"),
        (lambda data: data.replace(b"xxx", b"yyy", 1), "does not match its SHA-256 digest"),
    ],
)
def test_a_file_that_changes_while_it_is_read_is_refused(
    change: Callable[[bytes], bytes], message: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(fitted(size=4096), path, note={"filling": "x" * 20_000})  # more than what a file's buffer holds

    def interfere(*_: Any) -> None:
        path.write_bytes(change(path.read_bytes()))

    monkeypatch.setattr("tsreward.io.store.check_against", interfere)
    with pytest.raises(CheckpointError, match=message):
        load(path)


def test_an_unfitted_model_is_not_saved(path: Path) -> None:
    with pytest.raises(NotFittedError, match=f"nothing to save to {path}: call fit first"):
        save(small(), path)
    assert not path.exists()


def test_a_scorer_of_ones_own_is_not_saved(path: Path) -> None:
    class Mine(DeepSVDD):
        pass

    model = fit(RewardModel(Mine(WINDOW), Penalty(), Identity((DIM,))))
    with pytest.raises(OptionError, match=r"Mine is no registered scorer, so no file .*'tsreward.scorers'. Known: d"):
        save(model, path)


def test_a_model_that_could_not_be_loaded_leaves_the_previous_file(path: Path) -> None:
    save(fitted(), path)
    before = path.read_bytes()
    broken = fitted()
    broken.scorer.mean[0] = torch.nan
    with pytest.raises(CheckpointError, match=f"cannot be saved to {path}: Tensor 'scorer.mean' holds nan"):
        save(broken, path)
    with pytest.raises(OptionError, match=r"'scorer.mean' is torch.float16, which a model file cannot hold"):
        save(fitted().half(), path)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("note", [{"path": Path("x")}, {"loss": float("nan")}, {1: "a", "b": 2}])
def test_a_note_that_json_cannot_hold_is_not_saved(note: dict[str, Any], path: Path) -> None:
    with pytest.raises(OptionError, match="The note of a file holds plain JSON values only"):
        save(fitted(), path, note)


def test_a_note_that_is_too_deep_is_not_saved(path: Path) -> None:
    note: dict[str, Any] = {}
    for _ in range(20):
        note = {"deeper": note}
    with pytest.raises(CheckpointError, match=r"cannot be saved.*nested deeper than 16"):
        save(fitted(), path, note)


def test_a_missing_folder_is_named(path: Path) -> None:
    with pytest.raises(DataError, match=f"the folder {path} does not exist"):
        save(fitted(), path / "model.safetensors")


def test_an_option_of_another_name_is_named_with_the_nearest(path: Path) -> None:
    save(fitted(), path)
    signed(lambda manifest, tensors: manifest["mode"]["options"].update(smothing=0.1))(path, path.read_bytes())
    with pytest.raises(CheckpointError, match="LikenessOptions has no option 'smothing': did you mean 'smoothing'"):
        load(path)


def test_options_and_tensors_must_fit_each_other(path: Path) -> None:
    model = fitted()
    assert isinstance(model.scorer, DeepSVDD)
    model.scorer.options = replace(model.scorer.options, embedding=5)
    with pytest.raises(CheckpointError, match=r"Tensor 'scorer.centre' is F32 \[4\], and the model .* needs"):
        save(model, path)


def test_an_encoder_that_was_not_fitted_is_refused(path: Path) -> None:
    model = fit(small(encoder=PixelPCA((8, 9, 3), PixelPCAOptions(dim=DIM, side=4))))
    model.encoder.get_buffer("fitted").fill_(False)
    with pytest.raises(CheckpointError, match="Its encoder was saved before it was fitted"):
        save(model, path)


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        ({"axes": "HWX", "stack": None, "scaled": False}, "FrameLayout.axes must be"),
        ({"axes": "HWC", "stack": -1, "scaled": False}, "FrameLayout.stack must be"),
        ({"axes": "HWC", "stack": "4", "scaled": False}, "has frames.stack '4', not a int"),
        ({"axes": "HWC", "stack": 4}, "lacks 'frames.scaled'"),
        ([], r"has frames \[\], not an object"),
    ],
)
def test_a_layout_of_frames_that_cannot_be(frames: Any, message: str, path: Path) -> None:
    save(fitted(), path)
    signed(lambda manifest, tensors: manifest.update(frames=frames))(path, path.read_bytes())
    with pytest.raises(CheckpointError, match=message):
        load(path)
