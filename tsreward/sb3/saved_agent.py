"""Agents in files: what is written of a trained one, and one that is read again, ready to act; nothing is unpickled."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gymnasium.spaces import Dict
from safetensors.torch import load as deserialise
from safetensors.torch import save as serialise
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.running_mean_std import RunningMeanStd
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

from tsreward.data.arrays import read_arrays
from tsreward.encoders.frame_layout import FrameLayout
from tsreward.envs.make import family_of, is_registered, make
from tsreward.envs.random_state import kept_random_state
from tsreward.errors import DataError, OptionError
from tsreward.files import write_atomic
from tsreward.sb3.agent_observations import for_agent
from tsreward.sb3.algorithms import AgentOptions, build_algorithm
from tsreward.sb3.training import AgentDescription, TrainedAgent
from tsreward.user_modules import split_name

DESCRIPTION = "agent.json"
WEIGHTS = "agent.safetensors"
"""What `load_agent` reads, beside normaliser.npz."""


def save_agent(agent: TrainedAgent, folder: Path) -> None:
    """Write `agent.zip` for Stable-Baselines3, and what `load_agent` reads: `agent.safetensors`, `normaliser.npz` and
    `agent.json`; each at once or not at all.

    The agent was trained on clip((obs − mean) / sqrt(variance + epsilon), −clip, clip) with the arrays of that name in
    `normaliser.npz`; without that it acts blindly. Where observations were not normalised, these change nothing. Of a
    Dict, there are a mean and a variance for each part that is normalised, as in "mean/position".

    Raises:
        DataError: a file cannot be written.
    """
    buffer = io.BytesIO()
    agent.algorithm.save(buffer)
    write_atomic(folder / "agent.zip", buffer.getvalue())
    if isinstance(agent.algorithm.policy, torch.nn.Module):  # sbx has none
        weights = {name: value.detach().clone() for name, value in agent.algorithm.policy.state_dict().items()}
        write_atomic(folder / WEIGHTS, serialise(weights))
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **normaliser_arrays(agent.normaliser))
    write_atomic(folder / "normaliser.npz", buffer.getvalue())
    text = json.dumps(agent.description.to_json(), indent=2)
    write_atomic(folder / DESCRIPTION, f"{text}\n".encode())


def normaliser_arrays(normaliser: VecNormalize) -> dict[str, np.ndarray]:
    """Return the arrays of normaliser.npz."""
    clip, epsilon = np.array(normaliser.clip_obs), np.array(normaliser.epsilon)
    if isinstance(normaliser.observation_space, Dict):
        parts = normaliser.obs_rms if normaliser.norm_obs else {}
        assert isinstance(parts, dict)
        means = {f"mean/{key}": moments.mean for key, moments in parts.items()}
        return {**means, **{f"variance/{key}": one.var for key, one in parts.items()}, "epsilon": epsilon, "clip": clip}
    if not normaliser.norm_obs:
        shape = normaliser.observation_space.shape or ()
        unchanged = {"mean": np.zeros(shape), "variance": np.ones(shape)}
        return {**unchanged, "epsilon": np.array(0.0), "clip": np.array(np.inf)}
    moments = normaliser.obs_rms
    assert isinstance(moments, RunningMeanStd)
    return {"mean": moments.mean, "variance": moments.var, "epsilon": epsilon, "clip": clip}


@dataclass(frozen=True, eq=False)
class LoadedAgent:
    """An agent that acts; it is a policy for `play`, and does not learn any more."""

    description: AgentDescription
    policy: BasePolicy
    moments: dict[str, np.ndarray]
    """Arrays of normaliser.npz."""

    @property
    def env(self) -> str:
        """Id of the environment that it was trained in."""
        return self.description.env

    @property
    def action_repeat(self) -> int:
        """Environment steps that every action is held for."""
        return self.description.options.action_repeat

    def __call__(self, obs: Any) -> np.ndarray:
        """Return the agent's actions [E, *action], without random ones, for raw observations [E, *obs] or a dict."""
        return self.predict(obs)

    def predict(self, obs: Any, deterministic: bool = True) -> np.ndarray:
        """Return actions [E, *action] for raw observations [E, *obs], or a dict of such arrays."""
        return self.policy.predict(self._normalised(obs), deterministic=deterministic)[0]

    def _normalised(self, obs: Any) -> Any:
        if isinstance(obs, dict):
            scaled = {key: f"/{key}" for key in obs if f"mean/{key}" in self.moments}
            return {key: self._scaled(part, scaled[key]) if key in scaled else part for key, part in obs.items()}
        return self._scaled(obs, "") if np.isfinite(self.moments["clip"]) else obs

    def _scaled(self, obs: np.ndarray, part: str) -> np.ndarray:
        mean, variance = self.moments[f"mean{part}"], self.moments[f"variance{part}"]
        scaled = (obs - mean) / np.sqrt(variance + self.moments["epsilon"])
        return np.clip(scaled, -self.moments["clip"], self.moments["clip"]).astype(np.float32)


