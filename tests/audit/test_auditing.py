"""The whole audit: right on a world with a known answer, the same every time, and it changes nothing."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from tests.audit.circles import circles, moving_audit, moving_model, safe_audit, safe_model, still
from tsreward.audit import CODES, audit_reward, probing
from tsreward.errors import DataError, NotFittedError, OptionError, ShapeError
from tsreward.pipeline.model import RewardModel
from tsreward.rewards.lagrangian import Lagrangian
from tsreward.rewards.likeness import Likeness
from tsreward.scorers.mahalanobis import Mahalanobis
from tsreward.sequences.episodes import Episode


def whole(model, **more):
    return audit_reward(model, circles(1), circles(2, 0.0), circles(3, 0.8), {"still": still(4)}, **more)


def test_the_same_data_let_windows_be_and_reject_places():
    moving, staying = moving_audit("window"), moving_audit("last")
    assert moving.verdict.word == "undecided"  # only a search accepts a likeness
    assert moving.warnings == ()
    assert staying.verdict.word == "rejected"
    codes = {warning.code for warning in staying.warnings}
    assert {"TSR001", "TSR002"} <= codes <= set(CODES)
    assert "TSR001" in staying.verdict.reasons[0]
    assert all(found.findings.separations[0].roc.low > 0.9 for found in (moving, staying))


def test_what_separates_and_ranks_well_is_rejected_for_paying_those_who_stand_still():
    found = audit_reward(moving_model("last"), circles(1), circles(2, 0.0), circles(3, 0.8))
    assert found.findings.separations[0].roc.low > 0.9
    assert found.findings.agreement.spearman.low > 0.7
    assert found.verdict.word == "rejected"


def test_penalties_on_what_costs():
    multiplied = audit_reward(safe_model(Lagrangian()), circles(1), circles(2, 0.3))
    for found, mode in ((safe_audit(), "Penalty"), (multiplied, "Lagrangian")):
        assert (found.verdict.word, found.warnings) == ("accepted", ())
        assert found.mode == mode


def test_a_penalty_that_likes_what_costs_is_the_worst():
    inside = [
        Episode(episode.obs, episode.rewards, (np.linalg.norm(episode.obs[1:], axis=1) < 1.2).astype(float))
        for episode in circles(5, 0.3)
    ]
    found = audit_reward(safe_model(), circles(1), circles(2, 0.3), episodes=inside)
    assert found.verdict.word == "rejected"
    assert "TSR009" in found.verdict.reasons[0]


def test_episodes_to_compare_with_take_the_place_of_the_others():
    episodes = circles(6, 0.5, episodes=3)
    found = whole(moving_model(), episodes=episodes)
    assert found.findings.agreement.episodes == 3
    assert [row[0] for row in found.findings.agreement.returns] == ["episodes"] * 3
    assert "episodes" not in [kind.name for kind in found.findings.kinds]


def test_the_document_is_json_and_the_same_every_time():
    model = moving_model()
    before = torch.random.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002 - it must stay
    first = json.dumps(whole(model).to_json(), allow_nan=False)
    assert first == json.dumps(moving_audit().to_json(), allow_nan=False)
    assert torch.equal(torch.random.get_rng_state(), before[0])
    np.testing.assert_array_equal(np.random.get_state()[1], before[1])  # noqa: NPY002
    document = json.loads(first)
    assert document["verdict"] == "undecided"
    assert document["model"] == {"scorer": "KNN", "mode": "Likeness", "window": 4, "frame_skip": 1}
    assert [kind["name"] for kind in document["findings"]["kinds"]] == ["good", "bad", "half_trained", "still"]
    assert json.dumps(whole(model, seed=1).to_json()) != first


def test_neither_model_nor_episodes_change():
    model, episodes = moving_model(smoothing=0.5), circles(1, steps=20)
    state = {name: value.clone() for name, value in model.state_dict().items()}
    kept = [episode.obs.copy() for episode in episodes]
    audit_reward(model, episodes, circles(2, 0.0, steps=20))
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    for episode, obs in zip(episodes, kept, strict=True):
        np.testing.assert_array_equal(episode.obs, obs)


def test_episodes_of_one_step_and_a_window_of_one():
    tiny = [Episode(circles(seed)[0].obs[:2]) for seed in range(3)]
    found = audit_reward(moving_model(), tiny, [Episode(episode.obs + 2) for episode in tiny])
    json.dumps(found.to_json(), allow_nan=False)
    assert {warning.code for warning in found.warnings} >= {"TSR014"}
    assert (
        audit_reward(moving_model(window=1), circles(1, steps=20), circles(2, 0.0, steps=20)).verdict.word == "rejected"
    )


def test_inverted_ordering():
    found = audit_reward(moving_model(), circles(2, 0.0, steps=20), circles(1, steps=20))
    assert found.verdict.word == "rejected"
    assert "TSR004" in found.verdict.reasons[0]
    assert all(kind.n is None for kind in found.findings.kinds)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"good": []}, DataError, "no episodes of good behaviour"),
        ({"bad": []}, DataError, "no episodes of bad behaviour"),
        ({"half_trained": []}, DataError, "no episodes of half_trained behaviour"),
        ({"blind": {"lazy": []}}, DataError, "no episodes of lazy behaviour"),
        ({"blind": {"good": circles(1)}}, OptionError, "cannot be called 'good'"),
        ({"bad": [Episode(np.zeros((5, 3), np.float32))]}, ShapeError, r"reads observations \[2\]"),
        ({"episodes": [Episode(circles(0)[0].obs)]}, DataError, "have no rewards"),
        ({"model": RewardModel(Mahalanobis(4), Likeness())}, NotFittedError, "not fitted"),
    ],
)
def test_bad_input(change, error, message):
    given = {"model": moving_model(), "good": circles(1), "bad": circles(2, 0.0)} | change
    with pytest.raises(error, match=message):
        audit_reward(**given)


def test_more_data_cost_one_score_a_step(monkeypatch):
    """All that is done more than once to a window is done to a sample, which does not grow."""
    monkeypatch.setattr(probing, "_STEPS", 400)
    model, scored = safe_model(), []
    score = model._wide_scorer
    monkeypatch.setattr(
        model, "_wide_scorer", lambda to, rows, chunk: scored.append(len(rows)) or score(to, rows, chunk)
    )
    totals = []
    for episodes in (14, 28):
        scored.clear()
        audit_reward(model, circles(1, episodes=episodes), circles(2, 0.3, episodes=episodes))
        totals.append(sum(scored))
    assert totals[1] - totals[0] == 2 * 14 * 80
