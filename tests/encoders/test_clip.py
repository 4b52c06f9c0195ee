"""CLIP through its real loading path: a small random tower on disk, no network."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest
import torch

from tests.encoders.test_frames import frames
from tsreward.encoders.clip import CLIPEncoder, CLIPOptions
from tsreward.errors import CheckpointError, DataError, MissingExtraError, OptionError
from tsreward.io import describe, load, save
from tsreward.pipeline.model import RewardModel
from tsreward.pipeline.stream import RewardStream
from tsreward.rewards.likeness import Likeness
from tsreward.scorers.knn import KNN
from tsreward.training import TrainOptions

transformers = pytest.importorskip("transformers", reason="needs the extra 'pixels'")

SHAPE = (20, 24, 3)
SMALL = {
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": 16,
    "patch_size": 8,
    "projection_dim": 12,
}
pytestmark = pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # transformers leaves its JSON open


def write(folder: Path, seed: int = 0, processor: bool = True, **changed) -> Path:
    """Write a random CLIP vision tower."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        tower = transformers.CLIPVisionModelWithProjection(transformers.CLIPVisionConfig(**{**SMALL, **changed}))
    tower.save_pretrained(folder)
    if processor:
        size = {"size": {"shortest_edge": 16}, "crop_size": {"height": 16, "width": 16}}
        transformers.CLIPImageProcessorPil(**size).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("clip") / "tower")


@pytest.fixture
def encoder(folder: Path) -> CLIPEncoder:
    return CLIPEncoder.pretrained(SHAPE, str(folder))


def test_features_are_the_library_s_image_embeddings(folder: Path, encoder: CLIPEncoder) -> None:
    tower = transformers.CLIPVisionModelWithProjection.from_pretrained(folder, use_safetensors=True)
    processor = transformers.CLIPImageProcessorPil.from_pretrained(folder)
    obs = frames(5)
    pixels = processor(images=list(obs.numpy()), return_tensors="pt", input_data_format="channels_last")
    with torch.no_grad():
        expected = tower(**pixels).image_embeds
    expected = expected / expected.norm(dim=1, keepdim=True)
    torch.testing.assert_close(encoder(obs), expected, atol=1e-5, rtol=1e-4)
    assert encoder.dim == 12 and encoder.options.source == str(folder)


def test_a_whole_clip_serves_as_well(tmp_path: Path, encoder: CLIPEncoder) -> None:
    """Published CLIPs hold both towers; only the one for pictures is read."""
    text = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = transformers.CLIPConfig(vision_config=SMALL, text_config={**text, "vocab_size": 20}, projection_dim=12)
    model = transformers.CLIPModel(config)
    model.vision_model.load_state_dict(encoder._tower["tower"].vision_model.state_dict())
    model.visual_projection.load_state_dict(encoder._tower["tower"].visual_projection.state_dict())
    model.save_pretrained(tmp_path)
    whole = CLIPEncoder.pretrained(SHAPE, str(tmp_path))
    assert whole.options.digest == encoder.options.digest
    assert torch.equal(whole(frames(3)), encoder(frames(3)))


def test_bits_do_not_depend_on_the_batch(encoder: CLIPEncoder) -> None:
    obs = frames(9)
    assert torch.equal(torch.cat([encoder(part) for part in obs.flip(0).split(4)]).flip(0), encoder(obs))


@pytest.mark.parametrize("shape", [(20, 24, 1), (2, 20, 24, 3)])
def test_grey_and_stacked_frames(folder: Path, shape: tuple[int, ...], encoder: CLIPEncoder) -> None:
    features = CLIPEncoder.pretrained(shape, str(folder))(frames(3, shape))
    alone = frames(3, shape).reshape(-1, *shape[-3:]).expand(-1, -1, -1, 3)
    torch.testing.assert_close(features, encoder(alone).reshape(3, -1), atol=1e-6, rtol=1e-5)


