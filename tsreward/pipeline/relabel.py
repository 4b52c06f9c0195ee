"""The rewards of whole episodes in bulk: bit-equal on CPU with stepping through them."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from tsreward.functional.shaping import smooth_episodes
from tsreward.functional.tensors import as_tensor
from tsreward.pipeline.model import RewardModel
from tsreward.pipeline.online import StepReward, checked_rewards
from tsreward.sequences.episodes import Episode
from tsreward.sequences.windows import WindowSet


@torch.inference_mode()
def relabel(model: RewardModel, episodes: Sequence[Episode]) -> list[StepReward]:
    """Return for every episode what its T transitions earn; entry t belongs to the arrival at observation t + 1.

    Raises:
        ShapeError: observations of another shape than the model's.
        DataError: NaN or inf in an observation or a reward.
    """
    features = [model.encode(as_tensor(episode.obs)) for episode in episodes]
    results = []
    for episode, encoded in zip(episodes, features, strict=True):
        span = encoded.shape[0]
        last = torch.arange(1, span)
        windows = WindowSet(encoded, last, torch.zeros_like(last), model.window, model.frame_skip)
        scores = torch.cat([model.score(windows.gather(part)) for part in torch.arange(len(last)).split(1024)])
        scores = smooth_episodes(scores, torch.zeros_like(last), model.mode.options.smoothing)
        p_value = model.calibration.p_value(scores)
        env_reward = None if episode.rewards is None else checked_rewards(as_tensor(episode.rewards))
        reward = model.mode(scores, p_value, env_reward)
        results.append(StepReward(reward, scores, p_value, scores > model.mode.threshold))
    return results
