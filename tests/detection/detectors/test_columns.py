"""Detectors know the names of the columns they were fitted on, in their files too."""

import numpy as np
import pyarrow
import pytest

from tests import plant
from tsreward.cli.main import main
from tsreward.detection.detectors.files import load_detector, save_detector
from tsreward.detection.detectors.presets import make_detector
from tsreward.errors import DataError, ShapeError
from tsreward.sequences.series import DetectionTask, Series

SWAPPED = ["flow", "load", "temp"]


@pytest.mark.parametrize("name", ["pca", "ridge_var", "z_norm"])
def test_columns_in_another_order_give_the_same_scores(name):
    detector = make_detector(name).fit(plant.frame(0, plant.FIT))
    right = detector.decision_function(plant.frame())
    np.testing.assert_array_equal(detector.decision_function(plant.frame()[SWAPPED]), right)
    np.testing.assert_array_equal(detector.predict(plant.frame()[SWAPPED]), detector.predict(plant.frame()))
    assert detector.feature_names_in_.tolist() == list(plant.NAMES)


def test_missing_unknown_and_ignored_columns():
    detector = make_detector("pca").fit(plant.frame(0, plant.FIT).assign(note="a"), ignore=["note"])
    right = detector.decision_function(plant.frame())
    more = plant.frame().assign(note="b")
    np.testing.assert_array_equal(detector.decision_function(more, ignore=["note"]), right)
    assert detector.predict(more, ignore=["note"]).index is not None
    with pytest.raises(DataError, match="'note' holds str"):
        detector.decision_function(more)
    with pytest.raises(DataError, match="'speed', which is none of the detector"):
        detector.decision_function(plant.frame().assign(speed=1.0))
    with pytest.raises(DataError, match=r"lacks the column 'temp' of the detector; has it become 'Temp'\?"):
        detector.predict(plant.frame().rename(columns={"temp": "Temp"}))
    np.testing.assert_array_equal(detector.decision_function(plant.frame().to_numpy()), right)
    with pytest.raises(ShapeError, match="was fitted on 3 columns"):
        detector.decision_function(plant.frame().to_numpy()[:, :2])
    table = pyarrow.Table.from_pandas(plant.frame()[SWAPPED], preserve_index=False)
    np.testing.assert_array_equal(detector.decision_function(table), right)


def test_names_stand_in_the_file(tmp_path, capsys):
    detector = make_detector("pca").fit(plant.frame(0, plant.FIT))
    save_detector(detector, tmp_path / "d")
    again = load_detector(tmp_path / "d")
    assert again.feature_names_in_.tolist() == list(plant.NAMES)
    np.testing.assert_array_equal(
        again.decision_function(plant.frame()[SWAPPED]), detector.decision_function(plant.frame())
    )
    assert main(["info", str(tmp_path / "d")]) == 0
    assert '"load", "temp", "flow"' in capsys.readouterr().out


def test_arrays_leave_no_names():
    detector = make_detector("pca").fit(plant.frame(0, plant.FIT).to_numpy())
    assert detector.feature_names_in_ is None
    assert len(detector.decision_function(plant.frame())) == plant.SCORE


def test_the_parts_of_a_task_are_matched():
    rows = plant.plant()
    train = Series(rows[:3000], columns=plant.NAMES)
    test = Series(rows[3000:, [2, 0, 1]], np.zeros(600), columns=("flow", "load", "temp"))
    np.testing.assert_array_equal(DetectionTask("plant", train, test).test.values, rows[3000:])
    with pytest.raises(DataError, match="lacks the column 'temp' of the training part"):
        DetectionTask("plant", train, Series(rows[3000:], np.zeros(600), columns=("load", "x", "flow")))
