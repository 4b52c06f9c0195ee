"""The whole detector: what its errors look at, what only the right intrinsic reward finds, and what labels add."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.scorers.dqn.conftest import QUICK, Pool
from tests.worlds import all_windows, separation
from tsreward.errors import DataError, NotFittedError, OptionError, ShapeError
from tsreward.scorers.dqn.environment import DQNOptions, Labels
from tsreward.scorers.dqn.labelling import ActiveOptions
from tsreward.scorers.dqn.scorer import DQN
from tsreward.sequences.windows import WindowSet


@pytest.fixture(scope="module")
def fitted(normal: WindowSet) -> DQN:
    scorer = DQN(4)
    scorer.fit(normal, options=QUICK)
    return scorer


@pytest.fixture(scope="module")
def active(normal: WindowSet, pool: Pool) -> tuple[DQN, Labels, list[list[int]]]:
    """Return a detector that may ask about 20 windows, its labels, and all questions that reached the oracle."""
    questions: list[list[int]] = []

    def oracle(positions: np.ndarray) -> np.ndarray:
        questions.append(positions.tolist())
        return pool.labels[positions].numpy()

    scorer = DQN(4)
    labels = scorer.learn_actively(pool.windows, oracle, normal, ActiveOptions(budget=20, propagate=10), QUICK)
    return scorer, labels, questions


def test_the_errors_are_those_of_the_scored_window_and_include_its_last_row(fitted: DQN, unseen: Tensor) -> None:
    windows = fitted.standardise(unseen)
    with torch.no_grad():
        squared = (windows - fitted.vae.reconstruct(windows)[0]).square()
        forecast = fitted.forecaster.measure(windows)[:, None]
        rows = torch.cat([squared.mean(2), squared.mean((1, 2))[:, None], forecast], 1)
    expected = ((rows + 1e-3).log() - fitted.error_mean) / fitted.error_std
    torch.testing.assert_close(fitted._errors(windows), expected)
    changed = windows.clone()
    changed[:, -1] += 3
    assert (fitted._errors(changed)[:, -3:] > fitted._errors(windows)[:, -3:]).float().mean() > 0.99


def test_a_typical_normal_window_earns_nothing_for_its_error(fitted: DQN, unseen: Tensor) -> None:
    errors = fitted._errors(fitted.standardise(unseen))
    assert errors.median(0).values.abs().max() < 0.5


def test_the_autoencoder_is_not_touched_by_the_game(normal: WindowSet) -> None:
    still, playing = (DQN(4, DQNOptions(updates=updates)) for updates in (1, 20))
    for scorer in (still, playing):
        scorer.fit(normal, options=QUICK)
    weights = zip(still.vae.state_dict().values(), playing.vae.state_dict().values(), strict=True)
    assert all(torch.equal(first, second) for first, second in weights)
    assert not torch.equal(still.network.error_weight, playing.network.error_weight)


def test_without_anomalies_only_the_action_dependent_reward_changes_an_answer(
    normal: WindowSet, unseen: Tensor
) -> None:
    scores = {}
    for intrinsic in ("action", "symmetric", "none"):
        scorer = DQN(4, DQNOptions(intrinsic=intrinsic))
        scorer.fit(normal, options=QUICK)
        assert float((scorer(unseen) > 0).float().mean()) < 0.25
        scores[intrinsic] = scorer(unseen + 2)
    torch.testing.assert_close(scores["symmetric"], scores["none"], rtol=1e-2, atol=1e-2)
    assert (scores["action"] > 0).all()
    assert not (scores["none"] > 0).any()


def test_the_schedule_is_kept_and_not_saved(fitted: DQN) -> None:
    lambdas, returns = fitted.schedule
    assert (len(lambdas), len(returns)) == (QUICK.epochs + 1, QUICK.epochs)
    assert not [name for name in fitted.state_dict() if "schedule" in name or "lambda" in name]


def test_the_budget_is_used_up_and_never_exceeded(active: tuple, pool: Pool) -> None:
    _, labels, questions = active
    asked = [position for question in questions for position in question]
    assert len(asked) == len(set(asked)) == labels.budget == 20
    assert asked == labels.asked
    assert len(questions) > 3
    assert all(0 <= position < len(pool.windows) for position in asked)
    assert torch.equal(labels.true[asked], pool.labels[asked])
    assert int((labels.true != -1).sum()) == 20


def test_propagated_labels_are_kept_apart(active: tuple) -> None:
    _, labels, _ = active
    guessed = labels.propagated != -1
    assert 0 < int(guessed.sum()) <= 10
    assert not (guessed & (labels.true != -1)).any()


def test_what_was_asked_helps_to_find_the_rest(active: tuple, pool: Pool) -> None:
    scorer, labels, _ = active
    scores = scorer(all_windows(pool.windows))
    unasked = labels.true == -1
    assert separation(scores[unasked & (pool.labels == 0)], scores[unasked & (pool.labels == 1)]) > 0.95


def test_the_same_labels_may_be_given_and_the_pool_may_teach_what_is_normal(
    active: tuple, pool: Pool, normal: WindowSet
) -> None:
    _, labels, _ = active
    windows, scores = all_windows(pool.windows), []
    for known in (None, normal):
        scorer = DQN(4)
        given = scorer.learn_from_labels(pool.windows, labels.true, known, options=QUICK)
        assert torch.equal(given.true, labels.true)
        scores.append(scorer(windows))
        assert separation(scores[-1][pool.labels == 0], scores[-1][pool.labels == 1]) > 0.9
    assert not torch.equal(*scores)


def test_before_labels_say_otherwise_the_agent_ranks_as_the_errors_do(fitted: DQN, pool: Pool) -> None:
    windows = all_windows(pool.windows)
    scorer = DQN(4, DQNOptions(updates=1, learning_rate=1e-9))
    unknown = torch.full((len(pool.windows),), -1)
    scorer.learn_from_labels(pool.windows, unknown, options=replace(QUICK, epochs=1))
    with torch.no_grad():
        scorer.network.error_weight.zero_()
    assert torch.equal(scorer(windows).argsort(), scorer.errors(windows).argsort())
    assert separation(fitted.errors(windows)[pool.labels == 0], fitted.errors(windows)[pool.labels == 1]) > 0.95


def test_more_labels_need_no_new_autoencoder(pool: Pool, normal: WindowSet) -> None:
    scorer = DQN(4)
    with pytest.raises(NotFittedError, match="DQN is not fitted"):
        scorer.learn_from_labels(pool.windows, pool.labels, normal, options=QUICK, keep=True)
    scorer.learn_from_labels(pool.windows, pool.labels, normal, options=QUICK)
    again = copy.deepcopy(scorer)
    few = torch.where(torch.arange(len(pool.labels)) < 60, pool.labels, -1)
    again.learn_from_labels(pool.windows, few, normal, options=QUICK, keep=True)
    for part in ("vae", "forecaster"):
        weights = (getattr(one, part).state_dict().values() for one in (scorer, again))
        assert all(torch.equal(*pair) for pair in zip(*weights, strict=True))
    scorer.learn_from_labels(pool.windows, few, normal, options=QUICK)
    windows = all_windows(pool.windows)
    assert torch.equal(scorer(windows), again(windows))


def test_labels_that_are_none_are_refused(pool: Pool, normal: WindowSet) -> None:
    scorer = DQN(4)
    with pytest.raises(ShapeError, match=rf"one label for each of {len(pool.windows)} windows, got \[3\]"):
        scorer.learn_from_labels(pool.windows, torch.zeros(3), normal)
    with pytest.raises(DataError, match="as many 0s and 1s"):
        scorer.learn_from_labels(pool.windows, pool.labels * 2, normal)
    with pytest.raises(ShapeError, match="DQN expects pool windows"):
        scorer.learn_actively(pool.windows.map(lambda store: store[:, :3]), lambda positions: positions, normal)


def test_joined_windows_are_those_of_the_parts(normal: WindowSet, pool: Pool) -> None:
    few = normal.where(torch.arange(len(normal)) % 3 == 0)
    both = WindowSet.concat([few, pool.windows])
    assert torch.equal(all_windows(both), torch.cat([all_windows(few), all_windows(pool.windows)]))
    assert both.episodes == few.episodes + pool.windows.episodes


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("discount", 1.0, r"a number in \[0, 1\)"),
        ("labelled_fraction", 1.0, r"a number in \[0, 1\)"),
        ("epsilon_start", 1.5, r"a number in \[0, 1\]"),
        ("lambda_start", 100.0, "between lambda_min="),
        ("intrinsic", "both", "'action', 'symmetric' or 'none'"),
    ],
)
def test_a_wrong_option_names_itself(name: str, value: object, wanted: str) -> None:
    with pytest.raises(OptionError, match=f"DQNOptions.{name} must be {wanted}"):
        DQNOptions(**{name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("budget", 0),
        ("rounds", 0),
        ("apart", 0),
        ("propagate", -1),
        ("spread_over", 0),
        ("warm_up", 1.1),
        ("first", "all"),
    ],
)
def test_a_wrong_option_of_asking_names_itself(name: str, value: object) -> None:
    with pytest.raises(OptionError, match=rf"ActiveOptions.{name} .* got {value!r}\."):
        ActiveOptions(**{name: value})  # type: ignore[arg-type]
