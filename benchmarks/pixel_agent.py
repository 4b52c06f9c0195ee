"""cartpole-balance for an agent that sees nothing but pictures: features of the last three 64×64 frames.

The encoder is fitted on frames of the expert and of random actions. Reward and agent share the features, so every frame
is encoded once.
"""

from __future__ import annotations

from dataclasses import replace

import gymnasium
import numpy as np
import torch
from gymnasium.spaces import Box
from gymnasium.wrappers import FlattenObservation, FrameStackObservation, TransformObservation

from benchmarks.experts import FOLDER
from tsreward.data.graded import GradedEpisodes, load_graded, save_graded
from tsreward.encoders.pixel_pca import PixelPCA
from tsreward.envs.make import make
from tsreward.sb3.grading import draw_episodes

ID = "FramesBalance-v0"
EXPERT = "dmc-cartpole-balance-101"
SIZE, STACK, REPEAT = 64, 3, 4


def prepare() -> None:
    """Register the environment, and write the expert's episodes as its agents would have seen them."""
    if ID in gymnasium.registry:
        return
    graded = load_graded(FOLDER / f"{EXPERT}.npz").where(["random", "expert"])
    frames = draw_episodes(graded, SIZE)
    encoder = PixelPCA((SIZE, SIZE, 3))
    encoder.fit([episode.obs for episode in frames.episodes])
    gymnasium.register(ID, entry_point=lambda **_: _make(encoder), disable_env_checker=True)
    save_graded(_seen(frames, encoder), FOLDER / f"{EXPERT}-frames.npz")


def _make(encoder: PixelPCA) -> gymnasium.Env:
    env = make("dmc/cartpole-balance", REPEAT, pixels=SIZE)
    space = Box(-np.inf, np.inf, (encoder.dim,), np.float32)
    features = TransformObservation(env, lambda frame: _encoded(encoder, frame[None])[0], space)
    return FlattenObservation(FrameStackObservation(features, STACK))


def _seen(graded: GradedEpisodes, encoder: PixelPCA) -> GradedEpisodes:
    episodes = []
    for episode in graded.episodes:
        features = _encoded(encoder, episode.obs)
        places = np.arange(len(features))[:, None] - np.arange(STACK)[::-1]  # the oldest first
        episodes.append(replace(episode, obs=features[places.clip(0)].reshape(len(features), -1)))
    return replace(graded, env=ID, action_repeat=1, episodes=episodes, states=None)


def _encoded(encoder: PixelPCA, frames: np.ndarray) -> np.ndarray:
    return encoder(torch.from_numpy(np.ascontiguousarray(frames))).numpy()
