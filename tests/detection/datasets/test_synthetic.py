"""Synthetic sets: repeatable, as described, and the same after a walk through their files."""

import numpy as np
import pytest

from tsreward.detection.datasets.smd import load_smd
from tsreward.detection.datasets.synthetic import smd_like, write_smd, write_yahoo, yahoo_like
from tsreward.detection.datasets.yahoo import load_yahoo
from tsreward.detection.metrics import roc_auc
from tsreward.errors import DataError, OptionError
from tsreward.sequences.series import DetectionTask, Series

MAKERS = pytest.mark.parametrize("make", [yahoo_like, smd_like])


def same(first, second):
    """Tell whether two tasks are equal in all but the labels of train, which not every layout holds."""
    return (
        first.name == second.name
        and np.array_equal(first.train.values, second.train.values)
        and np.array_equal(first.test.values, second.test.values)
        and np.array_equal(first.test.labels, second.test.labels)
    )


def runs(labels):
    """Return the number of runs of anomalous rows."""
    return int((np.diff(labels.astype(int), prepend=0) == 1).sum())


@MAKERS
def test_the_seed_decides(make):
    first, again, other = make(seed=3, count=4), make(3, 4), make(4, 4)
    assert all(map(same, first, again))
    assert not any(map(same, first, other))
    assert not np.array_equal(first[0].test.values, first[1].test.values)


@MAKERS
def test_a_series_does_not_depend_on_how_many_there_are(make):
    few, many = ({task.name: task for task in make(0, count)} for count in (3, 9))
    assert len(few) == 3
    assert len(many) == 9
    assert all(same(task, many[name]) for name, task in few.items())


@MAKERS
def test_global_random_state_is_left_alone(make):
    before = np.random.get_state()[1].copy()  # noqa: NPY002 - that is the point
    make(0, 1)
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002


def test_yahoo_like_is_as_described():
    tasks = yahoo_like(seed=0)
    assert [task.name for task in tasks[::5]] == ["A1-real_1", "A2-synthetic_1", "A3-TS1", "A4-TS1"]
    for task in tasks:
        assert task.train.values.shape == task.test.values.shape == (700, 1)
        assert task.train.labels is not None
        assert task.test.labels is not None
        assert task.train.labels.any()
        assert task.test.labels.any()
        labels = np.concatenate([task.train.labels, task.test.labels])
        assert labels.sum() == 14
        assert runs(labels) == 8  # a run of 7 and 7 single rows
        steps = np.diff(np.concatenate([task.train.index, task.test.index]))
        assert (steps == steps[0]).all()
    assert all(task.train.values.min() > 0 for task in tasks[:5])


@pytest.mark.parametrize("steps", [500, 501, 5000, 100_000])
def test_yahoo_like_of_other_lengths(steps):
    for task in yahoo_like(seed=1, count=8, steps=steps):
        assert len(task.train) + len(task.test) == steps
        assert task.train.labels is not None
        assert task.test.labels is not None
        assert task.train.labels.sum() + task.test.labels.sum() == round(0.01 * steps)


def test_smd_like_is_as_described():
    for task in smd_like(seed=0, count=10):
        assert task.train.values.shape == task.test.values.shape == (4000, 12)
        assert task.train.labels is None
        assert task.test.labels is not None
        assert abs(task.test.labels.mean() - 0.04) < 0.002
        assert runs(task.test.labels) == 4
        both = np.concatenate([task.train.values, task.test.values])
        assert both.min() >= 0
        assert both.max() <= 1
        assert (np.ptp(both, axis=0) == 0).sum() == 2
    assert smd_like(seed=0, count=10)[9].name == "machine-2-2"


@pytest.mark.parametrize(("steps", "dim"), [(400, 2), (999, 38), (3000, 5)])
def test_smd_like_of_other_sizes(steps, dim):
    for task in smd_like(seed=1, count=3, steps=steps, dim=dim):
        assert task.test.values.shape == (steps, dim)
        assert task.test.labels is not None
        assert abs(task.test.labels.sum() - 0.04 * steps) <= 2


