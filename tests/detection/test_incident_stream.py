"""A log that is cut anywhere and goes on gives the same bits: scores, thresholds, incidents and all that is told."""

import json

import numpy as np
import pytest

from tsreward.detection import incident_stream
from tsreward.detection.adaptive import AdaptiveOptions
from tsreward.detection.alarms import Alarm, mark_known
from tsreward.detection.detectors.base import Detector
from tsreward.detection.detectors.logs import LogDetector
from tsreward.detection.detectors.presets import make_detector
from tsreward.detection.incident_stream import IncidentStream
from tsreward.detection.incidents import IncidentOptions, find_incidents
from tsreward.errors import CheckpointError, DataError, NotFittedError, OptionError
from tsreward.sequences.series import Series

START = np.datetime64("2026-03-02T00:00:00")


def log(rows: int = 900, seed: int = 1) -> Series:
    rng = np.random.default_rng(seed)
    hours = np.arange(rows) / 24
    values = rng.normal(size=(rows, 4)) + np.stack([10 * np.sin(hours), 5 * np.sin(hours), hours, 0 * hours], 1)
    index = START + np.arange(rows) * np.timedelta64(600, "s")
    return Series(values, columns=("cpu", "mem", "disk", "net"), index=index)


def broken() -> Series:
    series = log(seed=2)
    series.values[200:260, 1] += 25
    series.values[500:520, 3] -= 20
    series.values[700:790, 3] = series.values[700, 3]
    series.values[850:880, 1] += 25
    starts = np.zeros(900, dtype=bool)
    starts[510] = True
    return Series(series.values, columns=series.columns, index=series.index, starts=starts)


@pytest.fixture(scope="module", params=["ridge_var", "mahalanobis_window", "ensemble"])
def detector(request: pytest.FixtureRequest) -> Detector:
    return LogDetector(make_detector(request.param, smoothing=20)).fit(log())


def told(alarms: list[Alarm]) -> str:
    return json.dumps([one.to_json() for one in alarms])


@pytest.mark.parametrize("adaptive", [None, AdaptiveOptions()])
def test_a_cut_changes_no_bit(detector: Detector, adaptive: AdaptiveOptions | None) -> None:
    series = broken()
    whole = IncidentStream(detector, adaptive=adaptive)
    part = whole.push(series)
    alarms = part.alarms + whole.finish()
    assert len(alarms) >= 3
    rng = np.random.default_rng(0)
    for cuts in ([1], [19, 20, 21], [205, 515, 745], sorted(rng.integers(1, 900, 12).tolist()), [899]):
        stream, scores, high, found = IncidentStream(detector, adaptive=adaptive), [], [], []
        for start, stop in zip([0, *cuts], [*cuts, 900], strict=True):
            state = stream.state()
            stream = IncidentStream(detector, adaptive=adaptive)
            stream.load(state)
            got = stream.push(series.rows(start, stop)) if stop > start else None
            if got is not None:
                scores.append(got.scores)
                high.append(got.high)
                found += got.alarms
        np.testing.assert_array_equal(np.concatenate(scores), part.scores)
        np.testing.assert_array_equal(np.concatenate(high), part.high)
        assert told(found + stream.finish()) == told(alarms)


def test_scores_are_those_of_the_detector(detector: Detector) -> None:
    series = broken()
    np.testing.assert_array_equal(IncidentStream(detector).push(series).scores, detector.decision_function(series))


def test_columns_are_known_by_name(detector: Detector) -> None:
    series = broken()
    turned = Series(series.values[:, ::-1], None, "turned", series.columns[::-1], series.index, series.starts)
    streams = IncidentStream(detector), IncidentStream(detector)
    first, second = (
        [*one.push(rows).alarms, *one.finish()] for one, rows in zip(streams, (series, turned), strict=True)
    )
    assert told(first) == told(second)


def test_rows_that_are_refused_change_nothing(detector: Detector, monkeypatch: pytest.MonkeyPatch) -> None:
    stream, other = IncidentStream(detector), IncidentStream(detector)
    series = broken()
    for one in (stream, other):
        one.push(series.rows(0, 300))
    with monkeypatch.context() as broken_detector, pytest.raises(DataError, match="gave nan for row"):
        broken_detector.setattr(detector, "measure", lambda rows: np.full(len(rows), np.nan))
        stream.push(series.rows(300, 302))
    with pytest.raises(DataError, match="'n' has times that are numbers, and text in the rows before it"):
        stream.push(Series(series.values[:2], None, "n", series.columns, np.array([1, 2])))
    with pytest.raises(DataError, match="lacks the column 'disk'"):
        stream.push(Series(series.values[:2, :2], None, "n", series.columns[:2], series.index[300:302]))
    first, second = stream.push(series.rows(300, 900)), other.push(series.rows(300, 900))
    np.testing.assert_array_equal(first.scores, second.scores)
    assert told(first.alarms) == told(second.alarms)


