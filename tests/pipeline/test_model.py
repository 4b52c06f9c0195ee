"""`RewardModel`: what is held out, what is encoded how often, and what does not fit together."""

import numpy as np
import pandas
import pytest
import torch

from tests.worlds import hazard, waves
from tsreward.encoders.base import Identity
from tsreward.errors import DataError, NotFittedError, OptionError, ShapeError
from tsreward.pipeline.model import RewardModel
from tsreward.rewards.likeness import Likeness, LikenessOptions
from tsreward.rewards.penalty import Penalty, PenaltyOptions
from tsreward.scorers.deep_svdd import DeepSVDD
from tsreward.scorers.mahalanobis import Mahalanobis
from tsreward.sequences.episodes import Episode
from tsreward.sequences.windows import WindowSet
from tsreward.training import TrainOptions


@pytest.fixture(scope="module")
def fitted() -> RewardModel:
    model = RewardModel(Mahalanobis(4), Likeness())
    model.fit(waves(0))
    return model


def test_fresh_normal_episodes_are_flagged_at_about_the_chosen_rate(fitted: RewardModel) -> None:
    fresh = WindowSet.from_episodes(waves(1, episodes=40), 4)
    scores = torch.cat([fitted.score(batch) for batch in fresh.batches(512)])
    assert float((scores > fitted.mode.threshold).float().mean()) == pytest.approx(0.05, abs=0.03)


