"""What scorers in closed form learn from parts is what they learn from the whole."""

from __future__ import annotations

import pytest
import torch

from tsreward.errors import DataError, ShapeError
from tsreward.scorers.base import SCORERS
from tsreward.scorers.closed_form import ClosedForm
from tsreward.scorers.mahalanobis import Mahalanobis
from tsreward.sequences.shards import Shards
from tsreward.sequences.windows import WindowSet

NAMES = [name for name in SCORERS.names(own=True) if issubclass(SCORERS[name], ClosedForm)]
EPISODES = [
    torch.cat(
        [torch.randn(60, 2, generator=torch.Generator().manual_seed(seed)).cumsum(0), torch.full((60, 1), 5.0)], 1
    )
    for seed in range(7)
]
WHOLE = WindowSet.from_episodes(EPISODES, window=3)
SHARDS = Shards(3, lambda place: WindowSet.from_episodes(EPISODES[place * 2 : place * 2 + 2 + (place == 2)], window=3))


def test_they_are_known():
    assert set(NAMES) == {"mahalanobis", "pca", "ridge_var"}


@pytest.mark.parametrize("name", NAMES)
def test_shards_teach_what_the_whole_teaches(name):
    whole, parts = SCORERS[name](3).fit(WHOLE), SCORERS[name](3).fit_shards(SHARDS)
    assert parts.constant == whole.constant == (2,)
    torch.testing.assert_close(parts.mean, whole.mean, rtol=1e-12, atol=1e-12)
    strange = WHOLE.map(lambda rows: rows + torch.tensor([0.0, 4.0, 1.0]))
    for windows in (WHOLE, strange):
        expected = whole.score_all(windows)
        torch.testing.assert_close(parts.score_all(windows), expected, rtol=1e-4, atol=1e-5 * float(expected.max()))


def test_damaged_shards_are_refused():
    empty = WHOLE.where(torch.zeros(len(WHOLE), dtype=torch.bool))
    with pytest.raises(DataError, match="no normal windows"):
        Mahalanobis(3).fit_shards(Shards(2, lambda place: [WHOLE, empty][place]))
    narrow = WindowSet.from_episodes([EPISODES[0][:, :2]], window=3)
    with pytest.raises(ShapeError, match=r"\[B, 3, 3\]"):
        Mahalanobis(3).fit_shards(Shards(2, lambda place: [WHOLE, narrow][place]))
