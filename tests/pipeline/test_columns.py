"""A model is told the columns of data by their names, from the fit to the last score."""

import numpy as np
import pandas
import pyarrow
import pytest
import torch

from tests import plant
from tsreward.audit.auditing import audit_reward
from tsreward.audit.comparison import compare
from tsreward.errors import DataError, ShapeError
from tsreward.io import load, save
from tsreward.pipeline.active import ActiveLearner
from tsreward.pipeline.model import RewardModel
from tsreward.pipeline.relabel import relabel
from tsreward.pipeline.scores import ScoreStream, score_episodes, stream_scores
from tsreward.rewards.likeness import Likeness
from tsreward.scorers.deep_svdd import DeepSVDD
from tsreward.scorers.discriminator import Discriminator
from tsreward.scorers.mahalanobis import Mahalanobis
from tsreward.sequences.episodes import Episode, as_episodes, safe_windows
from tsreward.sequences.windows import WindowSet

SWAPPED = ("flow", "load", "temp")


@pytest.fixture(scope="module")
def model():
    """Return a model of the plant, fitted on a DataFrame."""
    return plant.fitted()


@pytest.fixture(scope="module")
def right(model):
    """Return the scores of the plant's rows in the right order."""
    return model.score(plant.frame())


def doors(model, data):
    """Return the scores [T] that every door gives for the same frame."""
    episode = as_episodes(data)[0][0]
    return {
        "score": model.score(data),
        "list": model.score([data])[0],
        "episode": model.score(episode),
        "relabel": relabel(model, data).score,
        "relabel a list": relabel(model, [data])[0].score,
        "score_episodes": torch.from_numpy(score_episodes(model, [episode]).score),
        "stream": torch.from_numpy(ScoreStream(model).push(data).score),
        "chunks": torch.from_numpy(
            np.concatenate([part.score for part in stream_scores(model, [data[:100], data[100:]])])
        ),
    }


def test_swapped_columns_give_the_scores_of_the_right_order_at_every_door(model, right):
    assert model.columns.names == plant.NAMES
    assert set(model.columns.kinds) == {"float64"}
    for door, scores in doors(model, plant.frame(names=SWAPPED)).items():
        assert torch.equal(scores, right), door
    few = (right > model.mode.threshold).float().mean()
    assert few < 0.1
    by_position = model.score(plant.frame(names=SWAPPED).to_numpy())
    assert (by_position > model.mode.threshold).float().mean() > 0.9


def test_numbers_are_names_unless_they_count():
    """pandas numbers the columns of an array; what is left after one was dropped is not what it was."""
    array = plant.frame().to_numpy()
    for numbers in ((0, 1, 2), (1, 2, 3), (0, 2, 5)):
        model = plant.fitted()
        named = pandas.DataFrame(plant.frame(0, plant.FIT).to_numpy(), columns=numbers)
        model.fit([named])
        scores = model.score(array)
        frame = pandas.DataFrame(array, columns=numbers)
        assert torch.equal(model.score(frame[[numbers[2], numbers[0], numbers[1]]]), scores)
        shifted = pandas.DataFrame(array, columns=[number + 1 for number in numbers])
        for door in (model.score, lambda data, model=model: relabel(model, data), ScoreStream(model).push):
            with pytest.raises(DataError, match="lacks the column"):
                door(shifted)


def test_an_arrow_table_is_matched_too(model, right):
    table = pyarrow.Table.from_pandas(plant.frame(names=SWAPPED), preserve_index=False)
    assert torch.equal(model.score(table), right)
    assert torch.equal(relabel(model, table).score, right)
    assert torch.equal(torch.from_numpy(ScoreStream(model).push(table).score), right)


def test_a_missing_column_is_refused_with_the_nearest_name(model):
    renamed = plant.frame().rename(columns={"temp": "Temp"})
    for door in (model.score, lambda data: relabel(model, data), ScoreStream(model).push):
        with pytest.raises(DataError, match=r"lacks the column 'temp' of the model; has it become 'Temp'\?"):
            door(renamed)


