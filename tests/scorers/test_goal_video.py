"""The clip reward: resampling, the nearest goal, and clips of a video network in a model's file."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.encoders.tiny_clips import save_network
from tsreward import load, save
from tsreward.encoders.clip_video import ClipVideoEncoder, ClipVideoOptions, stack_clips
from tsreward.encoders.pixel_pca import PixelPCA, PixelPCAOptions
from tsreward.errors import DataError, OptionError, TSRewardWarning
from tsreward.pipeline.model import RewardModel
from tsreward.pipeline.relabel import relabel
from tsreward.rewards.likeness import Likeness, LikenessOptions
from tsreward.scorers.forward_backward import ForwardBackward
from tsreward.scorers.goal_video import GoalVideo, GoalVideoOptions
from tsreward.scorers.goal_video_and_frame import GoalVideoAndFrame
from tsreward.sequences.episodes import Episode
from tsreward.sequences.windows import WindowSet
from tsreward.training import TrainOptions

COSINE = GoalVideoOptions(features="raw")


def film(steps: int = 30, reach: int = 11) -> np.ndarray:
    """Return frames [T, 12, 12, 3] of a bright square that moves `reach` pixels to the right."""
    frames = np.zeros((steps, 12, 12, 3), np.uint8)
    for step, frame in enumerate(frames):
        left = round(reach * step / (steps - 1))
        frame[4:8, max(0, left - 2) : left + 2] = 250
    return frames


@pytest.mark.filterwarnings("ignore:The video stands still")
def test_what_ends_as_the_goal_video_does_is_paid_most() -> None:
    encoder = ClipVideoEncoder((4, 12, 12, 3), ClipVideoOptions(side=6))
    mode = Likeness(LikenessOptions(transform="negative"))
    model = RewardModel(GoalVideo(1, COSINE), mode, encoder).fit([stack_clips(film(), 4, 9)] * 2)
    whole, half, still = (model.score(stack_clips(film(reach=reach), 4, 9)) for reach in (11, 5, 0))
    assert float(whole[-1]) == pytest.approx(0, abs=1e-6)
    assert float(whole[-1]) < float(half[-1]) < float(still[-1])
    assert float(model.rate(whole).reward[-1]) > float(model.rate(half).reward.max())


def test_a_goal_video_is_resampled_evenly_to_the_window() -> None:
    video = torch.arange(31.0)[:, None] * torch.ones(1, 2)
    scorer = GoalVideo(window=4).fit(WindowSet.from_episodes([video], 4))
    assert float(scorer(video[[0, 10, 20, 30]][None])) == pytest.approx(0, abs=1e-6)


def test_the_last_steps_are_resampled_to_the_frames_that_are_compared() -> None:
    """As GenReward takes the last 128 steps to 16: what lies between the compared ones does not count."""
    video = torch.arange(31.0)[:, None] * torch.ones(1, 2)
    scorer = GoalVideo(7, GoalVideoOptions(frames=3)).fit(WindowSet.from_episodes([video], 7))
    window = torch.zeros(1, 7, 2)
    window[0, [0, 3, 6]] = video[[0, 15, 30]]
    assert float(scorer(window)) == pytest.approx(0, abs=1e-6)
    window[0, 2] = 99.0
    assert float(scorer(window)) == pytest.approx(0, abs=1e-6)
    window[0, 3] = 99.0
    assert float(scorer(window)) > 0.01


def test_of_one_frame_the_last_counts() -> None:
    video = torch.tensor([[-1.0, 1.0], [0.0, 0.0], [1.0, 1.0]])
    scorer = GoalVideo(3, GoalVideoOptions(frames=1)).fit(WindowSet.from_episodes([video], 3))
    assert float(scorer(video[[1, 0, 2]][None])) == pytest.approx(0, abs=1e-6)
    assert float(scorer(video[[2, 2, 0]][None])) > 0.1


@pytest.mark.parametrize("kind", [GoalVideo, ForwardBackward, GoalVideoAndFrame])
def test_of_one_picture_the_moments_say_nothing(kind: type[GoalVideo | ForwardBackward | GoalVideoAndFrame]) -> None:
    """In units of its own deviations, which are 0, everything else would be as far away as can be."""
    picture = WindowSet.from_episodes([torch.tensor([[1.0, 2.0]]).expand(4, 2)] * 2, 2)
    seen = WindowSet.from_episodes([torch.linspace(-1, 2, 40)[:, None] * torch.tensor([[0.5, 1.0]])] * 2, 2)
    negative = {} if kind is GoalVideo else {"negative": seen}
    with pytest.raises(DataError, match=r"stand still, .*: give \w+Options\(features='raw'\)"):
        kind(2).fit(picture, **negative)  # type: ignore[arg-type]
    raw = kind(2, kind.Options(features="raw"))  # type: ignore[arg-type]
    scores = raw.fit(picture, options=TrainOptions(epochs=1, windows_per_epoch=64), **negative).score_all(seen)  # type: ignore[arg-type]
    assert len(scores.unique()) > (1 if kind is GoalVideo else 20)


def test_more_frames_than_steps_are_refused() -> None:
    with pytest.raises(OptionError, match=r"compares 4 frames and its windows have 3 steps: give window >= 4"):
        GoalVideo(3, GoalVideoOptions(frames=4)).materialise(2)


def test_the_nearest_of_several_goal_videos_counts() -> None:
    there, back = (torch.linspace(0, 1, 20)[:, None] * torch.tensor([[1.0, sign]]) for sign in (1.0, -1.0))
    scorer = GoalVideo(window=2).fit(WindowSet.from_episodes([there, back], 2))
    ends = torch.stack([part[[0, -1]] for part in (there, back)])
    assert torch.allclose(scorer(ends), torch.zeros(2), atol=1e-6)


def test_a_file_keeps_the_goal_and_looks_up_the_network(tmp_path: Path) -> None:
    pytest.importorskip("transformers", reason="needs the extra 'pixels'")
    save_network("videomae", tmp_path / "network")
    encoder = ClipVideoEncoder.pretrained((4, 12, 12, 3), "videomae", str(tmp_path / "network"))
    clips = stack_clips(film(8), 4)
    model = RewardModel(GoalVideo(1, COSINE), Likeness(), encoder).fit([clips, clips])
    save(model, tmp_path / "model.safetensors")
    assert torch.equal(load(tmp_path / "model.safetensors").score(clips), model.score(clips))


def test_a_goal_video_of_another_scene_is_named() -> None:
    rng = np.random.default_rng(0)

    def films(low: int, high: int) -> list[np.ndarray]:
        return [rng.integers(low, high, (40, 16, 16, 3)).astype(np.uint8) for _ in range(2)]

    goal = films(60, 200)
    encoder = PixelPCA((16, 16, 3), PixelPCAOptions(dim=4, side=8)).fit(goal)
    model = RewardModel(GoalVideo(8, GoalVideoOptions(videos=2, frames=4)), Likeness(), encoder).fit(goal)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        relabel(model, [Episode(frames) for frames in films(60, 200)])
    with pytest.warns(
        TSRewardWarning, match="brightness of red .* likely cause: another scene, camera, light or colours"
    ):
        relabel(model, [Episode(frames) for frames in films(0, 60)])
