"""Missing values and gaps in what detectors see."""

import numpy as np
import pandas
import pytest

from tests import plant
from tsreward.detection.detectors.files import load_detector, save_detector
from tsreward.detection.detectors.presets import make_detector
from tsreward.errors import DataError


@pytest.fixture(scope="module", params=["pca", "ridge_var", "ensemble"])
def detector(request):
    """Return a detector of the plant."""
    return make_detector(request.param).fit(plant.frame(0, plant.FIT))


def lacking():
    frame = plant.frame()
    frame.loc[10:12, "temp"] = np.nan
    return frame


def test_missing_values(detector, tmp_path):
    frame = lacking()
    with pytest.raises(DataError, match=r"row 10 .* column 'temp'.*missing='drop'"):
        detector.decision_function(frame)
    dropped = detector.decision_function(frame, missing="drop")
    pandas.testing.assert_series_equal(dropped, detector.decision_function(frame.dropna()))
    assert detector.predict(frame, missing="mask").mean() < 0.05
    assert len(detector.decision_function(frame, missing="mask")) == len(frame)
    filled = detector.decision_function(frame, missing="interpolate")
    np.testing.assert_array_equal(filled, detector.decision_function(frame.interpolate()))
    save_detector(detector, tmp_path / "d")
    again = load_detector(tmp_path / "d").decision_function(frame, missing="mask")
    pandas.testing.assert_series_equal(again, detector.decision_function(frame, missing="mask"))


def test_windows_and_averages_never_cross_a_gap(detector):
    stamps = pandas.date_range("2024-03-01", periods=600, freq="1min")
    stamps = stamps[:300].append(stamps[300:] + pandas.Timedelta(days=4))
    frame = plant.frame().set_index(stamps)
    parts = [detector.decision_function(plant.frame()[part]) for part in (slice(0, 300), slice(300, 600))]
    np.testing.assert_array_equal(detector.decision_function(frame, gap=600), np.concatenate(parts))
    fitted = make_detector("pca").fit(frame, gap=600)
    assert fitted.feature_names_in_.tolist() == list(plant.NAMES)
    with pytest.raises(DataError, match="has 300 rows to fit on, a window 400"):
        make_detector("pca", seed=0).set_params(detector__window=400).fit(frame, gap=600)