def test_an_extra_column_is_refused_unless_ignored(model, right):
    more = plant.frame().assign(note="fine")
    for door in (model.score, lambda data: relabel(model, data), ScoreStream(model).push):
        with pytest.raises(DataError, match=r"'note' holds str.*ignore=\['note'\]"):
            door(more)
    number = plant.frame().assign(speed=1.0)
    with pytest.raises(DataError, match=r"a column 'speed', which is none of the model: .*ignore="):
        model.score(number)
    assert torch.equal(model.score(more, ignore=["note"]), right)
    assert torch.equal(relabel(model, more, ignore=["note"]).score, right)
    assert torch.equal(torch.from_numpy(ScoreStream(model, ignore=["note"]).push(more).score), right)
    assert torch.equal(
        torch.cat([torch.from_numpy(p.score) for p in stream_scores(model, [more], ignore=["note"])]), right
    )
    with pytest.raises(DataError, match=r"no column 'nte' to ignore \(is it 'note'\?\)"):
        model.score(more, ignore=["nte"])


def test_plain_arrays_go_by_position_and_count(model, right):
    assert torch.equal(model.score(plant.frame().to_numpy()), right)
    with pytest.raises(ShapeError):
        model.score(plant.frame().to_numpy()[:, :2])
    with pytest.raises(DataError, match="no names of columns, so there is no 'load'"):
        model.score(plant.frame().to_numpy(), ignore=["load"])


def test_a_model_of_an_array_takes_named_columns_by_position(right):
    model = RewardModel(Mahalanobis(4), Likeness()).fit([plant.frame(0, plant.FIT).to_numpy()])
    assert model.columns is None
    assert torch.equal(model.score(plant.frame()), right)


def test_frames_to_fit_on_may_have_other_orders_but_not_other_columns(right):
    half = plant.FIT // 2
    parts = [plant.frame(0, half), plant.frame(half, plant.FIT)]
    straight = RewardModel(Mahalanobis(4), Likeness()).fit(parts)
    turned = RewardModel(Mahalanobis(4), Likeness()).fit([parts[0], parts[1][list(SWAPPED)]])
    assert torch.equal(straight.score(plant.frame()), turned.score(plant.frame()))
    with pytest.raises(DataError, match="Episode 1 lacks the column 'temp' of the first episode"):
        RewardModel(Mahalanobis(4), Likeness()).fit([parts[0], parts[1].rename(columns={"temp": "t"})])
    with pytest.raises(DataError, match="Episode 0 lacks the column 'temp' of the model"):
        RewardModel(DeepSVDD(4), Likeness()).fit(parts, [parts[1].rename(columns={"temp": "t"})])


def test_names_go_into_the_file_and_come_back(model, right, tmp_path):
    save(model, tmp_path / "m")
    again = load(tmp_path / "m")
    assert again.columns == model.columns
    assert torch.equal(again.score(plant.frame(names=SWAPPED)), right)


def test_sets_of_windows_and_active_learners_keep_names():
    episodes = as_episodes([plant.frame(0, 200), plant.frame(200, 400, SWAPPED)])[0]
    costly = [Episode(e.obs, costs=np.arange(len(e)) % 50 == 49, columns=e.columns) for e in episodes]
    safe, unsafe = safe_windows(costly, 4)
    assert unsafe is not None
    assert safe.columns == unsafe.columns == episodes[0].columns
    joined = WindowSet.concat([safe, safe.where(torch.ones(len(safe), dtype=torch.bool))])
    assert joined.columns == safe.columns
    np.testing.assert_array_equal(safe.store[201:402].numpy(), episodes[1].obs[:, [1, 2, 0]])
    learner = ActiveLearner(RewardModel(Discriminator(4), Likeness()), [plant.frame(0, 100), plant.frame(100, 200)])
    assert learner.model.columns.names == plant.NAMES


def test_audits_and_comparisons_match_names(model):
    good, turned = plant.frame(3000, 3200), plant.frame(3000, 3200, SWAPPED)
    bad = plant.frame(3200, 3400).add([0.0, 9.0, 0.0])
    episodes = [as_episodes(data)[0] for data in (good, turned, bad)]
    straight, swapped = (audit_reward(model, each, episodes[2]).to_json() for each in episodes[:2])
    assert straight == swapped
    assert compare(model, model, episodes[0]).to_json() == compare(model, model, episodes[1]).to_json()
    renamed = as_episodes(good.rename(columns={"temp": "t"}))[0]
    with pytest.raises(DataError, match="Episode 0 of good behaviour lacks the column 'temp'"):
        audit_reward(model, renamed, episodes[2])