def test_masks_are_blanked_before_it_looks(folder: Path, encoder: CLIPEncoder) -> None:
    obs = frames(2)
    masked = CLIPEncoder.pretrained(SHAPE, str(folder), masks=((0, 0, 9, 24),))
    blank = obs.clone()
    blank[:, :9] = 0
    assert torch.equal(masked(obs), encoder(blank)) and not torch.equal(masked(obs), encoder(obs))


def test_it_is_frozen_and_no_part_of_the_state(encoder: CLIPEncoder) -> None:
    assert encoder.state_dict() == {} and list(encoder.parameters()) == []
    assert not any(weight.requires_grad for weight in encoder._tower["tower"].parameters())
    assert not encoder(frames(1)).requires_grad


def fitted(encoder: CLIPEncoder) -> RewardModel:
    model = RewardModel(KNN(2), Likeness(), encoder)
    model.fit([frames(14, seed=seed) for seed in range(4)], options=TrainOptions(epochs=1, windows_per_epoch=64))
    return model


def test_a_model_file_names_the_weights_and_holds_none(tmp_path: Path, encoder: CLIPEncoder, monkeypatch) -> None:
    model, path, obs = fitted(encoder), tmp_path / "model.safetensors", frames(6, seed=9)
    save(model, path)
    found = describe(path)
    assert not [name for name in found["tensors"] if name.startswith("encoder")]
    options = found["encoder"]["options"]
    assert (options["source"], options["digest"]) == (encoder.options.source, encoder.options.digest)
    with monkeypatch.context() as patched:
        patched.setattr("tsreward.encoders.clip.read_tower", lambda *_: pytest.fail("loading must not look at it"))
        loaded = load(path)
    rewards = []
    for each in (model, loaded):
        online = RewardStream(each, 1)
        online.start(obs[:1])
        rewards.append([online.step(frame[None], None).reward.item() for frame in obs[1:]])
    assert rewards[0] == rewards[1]


def test_other_weights_are_refused(tmp_path: Path, encoder: CLIPEncoder) -> None:
    moved = shutil.copytree(encoder.options.source, tmp_path / "moved")
    other = write(tmp_path / "other", seed=1)
    fresh = CLIPEncoder(SHAPE, encoder.options)
    with pytest.raises(DataError, match=r"other have SHA-256 .*, and the encoder was made with"):
        fresh.connect(str(other))
    fresh.connect(str(moved))
    assert torch.equal(fresh(frames(2)), encoder(frames(2)))


def test_another_activation_is_another_tower(tmp_path: Path, folder: Path, encoder: CLIPEncoder) -> None:
    changed = shutil.copytree(folder, tmp_path / "changed")
    config = json.loads((changed / "config.json").read_text())
    (changed / "config.json").write_text(json.dumps({**config, "hidden_act": "gelu"}))
    with pytest.raises(DataError, match="have SHA-256"):
        encoder.connect(str(changed))


def test_pickled_weights_are_never_read(tmp_path: Path, folder: Path) -> None:
    pickled = shutil.copytree(folder, tmp_path / "pickled")
    (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")
    with pytest.raises(DataError, match=r"No CLIP with .safetensors weights can be read from"):
        CLIPEncoder.pretrained(SHAPE, str(pickled))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"model_type": "bert"}, "holds a 'bert' and no CLIP"),
        ({"num_hidden_layers": 3}, "lacks weights of a CLIP vision tower"),
        ({"model_type": "clip", "vision_config": 5}, "has vision_config 5 in its config.json"),
        ({"hidden_size": "many"}, "has hidden_size 'many' in its config.json"),
        ({"patch_size": 4}, "lacks weights of a CLIP vision tower|can be read from"),
    ],
)
def test_towers_that_do_not_fit_are_refused(tmp_path: Path, folder: Path, changed: dict, message: str) -> None:
    broken = shutil.copytree(folder, tmp_path / "broken")
    config = json.loads((broken / "config.json").read_text())
    (broken / "config.json").write_text(json.dumps(config | changed))
    with pytest.raises(DataError, match=message):
        CLIPEncoder.pretrained(SHAPE, str(broken))


