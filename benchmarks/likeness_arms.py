"""The tasks, and what agents are paid for in them, of the likeness benchmark."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tsreward.active import ActiveLearnerOptions


@dataclass(frozen=True)
class Task:
    """One environment, the budget in decisions, and whose episodes are the expert's."""

    env: str
    steps: int
    expert: str
    experts: int = 24
    frames: int | None = None


TASKS = {
    "balance": Task("dmc/cartpole-balance", 8_000, "dmc-cartpole-balance-101"),
    "swingup": Task("dmc/cartpole-swingup", 30_000, "dmc-cartpole-swingup-100"),
    "reacher": Task("dmc/reacher-easy", 40_000, "dmc-reacher-easy-100", experts=100),
    "walker": Task("dmc/walker-walk", 60_000, "dmc-walker-walk-102"),
    "swingup-pixels": Task("dmc/cartpole-swingup", 30_000, "dmc-cartpole-swingup-100", frames=64),
    "walker-pixels": Task("dmc/walker-walk", 60_000, "dmc-walker-walk-102", frames=64),
}
SENSORS = tuple(name for name in TASKS if not name.endswith("-pixels"))


@dataclass(frozen=True)
class Arm:
    """What the agent is paid: fields of `ExpertLikenessOptions`, or the environment's reward, or always 1."""

    learned: dict[str, Any] = field(default_factory=dict)
    paid: str = "likeness"
    active: ActiveLearnerOptions = ActiveLearnerOptions()  # noqa: RUF009 - frozen


def _frozen(scorer: str, shape: str = "auto", **more: Any) -> Arm:
    return Arm({"scorer": scorer, "shape": shape, "learning": "frozen", **more})


ACTIVE = {"scorer": "least_squares_sad", "shape": "least_squares", "learning": "active"}
ADVERSARIAL = {"scorer": "discriminator", "shape": "least_squares", "learning": "active"}
"""The reward of AMP; without noise on its windows this is what was published."""
CALM = ActiveLearnerOptions(noise=0.0)
HARD = ("failures", "half_trained", "probes")
ARMS = {
    "true reward": Arm(paid="true"),
    "constant reward": Arm(paid="constant"),
    "adversarial discriminator": Arm(ADVERSARIAL, active=CALM),
    "adversarial discriminator, noise": Arm(ADVERSARIAL),
    "active least-squares SAD": Arm(ACTIVE),
    "active least-squares SAD, no noise": Arm(ACTIVE, active=CALM),
    "active least-squares SAD, RND": Arm(ACTIVE | {"bonus": "rnd"}),
    "active least-squares SAD, disagreement": Arm(ACTIVE | {"bonus": "disagreement"}),
    "active least-squares SAD, hard negatives": Arm(ACTIVE | {"negatives": HARD}),
    "active Deep SAD, odds": Arm({"scorer": "deep_sad", "shape": "odds", "learning": "active"}),
    "active semi-supervised AE, odds": Arm({"scorer": "semi_supervised_ae", "shape": "odds", "learning": "active"}),
    "Deep SAD, random negatives, auto": _frozen("deep_sad", negatives=("random",)),
    "Deep SAD, hard negatives, auto": _frozen("deep_sad", negatives=HARD),
    "Deep SAD, hard negatives, auto, RND": _frozen("deep_sad", negatives=HARD, bonus="rnd"),
    "transformer AE, auto": _frozen("transformer_ae"),
    "transformer AE, auto, RND": _frozen("transformer_ae", bonus="rnd"),
    "transformer AE, exponential": _frozen("transformer_ae", "exponential"),
    "transformer AE, tail": _frozen("transformer_ae", "tail"),
    "transformer AE, negative": _frozen("transformer_ae", "negative"),
    "LSTM-VAE, auto": _frozen("lstm_vae"),
    "Deep SVDD, auto": _frozen("deep_svdd"),
    "forecaster, auto": _frozen("forecaster"),
    "forecaster, auto, RND": _frozen("forecaster", bonus="rnd"),
    "KNN, auto": _frozen("knn"),
    "PCA, auto": _frozen("pca"),
}
