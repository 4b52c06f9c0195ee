"""`tsreward export`: one sentence, or one line."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.cli.conftest import Made
from tests.cli.test_detect import FAST, write
from tsreward.cli.main import main


def test_a_model_of_fit_becomes_a_graph(made: Made, document, tmp_path: Path) -> None:
    told = document("export", made.model, "--out", tmp_path / "model.pt2")
    assert told["windows"][0] == "B" and told["difference"] <= 1e-5
    program = torch.export.load(tmp_path / "model.pt2").module()
    assert program(torch.zeros(3, *told["windows"][1:], dtype=torch.float64)).shape == (3,)


def test_what_cannot_be_exported_is_one_line(made: Made, complaint, tmp_path: Path) -> None:
    assert "written to .onnx or .pt2, got model.bin" in complaint("export", made.model, "--out", tmp_path / "model.bin")
    assert "does not exist" in complaint("export", made.model, "--out", tmp_path / "none" / "model.onnx")
    log, file = tmp_path / "n.csv", tmp_path / "d.safetensors"
    write(log, 0, 600, 0)
    assert main(["fit", str(log), *FAST, "--out", str(file)]) == 0
    assert "detector" in complaint("export", file, "--out", tmp_path / "model.onnx")
    assert not list(tmp_path.glob("model*"))


def test_onnx(made: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for package in ("onnx", "onnxruntime", "onnxscript"):
        pytest.importorskip(package)
    assert main(["export", str(made.model), "--out", str(tmp_path / "model.onnx")]) == 0
    assert "standard deviations from the model's at most. Written to" in capsys.readouterr().out
