"""The channels that show the anomalies, not those that are merely loud."""

from __future__ import annotations

import re
import sys
from functools import partial
from xml.etree import ElementTree

import numpy as np
import pytest

from tests.detection.bench.fakes import Broken, Distance, small_task
from tests.report.reading import Reader, closed
from tsreward.detection.bench.runner import run_benchmark
from tsreward.errors import MissingExtraError, OptionError, TSRewardWarning
from tsreward.named_warnings import gathered, warn
from tsreward.report.bench import PageOptions, render_bench, telling_channels
from tsreward.sequences.series import DetectionTask, Series


def task(dim: int = 5) -> DetectionTask:
    rng = np.random.default_rng(0)
    labels = np.zeros(500, dtype=bool)
    labels[200:250] = True
    values = rng.normal(size=(500, dim))
    values[labels, 3] += 6
    values[:, 1] += 20  # always far from the training mean
    values[:, 2] = 1.0
    train = rng.normal(size=(400, dim))
    train[:, 2] = 1.0
    return DetectionTask("a", Series(train), Series(values, labels))


def test_the_disturbed_channel_comes_first():
    assert telling_channels(task(), count=1) == [3]
    assert 3 in telling_channels(task(), count=3)
    assert len(telling_channels(task(), count=3)) == 3


def test_fewer_channels_than_asked_for_and_constant_ones():
    made = task()
    one = DetectionTask("a", Series(made.train.values[:, 2:3]), Series(made.test.values[:, 2:3], made.test.labels))
    assert telling_channels(one) == [0]


HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</title></style><svg onload=alert(1)>",
    "{{ 7 * 7 }}{% raise %}",
    "$\\frac{1}{0}$ & 日本\u202e\x00",
]


def made(folder, datasets, detectors=None, seeds=(0,), options=None):
    records = run_benchmark(datasets, detectors or {"x": Distance}, seeds, folder)
    return render_bench(datasets, records, folder, "Title", options)


def test_everything_is_there(tmp_path):
    datasets = {"one": [small_task("a"), small_task("b", 1)], "other": [small_task("c", 2)]}
    page = made(tmp_path, datasets, {"x": Distance, "y": partial(Distance, power=2), "bad": Broken}, [0, 1])
    reader = Reader(page)
    assert reader.tags.count("svg") >= 3
    assert reader.tags.count("section") == 3
    for text in ("Title", "one: a", "one: b", "other: c", "300 rows of 2 columns", "8.3 % anomalous", "±"):
        assert text in reader.text
    assert "bad, seed 1: ZeroDivisionError: nothing to <divide>" in reader.text


def test_it_refers_to_nothing_outside_itself(tmp_path):
    closed(made(tmp_path, {"one": [small_task("a")]}))


@pytest.mark.parametrize("name", HOSTILE)
def test_names_are_text(tmp_path, name):
    task, other = small_task("a"), small_task("b")
    columns = (f"{name}1", f"{name}2")
    index = np.array([f"{name}{row}" for row in range(300)])
    labels = task.test.labels
    hostile = DetectionTask(
        name, Series(task.train.values, columns=columns), Series(task.test.values, labels, name, columns, index)
    )
    datasets = {name: [hostile], "tame": [other]}
    records = run_benchmark(datasets, {name: Distance}, [0], tmp_path)
    reader, plain = Reader(render_bench(datasets, records, tmp_path, name)), Reader(made(tmp_path, {"tame": [other]}))
    assert set(reader.tags) == set(plain.tags)
    assert {name for name, _ in reader.attributes} == {name for name, _ in plain.attributes}
    shown = " ".join(reader.text.split())
    for text in (name, columns[0], columns[1]):
        assert " ".join(text.replace("\0", "\ufffd").split()) in shown.replace("\0", "\ufffd")
    assert re.search(r"highest score [\d.]+ in row (\d+) \(" + re.escape(name[:5]), reader.text)


