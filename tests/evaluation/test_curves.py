"""Curves are drawn with and without costs, and a missing matplotlib is found before anything is run."""

import sys

import numpy as np
import pytest

from tsreward.episodes import Episode
from tsreward.errors import MissingExtraError
from tsreward.evaluation.curves import check_plotting, plot_curves


def episodes(number: int, costs: bool) -> list[Episode]:
    one = Episode(np.zeros((6, 1)), np.ones(5), np.ones(5) if costs else None)
    return [one] * number


def width(png: bytes) -> int:
    assert png.startswith(b"\x89PNG\r\n")
    return int.from_bytes(png[16:20])


def test_cost_has_a_panel_where_there_is_one(tmp_path):
    plot_curves({"one": episodes(30, True), "two": episodes(1, True)}, tmp_path / "both.png", "title")
    plot_curves({"one": episodes(3, False)}, tmp_path / "return.png", "title")
    assert width((tmp_path / "both.png").read_bytes()) == 2 * width((tmp_path / "return.png").read_bytes())


def test_a_missing_matplotlib_is_named_with_its_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.backends.backend_agg", None)
    with pytest.raises(MissingExtraError, match=r"matplotlib is not installed.*pip install 'tsreward\[report\]'"):
        check_plotting()