def test_calibration_scores_come_from_episodes_the_scorer_never_saw(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[WindowSet] = []
    fit = Mahalanobis.fit
    monkeypatch.setattr(Mahalanobis, "fit", lambda self, normal, *rest: (seen.append(normal), fit(self, normal, *rest)))
    model = RewardModel(Mahalanobis(4), Likeness())
    model.fit(waves(0, episodes=12), calibration_fraction=0.25)
    assert seen[0].episodes == 9 and int(model.calibration.count) == 3 * 120


def test_every_observation_is_encoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = 0

    def encode(self: Identity, obs: torch.Tensor) -> torch.Tensor:
        nonlocal rows
        rows += len(obs)
        return obs.flatten(1).float()

    monkeypatch.setattr(Identity, "encode", encode)
    RewardModel(Mahalanobis(4), Likeness()).fit(waves(0, episodes=12, steps=120))
    assert rows == 12 * 120


def test_the_same_seed_gives_the_same_model_and_another_another(seed: int) -> None:
    def state(chosen: int) -> dict[str, torch.Tensor]:
        model = RewardModel(DeepSVDD(4), Likeness())
        model.fit(waves(0), options=TrainOptions(windows_per_epoch=None, epochs=2, seed=chosen))
        return model.state_dict()

    first, again, other = state(seed), state(seed), state(seed + 1)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


def test_the_unit_of_a_penalty_is_the_mean_absolute_reward() -> None:
    model = RewardModel(Mahalanobis(4), Penalty())
    model.fit(waves(0), rewards=np.array([[1.0, -3.0], [2.0, 2.0]]))
    assert float(model.mode.unit) == 2.0


def test_reward_is_score_p_value_and_mode_in_one(fitted: RewardModel) -> None:
    windows = WindowSet.from_episodes(waves(2, episodes=2), 4).gather(torch.arange(20))
    scores = fitted.score(windows)
    assert torch.equal(fitted.rate(windows).reward, fitted.mode(scores, fitted.calibration.p_value(scores), None))


def test_smoothed_modes_are_calibrated_on_smoothed_scores() -> None:
    rough, smooth = (
        RewardModel(Mahalanobis(4), Penalty(PenaltyOptions(form="raw", smoothing=share))) for share in (0.0, 0.9)
    )
    for model in (rough, smooth):
        model.fit(waves(0))
    assert smooth.calibration.scores[: int(smooth.calibration.count)].std() < 0.8 * (
        rough.calibration.scores[: int(rough.calibration.count)].std()
    )


def test_parts_that_do_not_fit_together_are_refused() -> None:
    scorer = Mahalanobis(4).fit(WindowSet.from_episodes(waves(0), 4))
    with pytest.raises(ShapeError, match="gives 7 features but the scorer was made for 5"):
        RewardModel(scorer, Likeness(), Identity((7,)))
    with pytest.raises(OptionError, match="skip >= 1"):
        RewardModel(Mahalanobis(4), Likeness(), frame_skip=0)
    with pytest.raises(ShapeError, match="windows of 4 steps with frame_skip 1, got 3 and 1"):
        RewardModel(Mahalanobis(4), Likeness()).fit(WindowSet.from_episodes(waves(0), 3))
    with pytest.raises(ShapeError, match=r"\[B, 5\], got \[B, 4\]"):
        RewardModel(Mahalanobis(4), Likeness(), Identity((5,))).fit(waves(0, dim=4))
    with pytest.raises(DataError, match="longest of 12 episodes has 2"):
        RewardModel(Mahalanobis(4), Likeness()).fit([episode[:2] for episode in waves(0)])


def test_the_shape_of_observations_comes_from_the_data_and_may_change() -> None:
    model = RewardModel(Mahalanobis(4), Likeness())
    with pytest.raises(NotFittedError, match=r"RewardModel is not fitted: call model.fit\(...\)"):
        _ = model.obs_shape
    with pytest.raises(NotFittedError, match="Identity is not fitted"):
        model.encode(torch.zeros(1, 5))
    assert model.fit(waves(0)) is model
    assert (model.obs_shape, model.scorer.dim) == ((5,), 5)
    model.fit([episode[:, :4].reshape(-1, 2, 2) for episode in waves(0)])
    assert (model.obs_shape, model.scorer.dim) == ((2, 2), 4)


def test_the_scale_follows_the_scores_of_probes() -> None:
    normal = WindowSet.from_episodes(waves(0), 4)
    probes = WindowSet.from_episodes([episode + 5 for episode in waves(1, episodes=3)], 4)
    model = RewardModel(Mahalanobis(4), Likeness(LikenessOptions(transform="auto")))
    model.fit(normal, probes=probes)
    earned = model.rate(probes.gather(torch.arange(0, len(probes), 7))).reward
    assert float((earned < 0.05).float().mean()) > 0.85
    with pytest.raises(DataError, match="got none: give"):
        model.fit(normal)
    with pytest.raises(ShapeError, match="build the WindowSet with the model's"):
        model.fit(normal, probes=WindowSet.from_episodes(waves(1), 3))


def test_bad_windows_serve_as_probes_where_there_are_no_others() -> None:
    normal, bad = hazard(0, 4)
    model = RewardModel(DeepSVDD(4), Likeness(LikenessOptions(transform="auto")))
    model.fit(normal, bad, options=TrainOptions(epochs=2, windows_per_epoch=1024))
    scale = model.mode.state_dict()["scale"].clone()
    model.fit(normal, bad, options=TrainOptions(epochs=2, windows_per_epoch=1024), probes=bad)
    assert torch.equal(model.mode.state_dict()["scale"], scale)


def test_scores_of_what_people_have(fitted: RewardModel) -> None:
    first, second = waves(3, episodes=2)
    alone = fitted.score(first)
    assert alone.shape == (len(first),)
    assert [part.tolist() for part in fitted.score([first, second])] == [alone.tolist(), fitted.score(second).tolist()]
    assert fitted.score(torch.as_tensor(first)).tolist() == alone.tolist()
    assert fitted.score(pandas.DataFrame(first)).tolist() == alone.tolist()
    assert fitted.score(Episode(np.asarray(first))).tolist() == alone[1:].tolist()
    windows = WindowSet.from_episodes([first], 4)
    assert fitted.score(windows).tolist() == fitted.score(windows.gather(torch.arange(len(windows)))).tolist()
    assert fitted.score([]) == []


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (7, "an array .* or a list of these, got int"),
        ("log.csv", "got str"),
        ([object()], "in the list, got object"),
        (np.zeros(5), r"an array \[T, \*obs\] of numbers with T > 0 rows, got \[5\] of float64"),
        (np.zeros((0, 5)), r"got \[0, 5\]"),
        (np.array([["a", "b"]]), "leave out columns that are no numbers"),
        (np.full((3, 5), np.nan), r"row 0 \(from 0\) holds NaN or inf"),
    ],
)
def test_what_is_no_data_is_refused_in_one_line(fitted: RewardModel, data: object, message: str) -> None:
    with pytest.raises(DataError, match=message) as found:
        fitted.score(data)
    assert "\n" not in str(found.value)


def test_calibrate_moves_thresholds_and_leaves_the_scorer(fitted: RewardModel) -> None:
    model = RewardModel(fitted.scorer, Penalty(PenaltyOptions(false_alarm_rate=0.1)))
    louder = [2 * episode for episode in waves(3, episodes=30)]
    before = {name: value.clone() for name, value in fitted.scorer.state_dict().items()}
    model.calibrate(louder[:20], rewards=np.array([2.0, -2.0]))
    assert all(torch.equal(value, before[name]) for name, value in model.scorer.state_dict().items())
    flagged = torch.cat([model.score(episode) > model.mode.threshold for episode in louder[20:]])
    assert float(flagged.float().mean()) == pytest.approx(0.1, abs=0.05)
    assert model.mode.threshold > fitted.calibration.threshold(0.1)
    assert float(model.mode.state_dict()["unit"]) == 2.0


def test_calibrate_needs_a_fitted_scorer() -> None:
    with pytest.raises(NotFittedError, match="call fit first"):
        RewardModel(Mahalanobis(4), Likeness()).calibrate(waves(0))
