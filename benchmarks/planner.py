"""Play Atari by trying plans in a copy of the game: an expert where no agent becomes one in minutes.

Random shooting: of random plans and what is left of the best plan before, the one that returns most is followed for a
few decisions. The copy begins where the game is, but not with its random numbers: which actions stick is not known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tsreward.data.graded import GradedEpisodes
from tsreward.envs.atari import AtariGame
from tsreward.envs.blind_policies import blind_policy
from tsreward.envs.make import make
from tsreward.sb3.environment_checks import action_space
from tsreward.sb3.grading import GradingOptions, graded_episodes
from tsreward.sb3.playing import episode_seeds, play

DISCOUNT = 0.99
LOST = 1e6
"""What the loss of a life costs: more than any plan returns, and less the later it is."""


@dataclass(frozen=True)
class Planning:
    """How far ahead, and how often."""

    plans: int = 24
    horizon: int = 40
    """Decisions in a plan."""
    followed: int = 5
    """Decisions before planning anew."""
    longest: int = 7
    """Decisions that a plan holds an action for, at most."""


class Planner:
    """Policy for one environment: it plays the same game along, so it needs the seed and sees nothing."""

    def __init__(self, env: str, seed: int, plans: int, planning: Planning) -> None:
        self._game, self._copy = _game(env, seed), _game(env, seed)
        self._actions = self._game.ale.getMinimalActionSet()
        self._plans, self._planning = plans, planning
        self._rng = np.random.default_rng(seed)
        self._best = self._drawn()
        self._done = 0

    def __call__(self, obs: np.ndarray) -> np.ndarray:
        """Return the next action [1]; `obs` [1, ...] is not looked at."""
        if self._done == 0:
            self._plan()
        action = self._best[self._done]
        self._done = (self._done + 1) % self._planning.followed
        self._game.step(action)
        return np.array([action])

    def _plan(self) -> None:
        rest = self._best[self._planning.followed :]
        kept = np.concatenate([rest, self._drawn()[: self._planning.followed]])
        plans = [kept, *(self._drawn() for _ in range(self._plans - 1))]
        start = self._game.ale.cloneState()
        self._best = max(plans, key=lambda plan: self._outcome(start, plan))

    def _outcome(self, start: Any, plan: np.ndarray) -> float:
        ale, total = self._copy.ale, 0.0
        ale.restoreState(start)
        lives = ale.lives()
        for decision, action in enumerate(plan):
            reward = sum(ale.act(self._actions[action]) for _ in range(self._copy.frame_skip))
            lost = ale.game_over() or ale.lives() < lives
            total += DISCOUNT**decision * (reward - LOST * lost)
            if lost:
                break
        return total

    def _drawn(self) -> np.ndarray:
        """Return a random plan [horizon]: each action is held for some decisions."""
        actions = self._rng.integers(len(self._actions), size=self._planning.horizon)
        holds = self._rng.integers(1, self._planning.longest + 1, size=self._planning.horizon)
        return np.repeat(actions, holds)[: self._planning.horizon]


def collect_planned(env: str, seed: int, planning: Planning, grading: GradingOptions) -> GradedEpisodes:
    """Return episodes of a random policy, of planners with a share of the plans, and of the expert with all of them."""
    random = blind_policy("random", action_space(env), seed)
    played = [play(env, random, episode_seeds(seed, 0, grading.num_episodes))]
    for share in (*grading.stages, 1.0):
        plans = max(1, round(share * planning.plans))
        seeds = episode_seeds(seed, len(played), grading.num_episodes)
        played.append([play(env, Planner(env, one, plans, planning), [one])[0] for one in seeds])
    return graded_episodes(env, 1, grading.skills, played)


def _game(env: str, seed: int) -> AtariGame:
    game = make(env).unwrapped
    assert isinstance(game, AtariGame)
    game.reset(seed=seed)
    return game
