"""Exploits by planning: in a simulator that goes back, action sequences that earn most are looked for in every step.

The cross-entropy method (Rubinstein 1999) with a receding horizon: of random plans the best ones say where the next are
drawn; the best of all is followed for a few decisions. Discrete actions are drawn without that, see `_Choices`.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tsreward.audit.behaviour import Ratings, rate
from tsreward.audit.search.options import PlannerOptions
from tsreward.envs.make import make_with_costs
from tsreward.envs.random_state import kept_random_state
from tsreward.envs.saved_states import SavedStates
from tsreward.errors import OptionError
from tsreward.functional.tensors import as_tensor
from tsreward.pipeline.model import RewardModel
from tsreward.sb3.agent_observations import for_agent
from tsreward.sb3.playing import Played
from tsreward.sequences.cost_reader import CostReader
from tsreward.sequences.costs import CostOptions, Costs
from tsreward.sequences.episodes import Episode
from tsreward.wrappers.obs_parts import ObsKey, ObsParts

DISCOUNT = 0.99


_BEST = 0.2
"""Fraction of the plans that the next round is drawn around."""
_LEAST = 0.1
"""Standard deviation that is always left, as a fraction of half the range of an action."""


class _Moves:
    """Plans of actions in a box."""

    def __init__(self, space: Any, options: PlannerOptions, rng: np.random.Generator) -> None:
        if not (np.isfinite(space.low).all() and np.isfinite(space.high).all()):
            raise OptionError(f"Planning draws actions between their limits, and {space} has none.")
        self._space, self._options, self._rng = space, options, rng
        self._middle, self._half = (space.low + space.high) / 2, (space.high - space.low) / 2
        self._shape = (options.horizon, *space.shape)
        self.forget(options.horizon)
        self._mean = np.zeros(self._shape)

    def draw(self) -> np.ndarray:
        """Return plans [plans, horizon, *action]; the first is the one that was best before."""
        noise = self._rng.normal(size=(self._options.plans, *self._shape))
        noise = np.stack([each[_holds(self._rng, self._options)] for each in noise])
        noise[0] = 0
        return np.clip(self._mean + self._std * noise, -1, 1)

    def learn(self, plans: np.ndarray, worth: np.ndarray) -> None:
        """Draw around the best plans from now on."""
        best = plans[np.argsort(-worth)[: max(2, round(_BEST * len(plans)))]]
        self._mean, self._std = best[0], np.maximum(best.std(axis=0), _LEAST)

    def forget(self, followed: int) -> None:
        """Go on with what is left of the best plan, and draw widely again."""
        if followed < self._options.horizon:
            self._mean = np.concatenate([self._mean[followed:], np.zeros((followed, *self._space.shape))])
        self._std = np.full(self._shape, 0.7)

    def action(self, move: np.ndarray) -> Any:
        """Return the environment's action for one of a plan."""
        return (self._middle + self._half * move).astype(self._space.dtype)


class _Choices:
    """Plans of discrete actions: each is held for some decisions; rounds go on with a part of the best."""

    def __init__(self, space: Any, options: PlannerOptions, rng: np.random.Generator) -> None:
        self._space, self._options, self._rng = space, options, rng
        self._best = self._drawn()

    def draw(self) -> np.ndarray:
        """Return plans [plans, horizon]; the first is the one that was best before."""
        plans = [self._best]
        for number in range(1, self._options.plans):
            drawn = self._drawn()
            kept = self._rng.integers(self._options.horizon) if number % 2 else 0
            plans.append(np.concatenate([self._best[:kept], drawn[kept:]]))
        return np.stack(plans)

    def learn(self, plans: np.ndarray, worth: np.ndarray) -> None:
        """Take the best plan."""
        self._best = plans[np.argmax(worth)]

    def forget(self, followed: int) -> None:
        """Go on with what is left of the best plan."""
        self._best = np.concatenate([self._best[followed:], self._drawn()[:followed]])

    def action(self, move: np.ndarray) -> Any:
        """Return the environment's action for one of a plan."""
        return self._space.start + move

    def _drawn(self) -> np.ndarray:
        return self._rng.integers(self._space.n, size=self._options.horizon)[_holds(self._rng, self._options)]


def _holds(rng: np.random.Generator, options: PlannerOptions) -> np.ndarray:
    """Return [horizon] which draw every decision takes: each is held for 1 to `held` decisions."""
    spans = rng.integers(1, options.held + 1, size=options.horizon)
    return np.repeat(np.arange(options.horizon), spans)[: options.horizon]


@dataclass
class _Course:
    """What was seen on the way."""

    obs: list[np.ndarray]
    rewards: list[float] = field(default_factory=list)
    costs: list[float] = field(default_factory=list)
    actions: list[Any] = field(default_factory=list)
    terminated: bool = False
    over: bool = False

    def branch(self, history: int) -> _Course:
        """Return a course that begins with the last steps of this one, as if they had cost nothing."""
        kept = self.obs[-history - 1 :]
        return _Course(kept.copy(), costs=[0.0] * (len(kept) - 1))


def aim(model: RewardModel, rated: Ratings, costs: Sequence[np.ndarray]) -> np.ndarray:
    """Return [N] what steps are worth to an attacker.

    Of a likeness it is the learned reward, and of a penalty 1 for a step with a cost that is not flagged.

    Args:
        model: whose reward is attacked.
        rated: the steps of some episodes.
        costs: [T] of every episode.
    """
    if model.mode.replaces:
        return rated.learned
    return (np.concatenate(costs) > 0) & ~rated.is_anomaly


