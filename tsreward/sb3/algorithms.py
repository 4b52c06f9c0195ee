"""Agents: their options, and the algorithm of Stable-Baselines3 or of its twin on JAX that these describe."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import gcd, inf
from typing import Any, Literal

import numpy as np
import stable_baselines3
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.noise import NormalActionNoise
from stable_baselines3.common.vec_env import VecEnv
from torch import nn

from tsreward.errors import OptionError, missing_extra, unknown_name
from tsreward.options import Options, option
from tsreward.rewards.lagrangian import CONSTRAINED
from tsreward.sb3.agent_observations import policy_name
from tsreward.sb3.drq import DrQ, PixelNetwork
from tsreward.sb3.ppo_lagrangian import PPOLagrangian
from tsreward.sequences.costs import CostOptions, Costs


@dataclass(frozen=True)
class AgentOptions(Options):
    """How an agent is trained."""

    algorithm: str = "ppo"
    """ppo, td3 or sac, whose defaults are tried; or another of Stable-Baselines3 (a2c, ddpg, dqn) or sb3-contrib (tqc,
    trpo, qrdqn, crossq), with the options below that it has; or ppo_lagrangian, which keeps the true cost of an episode
    below `cost_limit`. dqn and qrdqn need discrete actions; td3, sac, ddpg, tqc and crossq continuous ones. An agent
    that sees pictures has a small convolutional network, and its sac is `DrQ`, which shifts them at random."""
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
    seed: int = option(0, low=0, high=2**32 - 1)
    """Every random number follows from it."""
    lazy: bool | None = None
    """Compute a learned reward once per rollout or in chunks, not in every step; the agent is bit-identical. None is
    lazy wherever the reward mode stays the same during a rollout."""
    library: Literal["torch", "jax"] = "torch"
    """torch: Stable-Baselines3. jax: sbx, the same algorithms on JAX; its SAC is several times faster on one core."""
    learning_rate: float | None = option(None, above=0, below=1)
    """Of actor and critic; None is 4e-4 for ppo, 1e-3 for td3 and 7e-4 for sac."""
    final_learning_rate: float = option(1.0, above=0, high=1)
    """Share of the learning rate at the last step: it stays for half of the steps, then falls in a line to this."""
    batch_size: int = 256
    """Transitions in one gradient step."""
    gamma: float = option(0.99, high=1)
    """Discount of later rewards, per decision."""
    tau: float = option(0.005, above=0, high=1)
    """Polyak coefficient τ: how much of the critic its target network takes over in every gradient step (td3, sac)."""
    target_entropy: float | None = option(None, low=-inf)
    """Entropy that sac holds its policy at, in nats per dimension of the action; None is -1 (Haarnoja et al. 2018)."""
    random_shift: int = option(4, low=0)
    """Pixels that a picture is shifted by at most in every gradient step, where a sac agent sees pictures (DrQ); 0 does
    not shift."""
    layer_norm: bool = False
    """Normalise the layers of actor and critic (jax only): far fewer steps on dm_control."""
    normalise: bool = True
    """Let the agent see observations by their running mean and standard deviation; the reward model sees raw ones."""
    train_every: int = 1
    """Steps of all environments between two trainings (td3, sac)."""
    learning_starts: int | None = option(None, low=0)
    """Decisions before the first training (td3, sac); None is a quarter of all, 5,000 at most."""
    policy_kwargs: str = "{}"
    """Arguments of the policy of Stable-Baselines3 as JSON, e.g. '{"net_arch": [256, 256], "activation_fn": "elu"}';
    from Python a dictionary, in a TOML file a table. `activation_fn` is relu, tanh, elu, silu, gelu or leaky_relu."""

    cost_limit: float | None = option(None, above=0)
    """Cost per episode that is acceptable. ppo_lagrangian keeps to it, None is 25; where others train on the reward of
    a model, the page draws it, and the verdict says whether it is kept."""
    multiplier_rate: float = option(0.1, above=0)
    """How far the multiplier of the cost moves after a rollout, at most (ppo_lagrangian)."""

    def __post_init__(self) -> None:
        if isinstance(self.policy_kwargs, Mapping):
            try:
                object.__setattr__(self, "policy_kwargs", json.dumps(dict(self.policy_kwargs), allow_nan=False))
            except (TypeError, ValueError):
                self.refuse("policy_kwargs", "plain values", "numbers, texts, lists and dictionaries of these")
        super().__post_init__()

    def for_policy(self) -> dict[str, Any]:
        """Return the arguments of the policy.

        Raises:
            OptionError: they are no JSON object, or an activation has another name.
        """
        try:
            given = json.loads(self.policy_kwargs)
        except ValueError:
            given = None
        if not isinstance(given, dict):
            self.refuse("policy_kwargs", "a JSON object", """as in '{"net_arch": [256, 256]}'""")
        if (name := given.get("activation_fn")) is not None:
            if name not in _ACTIVATIONS:
                raise unknown_name("activation_fn", str(name), _ACTIVATIONS)
            given["activation_fn"] = _ACTIVATIONS[name]
        return given

    def check(self) -> None:
        known = (*_OF_SB3, *_OF_CONTRIB, CONSTRAINED) if self.library == "torch" else _OF_SBX
        if self.algorithm not in known:
            raise unknown_name("algorithm", self.algorithm, known)
        self.for_policy()
        if self.target_entropy is not None and self.algorithm not in ("sac", "tqc"):
            self.refuse("target_entropy", f"None for '{self.algorithm}'", "only sac has one")
        if self.layer_norm and self.library != "jax":
            self.refuse("layer_norm", "false with library 'torch'", "Stable-Baselines3's policies have none, jax has")


_ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "elu": nn.ELU,
    "silu": nn.SiLU,
    "gelu": nn.GELU,
    "leaky_relu": nn.LeakyReLU,
}
_OF_SB3 = ("a2c", "ddpg", "dqn", "ppo", "sac", "td3")
_OF_CONTRIB = ("crossq", "qrdqn", "tqc", "trpo")
"""Those of sb3-contrib that act without more than an observation."""
_OF_SBX = ("crossq", "ddpg", "dqn", "ppo", "sac", "td3", "tqc")
CONTINUOUS, DISCRETE = ("td3", "sac", "ddpg", "tqc", "crossq"), ("dqn", "qrdqn")
"""Algorithms that need such actions."""
LEARNING_RATE = {"ppo": 4e-4, CONSTRAINED: 4e-4, "td3": 1e-3, "sac": 7e-4}


@dataclass(frozen=True)
class FallingRate:
    """Constant for half of the steps, then linear decay to a fraction of the learning rate.

    >>> rate = FallingRate(1e-3, final=0.1)
    >>> [round(rate(left), 6) for left in (1.0, 0.5, 0.25, 0.0)]
    [0.001, 0.001, 0.00055, 0.0001]
    """

    start: float
    final: float

    def __call__(self, progress_remaining: float) -> float:
        """Return the rate where this fraction of the steps is left."""
        return self.start * min(1.0, self.final + (1 - self.final) * 2 * progress_remaining)


def algorithm_class(options: AgentOptions, pictures: bool = False) -> type[BaseAlgorithm]:
    """Return the class of the algorithm, for an agent that sees pictures or other observations.

    Raises:
        MissingExtraError: library is jax, and sbx is not installed, or sb3-contrib where it is needed.
    """
    name, torch = options.algorithm, options.library == "torch"
    if name == CONSTRAINED:
        return PPOLagrangian
    if torch and name in _OF_SB3:
        return DrQ if pictures and name == "sac" else getattr(stable_baselines3, name.upper())
    module: Any
    try:
        if torch:
            import sb3_contrib as module
        else:
            import sbx as module  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise missing_extra(*(("sb3_contrib", "contrib") if torch else ("sbx", "jax"))) from error
    return getattr(module, {"crossq": "CrossQ"}.get(name, name.upper()))


def is_on_policy(options: AgentOptions) -> bool:
    """Tell whether the algorithm learns from rollouts of its own, and not from a replay buffer."""
    return options.algorithm in ("a2c", "ppo", "trpo", CONSTRAINED)


def build_algorithm(venv: VecEnv, options: AgentOptions, costs: Costs = CostOptions()) -> BaseAlgorithm:  # noqa: B008
    """Return a fresh algorithm on `venv`; `costs` say where ppo_lagrangian finds the cost of a step.

    Raises:
        MissingExtraError: library is jax, and sbx is not installed.
        OptionError: the library has no policy for observations that are a Dict, or for pictures; or the policy does not
            take the arguments that are given.
    """
    policy = policy_name(venv.observation_space)
    pictures = policy == "CnnPolicy"
    chosen: Any = algorithm_class(options, pictures)
    if policy not in chosen.policy_aliases:
        which = "pictures" if pictures else "observations that are a Dict"
        raise OptionError(f"{options.algorithm} of sbx takes no {which}: use --library torch.")
    has = _arguments(chosen)
    default = LEARNING_RATE.get(options.algorithm) or inspect.signature(chosen).parameters["learning_rate"].default
    rate = default if options.learning_rate is None else options.learning_rate
    shared: dict[str, Any] = {
        "seed": options.seed,
        "device": "cpu",
        "policy_kwargs": {"net_arch": [options.hidden, options.hidden]}
        | ({"layer_norm": True} if options.layer_norm else {})
        | ({"features_extractor_class": PixelNetwork} if pictures else {})
        | options.for_policy(),
        "learning_rate": rate if options.final_learning_rate == 1 else FallingRate(rate, options.final_learning_rate),
        "gamma": options.gamma,
    }
    if is_on_policy(options):
        steps, batch = rollout_shape(options)
        own: dict[str, Any] = {"n_steps": steps, "batch_size": batch, "n_epochs": 8}
        if chosen is PPOLagrangian:
            own |= {"costs": costs, "multiplier_rate": options.multiplier_rate}
            own |= {} if options.cost_limit is None else {"cost_limit": options.cost_limit}
        return _made(chosen, policy, venv, {name: own[name] for name in own if name in has} | shared)
    starts = min(5_000, options.steps // 4) if options.learning_starts is None else options.learning_starts
    shared |= {"batch_size": options.batch_size, "learning_starts": starts}
    shared |= {"gradient_steps": options.gradient_steps, "train_freq": options.train_every, "tau": options.tau}
    shared["buffer_size"] = min(1_000_000, options.steps + options.num_envs)
    size = int(np.prod(venv.action_space.shape or (1,)))
    if options.target_entropy is not None:
        shared["target_entropy"] = options.target_entropy * size
    if chosen is DrQ:
        shared["pad"] = options.random_shift
    if options.algorithm in ("td3", "ddpg"):
        shared["action_noise"] = NormalActionNoise(np.zeros(size), 0.1 * np.ones(size))
    return _made(chosen, policy, venv, {name: value for name, value in shared.items() if name in has})


def _arguments(chosen: Any) -> set[str]:
    """Return the names of what a class is made with; one that passes on what it does not know has those of its base."""
    own = inspect.signature(chosen.__init__).parameters
    passes_on = any(one.kind is inspect.Parameter.VAR_KEYWORD for one in own.values())
    return set(own) | (_arguments(chosen.__base__) if passes_on and chosen.__base__ is not object else set())


def _made(chosen: Any, policy: str, venv: VecEnv, given: dict[str, Any]) -> BaseAlgorithm:
    """Return the algorithm.

    Raises:
        OptionError: its policy does not take the arguments that are given.
    """
    try:
        return chosen(policy, venv, **given)
    except TypeError as error:
        raise OptionError(f"The policy of {chosen.__name__} does not take these policy_kwargs: {error}.") from error


def rollout_shape(options: AgentOptions) -> tuple[int, int]:
    """Return (steps of each environment, batch size) of PPO: whole batches where there are enough steps.

    >>> rollout_shape(AgentOptions(steps=1_500, num_envs=8))
    (160, 256)
    """
    steps = max(2, min(options.rollout, options.steps // options.num_envs))
    whole = steps - steps % (options.batch_size // gcd(options.batch_size, options.num_envs))
    return (whole, options.batch_size) if whole else (steps, steps * options.num_envs)
