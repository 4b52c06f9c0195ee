"""Counters, the time of day, stuck sensors: each with a planted fault that plain detectors miss."""

import numpy as np
import pytest

from tsreward.detection.detectors.files import load_detector, save_detector
from tsreward.detection.detectors.logs import LogDetector, longest_runs, run_lengths
from tsreward.detection.detectors.presets import make_detector
from tsreward.errors import DataError, OptionError
from tsreward.sequences.series import Series

START = np.datetime64("2026-03-02T00:00:00")


def clock(rows: int, minutes: int = 10) -> np.ndarray:
    return START + np.arange(rows) * np.timedelta64(60 * minutes, "s")


def by_day(rows: int, seed: int) -> np.ndarray:
    """Return a signal that is 100 by day and 10 by night, and one that knows no time."""
    rng = np.random.default_rng(seed)
    hours = (np.arange(rows) * 10 // 60) % 24
    level = np.where((hours >= 6) & (hours < 22), 100.0, 10.0)
    return np.stack([level, np.zeros(rows)], 1) + rng.normal(size=(rows, 2))


def test_a_noon_level_in_the_night_is_found() -> None:
    train, test = by_day(14 * 144, 0), by_day(7 * 144, 1)
    hours = (np.arange(len(test)) * 10 // 60) % 24
    night = (hours >= 1) & (hours < 5)
    night[: 3 * 144] = night[4 * 144 :] = False  # one night
    test[night, 0] += 90
    found = {}
    for seasonal in ("none", "auto"):
        detector = LogDetector(make_detector("mahalanobis", smoothing=10), seasonal=seasonal)
        detector.fit(Series(train, index=clock(len(train))))
        flags = detector.predict(Series(test, index=clock(len(test)))) > 0
        found[seasonal] = flags[night].mean()
        assert flags[~night].mean() < 0.05
    assert found["none"] < 0.1 and found["auto"] >= 0.95
    assert (detector.season, detector.seasonal_.tolist()) == ("day", [True, False])
    assert detector.explain(Series(test, index=clock(len(test))), 3 * 144 + 12, 3 * 144 + 18).mean(0).argmax() == 0


def test_a_week_is_told_from_a_day() -> None:
    rows = 6 * 7 * 24
    values = np.random.default_rng(0).normal(size=(rows, 1))
    weekend = (np.arange(rows) // 24) % 7 >= 5
    values[weekend] += 40
    detector = LogDetector(make_detector("mahalanobis", smoothing=10), false_alarm_rate=None)
    assert detector.fit(Series(values, index=clock(rows, 60))).season == "week"
    noise = Series(np.random.default_rng(1).normal(size=(rows, 1)), index=clock(rows, 60))
    assert detector.fit(noise).season == "none"


def test_seasons_need_a_time() -> None:
    rows = np.random.default_rng(0).normal(size=(300, 1))
    with pytest.raises(DataError, match="has no time, which seasonal='day' needs"):
        LogDetector(make_detector("pca", smoothing=10), seasonal="day").fit(rows)
    with pytest.raises(OptionError, match="seasonal must be auto, day, week or none"):
        LogDetector(make_detector("pca", smoothing=10), seasonal="month")  # type: ignore[arg-type]
    assert LogDetector(make_detector("z_norm", smoothing=10)).fit(rows).season == "none"


def test_a_frozen_sensor_is_stuck_and_a_lazy_one_is_not() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(2000, 4)).round(1)
    rows[:, 2] = 3.0
    rows[:, 3] = np.repeat(rng.normal(size=200), 10)
    detector = LogDetector(make_detector("z_norm", smoothing=10)).fit(rows[:1500])
    assert detector.longest_.tolist()[2:] == [0, 10] and detector.longest_[0] < 6
    test = rows[1500:].copy()
    test[200:300, 0], test[:, 2] = test[200, 0], 4.0
    stuck = detector.stuck(run_lengths(test))
    assert stuck[:, 0].sum() >= 80 and stuck[220:300, 0].all() and not stuck[:, 1:].any()
    assert not stuck[:200].any()


def test_runs_go_on_across_a_cut() -> None:
    rows = np.random.default_rng(0).integers(0, 2, size=(200, 3)).astype(float)
    whole = run_lengths(rows)
    for cut in (1, 50, 199):
        after = run_lengths(rows[cut:], whole[cut - 1], rows[cut - 1])
        np.testing.assert_array_equal(np.concatenate([run_lengths(rows[:cut]), after]), whole)
    assert longest_runs(Series(rows)).max() == whole.max()


def test_a_counter_that_rises_too_fast_is_found_and_a_reset_is_not() -> None:
    rng = np.random.default_rng(0)
    rises = rng.poisson(20, size=3000).astype(float)
    rises[2300:2320] = 60
    rows = np.stack([np.cumsum(rises), rng.normal(size=3000)], 1)
    rows[2600:, 0] -= rows[2599, 0]  # it began anew
    detector = LogDetector(make_detector("mahalanobis", smoothing=1), false_alarm_rate=0.002).fit(rows[:2000])
    assert detector.counters_.tolist() == [True, False]
    flags = detector.predict(rows[2000:]) > 0
    assert flags[300:320].mean() > 0.95 and flags.mean() < 0.04 and not flags[600]
    plain = make_detector("mahalanobis", smoothing=1).fit(rows[:2000]).predict(rows[2000:])
    assert plain[300:320].mean() < 0.5  # the counter itself says little


def test_a_file_holds_all_of_it(tmp_path) -> None:
    rows = by_day(10 * 144, 0)
    train = Series(np.concatenate([rows, np.cumsum(np.abs(rows), 0)], 1), index=clock(len(rows)))
    detector = LogDetector(make_detector("ridge_var", smoothing=10)).fit(train)
    save_detector(detector, tmp_path / "log.safetensors")
    again = load_detector(tmp_path / "log.safetensors")
    assert isinstance(again, LogDetector) and again.season == detector.season == "day"
    np.testing.assert_array_equal(again.decision_function(train), detector.decision_function(train))
    np.testing.assert_array_equal(again.longest_, detector.longest_)
    np.testing.assert_array_equal(again.usual_, detector.usual_)
    assert repr(again) == repr(detector)


def test_parts_of_rows_score_as_the_whole() -> None:
    rows = np.cumsum(np.abs(by_day(5 * 144, 0)), 0)
    series = Series(rows, index=clock(len(rows)))
    detector = LogDetector(make_detector("ridge_var", smoothing=10), false_alarm_rate=None).fit(series)
    back, ahead = detector.reach or (0, 0)
    whole = detector.decision_function(series)
    part = detector.decision_function(series.rows(300 - back, 400 + ahead))
    np.testing.assert_array_equal(part[back : back + 100], whole[300:400])
