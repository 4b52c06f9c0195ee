"""An agent at work: one episode with its frames, and what the learned reward says of every step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import gymnasium
import numpy as np

from tsreward.encoders.frame_layout import FrameLayout
from tsreward.envs.make import make
from tsreward.envs.random_state import kept_random_state
from tsreward.envs.rendering import INSTALL, choose_backend
from tsreward.errors import DataError, MissingExtraError, OptionError, TSRewardError
from tsreward.pipeline.model import RewardModel, StepReward
from tsreward.pipeline.relabel import relabel_as_is
from tsreward.sb3.agent_observations import for_agent, stacked
from tsreward.sb3.saved_agent import LoadedAgent
from tsreward.sequences.cost_reader import CostReader
from tsreward.sequences.costs import CostOptions, Costs
from tsreward.sequences.episodes import Episode
from tsreward.user_modules import what_went_wrong
from tsreward.wrappers.obs_parts import ObsKey, ObsParts


@dataclass(frozen=True, eq=False)
class Watched:
    """One episode of an agent."""

    frames: np.ndarray
    """What was drawn, uint8 [T + 1, H, W, 3]; the first before any action. With fewer `pictures` than steps a second,
    those between two of them are the one before."""
    rate: float
    """Frames per second of the environment's own time."""
    episode: Episode
    """True rewards, and costs where there are any."""
    earned: StepReward | None
    """What the model says of the T steps; None without a model."""
    threshold: float | None
    """Scores above it are flagged."""
    seen: Episode | None = None
    """The episode as the model sees it: of frames, perhaps, where the agent sees none. None without a model."""

    def figures(self) -> dict[str, float | None]:
        """Return length, true and learned return, cost and flag rate; None for what there is not."""
        episode, earned = self.episode, self.earned
        assert episode.rewards is not None
        return {
            "length": len(episode),
            "true_return": float(episode.rewards.sum()),
            "cost": None if episode.costs is None else float(np.sum(episode.costs)),
            "learned_return": None if earned is None else float(earned.reward.sum()),
            "flag_rate": None if earned is None else float(earned.is_anomaly.double().mean()),
        }


def watch(
    agent: LoadedAgent,
    model: RewardModel | None = None,
    seed: int = 0,
    costs: Costs = CostOptions(),  # noqa: B008 - frozen
    longest: int = 2_000,
    obs_key: ObsKey | None = None,
    pictures: float | None = None,
) -> Watched:
    """Return one episode of an agent that takes no random actions; the same seed gives the same episode.

    Args:
        agent: of `load_agent`.
        model: the reward that it was trained on, or another one that reads the same.
        seed: of the environment.
        costs: where the cost of a step is found.
        longest: decisions after which the episode is cut.
        obs_key: what the model looks at of a Dict or a Tuple; None is what it looked at in training.
        pictures: about as many are drawn for a second of the environment's own time, and the last; None draws all.

    Raises:
        OptionError: the environment does not draw itself.
        MissingExtraError: it cannot, because GL or a package is missing.
        ShapeError: the model reads other observations.
    """
    told = agent.description
    if longest < 1:
        raise OptionError(f"watch needs one decision or more, got longest={longest}.")
    if obs_key is None and told.own_function and model is not None:
        raise OptionError("A function picked what the reward of this agent looks at: name it again with --obs-key.")
    named = None if told.obs_key is None else list(told.obs_key)
    scene = Scene(told.env, told.options.action_repeat, costs, obs_key or named, told.frames, told.sees_frames)
    return scene.watch(lambda obs: agent(stacked([obs]))[0], model, seed, longest, pictures)


def watch_again(
    env: str,
    episode: Episode,
    model: RewardModel,
    seed: int,
    action_repeat: int = 1,
    costs: Costs = CostOptions(),  # noqa: B008 - frozen
    obs_key: ObsKey | None = None,
) -> Watched:
    """Return an episode that was recorded with its actions and began with `seed`, played again and drawn.

    Raises:
        OptionError: the environment does not draw itself, or there are no actions.
        MissingExtraError: it cannot, because GL or a package is missing.
    """
    if episode.actions is None:
        raise OptionError("An episode without actions cannot be played again.")
    actions = iter(episode.actions)
    scene = Scene(env, action_repeat, costs, obs_key)
    return scene.watch(lambda obs: next(actions), model, seed, len(episode))


