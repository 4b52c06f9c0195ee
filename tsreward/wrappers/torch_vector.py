"""`LearnedRewardTorch`: a learned reward for environments that give tensors, on whatever device they lie."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tsreward.encoders.frame_layout import FrameLayout
from tsreward.errors import OptionError, ProtocolError, ShapeError, shown
from tsreward.io.hub import as_model
from tsreward.pipeline.device_stream import DeviceStream
from tsreward.pipeline.model import RewardModel
from tsreward.pipeline.monitor import Monitor
from tsreward.rewards.exploration import ExplorationBonus
from tsreward.wrappers.checks import check_driven, check_fitted
from tsreward.wrappers.infos import EPISODE_KEYS, INFO_KEYS
from tsreward.wrappers.stack import check_stack

TensorObsKey = str | tuple[str, ...] | Callable[[Any], Tensor]
"""What the model looks at: a key, a tuple that leads to one inside others, or a function of observations [E, ...]."""


class LearnedRewardTorch:
    """Give the rewards of `model` for E environments whose steps are tensors; nothing is read back from the device.

    `step` gives the learned rewards [E] in the dtype of the environment's, which stay in `infos["original_reward"]`.
    The infos also get `anomaly_score`, `anomaly_p_value` and `is_anomaly`, each a tensor [E], and the sums of both
    rewards over the running episodes, `ep_learned_rew` and `ep_true_rew`, which are whole where the masks
    `_ep_learned_rew` and `_ep_true_rew` are true. Every other key and every method of the environments stays.

    Environments reset those that ended inside the step, so `obs` is already the first of the next episode. What arrived
    is looked for under `final_obs`:

    - "final_observation" (ManiSkill 3) or "final_obs" (Gymnasium): the infos hold the last observations [E, ...] in
      steps in which episodes end, and lack the key in all others.
    - None (Isaac Lab, Brax and MuJoCo Playground): the last observation is lost. The last step of an episode is then
      scored by the window before it, which ends with its observation repeated. What happens in the last step, such as
      a fall, is not seen by the reward.

    Observations and rewards may come from any library with DLPack (JAX, Warp, CuPy); what goes out are tensors, which
    those libraries take by DLPack too.

    Args:
        envs: has `num_envs`, `reset(...)` that gives observations and infos, and `step(actions)` that gives
            observations, rewards, terminated, truncated and infos.
        model: a fitted model, or what `tsreward.from_pretrained` takes. `model.to(envs.device)` puts it where the
            tensors are; others are brought there.
        bonus: added to the rewards.
        frames: how frames stand in the observations, where the model reads single ones.
        obs_key: what the model looks at, where observations are a dict; None is the only part, or all parts, flattened
            side by side and sorted by their keys.
        final_obs: where the last observations are.
        check_every: steps between two looks for NaN and inf, which read from the device; 0 never looks.
        driven: a loop of your own calls `model.mode.update`, for a mode that moves while an agent trains.
        allow_normalised: the model was fitted on what normalisers inside give.
        strict: raise an error where a warning would be given, because the first 1,000 observations are not what the
            model was fitted on.

    Raises:
        NotFittedError: the model is not fitted.
        ProtocolError: a normaliser or learned reward inside that is not allowed, or a mode that nobody moves; in a
            step, before `reset`; at a look, an episode has ended without the last observation.
        ShapeError: in a reset or a step, observations of another shape than the model's.
        DataError: at a look, an observation, a reward or a score was NaN or inf.
    """

    is_learned_reward = True

    def __init__(
        self,
        envs: Any,
        model: RewardModel | str | Path,
        bonus: ExplorationBonus | None = None,
        frames: FrameLayout | None = None,
        *,
        obs_key: TensorObsKey | None = None,
        final_obs: str | None = "final_observation",
        check_every: int = 64,
        driven: bool = False,
        allow_normalised: bool = False,
        strict: bool = False,
    ) -> None:
        who, model = type(self).__name__, as_model(model)
        check_fitted(who, model)
        check_driven(who, model, driven)
        check_stack(who, envs, allow_normalised, nested=False)
        if not (obs_key is None or callable(obs_key) or isinstance(obs_key, str | tuple)):
            raise OptionError(f"{who}: obs_key is a key, a tuple of keys or a function, got {shown(obs_key)}.")
        self.env, self._obs_key, self._final_obs = envs, obs_key, final_obs
        self.stream = DeviceStream(model, int(envs.num_envs), check_every, bonus, frames)
        self.stream.monitor = Monitor(model, who, strict, early=True)
        self._seen: Tensor | None = None
        self._lost = torch.zeros(self.stream.num_envs, dtype=torch.bool, device=model.device)
        """Environments whose last observation was not given, since the last look."""
        self._sums = torch.zeros(2, self.stream.num_envs, dtype=torch.float64, device=model.device)

    def __getattr__(self, name: str) -> Any:
        if name == "env":
            raise AttributeError(name)
        return getattr(self.env, name)

    @property
    def model(self) -> RewardModel:
        """The model that pays."""
        return self.stream.model

    @property
    def unwrapped(self) -> Any:
        """The environments without any wrapper."""
        return getattr(self.env, "unwrapped", self.env)

    def reset(self, **kwargs: Any) -> tuple[Any, dict[str, Any]]:
        """Reset the environments, only those in `options["env_idx"]` where it is given, and begin their episodes."""
        obs, infos = self.env.reset(**kwargs)
        which = (kwargs.get("options") or {}).get("env_idx")
        seen, mask = self._read(obs), None
        if which is not None and self._seen is not None:
            mask = torch.zeros_like(self._lost)
            mask[as_device_tensor(which).to(mask.device)] = True
        self.stream.start(seen, mask)
        self._seen = seen.clone()
        self._sums = torch.zeros_like(self._sums) if mask is None else self._sums.masked_fill(mask, 0.0)
        return obs, infos

    def step(self, actions: Any) -> tuple[Any, Tensor, Any, Any, dict[str, Any]]:
        """Return what the environments give, with the learned rewards [E] in place of their own."""
        if self._seen is None:
            raise ProtocolError(f"{type(self).__name__} got a step before reset: call reset() first.")
        obs, env_rewards, terminated, truncated, infos = self.env.step(actions)
        return obs, *self._paid(obs, env_rewards, terminated, truncated, infos)

    @torch.no_grad()
    def _paid(
        self, obs: Any, env_rewards: Any, terminated: Any, truncated: Any, infos: Mapping[str, Any]
    ) -> tuple[Tensor, Any, Any, dict[str, Any]]:
        """Return the learned rewards of a step in the place of the environment's, and what is said of them."""
        paid = as_device_tensor(env_rewards)
        device = self._lost.device
        ended = (as_device_tensor(terminated).to(device) != 0) | (as_device_tensor(truncated).to(device) != 0)
        ended = ended.reshape(-1)
        seen = self._read(obs)
        last = self._last(seen, ended, infos)
        earned = self.stream.step(seen if last is None else last, paid)
        if last is not None:
            self.stream.start(seen, ended)
        if self._final_obs is None:
            self._seen = seen.clone()  # environments may write the next observations into the same memory
        rewards = earned.reward.to(paid.dtype) if paid.is_floating_point() else earned.reward.float()
        self._sums = self._sums + torch.stack([earned.reward, paid.to(device).reshape(-1).double()])
        said = (paid, earned.score, earned.p_value, earned.is_anomaly)
        infos = {**infos, **dict(zip(INFO_KEYS, said, strict=True))}
        infos |= dict(zip(EPISODE_KEYS, self._sums.unbind(), strict=True))
        infos |= {f"_{key}": ended for key in EPISODE_KEYS}
        self._sums = self._sums.masked_fill(ended, 0.0)
        if self.stream.looked:
            self._look()
        return rewards, terminated, truncated, infos

    def check(self) -> None:
        """Read from the device what was noted since the last look.

        Raises:
            DataError: an observation, a reward or a score was NaN or inf.
            ProtocolError: an episode has ended without the last observation.
        """
        self.stream.check()
        self._look()

    def _look(self) -> None:
        if not bool(self._lost.any()):
            return
        found = self._lost.nonzero().flatten().tolist()
        raise ProtocolError(
            f"Environment(s) {found[:5]} ended without infos[{self._final_obs!r}], so their last step was scored by "
            f"the first observation of the next episode: name the key with final_obs='...', or say final_obs=None "
            f"where the environments do not give it."
        )

    def _last(self, seen: Tensor, ended: Tensor, infos: Mapping[str, Any]) -> Tensor | None:
        """Return what is seen where the step arrived; None where that is `seen` in all environments."""
        assert self._seen is not None
        mask = ended.view(-1, *[1] * (seen.ndim - 1))
        if self._final_obs is None:
            return torch.where(mask, self._seen, seen)
        if self._final_obs not in infos:
            self._lost = self._lost | ended
            return None
        return torch.where(mask, self._read(infos[self._final_obs]), seen)

    def _read(self, obs: Any) -> Tensor:
        """Return what the model sees [E, *obs] of observations."""
        if callable(self._obs_key):
            found = as_device_tensor(self._obs_key(obs))
        else:
            keys = (self._obs_key,) if isinstance(self._obs_key, str) else self._obs_key or ()
            for key in keys:
                if not isinstance(obs, Mapping) or key not in obs:
                    has = sorted(map(str, obs)) if isinstance(obs, Mapping) else "no parts"
                    raise OptionError(f"{type(self).__name__}: no {key!r} in the observations, which have {has}.")
                obs = obs[key]
            parts = list(_parts(obs))
            found = parts[0] if len(parts) == 1 else torch.cat([part.flatten(1) for part in parts], 1)
        shape = self.model.shape_read(found.shape[1:], found.is_floating_point(), self.stream.frames)
        if shape != self.model.obs_shape:
            raise ShapeError(
                f"{type(self).__name__}: the environments give {list(found.shape)}, but the model reads "
                f"[E, {', '.join(map(str, self.model.obs_shape))}]: name what it looks at with obs_key, or fit a model "
                f"on this."
            )
        return found.to(self._lost.device)


def as_device_tensor(values: Any) -> Tensor:
    """Return a tensor that shares the memory of an array of any library, on its device.

    >>> import numpy
    >>> as_device_tensor(numpy.ones(2)).dtype
    torch.float64
    """
    if isinstance(values, Tensor):
        return values.detach()
    return torch.from_dlpack(values) if hasattr(values, "__dlpack__") else torch.as_tensor(values)


def _parts(obs: Any) -> Any:
    """Yield the tensors of observations, those of dicts sorted by their keys."""
    if isinstance(obs, Mapping):
        for key in sorted(obs):
            yield from _parts(obs[key])
    else:
        yield as_device_tensor(obs)
