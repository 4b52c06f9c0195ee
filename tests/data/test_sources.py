"""Files and Minari datasets are read alike."""

from __future__ import annotations

import hashlib
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.data.minari_sets import record
from tests.scripted import script
from tsreward.data.columns import DataColumns
from tsreward.data.episodes import save_episodes
from tsreward.data.sources import digest, read_episodes
from tsreward.errors import DataError, TSRewardWarning
from tsreward.sequences.episodes import Episode


@pytest.fixture
def root(tmp_path, monkeypatch):
    """Return a folder with a file and a Minari dataset of the same two episodes."""
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "minari"))
    rng = np.random.default_rng(0)
    episodes = [script(rng, length) for length in (9, 4)]
    record("walk-v0", episodes)
    save_episodes(episodes, tmp_path / "data.npz")
    save_episodes([script(rng, 4, shape=(5,))], tmp_path / "wide.npz")
    return tmp_path


def test_files_and_minari_datasets_are_read_in_order(root):
    both = read_episodes([root / "data.npz", Path("minari:walk-v0"), Path(f"minari:{root}/minari/walk-v0")])
    assert [len(episode) for episode in both] == [9, 4] * 3
    assert all(np.array_equal(both[index].obs, both[index + 2].obs) for index in range(4))


def test_shapes_must_agree(root):
    with pytest.raises(DataError, match=r"wide.npz holds observations \[5\], but minari:walk-v0 \[3\]"):
        read_episodes([Path("minari:walk-v0"), root / "wide.npz"])
    with pytest.raises(DataError, match="No data were given"):
        read_episodes([])


def test_the_digest_follows_the_content(root):
    assert digest(root / "data.npz") == hashlib.sha256((root / "data.npz").read_bytes()).hexdigest()
    before = digest(Path("minari:walk-v0"))
    assert before == digest(Path("minari:walk-v0")) != digest(root / "data.npz")
    with (root / "minari" / "walk-v0" / "data" / "metadata.json").open("a") as file:
        file.write(" ")
    assert digest(Path("minari:walk-v0")) != before


def test_rules_say_what_becomes_of_recorded_costs(tmp_path):
    values = np.array([0.0, 0.4, -2.0, 3.0])
    save_episodes([Episode(np.zeros((5, 2)), costs=values)], tmp_path / "d.npz")
    cases: list[tuple[dict[str, Any], list[float]]] = [
        ({"cost_above": 0.5}, [0, 0, 0, 1]),
        ({"cost_below": -1.0}, [0, 0, 1, 0]),
        ({"cost_sign": "negative"}, [0, -0.4, 2, -3]),
        ({}, values.tolist()),
    ]
    for rules, wanted in cases:
        told = pytest.warns(TSRewardWarning, match="--cost-sign") if min(wanted) < 0 else nullcontext()
        with told:
            costs = read_episodes(tmp_path / "d.npz", DataColumns(**rules))[0].costs
        assert costs is not None
        assert costs.tolist() == wanted