@pytest.mark.parametrize("name", HOSTILE)
def test_warnings_that_were_given_are_text(tmp_path, name):
    datasets = {"one": [small_task("a")]}
    records = run_benchmark(datasets, {"x": Distance}, [0], tmp_path)
    plain = Reader(render_bench(datasets, records, tmp_path))
    with gathered(), pytest.warns(TSRewardWarning):
        warn("outside training range", f"{name}: 1 of 2 columns lie outside.")
        reader = Reader(render_bench(datasets, records, tmp_path))
    assert set(reader.tags) - set(plain.tags) <= {"b", "ul", "li"}
    assert {name for name, _ in reader.attributes} == {name for name, _ in plain.attributes}
    shown = " ".join(reader.text.replace("\0", "\ufffd").split())
    assert " ".join(f"outside training range: {name}: 1 of 2".replace("\0", "\ufffd").split()) in shown
    assert "outside training range" not in plain.text


def test_the_figures_are_well_formed(tmp_path):
    figures = re.findall(r"<svg.*?</svg>", made(tmp_path, {"one": [small_task("a")]}), re.DOTALL)
    for figure in figures:
        root = ElementTree.fromstring(figure)
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert all("currentColor" in figure and "#010203" not in figure for figure in figures)


def test_the_same_records_give_the_same_page(tmp_path):
    datasets = {"one": [small_task("a"), small_task("b", 1)]}
    assert made(tmp_path, datasets) == made(tmp_path, datasets)


def test_long_series_stay_small(tmp_path):
    tasks = [small_task(f"machine-{number}", number, rows=24_000, dim=38) for number in range(6)]
    page = made(tmp_path, {"one": tasks}, {"x": Distance, "y": partial(Distance, power=2)})
    assert len(page.encode()) < 1_300_000
    assert all(task.name in page for task in tasks)


def test_options_limit_the_figures(tmp_path):
    datasets = {"one": [small_task("a"), small_task("b", 1), small_task("c", 2)]}
    detectors = {"x": Distance, "y": partial(Distance, power=2)}
    few = Reader(made(tmp_path, datasets, detectors, options=PageOptions(figures=1, detectors=1)))
    assert few.tags.count("figure") == 3  # of all detectors, of one series, and its worst mistakes
    assert few.tags.count("section") == 3
    none = Reader(made(tmp_path, datasets, detectors, options=PageOptions(figures=0)))
    assert none.tags.count("figure") == 1 and "The first 0 series are drawn, the tables have all 3." in none.text
    assert made(tmp_path, datasets, detectors, options=PageOptions(detectors=9)).count(">score<") > 2


def test_a_page_that_would_be_too_large_draws_fewer_series(tmp_path, monkeypatch):
    datasets = {"one": [small_task("a"), small_task("b", 1), small_task("c", 2)]}
    whole = len(made(tmp_path, datasets).encode())
    monkeypatch.setattr("tsreward.report.bench.LARGEST", whole - 1)
    page = made(tmp_path, datasets)
    assert len(page.encode()) < whole
    assert "The first 2 series are drawn, the tables have all 3." in closed(page).text


@pytest.mark.parametrize("field", ["detectors", "figures"])
def test_negative_options(field):
    with pytest.raises(OptionError, match=rf"PageOptions.{field} must be an integer >= 0, got -1"):
        PageOptions(**{field: -1})


def test_a_detector_that_always_failed_is_in_the_table(tmp_path):
    reader = Reader(made(tmp_path, {"one": [small_task("b")]}, {"bad": Broken}))
    assert "bad" in reader.text
    assert "–" in reader.text
    assert "svg" not in reader.tags


@pytest.mark.parametrize("package", ["jinja2", "matplotlib"])
def test_a_missing_package_has_a_remedy(tmp_path, monkeypatch, package):
    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=rf"{package} is not installed. .*\[report\]"):
        render_bench({}, [], tmp_path)