@pytest.mark.parametrize("content", ["[]", '"x"', "null", "{"])
def test_a_configuration_that_names_nothing_is_refused(tmp_path: Path, folder: Path, content: str) -> None:
    broken = shutil.copytree(folder, tmp_path / "broken")
    (broken / "config.json").write_text(content)
    with pytest.raises(DataError, match=r"broken (holds no config.json of a model|\(.*Put config.json)"):
        CLIPEncoder.pretrained(SHAPE, str(broken))


@pytest.mark.parametrize(
    "changed",
    [{"do_center_crop": False}, {"resample": 0}, {"crop_size": 20}, {"size": 10**9}, {"size": None}, {"crop_size": []}],
)
def test_other_pictures_than_clip_wants_are_refused(tmp_path: Path, folder: Path, changed: dict) -> None:
    broken = shutil.copytree(folder, tmp_path / "broken")
    processor = json.loads((broken / "preprocessor_config.json").read_text())
    (broken / "preprocessor_config.json").write_text(json.dumps(processor | changed))
    with pytest.raises(DataError, match="wants other pictures than CLIP does"):
        CLIPEncoder.pretrained(SHAPE, str(broken))


@pytest.mark.parametrize("name", ["preprocessor_config.json", "processor_config.json"])
@pytest.mark.parametrize("content", [b'{"image_mean": [0.5, ', b"", b"\xff\xfe", b"[" * 10**5, b"[]", b'"x"', b"null"])
def test_a_damaged_description_of_pictures_is_no_missing_one(
    tmp_path: Path, folder: Path, name: str, content: bytes
) -> None:
    broken = shutil.copytree(folder, tmp_path / "broken")
    (broken / name).write_bytes(content)
    with pytest.raises(DataError, match=rf"^[^\n]*broken/{name} [^\n]*: copy or download it again.$"):
        CLIPEncoder.pretrained(SHAPE, str(broken))


@pytest.mark.parametrize("name", ["image_mean", "image_std"])
@pytest.mark.parametrize(
    "values",
    ["abc", 5, None, [], [0.5], [0.5, 0.5], [0.5] * 4, [None, 1, 2], [True] * 3, [float("nan")] * 3, [10**400] * 3],
)
def test_means_and_deviations_are_three_numbers(tmp_path: Path, folder: Path, name: str, values: object) -> None:
    broken = shutil.copytree(folder, tmp_path / "broken")
    file = broken / "preprocessor_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {name: values}))
    with pytest.raises(DataError, match=rf"{file} needs {name} of three numbers from .*, got .*: copy or download"):
        CLIPEncoder.pretrained(SHAPE, str(broken))


def test_pictures_described_beside_others_go_first(tmp_path: Path, folder: Path) -> None:
    changed = shutil.copytree(folder, tmp_path / "changed")
    processor = json.loads((changed / "preprocessor_config.json").read_text())
    whole = {"image_processor": processor | {"image_mean": [0.25, 0.5, 1]}, "video_processor": {}}
    (changed / "processor_config.json").write_text(json.dumps(whole))
    assert CLIPEncoder.pretrained(SHAPE, str(changed)).options.mean == (0.25, 0.5, 1.0)
    (changed / "processor_config.json").write_text("{}")
    assert CLIPEncoder.pretrained(SHAPE, str(changed)).options.mean == CLIPOptions().mean


def test_damaged_weights_are_refused(tmp_path: Path, folder: Path) -> None:
    broken = shutil.copytree(folder, tmp_path / "broken")
    whole = (broken / "model.safetensors").read_bytes()
    (broken / "model.safetensors").write_bytes(whole[:-100])
    with pytest.raises(DataError, match="can be read from"):
        CLIPEncoder.pretrained(SHAPE, str(broken))


