"""Costs of a walk whose infos hold them in many forms: the same unsafe steps wherever they are read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
import pytest

from tests.walk import Walk
from tsreward.envs.make import ActionRepeat, make, make_with_costs
from tsreward.errors import ProtocolError, TSRewardWarning
from tsreward.sb3.environment_checks import check_environment
from tsreward.sb3.playing import act_at_random, play
from tsreward.sequences.cost_reader import CostReader
from tsreward.sequences.costs import CostOptions
from tsreward.sequences.episodes import safe_windows


class Told(gymnasium.Wrapper):
    """Puts the cost into the info in another form."""

    def __init__(self, env: gymnasium.Env, form: Callable[[float], dict[str, Any]]) -> None:
        super().__init__(env)
        self._form = form

    def step(self, action: Any) -> Any:
        obs, reward, terminated, truncated, info = self.env.step(action)
        return obs, reward, terminated, truncated, self._form(info["cost"])


FORMS: dict[str, tuple[Callable[[float], dict[str, Any]], dict[str, Any]]] = {
    "cost": (lambda cost: {"cost": cost}, {}),
    "costs": (lambda cost: {"costs": cost, "speed": 2.0}, {}),
    "constraint_cost": (lambda cost: {"constraint_cost": np.float32(cost)}, {}),
    "crashed": (lambda cost: {"crashed": bool(cost)}, {}),
    "own key": (lambda cost: {"hit": cost}, {"cost_key": "hit"}),
    "vector, sum": (lambda cost: {"cost": np.array([0.0, cost])}, {"cost_reduce": "sum"}),
    "vector, max": (lambda cost: {"costs": [0.0, cost, 0.0]}, {"cost_reduce": "max"}),
    "vector, one": (lambda cost: {"costs": [5.0, cost]}, {"cost_reduce": 1}),
    "two keys": (lambda cost: {"a": cost, "b": 0.0}, {"cost_key": ("a", "b")}),
    "negative": (lambda cost: {"cost": -cost}, {"cost_sign": "negative"}),
    "limit": (lambda cost: {"force": 3 + 4 * cost}, {"cost_key": "force", "cost_above": 5.0}),
    "distance": (lambda cost: {"gap": 1 - cost}, {"cost_key": "gap", "cost_below": 0.5}),
    "only where it violates": (lambda cost: {"cost": cost} if cost else {}, {"cost_missing": "zero"}),
    "function": (lambda cost: {"state": {"hit": cost}}, {"cost_key": lambda info: info["state"]["hit"]}),
}


@pytest.fixture
def told():
    """Return a function that registers the walk with costs in a form and gives its id."""
    ids = []

    def register(form: str) -> str:
        id = f"Told/{form.replace(' ', '').replace(',', '')}-v0"
        gymnasium.registry.pop(id, None)
        gymnasium.register(id, lambda: Told(Walk(), FORMS[form][0]), disable_env_checker=True)
        ids.append(id)
        return id

    yield register
    for id in ids:
        gymnasium.registry.pop(id, None)


def options(form: str) -> CostOptions:
    return CostOptions(**FORMS[form][1])


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_unsafe_steps(told, form):
    recorded, wanted = (
        act_at_random(told(name), 400, 4, costs=options(name)).all_episodes() for name in (form, "cost")
    )
    costs = np.concatenate([episode.costs for episode in recorded])
    assert np.array_equal(costs, np.concatenate([episode.costs for episode in wanted]))
    assert 0.05 < costs.mean() < 0.5
    assert len(safe_windows(recorded, 4)[1] or ()) == (costs > 0).sum()


@pytest.mark.parametrize("form", FORMS)
def test_a_repeated_action_adds_up_every_form(told, form):
    reader = CostReader(options(form))
    repeated, plain = make_with_costs(told(form), reader, 4), make(told("cost"))
    repeated.reset(seed=3)
    plain.reset(seed=3)
    for _ in range(2):
        steps = []
        while len(steps) < 4 and not (steps and steps[-1][2]):
            steps.append(plain.step(np.ones(1)))
        assert reader.read(repeated.step(np.ones(1))[4]) == sum(step[4]["cost"] for step in steps)
    assert reader.unsafe > 1


def test_without_a_reader_common_keys_add_up():
    env = ActionRepeat(Told(Walk(), lambda cost: {"costs": np.array([1.0, 2.0]), "crashed": False, "x": 1.0}), 3)
    env.reset(seed=0)
    info = env.step(np.ones(1))[4]
    assert info["costs"].tolist() == [3.0, 6.0]
    assert info["crashed"] is False
    assert info["x"] == 1.0


@pytest.mark.parametrize("form", FORMS)
def test_whole_episodes_are_played_with_them(told, form):
    def right(obs):
        return np.ones((len(obs), 1), np.float32)

    one, two = (play(told(name), right, [1, 2], costs=options(name)) for name in (form, "cost"))
    for first, second in zip(one, two, strict=True):
        assert np.array_equal(first.episode.costs, second.episode.costs)  # type: ignore[arg-type]


def test_a_cost_that_comes_late_is_told_and_the_steps_before_are_safe(told):
    id = told("only where it violates")
    record = act_at_random(id, 400, 4)
    with pytest.warns(TSRewardWarning, match=r"steps gave no info\['cost'\] and count as safe.*--cost-missing zero"):
        record.costs.tell()
    assert all(episode.costs is not None for episode in record.all_episodes())
    with pytest.raises(ProtocolError, match="--cost-missing zero"):
        check_environment(id, needs_cost=True)
    check_environment(id, needs_cost=True, costs=CostOptions(cost_missing="zero"))


def test_a_vector_without_a_word_is_refused_with_the_option(told):
    with pytest.raises(ProtocolError, match=r"Environment 0: info\['cost'\] holds 2 numbers .*--cost-reduce"):
        act_at_random(told("vector, sum"), 40, 2)