def test_smd_like_channels_are_correlated_and_days_repeat():
    values = smd_like(seed=0, count=1)[0].train.values
    live = values[:, np.ptp(values, axis=0) > 0]
    correlation = np.corrcoef(live.T)
    assert np.median(np.abs(correlation[np.triu_indices(len(correlation), 1)])) > 0.3
    centred = live - live.mean(0)
    day = (centred[288:] * centred[:-288]).mean(0) / centred.var(0)
    half = (centred[144:] * centred[:-144]).mean(0) / centred.var(0)
    assert (day - half).mean() > 0.3


def test_smd_like_anomalies_need_what_the_channels_have_in_common():
    """Distance to the mean finds some; the residual of three components, learned on train, finds more."""
    plain, learned = [], []
    for task in (task for seed in range(3) for task in smd_like(seed)):
        scale = task.train.values.std(0) + 0.01
        train, test = ((part.values - task.train.values.mean(0)) / scale for part in (task.train, task.test))
        basis = np.linalg.svd(train, full_matrices=False)[2][:3]
        labels = np.asarray(task.test.labels)
        plain.append(roc_auc(labels, (test**2).sum(1)))
        learned.append(roc_auc(labels, ((test - test @ basis.T @ basis) ** 2).sum(1)))
    assert 0.6 < np.mean(plain) < 0.85
    assert np.mean(learned) > 0.88
    assert np.min(learned) < 0.99


def test_files_give_back_what_was_written(tmp_path):
    machines, series = smd_like(5, 2, steps=500), yahoo_like(5, 6, steps=500)
    write_smd(machines, tmp_path / "smd")
    write_yahoo(series, str(tmp_path / "yahoo"))
    assert all(map(same, machines, load_smd(tmp_path / "smd")))
    read = load_yahoo(tmp_path / "yahoo")
    for one, two in zip(series, read, strict=True):
        assert one.name == two.name
        # Old versions of pandas read some numbers with another last bit.
        np.testing.assert_allclose(two.train.values, one.train.values, rtol=1e-14)
        np.testing.assert_allclose(two.test.values, one.test.values, rtol=1e-14)
        assert np.array_equal(one.test.labels, two.test.labels)
    assert all(np.array_equal(one.train.labels, two.train.labels) for one, two in zip(series, read, strict=True))
    assert all(np.array_equal(one.test.index, two.test.index) for one, two in zip(series, read, strict=True))
    assert (tmp_path / "smd" / "test_label" / "machine-1-2.txt").read_text().splitlines()[0] in "01"
    header = (tmp_path / "yahoo" / "A3Benchmark" / "A3Benchmark-TS1.csv").read_text().splitlines()[0]
    assert header == "timestamps,value,anomaly,changepoint,trend,noise,seasonality1,seasonality2,seasonality3"


def test_what_cannot_be_written(tmp_path):
    values = Series(np.zeros((2, 1)), labels=np.zeros(2))
    with pytest.raises(OptionError, match=r"'\.\./x' cannot become a file: expected a name without separators"):
        write_smd([DetectionTask("../x", values, values)], tmp_path)
    with pytest.raises(OptionError, match="'taxi' is no name of Yahoo S5: expected one as in A1-real_1"):
        write_yahoo([DetectionTask("taxi", values, values)], tmp_path)
    with pytest.raises(DataError, match=r"'A1-real_1' cannot be written as Yahoo S5: .* labels in train"):
        write_yahoo([DetectionTask("A1-real_1", Series(np.zeros((2, 1))), values)], tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"The folder .* cannot be made"):
        write_smd([DetectionTask("x", values, values)], tmp_path / "file")


@pytest.mark.parametrize(
    ("make", "sizes"),
    [(yahoo_like, {"count": 0}), (yahoo_like, {"steps": 499}), (smd_like, {"count": 0}), (smd_like, {"steps": 399}),
     (smd_like, {"dim": 1})],
)  # fmt: skip
def test_sizes_that_cannot_be(make, sizes):
    with pytest.raises(OptionError, match=f"{make.__name__} makes at least 1 .* got"):
        make(0, **sizes)
