"""Both goal rewards as one: the weights, the units, and that the learned part goes on learning."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from tsreward import load, save
from tsreward.errors import OptionError
from tsreward.functional.seeding import generator
from tsreward.pipeline.active import ActiveLearner, ActiveLearnerOptions
from tsreward.pipeline.model import RewardModel
from tsreward.rewards.likeness import Likeness, LikenessOptions
from tsreward.scorers.forward_backward import ForwardBackward, ForwardBackwardOptions
from tsreward.scorers.goal_video import GoalVideo, GoalVideoOptions
from tsreward.scorers.goal_video_and_frame import GoalVideoAndFrame, GoalVideoAndFrameOptions
from tsreward.sequences.windows import WindowSet
from tsreward.training import TrainOptions

FRAME = {"hidden": 16, "latent": 8, "path_length": 20}
BRIEF = TrainOptions(epochs=2, windows_per_epoch=2_000)


def films() -> list[Tensor]:
    """Return four videos [20, 2] that go to the same place."""
    way = torch.linspace(0, 3, 20)[:, None] * torch.tensor([[1.0, -1.0]])
    return [way + 0.02 * torch.randn(20, 2, generator=generator(seed)) for seed in range(4)]


def walks() -> list[Tensor]:
    return [0.3 * torch.randn(60, 2, generator=generator(seed)).cumsum(0) for seed in range(6)]


def fitted(**options: float) -> GoalVideoAndFrame:
    scorer = GoalVideoAndFrame(6, GoalVideoAndFrameOptions(**FRAME, frames=3, **options))  # type: ignore[arg-type]
    return scorer.fit(WindowSet.from_episodes(films(), 6), WindowSet.from_episodes(walks(), 6), BRIEF)


def test_with_one_weight_0_it_ranks_as_the_other_alone() -> None:
    windows = WindowSet.from_episodes(walks(), 6).gather(torch.arange(200))
    video = GoalVideo(6, GoalVideoOptions(frames=3))
    held_in = WindowSet.from_episodes(films(), 6).split(TrainOptions().held_out, TrainOptions().seed)[0]
    alone = video.fit(held_in)(windows)
    assert torch.equal(fitted(frame_weight=0.0)(windows).argsort(), alone.argsort())
    frame = ForwardBackward(6, ForwardBackwardOptions(**FRAME))  # type: ignore[arg-type]
    frame.fit(WindowSet.from_episodes(films(), 6), WindowSet.from_episodes(walks(), 6), BRIEF)
    found, wanted = fitted(video_weight=0.0)(windows), frame(windows)
    assert torch.corrcoef(torch.stack([found, wanted]))[0, 1] > 0.99


def test_each_part_counts_in_its_standard_deviations_along_the_films() -> None:
    normal = WindowSet.from_episodes(films(), 6)
    normal = normal.split(TrainOptions().held_out, TrainOptions().seed)[0]
    for weights in ({"frame_weight": 0.0}, {"video_weight": 0.0}):
        assert float(fitted(**weights).score_all(normal).std(correction=0)) == pytest.approx(1, rel=1e-3)
    double = fitted(video_weight=2.0, frame_weight=2.0).score_all(normal)
    assert torch.allclose(double, 2 * fitted().score_all(normal), rtol=1e-5, atol=1e-5)


def test_a_learner_moves_the_nearness_alone_and_measures_its_unit_anew(tmp_path: Path) -> None:
    options = GoalVideoAndFrameOptions(**FRAME, frames=3)  # type: ignore[arg-type]
    model = RewardModel(GoalVideoAndFrame(6, options), Likeness(LikenessOptions(transform="negative")))
    learner = ActiveLearner(model, films(), ActiveLearnerOptions(calibrate_every=4))
    scorer, draw = model.scorer, generator(0)
    assert isinstance(scorer, GoalVideoAndFrame)
    before = {name: value.clone() for name, value in scorer.state_dict().items()}
    seen = WindowSet.from_episodes(walks(), 6)
    for _ in range(4):
        learner.refresh(lambda number: seen.gather(torch.randint(len(seen), (number,), generator=draw)))
    after = scorer.state_dict()
    assert torch.equal(after["video.goals"], before["video.goals"])
    assert not torch.equal(after["frame.forward_net.0.weight"], before["frame.forward_net.0.weight"])
    assert after["units"][0] == pytest.approx(float(before["units"][0]))
    assert after["units"][1] != before["units"][1]
    save(model, tmp_path / "model.safetensors")
    loaded = load(tmp_path / "model.safetensors")
    assert torch.equal(loaded.score(walks()[0]), model.score(walks()[0]))


def test_no_weight_at_all_is_refused() -> None:
    with pytest.raises(OptionError, match="frame_weight must be above 0 where video_weight is 0, got 0"):
        GoalVideoAndFrameOptions(video_weight=0.0, frame_weight=0.0)
