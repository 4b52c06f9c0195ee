"""How an agent is trained."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import Literal

from tsreward.errors import OptionError


@dataclass(frozen=True)
class AgentOptions:
    """How an agent is trained."""

    algorithm: Literal["ppo", "td3", "sac"] = "ppo"
    """td3 and sac need continuous actions."""
    steps: int = 60_000
    """Decisions in all environments together: environment steps, where no action is repeated."""
    num_envs: int = 8
    """Environments that run side by side."""
    action_repeat: int = 1
    """Environment steps that every action is held for; rewards and costs add up."""
    hidden: int = 64
    """Width of the two hidden layers of actor and critic."""
    rollout: int = 256
    """Steps of every environment between two updates (ppo)."""
    gradient_steps: int = 4
    """Updates after every `train_every` steps of all environments (td3, sac)."""
    seed: int = 0
    """Every random number follows from it."""
    scoring: Literal["auto", "bulk", "step"] = "auto"
    """When a learned reward is computed: once per rollout or in chunks (bulk), or in every step; the agent is
    the same to the bit. auto is bulk wherever the reward mode stays the same during a rollout."""
    library: Literal["torch", "jax"] = "torch"
    """torch: Stable-Baselines3. jax: sbx, the same algorithms on JAX; its SAC is several times faster on one core."""
    learning_rate: float | None = None
    """Of actor and critic; None is 4e-4 for ppo, 1e-3 for td3 and 7e-4 for sac."""
    final_rate: float = 1.0
    """Share of the learning rate at the last step: it stays for half of the steps, then falls in a line to this."""
    batch_size: int = 256
    """Transitions in one gradient step."""
    gamma: float = 0.99
    """Discount of later rewards, per decision."""
    tau: float = 0.005
    """Share of the critic that its slow copy takes over in every gradient step (td3, sac)."""
    target_entropy: float | None = None
    """Entropy that sac holds its policy at, in nats per dimension of the action; None is -1 (Haarnoja et al. 2018)."""
    layer_norm: bool = False
    """Normalise the layers of actor and critic (jax only): far fewer steps on dm_control."""
    normalise: bool = True
    """Let the agent see observations by their running mean and spread; the reward model sees them as they are."""
    train_every: int = 1
    """Steps of all environments between two trainings (td3, sac)."""
    learning_starts: int | None = None
    """Decisions before the first training (td3, sac); None is a quarter of all, 5,000 at most."""

    def __post_init__(self) -> None:
        choices = {"algorithm": ("ppo", "td3", "sac"), "scoring": ("auto", "bulk", "step"), "library": ("torch", "jax")}
        for name, known in choices.items():
            if getattr(self, name) not in known:
                listed = ", ".join(repr(choice) for choice in known[:-1])
                raise OptionError(f"AgentOptions.{name} is {listed} or '{known[-1]}', got '{getattr(self, name)}'.")
        counts = (
            "steps",
            "num_envs",
            "action_repeat",
            "hidden",
            "rollout",
            "gradient_steps",
            "batch_size",
            "train_every",
        )
        for name in counts:
            if getattr(self, name) < 1:
                raise OptionError(f"AgentOptions.{name} must be at least 1, got {getattr(self, name)}.")
        if self.learning_starts is not None and self.learning_starts < 0:
            raise OptionError(f"AgentOptions.learning_starts is None or at least 0, got {self.learning_starts}.")
        if self.learning_rate is not None and not 0 < self.learning_rate < 1:
            raise OptionError(f"AgentOptions.learning_rate lies between 0 and 1, got {self.learning_rate}.")
        if not 0 < self.final_rate <= 1:
            raise OptionError(f"AgentOptions.final_rate lies in (0, 1], got {self.final_rate}.")
        if self.target_entropy is not None and (self.algorithm != "sac" or not isfinite(self.target_entropy)):
            raise OptionError(
                "AgentOptions.target_entropy is a finite number, and for 'sac' alone, "
                f"got {self.target_entropy} for '{self.algorithm}'."
            )
        if self.layer_norm and self.library != "jax":
            raise OptionError("AgentOptions.layer_norm is for library 'jax': Stable-Baselines3's policies have none.")
        if not 0 < self.tau <= 1:
            raise OptionError(f"AgentOptions.tau lies in (0, 1], got {self.tau}.")
        if not 0 <= self.gamma <= 1:
            raise OptionError(f"AgentOptions.gamma lies in [0, 1], got {self.gamma}.")
        if not 0 <= self.seed < 2**32:
            raise OptionError(f"AgentOptions.seed is an integer from 0 to 2**32 - 1, got {self.seed}.")
