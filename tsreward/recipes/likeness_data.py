"""What a likeness is learned from: the expert's episodes, and those of everybody else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from tsreward.data.arrays import read_arrays
from tsreward.data.columns import DataColumns
from tsreward.data.graded import GradedEpisodes, load_graded
from tsreward.data.recordings import load_recordings
from tsreward.data.rows import Tell
from tsreward.encoders.frame_layout import FrameLayout
from tsreward.encoders.frames import FrameOptions
from tsreward.encoders.picture_shapes import are_pictures, picture_remedy
from tsreward.envs.ids import split_id
from tsreward.envs.make import family_of, full_options
from tsreward.envs.pixels import grey_frame
from tsreward.errors import DataError, OptionError, ShapeError
from tsreward.recipes.likeness_options import ExpertLikenessOptions
from tsreward.sb3.algorithms import AgentOptions
from tsreward.sb3.environment_checks import check_environment
from tsreward.sb3.grading import GradingOptions, collect_blind, collect_graded, draw_episodes
from tsreward.sb3.playing import episode_seeds
from tsreward.sb3.training import StepReport
from tsreward.sequences.episodes import Episode
from tsreward.wrappers.obs_parts import named_obs_key

FAILED = 0.1
"""Share of the way from random actions to the expert below which an episode is a failure."""
RANDOM_EPISODES = 10
BLIND_EPISODES = 4
SEGMENTS = 8
"""Of every blind policy."""
OWN = {"max_episode_steps", "pixels", "frames", "render_mode", "sticky", "full_actions"}
"""Options of an environment in which expert and agent may differ."""
VIEW = {"grey", "camera", "rendering"}
"""Those that say how frames are drawn."""
SEEN = {"action_repeat", "frame_skip", "pool", *VIEW}
"""Those in which they may not where the reward looks at frames."""


@dataclass(frozen=True)
class LikenessData:
    """Episodes as the reward model sees them, and their rewards from the environment."""

    expert: list[Episode]
    expert_return: float | None
    """Mean return of the expert's episodes; None where the file has no rewards."""
    random: list[Episode]
    random_return: float
    others: GradedEpisodes | None
    """All other skills of a graded file."""
    blind: list[Episode]
    """Episodes of blind policies; empty unless the scale of a frozen reward is measured on them."""

    def failures(self) -> list[Episode]:
        """Return the episodes, of random actions too, that reach less than a tenth of what the expert does."""
        if self.others is None or self.expert_return is None or self.expert_return == self.random_return:
            return self.random
        reached = (self.others.returns - self.random_return) / (self.expert_return - self.random_return)
        return [self.others.episodes[index] for index in np.flatnonzero(reached < FAILED)]

    def half_trained(self) -> list[Episode]:
        """Return the episodes of every skill between random and expert."""
        if self.others is None:
            return []
        between = self.others.where([name for name in self.others.names if name not in ("random", "expert")])
        return between.episodes


def gather(
    options: ExpertLikenessOptions,
    agent: AgentOptions,
    stage: Callable[[str], StepReport] | None = None,
    columns: DataColumns = DataColumns(),  # noqa: B008 - frozen
    tell: Tell | None = None,
) -> LikenessData:
    """Read the expert's episodes or train an expert, play random actions, and draw frames where the reward needs them.

    Raises:
        DataError: the file is missing or damaged, has no such skill or too few episodes.
        OptionError: it is of another environment, or of another action repeat.
        ShapeError: its observations are not those of the environment.
    """
    graded = _as_frames(_graded(options, agent, stage, columns, tell), columns.frames)
    random = graded.where("random") if "random" in graded.names else None
    if random is None or not random.episodes:
        playing = GradingOptions("random", RANDOM_EPISODES, ())
        other = replace(agent, seed=agent.seed + 1)
        random = collect_graded(options.env, other, playing, obs_key=named_obs_key(options.obs_key)).where("random")
        random = _as_frames(random, columns.frames)
    expert = _successes(graded.where(options.skill), float(random.returns.mean()), options)
    if not expert.episodes:
        raise DataError(f"No episode of skill '{options.skill}': collect one or more.")
    expert = expert.take(np.arange(min(options.num_demos, len(expert.episodes))))
    rest = [name for name in graded.names if name != options.skill]
    others = graded.where(rest) if rest else None
    mean = float(expert.returns.mean()) if np.isfinite(expert.returns).all() else None
    if options.expert_return is not None:
        if mean is not None:
            raise OptionError(
                f"The demonstrations have rewards, and return {mean:.4g} on average: leave --expert-return out."
            )
        mean = options.expert_return
    if options.frames is not None:
        expert, random = _drawn(expert, options.frames), _drawn(random, options.frames)
        wants_others = {"failures", "half_trained"} & set(options.negatives)
        others = _drawn(others, options.frames) if others is not None and wants_others else None
    measured = options.learning == "frozen" and options.likeness().uses_probes
    blind = _blind(options, agent, columns) if measured else []
    demos = expert.episodes
    if len(demos) == 1:
        demos = _segments(demos[0], options.window)
        if tell is not None:
            tell(f"one demonstration, cut into {len(demos)} segments, of which some are held out")
    return LikenessData(demos, mean, random.episodes, float(random.returns.mean()), others, blind)


