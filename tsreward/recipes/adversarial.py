"""Adversarial imitation from observations in one object: an agent, and the scorer that it learns from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from tsreward.data.episodes import load_episodes
from tsreward.encoders.base import Encoder, Identity
from tsreward.encoders.picture_shapes import are_pictures
from tsreward.errors import DataError, NotFittedError, OptionError, ShapeError
from tsreward.pipeline.active import ActiveLearner, ActiveLearnerOptions
from tsreward.pipeline.model import RewardModel
from tsreward.recipes.expert_view import compare_with_env
from tsreward.recipes.likeness import DEFAULT_AGENT, true_returns
from tsreward.rewards.exploration import ExplorationBonus
from tsreward.rewards.likeness import Likeness, LikenessOptions, Transform
from tsreward.sb3.algorithms import AgentOptions
from tsreward.sb3.environment_checks import action_space, check_environment
from tsreward.sb3.training import TrainedAgent, train_agent, train_further
from tsreward.scorers.presets import scorer_preset
from tsreward.sequences.episodes import Episode

Demos = str | Path | Episode | np.ndarray | Sequence[Episode | np.ndarray]
"""Episodes of an expert: [T, *obs] each, or a file of them."""


class AdversarialLikeness:
    """Adversarial imitation from observations: an agent is rewarded where a scorer takes it for the expert.

    The scorer learns all the while to tell the agent's windows from the expert's, and the agent to be taken for it. No
    actions and no rewards of anybody are used. The default scorer is Deep SAD with a least-squares loss; with
    "discriminator" the reward is that of adversarial motion priors (Peng et al. 2021).

    `model` is the reward model as it is now, ready for `tsreward.save`; `learner` teaches it.

    Args:
        env: id of the environment for `tsreward.make`, e.g. "Pendulum-v1" or "dmc/cartpole-swingup".
        demos: the expert's episodes, two or more: arrays [T, *obs], `Episode`s, or a file of `save_episodes`.
        agent: how the agent is trained; its `steps` are those of `train`. None is SAC, PPO for discrete actions. Give
            `action_repeat` where every action of the expert was held for several steps.
        scorer: name of a scorer with a loss on negatives.
        transform: how a score becomes a reward: "least_squares" for "least_squares_sad" and "discriminator", "odds" for
            "deep_sad".
        window: K, steps in a window.
        encoder: turns pictures into features; None takes observations [D] as they are.
        negatives: episodes of known failures, if there are any; as `demos`.
        bonus: added for new observations, e.g. `RandomNetworkDistillation(window, dim)`.
        active: how the scorer goes on learning.
        strict: whether it is an error that the expert's pictures do not look like the agent's own; otherwise a warning.

    Raises:
        StrictError: they do not, and `strict` asks for an error.
        OptionError: no such environment or scorer, or one that does not suit.
        ShapeError: the expert's observations are not those of the environment.
        DataError: too few or damaged episodes.

    >>> from tsreward.sb3.playing import play
    >>> def upright(obs):
    ...     return -np.clip(10 * obs[:, 1:2] + 2 * obs[:, 2:], -2, 2)
    >>> demos = [played.episode for played in play("Pendulum-v1", upright, seeds=range(3))]
    >>> likeness = AdversarialLikeness("Pendulum-v1", demos).train(400)  # take 20,000
    >>> likeness.evaluate(episodes=2).shape  # true returns, which the agent never saw
    (2,)
    """

    def __init__(
        self,
        env: str,
        demos: Demos,
        agent: AgentOptions | None = None,
        scorer: str = "least_squares_sad",
        transform: Transform = "least_squares",
        window: int = 4,
        encoder: Encoder | None = None,
        negatives: Demos | None = None,
        bonus: ExplorationBonus | None = None,
        active: ActiveLearnerOptions = ActiveLearnerOptions(),  # noqa: B008 - frozen
        strict: bool = False,
    ) -> None:
        expert = _observations(demos)
        seen = check_environment(env, None if agent is None else agent.algorithm)
        if expert[0].shape[1:] != seen:
            raise ShapeError(f"The demos hold observations {expert[0].shape[1:]}, but {env} gives {seen}.")
        if encoder is None and len(seen) > 1:
            raise OptionError(f"{env} gives pictures {seen}: give an encoder, e.g. a fitted tsreward.PixelPCA.")
        if are_pictures(expert[0]) and expert[0].ndim == 4:
            compare_with_env(expert, env, 1 if agent is None else agent.action_repeat, "AdversarialLikeness", strict)
        encoder = Identity(seen) if encoder is None else encoder
        mode = Likeness(LikenessOptions(transform=transform))
        self.env = env
        self.model = RewardModel(scorer_preset(scorer).build(window), mode, encoder)
        failures = None if negatives is None else _observations(negatives)
        self.learner = ActiveLearner(self.model, expert, active, failures)
        self._options, self._bonus = agent, bonus
        self._agent: TrainedAgent | None = None

    @property
    def agent(self) -> TrainedAgent:
        """The trained agent: its algorithm, its normaliser and the true record of its episodes.

        Raises:
            NotFittedError: before `train`.
        """
        if self._agent is None:
            raise NotFittedError("AdversarialLikeness has no agent yet: call train(steps) first.")
        return self._agent

    def train(self, steps: int) -> AdversarialLikeness:
        """Train the agent for `steps` decisions in all environments together; called again, go on from there.

        Raises:
            OptionError: no steps, or an algorithm that cannot act in the environment.
            ProtocolError: the environment gives NaN or inf.
        """
        if self._agent is not None:
            train_further(self._agent, steps)
            return self
        options = _suited_agent(self.env, steps) if self._options is None else self._options
        self._agent = train_agent(self.env, replace(options, steps=steps), active=self.learner, bonus=self._bonus)
        return self

    def evaluate(self, episodes: int = 10) -> np.ndarray:
        """Return the environment's returns [episodes] of the agent without random actions."""
        return true_returns(self.agent, self.env, self.agent.options, episodes)


def _suited_agent(env: str, steps: int) -> AgentOptions:
    """Return how an agent is trained where nothing is said: SAC, or PPO for discrete actions."""
    if action_space(env).dtype.kind != "f":  # type: ignore[union-attr]
        return AgentOptions()
    return replace(DEFAULT_AGENT, action_repeat=1, learning_starts=min(500, steps // 4))


def _observations(demos: Demos) -> list[np.ndarray]:
    """Return the observations [T, *obs] of every episode."""
    if isinstance(demos, (str, Path)):
        given: Sequence[Episode | np.ndarray] = load_episodes(Path(demos))
    else:
        given = [demos] if isinstance(demos, (Episode, np.ndarray)) else demos
    found = [demo.obs if isinstance(demo, Episode) else np.asarray(demo) for demo in given]
    if not found or any(obs.ndim < 2 or not len(obs) or obs.dtype.kind not in "biuf" for obs in found):
        raise DataError("Demos are episodes: arrays [T, *obs] of numbers, with one row or more.")
    return found