def test_a_tower_without_preprocessing_takes_clip_s_own(tmp_path: Path) -> None:
    options = CLIPEncoder.pretrained(SHAPE, str(write(tmp_path, processor=False))).options
    assert (options.shortest, options.crop, options.mean) == (16, 16, CLIPOptions().mean)


@pytest.mark.parametrize("source", ["", "../x/y", "https://example.org/clip", "/nowhere", "a/b/c", "a/..", "x\x1b/y"])
def test_a_source_that_cannot_be_is_refused(source: str) -> None:
    with pytest.raises(DataError, match="is neither a folder nor a name on the hub"):
        CLIPEncoder(SHAPE, CLIPOptions(source=source)).connect()


def test_what_is_not_on_this_machine_is_not_downloaded() -> None:
    with pytest.raises(DataError, match=r"Only this machine was searched: connect\(local_only=False\)"):
        CLIPEncoder(SHAPE, CLIPOptions(source="nobody/no-such-clip"))(frames(1))


def test_what_cannot_be_made_is_downloaded_by_making_it() -> None:
    with pytest.raises(DataError, match=r"Only this machine was searched: pretrained\(\.\.\., local_only=False\) may"):
        CLIPEncoder.pretrained(SHAPE, "nobody/no-such-clip", local_only=True)


def test_a_folder_without_a_clip_is_not_to_be_downloaded(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(DataError, match=r"Put config.json and model.safetensors there"):
        CLIPEncoder(SHAPE, CLIPOptions(source=str(tmp_path))).connect()


def test_an_unknown_precision_is_refused_on_any_device(folder: Path) -> None:
    with pytest.raises(OptionError, match=r"precision must be 'float32', 'float16' or 'bfloat16', got 'int8'"):
        CLIPEncoder.pretrained(SHAPE, str(folder), precision="int8")  # type: ignore[arg-type]


def test_a_file_cannot_hold_preprocessing_that_cannot_be(tmp_path: Path, encoder: CLIPEncoder) -> None:
    from tests.reliability.forge import signed

    path = tmp_path / "model.safetensors"
    save(fitted(encoder), path)
    whole = path.read_bytes()
    for change, message in (
        ({"crop": 10**9}, "crop must be an integer in \\[1, 2048\\]"),
        ({"std": [0.0, 1.0, 1.0]}, "std must be a list of 3, each a finite number > 0"),
        ({"precision": "int8"}, "CLIPOptions.precision must be"),
        ({"dim": 13}, "encoder gives 13 features"),
    ):
        signed(lambda manifest, tensors, change=change: manifest["encoder"]["options"].update(change))(path, whole)
        with pytest.raises(CheckpointError, match=message):
            load(path)


def test_without_transformers_the_command_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingExtraError, match=r"pip install .*\[pixels\]"):
        CLIPEncoder.pretrained(SHAPE, str(folder))


@pytest.mark.parametrize("options", [{"shortest": 0}, {"dim": 0}, {"mean": (float("nan"), 0.0, 0.0)}])
def test_options_that_cannot_be_are_refused(options: dict) -> None:
    with pytest.raises(OptionError, match=r"CLIPOptions.(shortest|dim|mean) must be"):
        CLIPOptions(**options)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("precision", ["float32", "float16", "bfloat16"])
def test_a_gpu_gives_nearly_the_same(folder: Path, encoder: CLIPEncoder, precision) -> None:
    quick = CLIPEncoder.pretrained(SHAPE, str(folder), precision=precision).to("cuda")
    features = quick(frames(40))
    assert features.device.type == "cpu" and features.dtype == torch.float32
    torch.testing.assert_close(features, encoder(frames(40)), atol=3e-2 if precision != "float32" else 1e-3, rtol=0)
    assert torch.equal(quick.to("cpu")(frames(3)), encoder(frames(3)))
