"""Likelihood of token sequences: hand-made figures, causality, and the layer that computes the last step alone."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from tsreward.encoders.vq import VQOptions, VQTokenizer
from tsreward.errors import DataError, OptionError
from tsreward.pipeline.model import RewardModel
from tsreward.rewards.likeness import Likeness
from tsreward.scorers.knn import KNN
from tsreward.scorers.video_likelihood import VideoLikelihood, VideoLikelihoodOptions
from tsreward.sequences.windows import WindowSet
from tsreward.training import TrainOptions

CODES, STEPS, TOKENS = 5, 4, 6
OPTIONS = VideoLikelihoodOptions(codes=CODES, width=16, heads=2, feed_forward=32)


def untrained(**options) -> VideoLikelihood:
    scorer = VideoLikelihood(STEPS, replace(OPTIONS, **options))
    scorer.materialise(TOKENS)
    scorer.fitted.fill_(True)
    with torch.no_grad():  # at their start, attention weights hardly tell tokens apart
        for weight in scorer.parameters():
            weight.copy_(torch.randn(weight.shape, generator=torch.Generator().manual_seed(weight.numel())) * 0.3)
    return scorer


def tokens(batch: int = 3, seed: int = 0) -> Tensor:
    return torch.randint(0, CODES, (batch, STEPS, TOKENS), generator=torch.Generator().manual_seed(seed)).float()


def cycles(count: int = 6, length: int = 30) -> list[Tensor]:
    """Return episodes in which every token is the one before, plus one."""
    place = torch.arange(TOKENS)
    return [((torch.arange(length)[:, None] + place + start) % CODES).float() for start in range(count)]


@pytest.mark.parametrize(("score", "steps"), [("conditional", 1), ("joint", STEPS), ("entropy", 1)])
def test_a_model_that_knows_nothing_gives_the_logarithm_of_the_number_of_codes(score, steps) -> None:
    scorer = untrained(score=score)
    torch.nn.init.zeros_(scorer.out.weight)
    torch.nn.init.zeros_(scorer.out.bias)
    assert scorer(tokens()).tolist() == pytest.approx([steps * TOKENS * math.log(CODES)] * 3, rel=1e-5)


def test_no_token_sees_one_that_comes_later() -> None:
    scorer, windows = untrained(), tokens()
    before = scorer._logits(windows.long(), None, None)
    for place in (0, 7, STEPS * TOKENS - 1):
        changed = windows.flatten(1).clone()
        changed[:, place] = (changed[:, place] + 1) % CODES
        after = scorer._logits(changed.view_as(windows).long(), None, None)
        assert torch.equal(after[:, : place + 1], before[:, : place + 1])
        assert place + 1 == STEPS * TOKENS or not torch.allclose(after[:, place + 1 :], before[:, place + 1 :])


def test_the_last_step_alone_is_what_the_whole_pass_gives() -> None:
    scorer, windows = untrained(), tokens()
    whole = scorer._logits(windows.long(), None, None)[:, -TOKENS:]
    assert torch.allclose(scorer._logits(windows.long(), None, TOKENS), whole, atol=1e-5)


def test_joint_is_the_sum_of_the_conditionals() -> None:
    scorer, windows = untrained(score="joint"), tokens()
    logs = scorer._logits(windows.long(), None, None).log_softmax(-1)
    picked = logs.gather(-1, windows.long().flatten(1)[..., None])[..., 0]
    assert torch.allclose(scorer(windows), -picked.sum(1), atol=1e-4)
    scorer.options = replace(scorer.options, score="conditional")
    assert torch.allclose(scorer(windows), -picked[:, -TOKENS:].sum(1), atol=1e-4)


def test_one_shot_sees_no_token_of_the_last_step() -> None:
    scorer, windows = untrained(decoding="one_shot"), tokens()
    changed = windows.clone()
    changed[:, -1] = (changed[:, -1] + 1) % CODES
    assert torch.equal(scorer._logits(windows.long(), None, TOKENS), scorer._logits(changed.long(), None, TOKENS))
    assert not torch.equal(scorer(windows), scorer(changed))


@pytest.mark.parametrize("decoding", ["autoregressive", "one_shot"])
def test_it_learns_what_comes_next(decoding) -> None:
    scorer = VideoLikelihood(STEPS, replace(OPTIONS, decoding=decoding))
    windows = WindowSet.from_episodes(cycles(), STEPS)
    settings = TrainOptions(epochs=12, batch_size=32, learning_rate=3e-3, windows_per_epoch=640)
    scorer.fit(windows, options=settings)
    usual = windows.gather(torch.arange(10, 20))
    frozen = usual[:, -2:-1].expand(-1, STEPS, -1)
    assert scorer(usual).max() < 0.1 * TOKENS * math.log(CODES)
    assert scorer(frozen).min() > 5 * scorer(usual).max()


def test_a_single_strange_step_changes_scores_only_while_it_is_seen() -> None:
    scorer = untrained()
    episode = cycles(1)[0]
    broken = episode.clone()
    broken[10] = (broken[10] + 2) % CODES
    first, second = (scorer.score_all(WindowSet.from_episodes([one], STEPS)) for one in (episode, broken))
    assert torch.nonzero(first != second).flatten().tolist() == [10, 11, 12, 13]


def test_the_class_decides() -> None:
    """Episodes of class 0 count up and those of class 1 count down, in the same tokens."""
    up = [torch.cat([episode, torch.zeros(len(episode), 1)], 1) for episode in cycles()]
    down = [torch.cat([episode.flip(0), torch.ones(len(episode), 1)], 1) for episode in cycles()]
    scorer = VideoLikelihood(STEPS, replace(OPTIONS, classes=2))
    settings = TrainOptions(epochs=15, batch_size=32, learning_rate=1e-2, windows_per_epoch=640)
    scorer.fit(WindowSet.from_episodes([*up, *down], STEPS), options=settings)
    moving = WindowSet.from_episodes(up[:1], STEPS).gather(torch.tensor([12]))
    other = moving.clone()
    other[..., -1] = 1
    assert scorer(moving).item() < 1 < scorer(other).item()


def test_what_is_drawn_is_what_was_learned() -> None:
    scorer = VideoLikelihood(STEPS, OPTIONS)
    windows = WindowSet.from_episodes(cycles(), STEPS)
    settings = TrainOptions(epochs=12, batch_size=32, learning_rate=1e-2, windows_per_epoch=640)
    scorer.fit(windows, options=settings)
    known = windows.gather(torch.arange(10, 14))
    assert torch.equal(scorer.sample(known, seed=0, temperature=0), (known[:, -1] + 1) % CODES)
    assert torch.equal(scorer.sample(known, seed=3), scorer.sample(known, seed=3))


def test_numbers_beyond_all_normal_data_have_bins_of_their_own() -> None:
    scorer = VideoLikelihood(2, VideoLikelihoodOptions(bins=4, width=16, heads=2))
    rows = torch.linspace(0, 1, 101)[:, None]
    scorer.fit(WindowSet.from_episodes([rows, rows], 2), options=TrainOptions(epochs=1, windows_per_epoch=8))
    values = torch.tensor([[[-5.0], [0.0]], [[0.3], [0.6]], [[1.0], [1.1]]])
    assert scorer._tokens(values)[0].flatten().tolist() == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("value", [-1.0, float(CODES), 0.5])
def test_what_is_no_token_is_refused(value) -> None:
    windows = tokens()
    windows[1, 2, 3] = value
    with pytest.raises(DataError, match="VideoLikelihood with codes=5 expects tokens, whole numbers from 0 to 4"):
        untrained()(windows)


def test_tokens_are_for_scorers_of_tokens() -> None:
    encoder = VQTokenizer((8, 8, 1), VQOptions(grid=2, codes=7, channels=4))
    model = RewardModel(VideoLikelihood(2), Likeness(), encoder)
    assert model.scorer.options.codes == 7
    with pytest.raises(OptionError, match="KNN compares numbers, and the encoder gives tokens"):
        RewardModel(KNN(2), Likeness(), encoder)
    with pytest.raises(OptionError, match="VideoLikelihood reads 5 codes, and the encoder gives 7"):
        RewardModel(VideoLikelihood(2, OPTIONS), Likeness(), encoder)
