"""What `save_detector` writes, `load_detector` reads again bit-identically; what has no safe form is refused."""

import json

import numpy as np
import pytest

from tests.reliability.forge import signed
from tests.reliability.models import fitted as fitted_model
from tsreward.cli.main import main
from tsreward.detection.datasets.synthetic import smd_like
from tsreward.detection.detectors.base import DETECTOR_CLASSES, DETECTORS, Detector
from tsreward.detection.detectors.composed import Ensemble, Smoothed
from tsreward.detection.detectors.files import load_detector, save_detector
from tsreward.detection.detectors.presets import make_detector
from tsreward.detection.detectors.windows import WindowDetector
from tsreward.errors import CheckpointError, NotFittedError, OptionError
from tsreward.io import describe, load, save
from tsreward.scorers.deep_svdd import DeepSVDD, DeepSVDDOptions
from tsreward.scorers.mahalanobis import Mahalanobis
from tsreward.scorers.pca import PCA
from tsreward.training import TrainOptions

FEW = TrainOptions(epochs=1, windows_per_epoch=200)


@pytest.fixture(scope="module")
def task():
    return smd_like(seed=0, count=1, steps=1200, dim=6)[0]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "detector.safetensors"


def with_few_epochs(detector: Detector) -> Detector:
    """Train networks briefly, wherever they are."""
    if isinstance(detector, WindowDetector):
        detector.train = FEW
    for part in getattr(detector, "members", None) or filter(None, [getattr(detector, "detector", None)]):
        with_few_epochs(part)
    return detector


@pytest.mark.parametrize("name", sorted(set(DETECTORS) - {"isolation_forest"}))
def test_every_detector_comes_back_bit_identically(name, task, path) -> None:
    detector = with_few_epochs(make_detector(name, seed=1, alignment="centred", false_alarm_rate=0.03)).fit(task.train)
    save_detector(detector, path, note={"series": task.name})
    again = load_detector(path)
    assert repr(again) == repr(detector)
    np.testing.assert_array_equal(again.decision_function(task.test), detector.decision_function(task.test))
    np.testing.assert_array_equal(again.predict(task.test), detector.predict(task.test))
    assert again.threshold_ == detector.threshold_
    again.false_alarm_rate = detector.false_alarm_rate = 0.2
    assert again.threshold_ == detector.threshold_
    first = path.read_bytes()
    again.false_alarm_rate = 0.03
    save_detector(again, path, note={"series": task.name})
    assert path.read_bytes() == first
    assert describe(path)["detector"]["name"] == "smoothed"


def test_what_is_loaded_can_be_fitted_again(task, path) -> None:
    detector = Smoothed(WindowDetector(DeepSVDD, 3, DeepSVDDOptions(hidden=8), train=FEW, trained=False, power=2))
    save_detector(detector.fit(task.train), path)
    again = load_detector(path).fit(task.train)
    np.testing.assert_array_equal(again.decision_function(task.test), detector.decision_function(task.test))


def test_without_a_threshold_there_are_no_held_out_scores(task, path) -> None:
    save_detector(make_detector("pca", false_alarm_rate=None).fit(task.train), path)
    assert load_detector(path).false_alarm_rate is None
    assert describe(path)["held_out"] == 0


def test_deep_compositions_come_back(task, path) -> None:
    inner = Ensemble([WindowDetector(PCA, 1), Smoothed(Ensemble([WindowDetector(Mahalanobis, 2)]), 3)])
    detector = Smoothed(inner, (1, 2)).fit(task.train)
    save_detector(detector, path)
    np.testing.assert_array_equal(
        load_detector(path).decision_function(task.test), detector.decision_function(task.test)
    )


@pytest.mark.parametrize("name", ["isolation_forest", "pyod:HBOS"])
def test_models_of_other_packages_are_refused(name, task, path) -> None:
    detector = make_detector(name).fit(task.train)
    with pytest.raises(OptionError, match=r"SklearnDetector\(\w+\) cannot be saved: .* written with pickle only"):
        save_detector(detector, path)
    assert not path.exists()


def test_what_cannot_be_saved_is_told(task, path) -> None:
    class Mine(Detector):
        def learn(self, series) -> None:
            pass

        def measure(self, series) -> np.ndarray:
            return np.arange(len(series))

    with pytest.raises(NotFittedError, match="Smoothed is not fitted, so there is nothing to save"):
        save_detector(make_detector("pca"), path)
    with pytest.raises(OptionError, match="Mine cannot be saved: its class has no `state`"):
        save_detector(Smoothed(Mine()).fit(task.train), path)
    Mine.state = lambda self: {}
    with pytest.raises(OptionError, match="Mine is no registered detector class"):
        save_detector(Smoothed(Mine()).fit(task.train), path)


