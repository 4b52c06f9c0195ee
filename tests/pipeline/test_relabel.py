"""`relabel`: the rewards of whole episodes, against the same computed one window at a time."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.naive import sliding_windows
from tests.scripted import script, small_model
from tsreward.errors import DataError, OptionError, ShapeError
from tsreward.pipeline.model import RewardModel
from tsreward.pipeline.relabel import relabel
from tsreward.sequences.episodes import Episode


@pytest.fixture(scope="module")
def model() -> RewardModel:
    return small_model(smoothing=0.6, frame_skip=2)


def episodes(*lengths: int, seed: int = 0) -> list[Episode]:
    rng = np.random.default_rng(seed)
    return [script(rng, length) for length in lengths]


def one_window_at_a_time(model: RewardModel, episode: Episode) -> tuple[list[float], list[float]]:
    """Return the smoothed scores and the rewards of one episode."""
    share = model.mode.options.smoothing
    scores, rewards = [], []
    for step, window in enumerate(sliding_windows(episode.obs, model.window, model.frame_skip)[1:]):
        score = model.score_windows(torch.from_numpy(window[None]))
        scores.append(score if not scores else (1 - share) * score + share * scores[-1])
        env_reward = None if episode.rewards is None else torch.tensor(episode.rewards[step : step + 1])
        rewards.append(model.rate(scores[-1], env_reward).reward.item())
    return [score.item() for score in scores], rewards


@pytest.mark.parametrize("mode", ["penalty", "likeness"])
@pytest.mark.parametrize(("smoothing", "frame_skip"), [(0.0, 1), (0.6, 1), (0.6, 3)])
def test_entry_t_belongs_to_the_arrival_at_observation_t_plus_1(mode: str, smoothing: float, frame_skip: int) -> None:
    model = small_model(mode=mode, smoothing=smoothing, frame_skip=frame_skip)
    played = episodes(1, 2, 9, 30)
    for episode, earned in zip(played, relabel(model, played), strict=True):
        scores, rewards = one_window_at_a_time(model, episode)
        assert earned.score.tolist() == scores
        assert earned.reward.tolist() == rewards
        assert torch.equal(earned.p_value, model.calibration.p_value(earned.score))
        assert torch.equal(earned.is_anomaly, earned.score > model.mode.threshold)


def test_episodes_do_not_depend_on_what_they_are_given_with(model: RewardModel) -> None:
    played = episodes(5, 1, 12)
    together = relabel(model, played)
    for index in (2, 0, 1):
        for part, alone in zip(together[index], relabel(model, [played[index]])[0], strict=True):
            assert torch.equal(part, alone)


def test_no_window_sees_the_future(model: RewardModel) -> None:
    whole = episodes(30)[0]
    cut = Episode(whole.obs[:11], whole.rewards[:10])
    assert relabel(model, [cut])[0].reward.tolist() == relabel(model, [whole])[0].reward[:10].tolist()


def test_long_episodes_are_scored_in_parts(model: RewardModel) -> None:
    """2,500 windows are three parts of at most 1,024; the seams do not show."""
    episode = episodes(2500)[0]
    scores, _ = one_window_at_a_time(model, episode)
    assert relabel(model, [episode])[0].score.tolist() == scores


def test_nothing_gives_nothing(model: RewardModel) -> None:
    assert relabel(model, []) == []


def test_observations_may_be_of_any_number_type_and_layout(model: RewardModel) -> None:
    episode = episodes(9)[0]
    wanted = relabel(model, [episode])[0].reward.tolist()
    read_only, rewards = episode.obs.copy(), episode.rewards.copy()
    read_only.flags.writeable = rewards.flags.writeable = False
    backwards = episode.obs[::-1].copy()[::-1]
    for obs in (read_only, backwards, episode.obs.astype(np.float64), np.asfortranarray(episode.obs)):
        assert relabel(model, [Episode(obs, rewards)])[0].reward.tolist() == wanted


def test_rewards_may_be_missing_only_where_they_are_replaced(model: RewardModel) -> None:
    episode = Episode(episodes(5)[0].obs)
    with pytest.raises(OptionError, match="give env_reward"):
        relabel(model, [episode])
    assert len(relabel(small_model(mode="likeness"), [episode])[0].reward) == 5


def test_another_shape_is_refused(model: RewardModel) -> None:
    with pytest.raises(ShapeError, match=r"expects observations \[B, 3\], got \[B, 4\]"):
        relabel(model, [Episode(np.zeros((6, 4), np.float32), np.zeros(5))])


@pytest.mark.parametrize("step", [0, 3, 9])
def test_an_observation_that_is_not_finite_is_refused(model: RewardModel, step: int) -> None:
    episode = episodes(9)[0]
    episode.obs[step, 1] = np.nan
    with pytest.raises(DataError, match="NaN or inf"):
        relabel(model, [episode])


def test_episodes_are_not_written_to(model: RewardModel) -> None:
    episode = episodes(9)[0]
    obs, rewards = episode.obs.copy(), episode.rewards.copy()
    relabel(model, [episode])
    assert np.array_equal(episode.obs, obs)
    assert np.array_equal(episode.rewards, rewards)
