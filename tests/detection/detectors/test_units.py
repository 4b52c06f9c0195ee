"""Units and offsets of columns do not matter to detectors of series."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import IsolationForest

from tests.affine import CHANGES, changed, plant, within
from tsreward.detection.detectors.base import DETECTORS
from tsreward.detection.detectors.presets import make_detector
from tsreward.detection.detectors.sklearn import SklearnDetector

SLOW = {"dqn", "ensemble", "forecaster", "transformer_ae", "lstm_vae", "lstm_vae_whitened"}
"""Networks: what they score with is tested as a scorer (tests/pipeline/test_units.py)."""


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", [name for name in DETECTORS.names(own=True) if name not in SLOW])
def test_scores_and_flags_stay_the_same(name: str, change: str) -> None:
    known, new = plant(600, 0), plant(300, 1)
    detectors = [make_detector(name).fit(changed(known, kind)) for kind in ("none", change)]
    expected, found = (
        detector.decision_function(changed(new, kind))
        for detector, kind in zip(detectors, ("none", change), strict=True)
    )
    within(expected, found)
    flags = [detector.predict(changed(new, kind)) for detector, kind in zip(detectors, ("none", change), strict=True)]
    assert np.mean(flags[0] != flags[1]) <= 0.01


@pytest.mark.parametrize("change", CHANGES)
def test_foreign_detectors_too(change: str) -> None:
    scores = [
        SklearnDetector(IsolationForest(random_state=0, n_estimators=20), false_alarm_rate=None)
        .fit(changed(plant(600, 0), kind))
        .decision_function(changed(plant(300, 1), kind))
        for kind in ("none", change)
    ]
    within(*scores)
