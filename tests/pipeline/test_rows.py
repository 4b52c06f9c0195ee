"""Missing values, time and gaps of DataFrames: every door does the same, and chunks change nothing."""

import numpy as np
import pandas
import pytest
import torch

from tests import plant
from tsreward.errors import DataError, OptionError, TSRewardWarning
from tsreward.io import load, save
from tsreward.pipeline.model import RewardModel
from tsreward.pipeline.relabel import relabel
from tsreward.pipeline.scores import ScoreStream, stream_scores
from tsreward.rewards.likeness import Likeness
from tsreward.scorers.mahalanobis import Mahalanobis
from tsreward.sequences.episodes import as_episodes


@pytest.fixture(scope="module")
def model():
    """Return a model of the plant, fitted on a DataFrame."""
    return plant.fitted()


def lacking(fraction=0.05, first=plant.FIT, last=plant.FIT + plant.SCORE):
    """Return the plant's rows without some of the values."""
    frame = plant.frame(first, last)
    rng = np.random.default_rng(1)
    for name in frame:
        frame.loc[rng.random(len(frame)) < fraction, name] = np.nan
    return frame


def streamed(model, frame, borders=(100, 101, 350), **rows):
    """Return the scores of a frame that is pushed in chunks, joined."""
    chunks = [frame[start:stop] for start, stop in zip((0, *borders), (*borders, len(frame)), strict=True)]
    return list(stream_scores(model, chunks, **rows))


def test_missing_values_are_refused_and_the_option_is_named(model):
    frame = lacking()
    for door in (model.score, lambda data: relabel(model, data), ScoreStream(model).push):
        with pytest.raises(DataError, match=r"row 1 \(from 0\) holds NaN or inf in column 'temp'.*missing='drop'"):
            door(frame)


@pytest.mark.parametrize("missing", ["drop", "ffill", "interpolate", "mask"])
def test_every_door_does_the_same(model, missing):
    frame = lacking()
    lacks = int(frame.isna().any(axis=1).sum())
    assert 50 < lacks < 150
    count, marked = (len(frame) - lacks, None) if missing == "drop" else (len(frame), lacks)
    scores = model.score(frame, missing=missing)
    assert len(scores) == count
    assert (scores > model.mode.threshold).float().mean() < 0.02
    assert torch.equal(scores, relabel(model, frame, missing=missing).score)
    parts = streamed(model, frame, missing=missing)
    assert torch.equal(scores, torch.from_numpy(np.concatenate([part.score for part in parts])))
    steps = np.concatenate([part.step for part in parts])
    assert np.concatenate([part.index for part in parts]).tolist() == steps.tolist()
    if marked is None:
        assert all(part.missing is None for part in parts)
    else:
        assert sum(int(part.missing.sum()) for part in parts) == marked


def test_dropped_rows_are_as_if_they_had_not_been(model):
    frame = lacking()
    assert torch.equal(model.score(frame, missing="drop"), model.score(frame.dropna()))
    assert torch.equal(model.score(frame, missing="ffill"), model.score(frame.ffill().dropna()))


def test_a_masked_row_is_scored_on_its_other_values(model):
    right = model.score(plant.frame())
    frame = plant.frame()
    frame["temp"] = np.nan
    scores = model.score(frame, missing="mask")
    assert (scores > model.mode.threshold).float().mean() < 0.02
    frame.loc[300:, "flow"] += 0.5  # a fault in another column is seen all the same
    found = model.score(frame, missing="mask") > model.mode.threshold
    assert found[304:].float().mean() > 0.99
    assert torch.equal(model.score(plant.frame(), missing="mask"), right)


def test_a_column_without_values_is_named_unless_it_is_masked(model):
    frame = plant.frame()
    frame["temp"] = np.nan
    for missing in ("drop", "ffill", "interpolate"):
        with pytest.raises(DataError, match="'temp' holds no value at all: leave it out with --ignore temp"):
            model.score(frame, missing=missing)
        with pytest.raises(DataError, match="'temp' holds no value at all"):
            streamed(model, frame, missing=missing)


def test_arrays_may_lack_values_too(model):
    frame = lacking()
    assert torch.equal(model.score(frame.to_numpy(), missing="mask"), model.score(frame, missing="mask"))
    masked = frame.astype(object).where(frame.notna(), None)
    assert torch.equal(model.score(masked, missing="ffill"), model.score(frame, missing="ffill"))
    with pytest.raises(DataError, match="holds NaN or inf"):
        model.score(plant.frame().replace(plant.frame().iloc[0, 0], np.inf), missing="mask")


def test_what_is_expected_comes_back_from_the_file(model, tmp_path):
    save(model, tmp_path / "m")
    frame = lacking()
    assert torch.equal(load(tmp_path / "m").score(frame, missing="mask"), model.score(frame, missing="mask"))