def load_agent(run: str | Path, env: str | None = None) -> LoadedAgent:
    """Return the agent of a run of `tsreward train`, ready to act.

    The network is built anew from the options of the run, and its weights are read as tensors: nothing is unpickled.

    >>> agent = tsreward.load_agent("runs/walker")  # doctest: +SKIP
    >>> env = tsreward.make(agent.env, agent.action_repeat)  # doctest: +SKIP
    >>> obs, _ = env.reset(seed=0)  # doctest: +SKIP
    >>> action = agent.predict(obs[None])[0]  # doctest: +SKIP

    Args:
        run: the folder.
        env: id of its environment, for one that is called my_module:Name; None is the one that it was trained in.

    Raises:
        DataError: the folder holds no agent, or a damaged one.
        OptionError: an agent of sbx (`library="jax"`), whose file holds pickled objects; or one of an environment of
            the user's own, which is not imported because a file names it.
    """
    folder = Path(run)
    description = _description(folder / DESCRIPTION)
    if description.options.library != "torch":
        raise OptionError(
            f"{folder} holds an agent of sbx, whose file holds pickled objects: load it yourself, where you trust it, "
            f'with sbx.{description.options.algorithm.upper()}.load("{folder / "agent.zip"}"), and normalise with '
            f"normaliser.npz."
        )
    description = replace(description, env=_known_env(description.env) if env is None else env)
    # Only the networks are needed: one environment, and a buffer for one rollout.
    few = replace(description.options, num_envs=1, steps=description.options.rollout)
    with kept_random_state():
        venv = DummyVecEnv([lambda: for_agent(make(description.env, description.options.action_repeat))])
        policy = build_algorithm(venv, few).policy
        venv.close()
    try:
        policy.load_state_dict(deserialise((folder / WEIGHTS).read_bytes()))
        (folder / "normaliser.npz").stat()
        moments = read_arrays(folder / "normaliser.npz")
    except FileNotFoundError as error:
        raise DataError(f"{folder} holds no {Path(error.filename).name}: give the folder of a finished run.") from None
    except Exception as error:  # whatever damaged weights cause
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"The agent in {folder} is damaged, or of another version: {reason}.") from error
    policy.set_training_mode(False)
    return LoadedAgent(description, policy, moments)


def _known_env(env: str) -> str:
    """Return the id of an environment that can be made without importing what a file names."""
    parts = None if family_of(env) is not None or is_registered(env) else split_name(env)
    if parts is None:
        return env
    if is_registered(parts[1]):
        return parts[1]
    raise OptionError(
        f"The agent was trained in {env}, and nothing is imported because a file names it: give env (--env {env}), or "
        f"import the module first."
    )


def acting(agent: TrainedAgent) -> LoadedAgent:
    """Return an agent that was just trained as one that only acts."""
    return LoadedAgent(agent.description, agent.algorithm.policy, normaliser_arrays(agent.normaliser))


def _description(path: Path) -> AgentDescription:
    """Return the description in a file.

    Raises:
        DataError: there is no such file, or it is damaged.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        frames, key = values["frames"], values["obs_key"]
        return AgentDescription(
            env=values["env"],
            options=AgentOptions.from_json(values["options"]),
            obs_key=None if key is None else tuple(key),
            frames=None if frames is None else FrameLayout.from_json(frames),
            sees_frames=bool(values["sees_frames"]),
            own_function=bool(values["own_function"]),
        )
    except FileNotFoundError:
        raise DataError(
            f"{path.parent} holds no {path.name}: give the folder of a run of tsreward train, or "
            f"RUN/penalised and RUN/vanilla of tsreward demo."
        ) from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path} is damaged: {error}. Train again, or copy the file again.") from error
