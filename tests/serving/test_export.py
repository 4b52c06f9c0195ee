"""Graphs give the scores of their models, with any number of windows, and what is no graph is refused by name."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tsreward.encoders.pixel_pca import PixelPCA
from tsreward.encoders.sorted_lidar import SortedLidar, SortedLidarOptions
from tsreward.errors import DataError, NotFittedError, OptionError
from tsreward.pipeline.model import RewardModel
from tsreward.rewards.likeness import Likeness
from tsreward.scorers.base import SCORERS, Scorer
from tsreward.sequences.windows import WindowSet
from tsreward.serving import export
from tsreward.serving.export import TOLERANCE, ScoreGraph, export_model
from tsreward.training import TrainOptions

OFFSET = np.array([0.0, 1e7, -3.0, 7.0])


def walks(count: int, seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [OFFSET + np.array([1.0, 1.0, 0.01, 0.0]) * rng.normal(size=(60, 4)).cumsum(0) for _ in range(count)]


def fitted(name: str, encoder: Any = None, **options: Any) -> RewardModel:
    cls: type[Scorer] = SCORERS[name]
    model = RewardModel(cls(4, cls.Options(**options)), Likeness(), encoder)
    bad = walks(3, 9) if cls.needs_negative else None
    return model.fit(walks(6, 0), bad, options=TrainOptions(epochs=1, windows_per_epoch=2_000))


def windows() -> np.ndarray:
    rows = np.stack([one[:4] for one in walks(37, 5)])
    rows[:9, 2:, 3] = 8.0  # what was constant moves
    return rows


def away(model: RewardModel, found: np.ndarray, rows: np.ndarray) -> float:
    obs = torch.from_numpy(rows)
    features = model.encoder(obs.flatten(0, 1)).unflatten(0, (-1, model.window))
    wanted = model.score(features).double().numpy()
    return float(np.abs(found - wanted).max() / wanted.std())


CASES = [
    ("deep_svdd", {}),
    ("deep_svdd", {"network": "gru"}),
    ("deep_svdd", {"network": "tcn", "distance": "mahalanobis"}),
    ("discriminator", {}),
    ("forecaster", {}),
    ("forecaster", {"network": "mlp", "loss": "mse"}),
    ("knn", {}),
    ("knn", {"steps": "window", "distance": "kth"}),
    ("lstm_vae", {"distance": "mahalanobis", "error": "last"}),
    ("lstm_vae", {"decoder": "mlp", "norm": "l2"}),
    ("mahalanobis", {}),
    ("mahalanobis", {"steps": "window", "covariance": "diagonal", "clip": None}),
    ("pca", {"steps": "window"}),
    ("pca", {"steps": "window", "score": "weighted"}),
    ("ridge_var", {"scale_residuals": True}),
    ("transformer_ae", {}),
]


def test_every_graph_is_tried() -> None:
    assert {name for name, _ in CASES} == {name for name in SCORERS.names() if SCORERS[name].graph}


@pytest.mark.parametrize(("name", "options"), CASES, ids=lambda value: str(value))
def test_an_exported_program_gives_the_scores(name: str, options: dict[str, Any], tmp_path: Path) -> None:
    model, path = fitted(name, **options), tmp_path / "model.pt2"
    assert export_model(model, path) <= TOLERANCE
    extra = {"tsreward.json": ""}
    program = torch.export.load(io.BytesIO(path.read_bytes()), extra_files=extra).module()
    assert json.loads(extra["tsreward.json"])["window"] == 4
    for rows in (windows(), windows()[:1]):
        found = program(torch.from_numpy(rows)).detach().numpy()
        assert found.shape == (len(rows),) and found.dtype == np.float32
    assert away(model, program(torch.from_numpy(windows())).detach().numpy(), windows()) <= TOLERANCE


@pytest.mark.parametrize(("name", "options"), [CASES[0], CASES[6], CASES[10]], ids=lambda value: str(value))
def test_onnx_gives_the_scores(name: str, options: dict[str, Any], tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")
    runtime = pytest.importorskip("onnxruntime")
    model, path = fitted(name, **options), tmp_path / "model.onnx"
    export_model(model, path)
    session = runtime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    assert away(model, session.run(["score"], {"windows": windows()})[0], windows()) <= TOLERANCE
    assert session.run(None, {"windows": windows()[:1]})[0].shape == (1,)
    assert json.loads(session.get_modelmeta().custom_metadata_map["tsreward"])["window"] == 4


def test_an_encoder_is_part_of_the_graph(tmp_path: Path) -> None:
    model = fitted("mahalanobis", SortedLidar((4,), SortedLidarOptions(groups=((0, 3),))))
    export_model(model, tmp_path / "model.pt2")
    program = torch.export.load(str(tmp_path / "model.pt2")).module()
    found = program(torch.from_numpy(windows())).detach().numpy()
    assert away(model, found, windows()) <= TOLERANCE
    plain = ScoreGraph(fitted("mahalanobis"))(torch.from_numpy(windows())).numpy()
    assert np.abs(found - plain).max() > 0.1


def test_what_cannot_be_exported_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = fitted("mahalanobis")
    with pytest.raises(OptionError, match=r"written to \.onnx or \.pt2, got model\.pb"):
        export_model(model, tmp_path / "model.pb")
    with pytest.raises(NotFittedError, match="Only a fitted model"):
        export_model(RewardModel(SCORERS["pca"](4), Likeness()), tmp_path / "model.pt2")
    monkeypatch.setattr(type(model.scorer), "graph", False)
    with pytest.raises(OptionError, match=r"Mahalanobis cannot be exported.* scorers that can be are deep_svdd"):
        export_model(model, tmp_path / "model.pt2")
    monkeypatch.undo()
    model.encoder = PixelPCA((64, 64, 3))
    with pytest.raises(OptionError, match=r"PixelPCA cannot be exported.*encoders that can be are identity, sorted"):
        export_model(model, tmp_path / "model.pt2")
    assert not list(tmp_path.iterdir())


def test_a_graph_that_differs_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(*given: Any) -> tuple[bytes, export.Run]:
        return b"", lambda rows: np.zeros(len(rows), dtype=np.float32)

    monkeypatch.setattr(export, "_exported", wrong)
    with pytest.raises(DataError, match="gives other scores than the model"):
        export_model(fitted("mahalanobis"), tmp_path / "model.pt2")
    assert not list(tmp_path.iterdir())


def test_windows_of_a_model_are_those_of_its_steps() -> None:
    model = fitted("ridge_var")
    walk = walks(1, 3)[0]
    found = ScoreGraph(model)(WindowSet.from_episodes([torch.from_numpy(walk)], window=4).gather(torch.arange(60)))
    np.testing.assert_allclose(found.numpy(), model.score(walk), rtol=1e-5)