@dataclass(frozen=True)
class Scene:
    """An environment that draws itself, and what of it a reward looks at."""

    env: str
    action_repeat: int = 1
    costs: Costs = CostOptions()  # noqa: RUF009 - frozen
    obs_key: ObsKey | None = None
    frames: FrameLayout | None = None
    sees_frames: bool = False

    def watch(
        self,
        act: Callable[[Any], Any],
        model: RewardModel | None,
        seed: int,
        longest: int,
        pictures: float | None = None,
    ) -> Watched:
        """Return one episode of what `act` does with an observation."""
        reader = CostReader(self.costs)
        with kept_random_state():
            return self._watch(act, model, seed, longest, reader, pictures)

    def _watch(
        self,
        act: Callable[[Any], Any],
        model: RewardModel | None,
        seed: int,
        longest: int,
        reader: CostReader,
        pictures: float | None,
    ) -> Watched:
        env = _drawing_env(self.env, self.action_repeat)
        parts = ObsParts("watch", env.observation_space, self.obs_key)
        rate = float(env.metadata.get("render_fps") or 30)
        every = 1 if pictures is None else max(1, round(rate / pictures))
        try:
            obs, info = env.reset(seed=seed)
            kept, frames = [parts.of_one(obs)], [_drawn(env, self.env)]
            shown = [info.get("frame")]
            rewards, paid, actions = [], [], []
            ended = truncated = False
            while not (ended or truncated or len(rewards) == longest):
                action = act(obs)
                obs, reward, ended, truncated, info = env.step(action)
                kept.append(np.array(parts.of_one(obs)))
                rewards.append(float(reward))
                last = ended or truncated or len(rewards) == longest
                frames.append(_drawn(env, self.env) if last or len(rewards) % every == 0 else frames[-1])
                shown.append(info.get("frame"))
                paid.append(reader.read(info))
                actions.append(np.array(action))
        finally:
            env.close()
        episode = Episode(np.stack(kept), np.array(rewards), np.array(paid), np.stack(actions), bool(ended))
        earned = threshold = seen = None
        if model is not None:
            seen = replace(episode, obs=np.stack(shown)) if self.sees_frames else episode  # type: ignore[arg-type]
            earned, threshold = relabel_as_is(model, [seen], self.frames)[0], float(model.mode.threshold)
            seen = seen if reader.found else replace(seen, costs=None)
        episode = episode if reader.found else replace(episode, costs=None)
        return Watched(np.stack(frames), rate, episode, earned, threshold, seen)


def _drawn(drawing: gymnasium.Env, env: str) -> np.ndarray:
    try:
        picture = np.array(drawing.render())
    except Exception as error:  # of any class: simulators and GL fail in their own ways
        if isinstance(error, TSRewardError):
            raise
        raise MissingExtraError(
            f"{env} cannot draw itself: {what_went_wrong(error)}. If GL is missing: {INSTALL}"
        ) from error
    if picture.ndim != 3 or picture.shape[-1] != 3 or picture.dtype != np.uint8:
        raise DataError(f"{env} drew {picture.dtype} {list(picture.shape)}, not a picture [H, W, 3] of bytes.")
    return picture


def _drawing_env(env: str, action_repeat: int) -> gymnasium.Env:
    """Return the environment `env` that draws itself, as an agent sees it."""
    choose_backend()
    plain = make(env, action_repeat)
    modes = plain.metadata.get("render_modes", [])
    if plain.render_mode == "rgb_array":
        return for_agent(plain)
    plain.close()
    if "rgb_array" not in modes:
        raise OptionError(f"{env} cannot be watched: it has no render_mode 'rgb_array', only {list(modes)}.")
    drawing = make(env, action_repeat, render_mode="rgb_array")
    quality = getattr(getattr(getattr(drawing.unwrapped, "model", None), "vis", None), "quality", None)
    if quality is not None:
        quality.offsamples = 0  # MuJoCo's smoothed edges take most of the time in software, and films shrink pictures
    return for_agent(drawing)
