"""The tasks, and what agents are paid for in them, of the likeness benchmark."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from benchmarks import pixel_agent
from benchmarks.experts import PPO, SAC
from tsreward.encoders.frames import Rectangle
from tsreward.pipeline.active import ActiveLearnerOptions
from tsreward.sb3.algorithms import AgentOptions

FALLING = replace(SAC, final_learning_rate=0.05)
"""Final agents differ less from those shortly before than with a rate that stays."""
STILL = replace(FALLING, target_entropy=-2.0)
"""Less random actions, for a task that pays for holding still in a small place."""


@dataclass(frozen=True)
class Task:
    """One environment, the budget in decisions, and whose episodes are the expert's."""

    env: str
    steps: int
    expert: str
    experts: int = 24
    frames: int | None = None
    masks: tuple[Rectangle, ...] = ()
    agent: AgentOptions = FALLING


TASKS = {
    "balance": Task("dmc/cartpole-balance", 8_000, "dmc-cartpole-balance-101"),
    "swingup": Task("dmc/cartpole-swingup", 30_000, "dmc-cartpole-swingup-100"),
    "reacher": Task("dmc/reacher-easy", 80_000, "dmc-reacher-easy-100", experts=100, agent=STILL),
    "walker": Task("dmc/walker-walk", 60_000, "dmc-walker-walk-102"),
    "swingup-pixels": Task("dmc/cartpole-swingup", 60_000, "dmc-cartpole-swingup-100", frames=64),
    "walker-pixels": Task("dmc/walker-walk", 120_000, "dmc-walker-walk-102", frames=64),
    "balance-pixel-agent": Task(
        pixel_agent.ID, 8_000, f"{pixel_agent.EXPERT}-frames", agent=replace(FALLING, action_repeat=1)
    ),
    "boxing-pixels": Task(
        "atari/Boxing:ram,stack=2,scaled", 200_000, "atari-boxing-100", experts=8, frames=64, agent=PPO
    ),
}
"""In those that end in -pixels the reward looks at frames and the agent does not, in -pixel-agent both do."""
TASKS["boxing-pixels, masked"] = replace(TASKS["boxing-pixels"], masks=((0, 0, 8, 64),))
SENSORS = tuple(name for name in TASKS if "pixel" not in name)


@dataclass(frozen=True)
class Arm:
    """What the agent is paid: fields of `ExpertLikenessOptions`, or the environment's reward, or always 1."""

    learned: dict[str, Any] = field(default_factory=dict)
    paid: str = "likeness"
    active: ActiveLearnerOptions = ActiveLearnerOptions()  # noqa: RUF009 - frozen


def _frozen(scorer: str, transform: str = "auto", **more: Any) -> Arm:
    return Arm({"scorer": scorer, "transform": transform, "learning": "frozen", **more})


ACTIVE = {"scorer": "least_squares_sad", "transform": "least_squares", "learning": "active"}
ADVERSARIAL = {"scorer": "discriminator", "transform": "least_squares", "learning": "active"}
"""The reward of AMP; without noise on its windows this is what was published."""
CALM = ActiveLearnerOptions(noise=0.0)
HARD = ("failures", "half_trained", "probes")
FINE = {"side": 32, "components": 32}
"""Sizes of pixel PCA that place the expert more exactly than the default ones."""
ARMS = {
    "true reward": Arm(paid="true"),
    "constant reward": Arm(paid="constant"),
    "adversarial discriminator": Arm(ADVERSARIAL, active=CALM),
    "adversarial discriminator, noise": Arm(ADVERSARIAL),
    "adversarial discriminator, fine pixels": Arm(ADVERSARIAL | FINE, active=CALM),
    "active least-squares SAD": Arm(ACTIVE),
    "active least-squares SAD, fine pixels": Arm(ACTIVE | FINE),
    "active least-squares SAD, no noise": Arm(ACTIVE, active=CALM),
    "active least-squares SAD, RND": Arm(ACTIVE | {"bonus": "rnd"}),
    "active least-squares SAD, disagreement": Arm(ACTIVE | {"bonus": "disagreement"}),
    "active least-squares SAD, hard negatives": Arm(ACTIVE | {"negatives": HARD}),
    "active Deep SAD, odds": Arm({"scorer": "deep_sad", "transform": "odds", "learning": "active"}),
    "active semi-supervised AE, odds": Arm({"scorer": "semi_supervised_ae", "transform": "odds", "learning": "active"}),
    "Deep SAD, random negatives, auto": _frozen("deep_sad", negatives=("random",)),
    "Deep SAD, hard negatives, auto": _frozen("deep_sad", negatives=HARD),
    "Deep SAD, hard negatives, auto, RND": _frozen("deep_sad", negatives=HARD, bonus="rnd"),
    "transformer AE, auto": _frozen("transformer_ae"),
    "transformer AE, auto, RND": _frozen("transformer_ae", bonus="rnd"),
    "transformer AE, exponential": _frozen("transformer_ae", "exponential"),
    "transformer AE, tail": _frozen("transformer_ae", "p_value"),
    "transformer AE, negative": _frozen("transformer_ae", "negative"),
    "LSTM-VAE, auto": _frozen("lstm_vae"),
    "Deep SVDD, auto": _frozen("deep_svdd"),
    "forecaster, auto": _frozen("forecaster"),
    "forecaster, auto, RND": _frozen("forecaster", bonus="rnd"),
    "KNN, auto": _frozen("knn"),
    "PCA, auto": _frozen("pca"),
}