def test_what_was_planted_is_told(detector: Detector) -> None:
    stream = IncidentStream(detector)
    alarms = stream.push(broken()).alarms + stream.finish()
    big = [one for one in alarms if one.kind == "score" and one.channels[0].name == "mem"]
    assert any(one.incident.start <= 205 and one.incident.stop >= 255 for one in big)
    first = next(one for one in big if one.incident.start <= 205 <= one.incident.stop)
    assert first.channels[0].value > first.channels[0].high
    assert abs(first.channels[0].expected) < first.channels[0].value - 10
    assert first.begin == broken().index[first.incident.start] and 0 < first.incident.p_value <= 0.5
    stuck = [one for one in alarms if one.kind == "stuck"]
    assert [(one.channels[0].name, one.incident.stop) for one in stuck] == [("net", 790)]
    assert np.isnan(stuck[0].incident.p_value)


def test_the_same_fault_is_known_again() -> None:
    stream = IncidentStream(make_detector("mahalanobis", smoothing=10).fit(log()))
    alarms = stream.push(broken()).alarms + stream.finish()
    first, again = (next(one for one in alarms if one.incident.start <= row < one.incident.stop) for row in (230, 870))
    assert first.number in [number for number, _ in again.similar] and not first.similar


def test_incidents_are_those_of_the_pure_function() -> None:
    detector = make_detector("mahalanobis", smoothing=10).fit(log())
    stream = IncidentStream(detector)
    part = stream.push(broken())
    found = [one.incident for one in part.alarms + stream.finish()]
    wanted = find_incidents(part.scores, stream.high, stream.low, starts=broken().starts)
    assert [(one.start, one.stop, one.peak) for one in found] == [(one.start, one.stop, one.peak) for one in wanted]


def test_memory_is_bounded_and_an_endless_incident_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incident_stream, "LONGEST", 100)
    detector = make_detector("z_norm", smoothing=10).fit(log())
    series = log(seed=3)
    series.values[100:] += 50
    whole = IncidentStream(detector)
    alarms = whole.push(series).alarms + whole.finish()
    assert sum(one.incident.rows for one in alarms) >= 795 and max(one.incident.rows for one in alarms) == 100
    stream, found = IncidentStream(detector), []
    for start in range(0, 900, 30):
        found += stream.push(series.rows(start, start + 30)).alarms
        assert len(stream.state()["arrays"]["values"]) < 200
    assert told(found + stream.finish()) == told(alarms)


def test_a_rate_a_day_sets_the_threshold() -> None:
    noise = np.random.default_rng(0).normal(size=(2, 6000, 2))
    detector = make_detector("mahalanobis", smoothing=10).fit(noise[0])
    often, rarely = (IncidentStream(detector, per_day=rate, rows_per_day=144) for rate in (1, 0.2))
    assert rarely.high > often.high
    new = Series(noise[1])
    assert len(rarely.push(new).alarms) < len(often.push(new).alarms)
    with pytest.raises(OptionError, match="need the number of rows in a day"):
        IncidentStream(detector, per_day=1)


def test_known_ones_add_up() -> None:
    stream = IncidentStream(make_detector("mahalanobis", smoothing=10).fit(log()))
    alarms = stream.push(broken()).alarms
    for one in alarms[:2]:
        alarms = mark_known(alarms, np.array([one.peak_at]), np.array([one.peak_at]))
    assert [one.known for one in mark_known(alarms, np.zeros(0), np.zeros(0))][:3] == [True, True, False]


def test_known_ones_are_marked_by_time() -> None:
    stream = IncidentStream(make_detector("mahalanobis", smoothing=10).fit(log()))
    alarms = stream.push(broken()).alarms
    at = next(one for one in alarms if one.incident.start <= 230 < one.incident.stop)
    marked = mark_known(alarms, np.array([at.peak_at]), np.array([at.peak_at]))
    assert [one.number for one in marked if one.known] == [at.number]


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(NotFittedError, match="no held-out scores"):
        IncidentStream(make_detector("pca", smoothing=10))
    with pytest.raises(OptionError, match="looks at later rows"):
        IncidentStream(make_detector("pca", alignment="centred", smoothing=10).fit(log()))
    stream = IncidentStream(make_detector("pca", smoothing=10).fit(log()))
    stream.push(log())
    with pytest.raises(DataError, match="has no time, unlike the rows before it"):
        stream.push(Series(log().values))
    with pytest.raises(CheckpointError, match="version 9"):
        stream.load({"version": 9})
    other = IncidentStream(make_detector("pca", smoothing=10).fit(log()), adaptive=AdaptiveOptions())
    with pytest.raises(CheckpointError, match="another detector or of other options"):
        other.load(stream.state())


def test_options_reach_the_incidents() -> None:
    detector = make_detector("mahalanobis", smoothing=10).fit(log())
    few = IncidentStream(detector, IncidentOptions(min_rows=30))
    assert all(one.incident.rows >= 30 for one in few.push(broken()).alarms)
