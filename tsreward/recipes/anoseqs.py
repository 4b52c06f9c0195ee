"""AnoSeqs end to end (arXiv 2407.19860): source agent → safe windows → scorer → penalty → target agent.

The source agent meets the danger and its costs are seen; the target agent is fresh, never sees a cost, and is paid the
environment's reward less a penalty where its recent observations look unlike the safe ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from tsreward.agents.training import AgentOptions, StepReport, TrainedAgent, train_agent
from tsreward.encoders.base import Encoder
from tsreward.encoders.identity import Identity
from tsreward.encoders.sorted_lidar import SortedLidar, SortedLidarOptions
from tsreward.envs.describe import describe
from tsreward.episodes import Episode, safe_windows
from tsreward.errors import DataError, OptionError
from tsreward.evaluation.metrics import average_precision, roc_auc
from tsreward.model import RewardModel
from tsreward.recipes.safety_scorers import safety_scorer
from tsreward.relabel import relabel
from tsreward.rewards.base import RewardMode
from tsreward.rewards.lagrangian import Lagrangian, LagrangianOptions
from tsreward.rewards.penalty import Penalty, PenaltyOptions
from tsreward.seeding import generator
from tsreward.training import TrainOptions

Stage = Callable[[str], StepReport]
"""Called with the name of a stage as it begins; what it returns is told the progress."""


@dataclass(frozen=True)
class AnoSeqsOptions:
    """What is run."""

    env: str = "SafetyHopperVelocity-v1"
    """Environment of the source agent; it must give info["cost"]."""
    target_env: str | None = None
    """Environment of the target agent; None is the same."""
    scorer: str = "deep_sad"
    """deep_sad, semi_supervised_ae, or the name of any scorer, learned from safe windows alone."""
    window: int = 4
    """Steps K in a window."""
    penalty: Literal["tail", "raw", "constant", "lagrangian"] = "tail"
    weight: float = 4.0
    """Weight of the penalty; in typical single-step rewards unless the penalty is raw."""
    false_alarm_rate: float = 0.05
    algorithm: Literal["ppo", "td3", "sac"] = "ppo"
    steps: int = 60_000
    """Environment steps of every agent."""
    seed: int = 0

    def __post_init__(self) -> None:
        safety_scorer(self.scorer)
        if self.penalty not in ("tail", "raw", "constant", "lagrangian"):
            raise OptionError(f"penalty is 'tail', 'raw', 'constant' or 'lagrangian', got '{self.penalty}'.")


@dataclass(frozen=True)
class AnoSeqsResult:
    """What came out: the fitted model, its quality on held-out source episodes, and both agents."""

    model: RewardModel
    roc: float
    """Area under the ROC of the score against true cost, on source episodes that the scorer never saw."""
    precision: float
    """Average precision of the same."""
    vanilla: TrainedAgent
    penalised: TrainedAgent


def run(options: AnoSeqsOptions, stage: Stage) -> AnoSeqsResult:
    """Run the whole method once.

    Raises:
        ProtocolError: the source environment gives no cost.
        DataError: no safe window, or no finished episode.
    """
    target = options.target_env or options.env
    source = train_agent(
        options.env, _agent(options, options.seed + 1000), needs_cost=True, report=stage("source agent")
    )
    episodes = source.record.all_episodes()
    source.normaliser.close()
    learn, held = hold_out(episodes, 0.2, options.seed)
    model = fit_penalty(learn, options, stage("scorer"))
    roc, precision = agreement_with_cost(model, held)
    vanilla = train_agent(target, _agent(options, options.seed), needs_cost=True, report=stage("vanilla agent"))
    penalised = train_agent(
        target, _agent(options, options.seed), model, needs_cost=True, report=stage("penalised agent")
    )
    return AnoSeqsResult(model, roc, precision, vanilla, penalised)


def fit_penalty(episodes: Sequence[Episode], options: AnoSeqsOptions, report: StepReport | None = None) -> RewardModel:
    """Fit the penalty that `options` describe on source episodes with costs."""
    choice = safety_scorer(options.scorer)
    safe, unsafe = safe_windows(episodes, options.window)
    encoder = suited_encoder(options.env)
    model = RewardModel(choice.build(options.window, encoder.dim), reward_mode(options), encoder)
    rewards = np.concatenate([episode.rewards for episode in episodes if episode.rewards is not None])
    model.fit(
        safe,
        unsafe if choice.negative else None,
        rewards=rewards,
        options=TrainOptions(seed=options.seed),
        report=None if report is None else lambda done, total, _: report(done, total),
    )
    return model


def suited_encoder(env: str) -> Encoder:
    """Return sorted lidar for environments that have rings of lidar, else the observation as it is."""
    shape, rings = describe(env)
    return SortedLidar(shape, SortedLidarOptions(groups=rings)) if rings else Identity(shape)


def reward_mode(options: AnoSeqsOptions) -> RewardMode:
    """Return the unfitted reward mode that `options` name."""
    if options.penalty == "lagrangian":
        return Lagrangian(LagrangianOptions(false_alarm_rate=options.false_alarm_rate))
    return Penalty(
        PenaltyOptions(form=options.penalty, weight=options.weight, false_alarm_rate=options.false_alarm_rate)
    )


def hold_out(episodes: Sequence[Episode], share: float, seed: int) -> tuple[list[Episode], list[Episode]]:
    """Return (the rest, a random share of the episodes).

    Raises:
        DataError: fewer than two episodes.
    """
    if len(episodes) < 2:
        raise DataError(f"Holding out episodes needs at least 2, got {len(episodes)}: collect for longer.")
    order = torch.randperm(len(episodes), generator=generator(seed)).tolist()
    cut = min(len(episodes) - 1, max(1, round(share * len(episodes))))
    return [episodes[index] for index in order[cut:]], [episodes[index] for index in order[:cut]]


def agreement_with_cost(model: RewardModel, episodes: Sequence[Episode]) -> tuple[float, float]:
    """Return ROC area and average precision of the score against cost, over all transitions of the episodes.

    Raises:
        DataError: every transition has a cost, or none.
    """
    scores = np.concatenate([step.score.numpy() for step in relabel(model, episodes)])
    costs = np.concatenate([np.asarray(episode.costs) > 0 for episode in episodes])
    return roc_auc(costs, scores), average_precision(costs, scores)


def _agent(options: AnoSeqsOptions, seed: int) -> AgentOptions:
    return AgentOptions(algorithm=options.algorithm, steps=options.steps, seed=seed)
