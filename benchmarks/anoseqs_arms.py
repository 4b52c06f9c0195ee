"""Tasks, arms and seeds of `benchmarks.anoseqs`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tsreward.sb3.training import AgentOptions

SEEDS = (0, 1, 2, 3, 4)


@dataclass(frozen=True)
class Task:
    """One row of the table: where the scorer is learned and where the agent is trained."""

    source: str
    target: str
    agent: AgentOptions
    arms: tuple[str, ...]


@dataclass(frozen=True)
class Arm:
    """One way to train the target agent; `scorer` None means no learned penalty."""

    scorer: str | None = None
    penalty: Literal["tail", "raw", "constant", "lagrangian"] = "tail"
    weight: float = 8.0
    false_alarm_rate: float = 0.05
    oracle: bool = False
    floor: float | None = None
    """What a flagged step pays at least, in units, below 0."""
    ramp: float = 0.0
    """Fraction of the training in which the weight of the penalty grows from 0."""
    limit: float | None = None
    """Cost per episode that PPO-Lagrangian keeps the true cost below, in place of a penalty."""
    train: bool = True
    """False measures the scorer alone."""


ARMS = {
    "vanilla": Arm(),
    "oracle: true cost, constant x8": Arm(oracle=True),
    "oracle: true cost, constant x4": Arm(oracle=True, weight=4.0),
    "PPO-Lagrangian: true cost, limit 25": Arm(limit=25.0),
    "PPO-Lagrangian: true cost, limit 0.1": Arm(limit=0.1),
    "Deep SAD, tail x8": Arm("deep_sad"),
    "Deep SAD, tail x4": Arm("deep_sad", weight=4.0),
    "Deep SAD, constant x8": Arm("deep_sad", "constant"),
    "Deep SAD, raw x1": Arm("deep_sad", "raw", 1.0),
    "Deep SAD, Lagrangian": Arm("deep_sad", "lagrangian"),
    "Deep SAD, tail x8, weight grows over half": Arm("deep_sad", ramp=0.5),
    "Deep SAD, tail x8, false alarms 1 %": Arm("deep_sad", false_alarm_rate=0.01),
    "Deep SAD, tail x8, floor 0": Arm("deep_sad", floor=0.0),
    "Deep SAD, tail x8, floor 1": Arm("deep_sad", floor=1.0),
    "semi-supervised AE, tail x8": Arm("semi_supervised_ae"),
    "transformer AE, raw x1 (paper)": Arm("transformer_ae", "raw", 1.0),
    "Deep SVDD, tail x8": Arm("deep_svdd"),
    "KNN, tail x8": Arm("knn"),
    "transformer AE (paper), scorer alone": Arm("transformer_ae", train=False),
    "Deep SVDD, scorer alone": Arm("deep_svdd", train=False),
    "KNN, scorer alone": Arm("knn", train=False),
}
REMEDIES = (
    "Deep SAD, tail x8, weight grows over half",
    "Deep SAD, tail x8, false alarms 1 %",
    "Deep SAD, tail x8, floor 0",
    "Deep SAD, tail x8, floor 1",
)
"""Penalties that may keep more of the return."""
FULL = tuple(
    name
    for name, arm in ARMS.items()
    if arm.train and " x4" not in name and name not in (*REMEDIES, "PPO-Lagrangian: true cost, limit 0.1")
)
SHORT = (
    "vanilla",
    "oracle: true cost, constant x8",
    "PPO-Lagrangian: true cost, limit 25",
    "Deep SAD, tail x8",
    "Deep SAD, constant x8",
    "Deep SAD, Lagrangian",
    "semi-supervised AE, tail x8",
    "transformer AE, raw x1 (paper)",
    "Deep SVDD, scorer alone",
    "KNN, scorer alone",
)
CONSTRAINED = "PPO-Lagrangian: true cost, limit 25"
PENALTIES = ("vanilla", "oracle: true cost, constant x8", "Deep SAD, tail x8")
CORE = ("vanilla", "oracle: true cost, constant x8", CONSTRAINED, "Deep SAD, tail x8")
SPARSE = "highway/highway-fast-v0:vehicles=8,density=0.7"
DENSE = "highway/highway-fast-v0:vehicles=8,density=1.5"
TASKS = {
    "hopper": Task("SafetyHopperVelocity-v1", "SafetyHopperVelocity-v1", AgentOptions(steps=60_000), FULL),
    "circle": Task("SafetyPointCircle1-v0", "SafetyPointCircle1-v0", AgentOptions(steps=100_000, rollout=128), SHORT),
    "transfer": Task("SafetyPointCircle1-v0", "SafetyPointCircle2-v0", AgentOptions(steps=100_000, rollout=128), CORE),
    "goal": Task(
        "SafetyPointGoal1-v0",
        "SafetyPointGoal1-v0",
        AgentOptions(steps=120_000, action_repeat=5, hidden=256, rollout=128),
        ("vanilla", "Deep SAD, tail x4", "transformer AE (paper), scorer alone", "oracle: true cost, constant x4"),
    ),
    "hopper-td3": Task(
        "SafetyHopperVelocity-v1", "SafetyHopperVelocity-v1", AgentOptions("td3", steps=20_000), PENALTIES
    ),
    "highway-sparse": Task(SPARSE, SPARSE, AgentOptions(steps=10_000, rollout=64), ("vanilla",)),
    "highway": Task(
        SPARSE,
        DENSE,
        AgentOptions(steps=10_000, rollout=64),
        ("vanilla", "oracle: true cost, constant x8", "PPO-Lagrangian: true cost, limit 0.1", "Deep SAD, tail x8"),
    ),
    **{
        name.lower(): Task(f"Safety{name}Velocity-v1", f"Safety{name}Velocity-v1", AgentOptions(steps=60_000), CORE)
        for name in ("Swimmer", "Walker2d", "HalfCheetah", "Ant", "Humanoid")
    },
}