def _segments(episode: Episode, window: int) -> list[Episode]:
    """Return the parts of equal length of one episode: `SEGMENTS`, or as many as have room for four windows.

    Raises:
        DataError: it has no room for two.
    """
    parts = min(SEGMENTS, len(episode) // (4 * window))
    if parts < 2:
        raise DataError(
            f"One demonstration of {len(episode)} steps is too short to hold a part of it out: give several, or one of "
            f"{8 * window} steps or more."
        )
    edges = np.linspace(0, len(episode), parts + 1).astype(int).tolist()
    return [episode.part(start, stop) for start, stop in pairwise(edges)]


def _blind(options: ExpertLikenessOptions, agent: AgentOptions, columns: DataColumns) -> list[Episode]:
    """Play the blind policies."""
    seeds = episode_seeds(agent.seed, 2**19, BLIND_EPISODES)
    blind = collect_blind(options.env, seeds, agent.action_repeat, named_obs_key(options.obs_key))
    blind = _as_frames(blind, columns.frames)
    return blind.episodes if options.frames is None else _drawn(blind, options.frames).episodes


def _graded(
    options: ExpertLikenessOptions,
    agent: AgentOptions,
    stage: Callable[[str], StepReport] | None,
    columns: DataColumns,
    tell: Tell | None,
) -> GradedEpisodes:
    if options.demos is None:
        stages = (0.05, 0.1, 0.25, 0.5) if {"half_trained", "failures"} & set(options.negatives) else ()
        grading = GradingOptions(num_episodes=options.num_demos, stages=stages)
        return collect_graded(options.env, agent, grading, stage, obs_key=named_obs_key(options.obs_key))
    observed, layout = check_environment(options.env, obs_key=named_obs_key(options.obs_key)), columns.frames
    shape = observed if layout is None else layout.frame_shape(observed)
    graded = _read(options.demos, options, agent, shape, columns, tell)
    seen = _as_seen(graded, options)
    _check_view(graded.env, options, drawn=seen is not graded)
    graded = seen
    if graded.action_repeat != agent.action_repeat:
        raise OptionError(
            f"{options.demos} was recorded with every action held {graded.action_repeat} times and the agent holds it "
            f"{agent.action_repeat} times, so windows would span other times: use --action-repeat "
            f"{graded.action_repeat}."
        )
    found = graded.episodes[0].obs.shape[1:]
    wanted = shape if options.frames is None else (options.frames, options.frames, 1 if _grey(options.env) else 3)
    drawable = graded.states is not None or graded.episodes[0].actions is not None
    laid_out = layout is not None and found == observed
    if found != wanted and not laid_out and not (found == shape and drawable):
        remedy = picture_remedy(wanted, found) or "record the expert in this environment"
        if len(found) == 3 and len(wanted) == 1:
            remedy = f"give frames, e.g. {found[0]}, for a reward that looks at pictures"
        raise ShapeError(
            f"{options.demos} holds observations {list(found)}, and the reward looks at {list(wanted)} of "
            f"{options.env}: {remedy}."
        )
    return graded


def _as_seen(graded: GradedEpisodes, options: ExpertLikenessOptions) -> GradedEpisodes:
    """Return episodes of sensors drawn as an agent sees that observes pictures; others as they are."""
    if options.frames is not None or family_of(options.env) is None or family_of(graded.env) is None:
        return graded
    agent = full_options(options.env)
    drawable = graded.states is not None or graded.episodes[0].actions is not None
    same = split_id(graded.env)[0] == split_id(options.env)[0]
    if agent.get("pixels") is None or are_pictures(graded.episodes[0].obs) or not (drawable and same):
        return graded
    return draw_episodes(graded, agent["pixels"], **{name: agent[name] for name in sorted(VIEW & agent.keys())})


def _check_view(env: str, options: ExpertLikenessOptions, drawn: bool = False) -> None:
    """Check that the expert was seen in the environment of the agent, and as the reward sees the agent.

    Where its episodes are `drawn` as the agent sees, only what happened has to be the same.
    """
    names = [split_id(id)[0] if family_of(id) else id for id in (env, options.env)]
    if names[0] != names[1]:
        raise OptionError(f"{options.demos} holds episodes of {env}, not of {options.env}: name that with --env.")
    if env == options.env or family_of(env) is None:
        return
    expert, agent = full_options(env), full_options(options.env)
    compared = SEEN - VIEW if drawn else expert.keys() - OWN if options.frames is None else SEEN
    for name in sorted(expert.keys() & compared):
        if expert[name] != agent[name]:
            raise OptionError(
                f"{options.demos} was recorded with {name}={expert[name]} ({env}) and the agent is seen with "
                f"{name}={agent[name]}, so their windows would differ whatever they do: give --env the same options."
            )


def _grey(env: str) -> bool:
    return family_of(env) is not None and bool(full_options(env).get("grey"))


def _read(
    path: Path,
    options: ExpertLikenessOptions,
    agent: AgentOptions,
    shape: tuple[int, ...],
    columns: DataColumns,
    tell: Tell | None,
) -> GradedEpisodes:
    """Return the graded episodes of a file; those of a recording without skills are all the expert's."""
    if path.suffix.lower() == ".npz" and path.is_file() and "grading" in read_arrays(path):
        if options.repair.changed():
            raise OptionError(f"{path} holds graded episodes, which are drawn as the agent is: leave out the repair.")
        return load_graded(path)
    size = shape[:2] if options.frames is None else (options.frames, options.frames)
    frames = FrameOptions(size=size if len(size) == 2 else None)
    episodes = load_recordings(path, frames, options.video_skip, columns=columns, tell=tell, repair=options.repair)
    if _grey(options.env) and episodes[0].obs.shape[1:][2:] == (3,):
        episodes = [replace(episode, obs=grey_frame(episode.obs)) for episode in episodes]
    totals = [np.nan if episode.rewards is None else float(episode.rewards.sum()) for episode in episodes]
    zeros = np.zeros(len(episodes), np.int64)
    return GradedEpisodes(options.env, agent.action_repeat, (options.skill,), episodes, zeros, np.array(totals), zeros)


def _successes(expert: GradedEpisodes, random_return: float, options: ExpertLikenessOptions) -> GradedEpisodes:
    """Return the episodes that the option min_return_fraction keeps."""
    if options.min_return_fraction == 0:
        return expert
    if not np.isfinite(expert.returns).all():
        raise DataError(
            f"{options.demos} has no rewards, so min_return_fraction {options.min_return_fraction} cannot tell which "
            f"episodes failed: leave the option out, and choose the episodes yourself."
        )
    least = random_return + options.min_return_fraction * (np.median(expert.returns) - random_return)
    return expert.take(np.flatnonzero(expert.returns >= least))


def _as_frames(graded: GradedEpisodes, layout: FrameLayout | None) -> GradedEpisodes:
    """Return the episodes with single frames; those that hold such frames already stay."""
    if layout is None or are_pictures(graded.episodes[0].obs):
        return graded
    return replace(
        graded, episodes=[replace(episode, obs=layout.frames_of(episode.obs)) for episode in graded.episodes]
    )


def _drawn(graded: GradedEpisodes, size: int) -> GradedEpisodes:
    """Return the episodes with frames; those that hold such frames already stay."""
    if all(episode.obs.ndim == 4 and episode.obs.shape[1:3] == (size, size) for episode in graded.episodes):
        return graded
    return draw_episodes(graded, size)
