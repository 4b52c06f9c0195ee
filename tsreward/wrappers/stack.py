"""What must not stand inside a learned reward: normalisers that it knows, and another learned reward."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gymnasium.wrappers as single
import gymnasium.wrappers.vector as vector

from tsreward.errors import ProtocolError

OBS_NORMALISERS: tuple[type, ...] = (
    single.NormalizeObservation,
    single.RescaleObservation,
    vector.NormalizeObservation,
    vector.RescaleObservation,
)
"""They give a model other numbers than the environment's."""
REWARD_NORMALISERS: tuple[type, ...] = (
    single.NormalizeReward,
    single.TransformReward,
    vector.NormalizeReward,
    vector.TransformReward,
    vector.VectorizeTransformReward,
)
"""They pay other rewards than those that a penalty was measured in."""
_ATTRIBUTES: dict[str, type] = {"obs_rms": single.NormalizeObservation, "return_rms": single.NormalizeReward}
"""What tells Gymnasium's running normalisers apart in other processes, whatever a subclass is called."""
_NAMES: dict[str, type] = {
    cls.__name__: cls for cls in (*OBS_NORMALISERS[:2], *REWARD_NORMALISERS[:2], single.ClipReward)
}
"""Names of the wrappers of single environments, which `str` of an environment lists from the outside in."""


class LearnedRewardLayer:
    """Mark of the wrappers that pay a learned reward."""

    is_learned_reward = True


def layers(env: Any) -> Iterator[Any]:
    """Yield an environment and everything inside it: wrappers, vector environments, and the environments of these."""
    waiting = [env]
    while waiting:
        layer = waiting.pop(0)
        yield layer
        held = getattr(layer, "__dict__", {})  # not getattr: wrappers pass unknown names on
        waiting += [held[name] for name in ("env", "venv") if held.get(name) is not None]
        waiting += list(held.get("envs") or ())


def inside(env: Any) -> Iterator[type]:
    """Yield the classes of an environment and of everything inside it, in other processes as far as these tell.

    Of environments in other processes, a VecEnv tells all wrappers that are asked for; a vector environment of
    Gymnasium tells the names of wrappers, and the attributes of running normalisers and learned rewards.
    """
    for layer in layers(env):
        yield type(layer)
        held = getattr(layer, "__dict__", {})
        if "remotes" in held:  # SubprocVecEnv of Stable-Baselines3
            asked = (*OBS_NORMALISERS[:2], *REWARD_NORMALISERS[:2])
            yield from (cls for cls in asked if any(layer.env_is_wrapped(cls)))
            if layer.has_attr("is_learned_reward"):
                yield LearnedRewardLayer
        elif "parent_pipes" in held:  # AsyncVectorEnv of Gymnasium
            stacks = "".join(layer.call("__str__")).split("<")  # "<ClipReward<TimeLimit<...>>>"
            yield from (cls for name, cls in _NAMES.items() if name in stacks)
            yield from (cls for name, cls in _ATTRIBUTES.items() if any(layer.call("has_wrapper_attr", name)))
            if any(layer.call("has_wrapper_attr", "is_learned_reward")):
                yield LearnedRewardLayer


def check_stack(who: str, env: Any, allow_normalised: bool, nested: bool) -> bool:
    """Check what stands inside a learned reward, and return whether another learned reward does.

    Args:
        who: the wrapper, for messages.
        env: an environment of Gymnasium, a vector environment, or a VecEnv.
        allow_normalised: the model was fitted on what normalisers inside give.
        nested: another learned reward inside is meant.

    Raises:
        ProtocolError: a normaliser of observations or rewards, or a learned reward, that is not allowed.
    """
    learned: str | None = None
    for cls in inside(env):
        if not allow_normalised and issubclass(cls, OBS_NORMALISERS + REWARD_NORMALISERS):
            what = "look at other observations" if issubclass(cls, OBS_NORMALISERS) else "be given other rewards"
            raise ProtocolError(
                f"{who} got a {cls.__name__} inside, and the model would {what} than the environment's: turn them "
                f"round, {cls.__name__}({who}(env, model)); or, where the model was fitted on what this stack gives, "
                f"say so with allow_normalised=True."
            )
        if getattr(cls, "is_learned_reward", False):
            learned = "LearnedReward" if cls is LearnedRewardLayer else cls.__name__
    if learned is not None and not nested:
        raise ProtocolError(
            f"{who} got a {learned} inside, and would take the learned rewards for the environment's: use one of them; "
            f"or say nested=True, and the info of the inner one is kept under names that begin with inner_."
        )
    return learned is not None