@pytest.mark.parametrize("missing", ["drop", "ffill", "interpolate", "mask"])
def test_models_are_fitted_on_rows_that_lack_values(missing):
    fitted = RewardModel(Mahalanobis(4), Likeness()).fit([lacking(0.02, 0, plant.FIT)], missing=missing)
    assert (fitted.score(plant.frame()) > fitted.mode.threshold).float().mean() < 0.05
    with pytest.raises(DataError, match="missing='drop'"):
        RewardModel(Mahalanobis(4), Likeness()).fit([lacking(0.02, 0, plant.FIT)])


def timed(frame, hole=None, zone=None):
    """Return a frame with a stamp a minute as its index; with a hole of four days before one row."""
    stamps = pandas.date_range("2024-03-01", periods=len(frame), freq="1min", tz=zone)
    if hole is not None:
        stamps = stamps[:hole].append(stamps[hole:] + pandas.Timedelta(days=4))
    return frame.set_index(stamps)


def test_windows_never_cross_a_gap(model):
    frame = timed(plant.frame(), hole=300)
    apart = torch.cat([model.score(plant.frame(3000, 3300)), model.score(plant.frame(3300, 3600))])
    scores = model.score(frame, gap=600)
    assert torch.equal(scores, apart)
    assert torch.equal(relabel(model, frame, gap=600).score, apart)
    for borders in ((300,), (299, 301), (100, 350)):
        parts = streamed(model, frame, borders, gap=600)
        assert torch.equal(torch.from_numpy(np.concatenate([part.score for part in parts])), apart)
    column = frame.reset_index(names="when")
    assert torch.equal(model.score(column, time="when", gap=600), apart)
    text = column.assign(when=column["when"].astype(str))
    assert torch.equal(model.score(text, time="when", gap=600), apart)
    with pytest.warns(TSRewardWarning, match=r"gaps: 1, .* the first at row 301: .*--gap 90 lets windows begin anew"):
        model.score(frame)


def test_models_are_fitted_on_both_sides_of_a_gap():
    whole = plant.frame(0, plant.FIT)
    gap = RewardModel(Mahalanobis(4), Likeness()).fit([timed(whole, hole=1000)], gap=600)
    two = RewardModel(Mahalanobis(4), Likeness()).fit([whole[:1000], whole[1000:]])
    assert torch.equal(gap.score(plant.frame()), two.score(plant.frame()))


@pytest.mark.parametrize(
    ("index", "message"),
    [
        (
            pandas.date_range("2024-03-01", periods=600, freq="60s")[::-1],
            "row 2 of time column 'index' is 60 s before",
        ),
        (pandas.DatetimeIndex(["2024-03-01"] * 600), "repeats the stamp of the row before.*--time-repeats"),
        (pandas.DatetimeIndex([pandas.NaT] * 600), "row 1 of time column 'index' is missing"),
        (pandas.to_timedelta(np.arange(600, 0, -1), unit="s"), "row 2 of time column 'index' is 1 s before"),
    ],
)
def test_a_time_index_is_checked_like_the_stamps_of_a_file(model, index, message):
    frame = plant.frame().set_index(index)
    for door in (model.score, lambda data: relabel(model, data), ScoreStream(model).push):
        with pytest.raises(DataError, match=message):
            door(frame)


def test_chunks_are_checked_against_each_other(model):
    frame = timed(plant.frame())
    stream = ScoreStream(model)
    stream.push(frame[100:200])
    with pytest.raises(DataError, match=r"row 101 of time column 'index' is .* before the row above"):
        stream.push(frame[:100])


def test_an_index_in_a_zone_or_with_repeats(model):
    right = model.score(plant.frame())
    assert torch.equal(model.score(timed(plant.frame(), zone="Europe/Berlin")), right)
    twice = plant.frame().set_index(pandas.date_range("2024-03-01", periods=300, freq="1min").repeat(2))
    with pytest.warns(TSRewardWarning, match="irregular steps"):
        assert torch.equal(model.score(twice, time_repeats=True), right)


def test_options_of_rows_are_checked(model):
    with pytest.raises(OptionError, match="Unknown option of rows 'missng': did you mean 'missing'"):
        model.score(plant.frame(), missng="drop")
    with pytest.raises(OptionError, match="time_zone must be a time zone"):
        model.score(plant.frame(), time_zone="Mars/North")
    with pytest.raises(DataError, match="The data has no time, which gap is about"):
        model.score(plant.frame(), gap=60)
    with pytest.raises(DataError, match="no column 'when'"):
        as_episodes(plant.frame(), time="when")
