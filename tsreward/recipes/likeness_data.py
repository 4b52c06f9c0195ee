"""What a likeness is learned from: the expert's episodes, and those of everybody else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tsreward.agents.graded_frames import draw_episodes
from tsreward.agents.grading import GradingOptions, collect_graded, collect_trivial
from tsreward.agents.options import AgentOptions
from tsreward.agents.playing import episode_seeds
from tsreward.agents.suitability import check_environment
from tsreward.agents.training import StepReport
from tsreward.data.arrays import read_arrays
from tsreward.data.episodes import load_episodes
from tsreward.data.graded import GradedEpisodes, load_graded
from tsreward.episodes import Episode
from tsreward.errors import DataError, OptionError, ShapeError
from tsreward.recipes.likeness_options import ExpertLikenessOptions

FAILED = 0.1
"""Share of the way from random actions to the expert below which an episode is a failure."""
RANDOM_EPISODES = 10
TRIVIAL_EPISODES = 4
"""Of every trivial policy."""


@dataclass(frozen=True)
class LikenessData:
    """Episodes as the reward model sees them, and what the environment paid for them."""

    expert: list[Episode]
    expert_return: float | None
    """Mean return of the expert's episodes; None where the file has no rewards."""
    random: list[Episode]
    random_return: float
    others: GradedEpisodes | None
    """All other skills of a graded file."""
    trivial: list[Episode]
    """Episodes of policies that look at nothing; empty unless the scale of a frozen reward is measured on them."""

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
    options: ExpertLikenessOptions, agent: AgentOptions, stage: Callable[[str], StepReport] | None = None
) -> LikenessData:
    """Read the expert's episodes or train an expert, play random actions, and draw frames where the reward needs them.

    Raises:
        DataError: the file is missing or damaged, has no such skill or too few episodes.
        OptionError: it is of another environment, or of another action repeat.
        ShapeError: its observations are not those of the environment.
    """
    graded = _graded(options, agent, stage)
    random = graded.where("random") if "random" in graded.names else None
    if random is None or not random.episodes:
        playing = GradingOptions("random", RANDOM_EPISODES, ())
        random = collect_graded(options.env, replace(agent, seed=agent.seed + 1), playing).where("random")
    expert = _successes(graded.where(options.skill), float(random.returns.mean()), options)
    if len(expert.episodes) < 2:
        raise DataError(f"{len(expert.episodes)} episode of skill '{options.skill}' is too few: collect 2 or more.")
    expert = expert.take(np.arange(min(options.experts, len(expert.episodes))))
    rest = [name for name in graded.names if name != options.skill]
    others = graded.where(rest) if rest else None
    rewarded = bool(np.isfinite(expert.returns).all())
    mean = float(expert.returns.mean()) if rewarded else None
    if options.frames is not None:
        expert, random = _drawn(expert, options.frames), _drawn(random, options.frames)
        wants_others = {"failures", "half_trained"} & set(options.negatives)
        others = _drawn(others, options.frames) if others is not None and wants_others else None
    measured = options.learning == "frozen" and options.likeness().uses_probes
    trivial = _trivial(options, agent) if measured else []
    return LikenessData(expert.episodes, mean, random.episodes, float(random.returns.mean()), others, trivial)


def _trivial(options: ExpertLikenessOptions, agent: AgentOptions) -> list[Episode]:
    """Play the policies that look at nothing."""
    seeds = episode_seeds(agent.seed, 2**19, TRIVIAL_EPISODES)
    trivial = collect_trivial(options.env, seeds, agent.action_repeat)
    return trivial.episodes if options.frames is None else _drawn(trivial, options.frames).episodes


def _graded(
    options: ExpertLikenessOptions, agent: AgentOptions, stage: Callable[[str], StepReport] | None
) -> GradedEpisodes:
    if options.expert is None:
        stages = (0.05, 0.1, 0.25, 0.5) if {"half_trained", "failures"} & set(options.negatives) else ()
        return collect_graded(options.env, agent, GradingOptions(episodes=options.experts, stages=stages), stage)
    shape = check_environment(options.env)
    graded = _read(options.expert, options, agent)
    if graded.env.partition(":")[0] != options.env.partition(":")[0]:
        raise OptionError(
            f"{options.expert} holds episodes of {graded.env}, not of {options.env}: name that with --env."
        )
    if graded.action_repeat != agent.action_repeat:
        raise OptionError(
            f"{options.expert} was recorded with every action held {graded.action_repeat} times and the agent holds it "
            f"{agent.action_repeat} times, so windows would span other times: use --action-repeat "
            f"{graded.action_repeat}."
        )
    found = graded.episodes[0].obs.shape[1:]
    wanted = shape if options.frames is None else (options.frames, options.frames, 3)
    if found not in (shape, wanted):
        raise ShapeError(
            f"{options.expert} holds observations {list(found)}, but {options.env} gives {list(shape)}: record the "
            f"expert in this environment."
        )
    return graded


def _read(path: Path, options: ExpertLikenessOptions, agent: AgentOptions) -> GradedEpisodes:
    """Return the graded episodes of a file; those of a file without skills are all the expert's."""
    if "grading" in read_arrays(path):
        return load_graded(path)
    episodes = load_episodes(path)
    totals = [np.nan if episode.rewards is None else float(episode.rewards.sum()) for episode in episodes]
    zeros = np.zeros(len(episodes), np.int64)
    return GradedEpisodes(options.env, agent.action_repeat, (options.skill,), episodes, zeros, np.array(totals), zeros)


def _successes(expert: GradedEpisodes, random_return: float, options: ExpertLikenessOptions) -> GradedEpisodes:
    """Return the episodes that the option least_share keeps."""
    if options.least_share == 0:
        return expert
    if not np.isfinite(expert.returns).all():
        raise DataError(
            f"{options.expert} has no rewards, so least_share {options.least_share} cannot tell which episodes failed: "
            f"leave the option out, and choose the episodes yourself."
        )
    least = random_return + options.least_share * (np.median(expert.returns) - random_return)
    return expert.take(np.flatnonzero(expert.returns >= least))


def _drawn(graded: GradedEpisodes, size: int) -> GradedEpisodes:
    """Return the episodes with frames; those that hold such frames already stay."""
    if all(episode.obs.shape[1:] == (size, size, 3) for episode in graded.episodes):
        return graded
    return draw_episodes(graded, size)
