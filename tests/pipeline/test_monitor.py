"""A model says when data is not what it learned from: which columns, by how much, and why; else it is silent."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import wrappers
from gymnasium.vector import SyncVectorEnv
from stable_baselines3.common.vec_env import DummyVecEnv

from tests.walk import Walk, calm, played, walk_model
from tsreward.errors import StrictError
from tsreward.io import load, save
from tsreward.named_warnings import gathered
from tsreward.pipeline.model import RewardModel
from tsreward.pipeline.monitor import outside_text
from tsreward.pipeline.profile import DataProfile, columns_of
from tsreward.pipeline.relabel import relabel
from tsreward.pipeline.scores import stream_scores
from tsreward.rewards.likeness import Likeness
from tsreward.sb3.vec_env import LearnedRewardVecEnv
from tsreward.scorers.mahalanobis import Mahalanobis
from tsreward.sequences.episodes import Episode
from tsreward.wrappers.gymnasium_env import LearnedReward
from tsreward.wrappers.gymnasium_vector import LearnedRewardVector


def plant(rows: int, start: int = 0) -> np.ndarray:
    """Return load, temp and flow [T, 3] of a plant, one row a minute."""
    rng, time = np.random.default_rng(start + 1), np.arange(start, start + rows)
    load = 50 + 20 * np.sin(2 * np.pi * time / 1440) + rng.normal(0, 0.5, rows)
    return np.stack([load, 20 + 0.3 * load + rng.normal(0, 0.2, rows), 5 + 0.02 * load + rng.normal(0, 0.02, rows)], 1)


@pytest.fixture(scope="module")
def model() -> RewardModel:
    return RewardModel(Mahalanobis(4), Likeness()).fit(np.array_split(plant(2880), 6))


NORMAL = plant(1440, 1440)
MEAN, STD = NORMAL.mean(0), NORMAL.std(0)


def heard(work: Callable[[], object]) -> list[tuple[str, str]]:
    """Return what is said while something works, name and text."""
    with gathered() as log, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        work()
    return [(one.name, one.text) for one in log.given]


def said(model: RewardModel, rows: np.ndarray) -> list[tuple[str, str]]:
    """Return what is said of rows."""
    return heard(lambda: relabel(model, rows))


def test_nothing_is_said_of_normal_data(model: RewardModel) -> None:
    assert said(model, NORMAL) == []
    assert said(model, NORMAL[:40]) == []


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (lambda x: 1000 * x, "other units: column 0, column 1, column 2 are 1,000 times as large"),
        (lambda x: x / 1000, "other units: column 0, column 1, column 2 are 1/1,000 as large"),
        (lambda x: x * [1, 0.3048, 1], "other units: column 1 is 0.3048 times as large, as metres are of feet"),
        (lambda x: x * [57.29578, 1, 1], "other units: column 0 is 57.3 times as large, as degrees are of radians"),
        (lambda x: np.add(x, [0, 273.15, 0]), "other units: column 1 is higher by 273.15, as kelvins"),
        (lambda x: x * [1, 1.8, 1] + [0, 32, 0], "other units: column 1 is 1.8 times as large and 32 more"),
        (lambda x: -x, "other units: column 0, column 1, column 2 are of the other sign"),
        (lambda x: 7.3 * x, "other units: the columns are 7."),
        (lambda x: (x - MEAN) / STD, "the data was normalised before"),
        (lambda x: x[:, [1, 0, 2]], "another order (column 0 looks like column 1, column 1 looks like column 0"),
        (lambda x: x[:, [2, 0, 1]], "the columns stand in another order"),
        (lambda x: x + np.linspace(0, 300, len(x))[:, None] * [1, 0, 0], "drift: column 0 moves from"),
        (lambda x: (x - x.min(0)) / (x.max(0) - x.min(0)), "the data was rescaled to [0, 1]"),
    ],
)
def test_the_likely_cause_is_named(change: Any, cause: str, model: RewardModel) -> None:
    found = dict(said(model, change(NORMAL)))
    assert cause in found["outside training range"]


def test_the_text_says_by_how_much(model: RewardModel) -> None:
    text = dict(said(model, NORMAL * [1, 1000, 1]))["outside training range"]
    assert text.startswith("relabel: 1 of 3 columns lie outside what the model was fitted on: column 1 (100% of 1000")
    assert "fitted on 28.48 to 41" in text and "e+04 to " in text


def test_a_fault_is_found_and_not_taken_for_other_data(model: RewardModel) -> None:
    fault = NORMAL.copy()
    fault[300:400] *= 3
    assert said(model, fault) == []


def test_pictures_are_known_by_brightness() -> None:
    rng = np.random.default_rng(0)
    frames = torch.from_numpy(rng.integers(40, 200, (300, 12, 12, 3)).astype(np.uint8))
    profile = DataProfile().fit(frames)
    assert profile.size == 6
    assert outside_text(profile, columns_of(frames), None) is None
    scaled = outside_text(profile, columns_of(frames.double() / 255), None)
    assert scaled is not None and "pictures scaled to [0, 1]" in scaled
    dark = outside_text(profile, columns_of(frames // 8), None, pictures=True)
    assert dark is not None and "6 of 6 columns lie outside" in dark


@pytest.mark.filterwarnings("ignore::tsreward.errors.TSRewardWarning")
def test_the_profile_is_kept_in_the_file(model: RewardModel, tmp_path: Path) -> None:
    save(model, tmp_path / "model.safetensors")
    again = load(tmp_path / "model.safetensors")
    assert int(again.profile.count) == 2880
    assert torch.equal(again.profile.quantiles, model.profile.quantiles)
    assert again.profile.quantiles.dtype == torch.float64
    assert said(again, 1000 * NORMAL) == said(model, 1000 * NORMAL)


def test_strict_is_an_error_in_every_bulk_door(model: RewardModel) -> None:
    with pytest.raises(StrictError, match="lie outside"):
        relabel(model, 1000 * NORMAL, strict=True)
    with pytest.raises(StrictError, match="lie outside"):
        list(stream_scores(model, np.array_split(1000 * NORMAL, 5), strict=True))
    given = heard(lambda: list(stream_scores(model, np.array_split(1000 * NORMAL, 5))))
    assert "lie outside" in dict(given)["outside training range"]
    assert len(relabel(model, NORMAL, strict=True).reward) == 1440


def test_every_score_alike_is_said(model: RewardModel) -> None:
    found = dict(said(model, np.tile(NORMAL[:1], (200, 1))))
    assert found["scores alike"].startswith("relabel: the first 200 scores are all ")


def test_a_flag_rate_above_five_times_the_false_alarms_is_said(model: RewardModel) -> None:
    broken = NORMAL.copy()
    broken[:, 2] = np.random.default_rng(0).permutation(broken[:, 2])  # inside the range, out of relation
    found = dict(said(model, broken))
    assert "windows are flagged, and 5% of normal ones should be" in found["flag rate"]
    assert "outside training range" not in found


def scaled(factor: float) -> Any:
    return wrappers.TransformObservation(Walk(), lambda obs: (factor * obs).astype(np.float32), None)


def act(env: Any, steps: int) -> None:
    rng, _ = np.random.default_rng(0), env.reset(seed=0)
    for _ in range(steps):
        _, _, terminated, truncated, _ = env.step(calm(env.unwrapped._obs(), rng))
        if terminated or truncated:
            env.reset()


@pytest.fixture(scope="module")
def walk() -> RewardModel:
    return walk_model("likeness")


def test_a_wrapper_says_it_once(walk: RewardModel) -> None:
    env = LearnedReward(scaled(1000), walk)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        act(env, 1500)
    texts = [str(one.message) for one in caught]
    assert len(texts) == 2
    assert "1,000 times as large" in texts[0] and texts[1].startswith("LearnedReward: 100% of the first 256 windows")
    assert env.stream.monitor is None  # nothing is looked at any more


def test_every_wrapper_is_strict_where_that_is_asked_for(walk: RewardModel) -> None:
    with pytest.raises(StrictError, match="LearnedReward: 3 of 3 columns"):
        act(LearnedReward(scaled(1000), walk, strict=True), 300)
    envs = LearnedRewardVector(SyncVectorEnv([lambda: scaled(1000)] * 4), walk, strict=True)
    envs.reset(seed=0)
    with pytest.raises(StrictError, match="LearnedRewardVector: 2 of 3 columns"):
        for _ in range(70):
            envs.step(np.zeros((4, 1), np.float32))
    for lazy in (False, True):
        venv = LearnedRewardVecEnv(DummyVecEnv([lambda: scaled(1000)] * 4), walk, lazy=lazy, strict=True)
        venv.driven = True
        venv.reset()
        with pytest.raises(StrictError, match="LearnedRewardVecEnv: 2 of 3 columns"):
            for _ in range(70):
                venv.step(np.zeros((4, 1), np.float32))
            if lazy:
                venv.take()


def test_an_observation_normaliser_of_ones_own_is_found(walk: RewardModel) -> None:
    env = LearnedReward(wrappers.NormalizeObservation(Walk()), walk, allow_normalised=True)
    assert "normalised before" in dict(heard(lambda: act(env, 1000)))["outside training range"]


def test_the_same_walk_is_no_reason_to_warn(walk: RewardModel) -> None:
    act(LearnedReward(Walk(), walk, strict=True), 1100)


def test_rewards_on_another_scale_are_said() -> None:
    penalty = walk_model("penalty")
    for scale in (0.01, 50.0):
        given = dict(heard(lambda scale=scale: relabel(penalty, played(Walk(scale), 30, seed=1))))
        assert "the environment pays" in given["reward scale"] and "was measured with" in given["reward scale"]
    relabel(penalty, played(Walk(2.0), 30, seed=1), strict=True)
    relabel(walk_model("likeness"), played(Walk(50.0), 30, seed=1), strict=True)  # it does not look at them


def test_rewards_are_bit_identical_with_and_without_a_monitor(walk: RewardModel) -> None:
    episode = played(Walk(), 1, seed=5)[0]
    env = LearnedReward(Replayed(episode), walk)
    env.reset()
    rewards = [env.step(np.zeros(1))[1] for _ in range(len(episode))]
    assert rewards == relabel(walk, episode).reward.tolist()


class Replayed(Walk):
    """Plays one episode again."""

    def __init__(self, episode: Episode) -> None:
        super().__init__()
        self._episode = episode

    def reset(self, **kind: Any) -> Any:
        self._at = 0
        return self._episode.obs[0], {}

    def step(self, action: Any) -> Any:
        self._at += 1
        return self._episode.obs[self._at], float(self._episode.rewards[self._at - 1]), False, False, {}
