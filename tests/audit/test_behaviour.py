"""The audit rates episodes as training would."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.audit.circles import circles, moving_model, safe_model
from tsreward.audit.behaviour import observe, rate_windows
from tsreward.errors import DataError, ShapeError
from tsreward.functional.shaping import smooth_episodes
from tsreward.pipeline.relabel import relabel
from tsreward.rewards.lagrangian import Lagrangian
from tsreward.rewards.penalty import Penalty, PenaltyOptions
from tsreward.sequences.episodes import Episode
from tsreward.sequences.windows import WindowSet

pytestmark = pytest.mark.filterwarnings("ignore::tsreward.errors.TSRewardWarning")  # data unlike the model's


def uneven() -> list[Episode]:
    return [Episode(episode.obs[: 5 * number + 4], None) for number, episode in enumerate(circles(1, 0.6))]


@pytest.mark.parametrize("smoothing", [0.0, 0.8])
@pytest.mark.parametrize(("frame_skip", "every"), [(1, 1), (2, 1), (1, 3)])
def test_a_likeness_is_that_of_relabel_bit_for_bit(smoothing, frame_skip, every):
    model, episodes = moving_model(smoothing=smoothing, frame_skip=frame_skip, every=every), uneven()
    rated, expected = observe(model, "good", episodes).rated, relabel(model, episodes)
    for name, column in (("score", rated.score), ("reward", rated.learned), ("is_anomaly", rated.is_anomaly)):
        for part, step in zip(rated.parts(column), expected, strict=True):
            np.testing.assert_array_equal(part, getattr(step, name).numpy())
    assert rated.lengths.tolist() == [len(episode) for episode in episodes]
    assert rated.level == pytest.approx(np.mean([float(step.reward.mean()) for step in expected]))


@pytest.mark.parametrize("form", ["tail", "raw", "constant"])
def test_a_penalty_is_what_is_added_to_the_reward(form):
    model, episodes = safe_model(Penalty(PenaltyOptions(form=form))), circles(2, 0.5)
    rated = observe(model, "good", episodes).rated
    for part, step, episode in zip(rated.parts(rated.learned), relabel(model, episodes), episodes, strict=True):
        np.testing.assert_allclose(episode.rewards + part, step.reward.numpy(), rtol=1e-12)
    assert (rated.learned <= 0).all()
    assert (rated.learned < 0).any()


def test_a_lagrangian_that_has_not_moved_yet_is_not_taken_for_nothing():
    rated = observe(safe_model(Lagrangian()), "good", circles(2, 0.5)).rated
    assert rated.is_anomaly.any()
    np.testing.assert_array_equal(rated.learned, -rated.is_anomaly.astype(float))


def test_raw_scores_are_those_before_smoothing():
    model, episodes = moving_model(smoothing=0.7), circles(3, 0.5, episodes=2)
    rated = observe(model, "good", episodes).rated
    number = torch.from_numpy(np.repeat([0, 1], rated.lengths))
    np.testing.assert_array_equal(smooth_episodes(torch.from_numpy(rated.raw), number, 0.7).numpy(), rated.score)
    assert not np.array_equal(rated.raw, rated.score)
    windows = WindowSet.of_arrivals([torch.from_numpy(episode.obs) for episode in episodes], 4)
    np.testing.assert_array_equal(rate_windows(model, windows.gather(torch.arange(160))).score, rated.raw)


def test_windows_with_a_cost_are_not_safe():
    costs = np.zeros(10)
    costs[4] = 1.0
    behaviour = observe(moving_model(), "good", [Episode(circles(0)[0].obs[:11], None, costs)])
    assert np.flatnonzero(~behaviour.safe(4, 1)).tolist() == [4, 5, 6, 7]
    assert behaviour.column("rewards") is None


@pytest.mark.parametrize(
    ("episodes", "error", "message"),
    [
        ([], DataError, "no episodes of good behaviour: give at least one"),
        (
            [Episode(np.zeros((5, 3), np.float32))],
            ShapeError,
            r"reads observations \[2\], but episode 0 .* holds \[3\]",
        ),
        ([Episode(np.full((5, 2), np.nan, np.float32))], DataError, "holds NaN or inf among its obs"),
        ([Episode(np.zeros((5, 2)), np.array([0, np.inf, 0, 0]))], DataError, "NaN or inf among its rewards"),
    ],
)
def test_bad_episodes_are_named(episodes, error, message):
    with pytest.raises(error, match=message):
        observe(moving_model(), "good", episodes)