def test_a_model_is_no_detector_and_the_other_way_round(task, path) -> None:
    save_detector(make_detector("pca").fit(task.train), path)
    with pytest.raises(CheckpointError, match=r"It holds a detector, not a model: read it with tsreward.load_detector"):
        load(path)
    save(fitted_model(), path)
    with pytest.raises(CheckpointError, match=r"It holds a model, not a detector: read it with tsreward.load"):
        load_detector(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda it: it["detector"].update(name="os.system"), "Unknown detector class 'os.system'"),
        (
            lambda it: it["detector"].update(package="evil"),
            "was made with that of 'evil'",
        ),
        (lambda it: it["detector"]["params"].update(wide=3), "Smoothed has no argument 'wide'"),
        (lambda it: it["detector"]["params"].update(width=10**18), "Smoothed.width must be 1 to 65536 rows"),
        (lambda it: it["detector"]["params"].update(width="10"), "rows, or several such numbers, got '10'"),
        (lambda it: it["detector"]["params"].update(detector="pca"), "Smoothed is made of detectors, got str"),
        (lambda it: it["detector"]["params"].update(side={"a": 1}), "A detector has name, package and params"),
        (lambda it: it["detector"]["params"].update(false_alarm_rate=2), "must be a number in"),
        (lambda it: it["detector"]["params"]["detector"].update(other=1), "A detector has name, package and params"),
        (lambda it: inner(it).pop("scorer"), "Its options make no detector .KeyError"),
        (lambda it: inner(it)["scorer"].update(name="nothing"), "Unknown scorer 'nothing'"),
        (lambda it: inner(it).update(window=70000), "must be 65536 rows at most"),
        (lambda it: inner(it)["options"].update(components=-1), "PCAOptions.components must be"),
        (lambda it: inner(it)["train"].update(state="/etc/x", epochs=-1), "TrainOptions.epochs must be"),
        (lambda it: it.update(n_features_in=7), "needs|describes"),
        (lambda it: it.update(held_out=2**27 - 1), "needs float64"),
        (lambda it: it.update(held_out="all"), "not 0 to"),
        (lambda it: it.update(encoder={}), "unknown key 'encoder'"),
    ],
)
def test_a_manifest_that_makes_no_detector_is_refused(change, message, task, path) -> None:
    save_detector(make_detector("pca").fit(task.train), path)
    signed(lambda manifest, _: change(manifest))(path, path.read_bytes())
    with pytest.raises(CheckpointError, match=message):
        load_detector(path)


def inner(manifest: dict) -> dict:
    return manifest["detector"]["params"]["detector"]["params"]


def test_numbers_that_no_fitted_detector_has_are_refused(task, path) -> None:
    detector = Ensemble([WindowDetector(PCA, 1)]).fit(task.train)
    detector.floors_[0] = 0
    with pytest.raises(CheckpointError, match="Tensor 'floors' must be above 0"):
        save_detector(detector, path)
    detector = make_detector("pca").fit(task.train)
    detector.held_out_scores_[3] = np.nan
    with pytest.raises(CheckpointError, match="Tensor 'held_out_scores' holds nan"):
        save_detector(detector, path)
    detector = make_detector("pca").fit(task.train)
    detector.detector.scorer_.fitted.fill_(False)
    with pytest.raises(CheckpointError, match=r"'detector.scorer' was saved before it was fitted"):
        save_detector(detector, path)
    assert not path.exists()


def test_every_class_of_ours_has_a_name() -> None:
    assert DETECTOR_CLASSES.names(own=True) == [
        "ensemble",
        "fit_on_test",
        "log",
        "random",
        "sklearn",
        "smoothed",
        "window",
    ]


def test_the_command_line_says_what_is_in_the_file(task, path, capsys) -> None:
    save_detector(make_detector("pca").fit(task.train), path, note={"series": "a"})
    assert main(["info", str(path)]) == 0
    assert "n_features_in" in capsys.readouterr().out
    assert main(["info", str(path), "--json"]) == 0
    assert inner(json.loads(capsys.readouterr().out))["scorer"]["name"] == "pca"
