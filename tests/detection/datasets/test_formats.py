"""All loaders are in the table, and errors of each are of this package."""

from pathlib import Path

import pytest

from tsreward.detection.datasets.formats import LOADERS
from tsreward.detection.datasets.synthetic import smd_like, write_smd
from tsreward.errors import DataError


def test_the_names():
    assert list(LOADERS) == sorted(["smd", "yahoo", "wadi", "nab", "telemanom", "asd", "tsb-ad", "csv", "parquet"])


def test_a_loader_takes_a_path(tmp_path):
    write_smd(smd_like(seed=0, count=1, steps=400), tmp_path)
    assert [task.name for task in LOADERS["smd"](tmp_path)] == ["machine-1-1"]


@pytest.mark.parametrize("name", LOADERS)
@pytest.mark.parametrize("place", ["none", "."])
def test_missing_and_empty_folders(tmp_path, name, place):
    with pytest.raises(DataError, match=str(tmp_path)):
        LOADERS[name](Path(tmp_path / place))
