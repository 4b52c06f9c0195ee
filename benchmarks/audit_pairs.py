"""Fit the reward of one training again, and audit it on what its scorer has not learned from."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np

from benchmarks import anoseqs, controllers, reward_watch
from benchmarks import likeness as likeness_benchmark
from benchmarks.audit_outcomes import SEARCHED
from benchmarks.experts import FOLDER, SAC
from tsreward.audit.auditing import Audit, audit_reward
from tsreward.audit.search.attack import red_team, with_search
from tsreward.audit.search.options import AttackOptions
from tsreward.data.graded import GradedEpisodes, load_graded
from tsreward.pipeline.active import ActiveLearnerOptions
from tsreward.pipeline.model import RewardModel
from tsreward.recipes.likeness import fit_encoder, reward_model
from tsreward.recipes.likeness_data import gather
from tsreward.recipes.likeness_options import ExpertLikenessOptions
from tsreward.sb3.algorithms import AgentOptions
from tsreward.sb3.grading import collect_blind
from tsreward.sequences.episodes import Episode
from tsreward.sequences.windows import WindowSet

HELD_OUT = 0.25
"""Share of the expert's episodes that `RewardModel.fit` shows to the calibration and not to the scorer."""
BLIND_EPISODES = 4
ATTACK_SHARE = 0.2
"""Most of a training's decisions that an attacking agent has."""


def audit_penalty(task_name: str, arm_name: str, seed: int) -> Audit:
    """Audit the penalty of an arm on the source run that its scorer has not seen.

    Good behaviour is the half of its episodes with the smaller share of steps with a cost, bad the other half.
    """
    task, arm = anoseqs.TASKS[task_name], anoseqs.ARMS[arm_name]
    model, _ = anoseqs.fitted(task, arm, seed)
    source = next(other for other in anoseqs.TASKS.values() if other.target == task.source)
    episodes = source_run(source, seed + anoseqs.SOURCES + 1)
    shares = np.array([float((_costs(episode) > 0).mean()) for episode in episodes])
    order, half = np.argsort(shares, kind="stable"), len(episodes) // 2
    good, bad = ([episodes[index] for index in part] for part in (order[:half], order[half:]))
    return audit_reward(model, good, bad, seed=seed)


def source_run(task: anoseqs.Task, seed: int) -> list[Episode]:
    """Return the episodes of a vanilla run, trained again if it is not in the cache; no record is written."""
    seed %= len(anoseqs.SEEDS)
    if not anoseqs.cached(task.target, task, seed).exists():
        anoseqs.run(next(name for name, other in anoseqs.TASKS.items() if other == task), "vanilla", seed)
    return anoseqs.vanilla(task, seed)


def audit_likeness(task_name: str, arm_name: str, seed: int) -> Audit:
    """Audit the likeness of an arm as `tsreward audit --graded --env` does.

    Good are episodes of the expert that fitting kept from the scorer, bad is random behaviour, and half-trained
    are the skills that return 20 to 80 % of the way from random to expert.
    """
    task, arm = likeness_benchmark.TASKS[task_name], likeness_benchmark.ARMS[arm_name]
    model, good, bad = fitted_likeness(likeness_benchmark.recipe_options(task, arm), replace(SAC, seed=seed))
    graded = load_graded(FOLDER / f"{task.expert}.npz")
    others = graded.where([name for name in graded.names if name != "expert"]).episodes
    return audit_reward(
        model,
        good,
        bad,
        half_trained=half_trained(graded),
        blind=blind(task.env, SAC.action_repeat),
        episodes=[*others, *good],
        seed=seed,
    )


def audit_fresh(task_name: str, arm_name: str, seed: int, seconds: float = SEARCHED) -> Audit:
    """Audit the likeness of an arm as `tsreward audit --good --bad --env --search` does.

    Good are episodes of the controller that fitting kept from the scorer, and bad is random behaviour.
    """
    task = controllers.TASKS[task_name]
    agent = task.trained(seed)
    model, good, bad = fitted_likeness(reward_watch.recipe_options(task_name, arm_name), agent)
    audit = audit_reward(model, good, bad, blind=blind(task.env, task.action_repeat), seed=seed)
    attack = AttackOptions(seconds, seed=seed + 1_000, agent_steps=round(ATTACK_SHARE * agent.steps))
    return with_search(audit, red_team(model, task.env, good, bad, attack, task.action_repeat))


def fitted_likeness(
    options: ExpertLikenessOptions, agent: AgentOptions
) -> tuple[RewardModel, list[Episode], list[Episode]]:
    """Return a likeness, the expert's episodes that its scorer has not learned from, and random ones."""
    seed = agent.seed
    data = gather(options, agent)
    model, _ = reward_model(options, data, fit_encoder(options, data), ActiveLearnerOptions(seed=seed), None)
    windows = WindowSet.from_episodes([episode.obs for episode in data.expert], options.window)
    starts = np.cumsum([0] + [len(episode.obs) for episode in data.expert[:-1]]).tolist()
    held = {int(start) for start in windows.split(HELD_OUT, seed + 1)[1].first.unique()}
    good = [episode for episode, start in zip(data.expert, starts, strict=True) if start in held]
    return model, good, data.random


def half_trained(graded: GradedEpisodes) -> list[Episode] | None:
    """Return the episodes of skills between random actions and the expert, or None where there is no such skill."""
    returns = graded.mean_returns()
    low, high = returns["random"], returns["expert"]
    between = [
        name
        for name, value in returns.items()
        if name not in ("random", "expert") and 0.2 <= (value - low) / (high - low) <= 0.8
    ]
    return graded.where(between).episodes if between else None


@lru_cache(maxsize=4)
def blind(env: str, action_repeat: int) -> dict[str, list[Episode]]:
    """Play the blind policies."""
    played = collect_blind(env, range(BLIND_EPISODES), action_repeat)
    return {name: played.where(name).episodes for name in played.names}


def _costs(episode: Episode) -> np.ndarray:
    assert episode.costs is not None  # the environments of these tasks all give info["cost"]
    return np.asarray(episode.costs)
