"""`tsreward compare`: a table, a page, and JSON beside it."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.scripted import script, small_model
from tsreward.cli.main import main
from tsreward.data.episodes import save_episodes
from tsreward.io import save


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Return the files of two models, and of episodes for them."""
    folder = tmp_path_factory.mktemp("files")
    save(small_model(), folder / "a.safetensors")
    save(small_model(window=3), folder / "b.safetensors")
    save(small_model((5,)), folder / "wide.safetensors")
    rng = np.random.default_rng(0)
    save_episodes([script(rng, length) for length in (30, 20)], folder / "data.npz")
    return folder


def test_page_and_documents_agree(files, tmp_path, document):
    found = document(
        "compare", files / "a.safetensors", files / "b.safetensors", "--data", files / "data.npz",
        "--out", tmp_path / "page.html", "--windows", 2,
    )  # fmt: skip
    assert json.loads((tmp_path / "page.json").read_text()) == found
    assert found["steps"] == 50 and len(found["differences"]) == 2
    assert sum(found["flags"][name] for name in ("both", "only_first", "only_second", "neither")) == 50
    assert set(found["files"]) == {str(files / name) for name in ("a.safetensors", "b.safetensors", "data.npz")}
    assert f"{found['correlations']['scores']['spearman']:.2g}" in (tmp_path / "page.html").read_text()


def test_the_table_is_on_stdout(files, capsys):
    arguments = ["compare", files / "a.safetensors", files / "b.safetensors", "--data", files / "data.npz"]
    assert main([*map(str, arguments)]) == 0
    assert "scores: Spearman" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("second", "more", "message"),
    [
        ("b", ("--out", "page.txt"), "ends with .html"),
        ("b", ("--windows", "-1"), "--windows must be an integer >= 0"),
        ("wide", (), "reads observations [5]"),
        ("none", (), "none.safetensors"),
    ],
)
def test_bad_input_is_one_line(second, more, message, files, complaint):
    models = files / "a.safetensors", files / f"{second}.safetensors"
    assert message in complaint("compare", *models, "--data", files / "data.npz", *more)