class Planner:
    """Plays episodes that earn as much of a model's reward as planning finds.

    Args:
        env: id of the environment.
        model: whose reward is attacked.
        options: of the planning.
        action_repeat: environment steps that every action is held for.
        costs: where the cost of a step is found.
        obs_key: what the model looks at of a Dict or a Tuple.
        seed: every random number follows from it.

    Raises:
        OptionError: the environment cannot go back to an earlier moment, or has actions without limits.
    """

    def __init__(
        self,
        env: str,
        model: RewardModel,
        options: PlannerOptions = PlannerOptions(),  # noqa: B008 - frozen
        action_repeat: int = 1,
        costs: Costs = CostOptions(),  # noqa: B008 - frozen
        obs_key: ObsKey | None = None,
        seed: int = 0,
    ) -> None:
        self._reader = CostReader(costs, needed=not model.mode.replaces)
        self._env: Any = for_agent(make_with_costs(env, self._reader, action_repeat))
        self._states = SavedStates(self._env)
        self._model, self._options = model, options
        self._parts = ObsParts("Planner", self._env.observation_space, obs_key)
        rng = np.random.default_rng(seed)
        space = self._env.action_space
        box, discrete = hasattr(space, "low"), hasattr(space, "n") and hasattr(space, "start")
        if not box and not discrete:
            raise OptionError(f"Planning draws actions of a Box or a Discrete space, and {env} has {space}.")
        self._plans = _Moves(space, options, rng) if box else _Choices(space, options, rng)
        self.decisions = 0
        """Decisions that were simulated so far, those of plans included."""

    def play(self, seed: int, longest: int, deadline: float = np.inf) -> Played:
        """Return one episode; it is cut off after `longest` decisions, or when `time.monotonic()` passes the deadline.

        Raises:
            ProtocolError: a penalty is attacked, and a step has no cost.
        """
        plans = self._plans
        with kept_random_state():
            obs, _ = self._env.reset(seed=seed)
            course = _Course([self._seen(obs)])
            while not course.over and len(course.actions) < longest and time.monotonic() < deadline:
                moment = self._states.save()
                best = self._best(course, moment)
                self._states.restore(moment)
                for move in best[: self._options.followed]:
                    self._step(course, plans.action(move))
                    if course.over or len(course.actions) == longest:
                        break
                plans.forget(self._options.followed)
        episode = Episode(
            np.stack(course.obs),
            np.array(course.rewards),
            np.array(course.costs) if self._reader.found else None,
            np.stack(course.actions),
            course.terminated,
        )
        return Played(episode, seed, cut=not course.over)

    def close(self) -> None:
        """Close the environment."""
        self._env.close()

    def _best(self, course: _Course, moment: Any) -> np.ndarray:
        """Return the best plan [horizon, *action] from here."""
        tried: list[tuple[float, np.ndarray]] = []
        for _ in range(self._options.rounds):
            drawn = self._plans.draw()
            worth = self._worth(course, [self._follow(course, moment, plan) for plan in drawn])
            self._plans.learn(drawn, worth)
            tried.append((float(worth.max()), drawn[np.argmax(worth)]))
        return max(tried, key=lambda one: one[0])[1]

    def _follow(self, course: _Course, moment: Any, plan: np.ndarray) -> _Course:
        self._states.restore(moment)
        branch = course.branch(self._history)
        for move in plan:
            self._step(branch, self._plans.action(move))
            if branch.over:
                break
        return branch

    def _worth(self, course: _Course, branches: list[_Course]) -> np.ndarray:
        """Return [plans] the discounted sum of what the steps of every plan are worth; after an end nothing is."""
        history = min(self._history, len(course.actions))
        obs = [np.stack(branch.obs) for branch in branches]
        features = self._model.encode(as_tensor(np.concatenate(obs))).split([len(each) for each in obs])
        rated = rate(self._model, features)
        values = rated.parts(aim(self._model, rated, [np.array(branch.costs) for branch in branches]))
        return np.array([sum(DISCOUNT**at * float(value) for at, value in enumerate(one[history:])) for one in values])

    @property
    def _history(self) -> int:
        """Steps before the present one that windows reach back to, and smoothing a little."""
        return 2 * (self._model.window - 1) * self._model.frame_skip

    def _step(self, course: _Course, action: Any) -> None:
        obs, reward, terminated, truncated, info = self._env.step(action)
        self.decisions += 1
        course.obs.append(self._seen(obs))
        course.rewards.append(float(reward))
        course.costs.append(self._reader.read(info))
        course.actions.append(np.array(action))
        course.terminated, course.over = bool(terminated), bool(terminated or truncated)

    def _seen(self, obs: Any) -> np.ndarray:
        return np.array(self._parts.of_one(obs))


def planned(planner: Planner, seeds: Iterable[int], longest: int, seconds: float) -> list[Played]:
    """Return episodes until the seconds are over; one at least is begun, and one that the end cuts off is dropped where
    there is another."""
    deadline = time.monotonic() + seconds
    played: list[Played] = []
    for seed in seeds:
        one = planner.play(seed, longest, deadline)
        late = time.monotonic() >= deadline
        if not late or not played:
            played.append(one)
        if late:
            break
    return played
