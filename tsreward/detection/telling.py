"""`Teller`: what is told of an incident: the channels to blame, what was expected of them, and what is alike."""

from __future__ import annotations

import numpy as np

from tsreward.detection.alarms import Alarm, Channel
from tsreward.detection.detectors.base import Detector
from tsreward.detection.detectors.logs import LogDetector
from tsreward.detection.incidents import Incident, most_similar
from tsreward.sequences.series import Series

_AROUND = 100
"""Rows on both sides of the peak that are explained."""
_TOLD, _REMEMBERED = 3, 500


class Teller:
    """Numbers incidents, explains them, and remembers what the last ones were like.

    Args:
        detector: fitted.
    """

    def __init__(self, detector: Detector) -> None:
        self.detector = detector
        self.number = 0
        """Of the last incident."""
        self.signatures = np.zeros((0, (detector.n_features_in_ or 0) + 2))
        """Number, kind and signature of the last incidents."""

    def tell(self, kind: str, one: Incident, rows: Series, stuck: np.ndarray, first: int) -> Alarm:
        """Return an incident with all that is told of it, and remember it.

        Args:
            kind: score or stuck.
            one: the incident.
            rows: those of the log that are kept, the whole incident among them.
            stuck: [T, D], which of their sensors are stuck.
            first: number of the first of these rows.
        """
        start, stop, row = one.start - first, one.stop - first, one.row - first
        kept = rows.values
        if kind == "stuck":
            blamed = stuck[start:stop].mean(0)
        else:
            begin, end = max(start, row - _AROUND), min(stop, row + _AROUND + 1)
            blamed = np.maximum(self.detector.explain(rows, begin, end), 0.0).mean(0)
        share = blamed / max(float(blamed.sum()), 1e-300)
        order = [int(place) for place in np.argsort(-share, kind="stable")[:_TOLD] if share[place] > 0]
        expectation = self.detector.expected_
        assert expectation is not None  # it is fitted
        masked = kept[row : row + 1].copy()
        masked[0, order] = np.nan
        expected, values = expectation.fill(masked)[0], kept[row]
        mean, std = expectation.mean.numpy(), expectation.scale.numpy()
        side = np.sign(kept[start:stop].mean(0) - mean)
        signature = np.sqrt(share) * (side if kind == "score" else 1.0)
        same = self.signatures[self.signatures[:, 1] == (kind == "stuck")]
        near = most_similar(np.concatenate([same[:, 2:], signature[None]]))[-1]
        self.number += 1
        mark = np.concatenate([[self.number, kind == "stuck"], signature])[None]
        self.signatures = np.concatenate([self.signatures, mark])[-_REMEMBERED:]
        low, high, rise = mean - 2.33 * std, mean + 2.33 * std, np.zeros(len(mean), dtype=bool)
        if isinstance(self.detector, LogDetector):
            values, expected, (low, high) = self.detector.usual(rows, row, expected)
            rise = self.detector.counters_
        names = self.detector.feature_names_in_
        channels = tuple(
            Channel(
                str(place) if names is None else str(names[place]),
                float(share[place]),
                float(values[place]),
                float(expected[place]),
                float(low[place]),
                float(high[place]),
                bool(rise[place]),
            )
            for place in order
        )
        begin, end, peak = (
            place + first if rows.index is None else rows.index[place] for place in (start, stop - 1, row)
        )
        similar = tuple((int(same[place, 0]), alike) for place, alike in near)
        return Alarm(self.number, kind, one, begin, end, peak, channels, similar)
