"""`eval_env`: environments for `EvalCallback`, with the same wrappers as those that an agent trains on."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, Literal

import gymnasium
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import (
    DummyVecEnv,
    VecCheckNan,
    VecEnv,
    VecEnvWrapper,
    VecFrameStack,
    VecMonitor,
    VecNormalize,
    VecTransposeImage,
    is_vecenv_wrapped,
)

from tsreward.errors import OptionError, ProtocolError
from tsreward.sb3.vec_env import LearnedRewardVecEnv

Return = Literal["true", "learned"]


def eval_env(
    env: VecEnv | gymnasium.Env | Callable[[], gymnasium.Env], training_env: VecEnv, reward: Return = "true"
) -> VecEnv:
    """Return environments with the wrappers of `training_env`, for `EvalCallback` and `evaluate_policy`.

    `EvalCallback(eval_env(make, agent.get_env()))` reports the true return as `eval/mean_reward`. The statistics of a
    VecNormalize are those of the training and stand still; `EvalCallback` brings them up to date. Learned rewards are
    paid in every step, with the reward mode as it is then.

    Args:
        env: what is evaluated in, without the wrappers: environments, one environment, or a function that makes one.
        training_env: what the algorithm trains on, `agent.get_env()`.
        reward: which return is reported, of the environment or of the model; the infos have both.

    Raises:
        OptionError: there is no such return.
        ProtocolError: no `LearnedRewardVecEnv` in `training_env`, or a wrapper that cannot be made again.
    """
    if reward not in ("true", "learned"):
        raise OptionError(f"eval_env.reward is 'true' or 'learned', got '{reward}'.")
    outer: list[VecEnvWrapper] = []
    layer: Any = training_env
    while isinstance(layer, VecEnvWrapper):
        outer.append(layer)
        layer = layer.venv
    if not any(isinstance(one, LearnedRewardVecEnv) for one in outer):
        raise ProtocolError(
            "eval_env got training environments without a LearnedRewardVecEnv: give agent.get_env(), or where single "
            "environments are wrapped by LearnedReward, make those for the evaluation in the same way."
        )
    stack = env if isinstance(env, VecEnv) else DummyVecEnv([env if callable(env) else lambda: env])
    if not is_vecenv_wrapped(stack, VecMonitor) and not stack.env_is_wrapped(Monitor)[0]:
        stack = VecMonitor(stack)
    for one in reversed(outer):
        stack = _made_again(one, stack, reward)
    return stack


def _made_again(layer: VecEnvWrapper, inner: VecEnv, reward: Return) -> VecEnv:
    """Return a wrapper like this one round other environments."""
    if isinstance(layer, LearnedRewardVecEnv):
        return layer.for_evaluation(inner, reward)
    if isinstance(layer, VecNormalize):
        made = VecNormalize(
            inner,
            training=False,
            norm_obs=layer.norm_obs,
            norm_reward=False,
            clip_obs=layer.clip_obs,
            clip_reward=layer.clip_reward,
            gamma=layer.gamma,
            epsilon=layer.epsilon,
            norm_obs_keys=layer.norm_obs_keys,
        )
        if layer.norm_obs:
            made.obs_rms = copy.deepcopy(layer.obs_rms)
        made.ret_rms = copy.deepcopy(layer.ret_rms)
        return made
    if isinstance(layer, VecFrameStack):
        order = "first" if getattr(layer.stacked_obs, "channels_first", False) else "last"
        return VecFrameStack(inner, layer.stacked_obs.n_stack, order)
    if isinstance(layer, (VecTransposeImage, VecCheckNan)):
        return type(layer)(inner)
    if isinstance(layer, VecMonitor):
        return inner  # it stands inside, where it sees the environment's rewards
    raise ProtocolError(
        f"eval_env cannot make {type(layer).__name__} again: build the evaluation environments by hand, with the same "
        f"wrappers in the same order, and set driven = True on their LearnedRewardVecEnv."
    )
