"""An active scorer learns what sets the expert apart from an agent, repeats itself, and stays an ordinary model."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.worlds import all_windows, separation, waves
from tsreward.errors import DataError, OptionError, ShapeError
from tsreward.io import load, save
from tsreward.pipeline.active import ActiveLearner, ActiveLearnerOptions
from tsreward.pipeline.model import RewardModel
from tsreward.rewards.base import RewardMode
from tsreward.rewards.lagrangian import Lagrangian
from tsreward.rewards.likeness import Likeness, LikenessOptions
from tsreward.rewards.penalty import Penalty, PenaltyOptions
from tsreward.scorers.base import Scorer
from tsreward.scorers.deep_svdd import DeepSVDD, DeepSVDDOptions
from tsreward.scorers.discriminator import Discriminator
from tsreward.scorers.lstm_vae import LSTMVAE
from tsreward.scorers.mahalanobis import Mahalanobis
from tsreward.scorers.transformer_ae import TransformerAE
from tsreward.sequences.probes import probe_windows
from tsreward.sequences.windows import WindowSet
from tsreward.training import TrainOptions

EXPERT = waves(0, episodes=6)
UNSEEN = all_windows(WindowSet.from_episodes(waves(1, episodes=3), 4))


def odds(scorer: Scorer, transform: Any = "odds") -> RewardModel:
    return RewardModel(scorer, Likeness(LikenessOptions(transform=transform)))


def agent(seed: int = 0, still: float = 0.9) -> Any:
    """Return a source of windows of an agent that moves too little, and is not quite where the expert is."""
    draw, windows = torch.Generator().manual_seed(seed), UNSEEN

    def source(number: int) -> Tensor:
        some = windows[torch.randint(len(windows), (number,), generator=draw)]
        return still * some[:, -1:] + (1 - still) * some + 0.4

    return source


@pytest.mark.parametrize(
    ("scorer", "transform"),
    [
        (DeepSVDD(4), "odds"),
        (DeepSVDD(4, DeepSVDDOptions(gradient_penalty=0.1, distance="mahalanobis", embedding=8)), "exponential"),
        (Discriminator(4), "least_squares"),
        (TransformerAE(4), "exponential"),
        (LSTMVAE(4), "exponential"),
    ],
    ids=lambda part: type(part).__name__ if isinstance(part, Scorer) else part,
)
def test_what_the_agent_does_comes_to_earn_less(scorer: Scorer, transform: str) -> None:
    model = odds(scorer, transform)
    learner = ActiveLearner(model, EXPERT, ActiveLearnerOptions(learning_rate=2e-3, batch_size=64, calibrate_every=10))
    bad = agent(5)(300)
    before = separation(model.score_windows(UNSEEN[:300]), model.score_windows(bad))
    for _ in range(10):
        learner.refresh(agent())
    assert learner.refreshes == 10
    assert separation(model.score_windows(UNSEEN[:300]), model.score_windows(bad)) > max(0.95, before)
    assert model.rate(UNSEEN[:300]).reward.mean() > model.rate(bad).reward.mean() + 0.5
    assert not scorer.training


def run(seed: int = 0, **options: Any) -> dict[str, Tensor]:
    learner = ActiveLearner(odds(DeepSVDD(4)), EXPERT, ActiveLearnerOptions(seed=seed, batch_size=32, **options))
    for _ in range(4):
        learner.refresh(agent())
    return learner.model.state_dict()


def test_the_seed_decides_and_nothing_global_moves() -> None:
    state = torch.random.get_rng_state()
    first, again, other = run(), run(), run(seed=1)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(value, again[name]) for name, value in first.items())
    assert not torch.equal(first["scorer.centre"], other["scorer.centre"])


def test_calibration_follows_when_it_is_due() -> None:
    model = odds(DeepSVDD(4))
    learner = ActiveLearner(model, EXPERT, ActiveLearnerOptions(batch_size=32, calibrate_every=3, held_out=0.4))
    counts, thresholds = int(model.calibration.count), [float(model.mode.threshold)]
    for _ in range(6):
        learner.refresh(agent())
        thresholds.append(float(model.mode.threshold))
    changed = [later != earlier for earlier, later in pairwise(thresholds)]
    assert changed == [False, False, True, False, False, True]
    assert counts == int(model.calibration.count) == 2 * 120  # two of the six episodes are held out


def test_a_fitted_scorer_goes_on_from_where_it_is() -> None:
    model = odds(TransformerAE(4), "exponential")
    model.fit(EXPERT, options=TrainOptions(epochs=1, windows_per_epoch=512))
    before = model.score_windows(UNSEEN[:50])
    learner = ActiveLearner(model, EXPERT, ActiveLearnerOptions(learning_rate=1e-6, updates=1))
    assert torch.equal(model.score_windows(UNSEEN[:50]), before)
    learner.refresh(agent())
    torch.testing.assert_close(model.score_windows(UNSEEN[:50]), before, rtol=1e-2, atol=1e-2)


def test_given_bad_windows_are_a_share_of_every_batch() -> None:
    asked: list[int] = []

    def source(number: int) -> Tensor:
        asked.append(number)
        return agent()(number)

    far = [episode + 4 for episode in waves(3, episodes=2)]
    options = ActiveLearnerOptions(batch_size=40, negative_fraction=0.25, updates=2, learning_rate=2e-3)
    model = odds(DeepSVDD(4))
    learner = ActiveLearner(model, EXPERT, options, negatives=far)
    strange = UNSEEN[:200] + 4
    before = model.rate(strange).reward.mean()
    for _ in range(20):
        learner.refresh(source)
    assert set(asked) == {30} and len(asked) == 40
    assert model.rate(strange).reward.mean() < min(0.1, before)


def shown(noise: float) -> list[Tensor]:
    """Return the good and the bad windows that a scorer is shown in one gradient step."""
    scorer = DeepSVDD(4)
    learner = ActiveLearner(odds(scorer), EXPERT, ActiveLearnerOptions(updates=1, noise=noise))
    seen, objective = [], scorer.objective
    scorer.objective = lambda normal, bad, draw: seen.extend([normal, bad]) or objective(normal, bad, draw)
    learner.refresh(lambda number: UNSEEN[:number])
    return seen


def test_both_sides_are_shaken() -> None:
    for calm, shaken in zip(shown(0.0), shown(0.5), strict=True):
        assert (shaken - calm).mean().abs() < 0.03
        assert (shaken - calm).std() == pytest.approx(0.5, abs=0.03)


def test_auto_takes_its_scale_from_the_given_bad_windows() -> None:
    normal = WindowSet.from_episodes(EXPERT, 4)
    probes = probe_windows(normal, 200)["held"]
    model = odds(DeepSVDD(4), "auto")
    learner = ActiveLearner(model, normal, ActiveLearnerOptions(learning_rate=2e-3), negatives=probes)
    for _ in range(32):
        learner.refresh(agent())
    earned = model.rate(all_windows(probes)).reward
    assert float((earned <= 0.051).float().mean()) >= 0.89


def test_windows_of_a_running_episode_can_be_learned_from() -> None:
    learner = ActiveLearner(odds(DeepSVDD(4)), EXPERT)
    with torch.inference_mode():
        windows = UNSEEN[:256].clone()
    learner.refresh(lambda number: windows[:number])
    assert learner.refreshes == 1


def test_what_was_learned_is_saved_like_any_model(tmp_path: Path) -> None:
    learner = ActiveLearner(odds(DeepSVDD(4)), EXPERT)
    learner.refresh(agent())
    save(learner.model, tmp_path / "model.safetensors")
    again = load(tmp_path / "model.safetensors")
    assert torch.equal(again.rate(UNSEEN[:40]).reward, learner.model.rate(UNSEEN[:40]).reward)


def test_the_unit_of_a_penalty_stays() -> None:
    model = RewardModel(DeepSVDD(4), Penalty())
    model.fit(EXPERT, rewards=torch.full((3,), 2.5), options=TrainOptions(epochs=1, windows_per_epoch=256))
    ActiveLearner(model, EXPERT)
    assert float(model.mode.state_dict()["unit"]) == 2.5
    with pytest.raises(OptionError, match=r"pass unit=\.\.\. in its options"):
        ActiveLearner(RewardModel(DeepSVDD(4), Penalty()), EXPERT)
    ActiveLearner(RewardModel(DeepSVDD(4), Penalty(PenaltyOptions(unit=2.0))), EXPERT)


@pytest.mark.parametrize(
    ("scorer", "mode", "message"),
    [
        (Mahalanobis(4), Likeness(), "with a loss on negatives to go on with, got Mahalanobis: use DeepSVDD"),
        (DeepSVDD(4), Lagrangian(), "would set Lagrangian back .* use Penalty"),
        (DeepSVDD(4), Likeness(LikenessOptions(transform="auto")), "give ActiveLearner negatives, .* 'odds'"),
    ],
)
def test_models_that_cannot_follow_are_refused(scorer: Scorer, mode: RewardMode, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        ActiveLearner(RewardModel(scorer, mode), EXPERT)


def test_data_that_cannot_be_used_is_refused() -> None:
    with pytest.raises(ShapeError, match="build the WindowSet with the model's"):
        ActiveLearner(odds(DeepSVDD(4)), WindowSet.from_episodes(EXPERT, 3))
    learner = ActiveLearner(odds(DeepSVDD(4)), EXPERT)
    with pytest.raises(ShapeError, match=r"windows of the agent \[n, 4, 5\], got \[256, 4, 4\]"):
        learner.refresh(lambda number: torch.zeros(number, 4, 4))
    with pytest.raises(DataError, match="The scorer's loss became nan in refresh 1: lower the learning rate"):
        learner.refresh(lambda number: torch.full((number, 4, 5), torch.nan))


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("every", 0, "every must be an integer >= 1, got 0"),
        ("negative_fraction", 1.0, r"negative_fraction must be a number in \[0, 1\), got 1.0"),
        ("held_out", 0.0, r"held_out must be a number in \(0, 1\), got 0.0"),
        ("learning_rate", 0.0, r"learning_rate must be a number in \(0, 1\), got 0.0"),
        ("noise", -0.1, r"noise must be a number in \[0, 10\), got -0.1"),
        ("seed", -1, r"seed must be an integer in \[0, "),
    ],
)
def test_options_that_cannot_work_are_refused(name: str, value: Any, message: str) -> None:
    with pytest.raises(OptionError, match=f"ActiveLearnerOptions.{message}"):
        ActiveLearnerOptions(**{name: value})
