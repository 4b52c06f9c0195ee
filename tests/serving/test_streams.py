"""Streams give what one log alone gives, and what is refused changes none of them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.serving import plant
from tsreward.detection.detectors.logs import LogDetector
from tsreward.detection.stream_files import read_streams, write_streams
from tsreward.errors import CheckpointError
from tsreward.sequences.series import Series
from tsreward.serving.rows import Refused


@pytest.fixture(scope="module")
def detector() -> LogDetector:
    return plant.detector()


def test_streams_are_bit_identical_to_logs_alone(detector: LogDetector, tmp_path: Path) -> None:
    _, streams = plant.parts(detector)
    logs = {"a": plant.recent(), "b": plant.log(500, 5)}
    scores: dict[str, list] = {name: [] for name in logs}
    for start, stop in ((0, 1), (1, 215), (215, 216), (216, 340), (340, 500)):
        found = streams.score({name: series.rows(start, stop) for name, series in logs.items()})["streams"]
        for name in logs:
            scores[name] += found[name]["scores"]
            assert found[name]["first_row"] == start
        write_streams(tmp_path / "state", *streams.state())
        _, streams = plant.parts(detector)
        streams.load(*read_streams(tmp_path / "state"))
    for name, series in logs.items():
        alone = plant.make_stream(detector)
        part = alone.push(series)
        np.testing.assert_array_equal(scores[name], part.scores)
        told = streams.incidents(name)["streams"][name]
        wanted = [[one.to_json() for one in alarms] for alarms in (part.alarms, alone.finish())]
        assert json.loads(json.dumps([told["incidents"], told["ongoing"]])) == json.loads(json.dumps(wanted))
    assert {one["kind"] for one in streams.incidents("a")["streams"]["a"]["incidents"]} == {"score", "stuck"}


def test_rows_that_were_seen_are_passed_over(detector: LogDetector) -> None:
    _, streams = plant.parts(detector)
    series = plant.recent()
    streams.score({"a": series.rows(0, 100)})
    again = streams.score({"a": series.rows(50, 120)})["streams"]["a"]
    assert (again["passed_over"], again["first_row"], len(again["scores"])) == (50, 100, 20)
    assert streams.score({"a": series.rows(0, 120)})["streams"]["a"]["scores"] == []
    np.testing.assert_array_equal(again["scores"], plant.make_stream(detector).push(series).scores[100:120])


def test_a_gap_between_requests_is_one_within_a_log(detector: LogDetector) -> None:
    series = plant.recent()
    index = np.array(series.index)
    index[250:] += np.timedelta64(3600, "s")
    starts = np.arange(500) == 250
    whole = Series(series.values, None, "log", series.columns, index, starts)
    _, streams = plant.parts(detector, gap=600.0)
    found = []
    for start, stop in ((0, 250), (249, 260), (260, 500)):
        part = whole.rows(start, stop)
        part = Series(part.values, None, "log", part.columns, part.index, None if start != 249 else part.starts)
        found += streams.score({"a": part})["streams"]["a"]["scores"]
    np.testing.assert_array_equal(found, plant.make_stream(detector).push(whole).scores)
    late = plant.parts(detector, gap=600.0)[1]
    late.score({"a": whole.rows(0, 250)})
    older = np.append(np.arange(100), np.arange(250, 500))  # rows that were seen, long before those that come now
    again = Series(whole.values[older], None, "log", whole.columns, index[older])
    assert late.score({"a": again})["streams"]["a"]["scores"] == found[250:]
    _, other = plant.parts(detector, gap=600.0)
    cut = [
        other.score({"a": Series(one.values, None, "log", one.columns, one.index)})["streams"]["a"]["scores"]
        for one in (whole.rows(0, 250), whole.rows(250, 500))
    ]
    np.testing.assert_array_equal(np.concatenate(cut), found)


def test_what_is_refused_changes_no_stream(detector: LogDetector, monkeypatch: pytest.MonkeyPatch) -> None:
    _, streams = plant.parts(detector, most=2)
    series = plant.recent()
    streams.score({"a": series.rows(0, 250)})
    before = json.dumps(streams.incidents())
    with pytest.raises(Refused, match="1 streams of at most 2") as refused:
        streams.score({"b": series.rows(0, 9), "c": series.rows(0, 9)})
    assert refused.value.status == 409
    odd = Series(series.values[:3], None, "b", series.columns, np.arange(3))
    with pytest.raises(Refused, match="has times that are numbers"):
        streams.score({"b": series.rows(0, 9), "a": odd})
    measure = detector.measure
    with monkeypatch.context() as failing, pytest.raises(Refused, match="gave nan"):
        failing.setattr(detector, "measure", lambda rows: np.where(len(rows) > 50, np.nan, measure(rows)))
        streams.score({"b": series.rows(0, 9), "a": series.rows(250, 400)})
    assert json.dumps(streams.incidents()) == before
    with pytest.raises(Refused, match="There is no stream 'b'"):
        streams.incidents("b")
    found = streams.score({"a": series.rows(250, 500)})["streams"]["a"]
    np.testing.assert_array_equal(found["scores"], plant.make_stream(detector).push(series).scores[250:])


def test_states_of_other_detectors_are_refused(detector: LogDetector, tmp_path: Path) -> None:
    _, streams = plant.parts(detector)
    streams.score({"a": plant.recent()})
    write_streams(tmp_path / "state", *streams.state())
    states, _ = read_streams(tmp_path / "state")
    states["a"]["arrays"]["values"] = states["a"]["arrays"]["values"][:, :2]
    with pytest.raises(CheckpointError, match="another detector or of other options"):
        plant.parts(detector)[1].load(states, {})
    (tmp_path / "other").write_bytes(b"x" * 100)
    with pytest.raises(CheckpointError):
        read_streams(tmp_path / "other")
