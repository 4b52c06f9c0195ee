"""Frames as observations: their order, their colours, and one drawing per decision."""

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete

from tsreward.envs.make import ActionRepeat
from tsreward.envs.pixels import Pixels, grey_frame
from tsreward.errors import OptionError
from tsreward.sequences.windows import WindowSet


class Counting(gymnasium.Env):
    """Draws frames whose channels are t, 2t and 3t, and counts them."""

    metadata = {"render_modes": ["rgb_array"]}  # noqa: RUF012

    def __init__(self, render_mode: str | None = "rgb_array", size: int = 40) -> None:
        self.observation_space, self.action_space = Box(-1, 1, (2,), np.float32), Discrete(2)
        self.render_mode, self.frame_shape, self.drawn = render_mode, (size, size + 1), 0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        return np.zeros(2, np.float32), {"key": 0}

    def step(self, action):
        self.steps += 1
        return np.zeros(2, np.float32), 1.0, self.steps == 9, False, {"key": self.steps}

    def render(self):
        self.drawn += 1
        return np.broadcast_to(np.array([1, 2, 3], np.uint8) * self.steps, (*self.frame_shape, 3)).copy()


def test_the_frames_lie_in_the_channels_and_the_oldest_is_first():
    env = Pixels(Counting(), stack=3)
    assert env.observation_space == Box(0, 255, (40, 41, 9), np.uint8)
    obs, info = env.reset(seed=0)
    assert info == {"key": 0}
    assert not obs.any()
    seen = [env.step(0) for _ in range(4)]
    assert [step[0][0, 0].tolist() for step in seen] == [
        [0, 0, 0, 0, 0, 0, 1, 2, 3],
        [0, 0, 0, 1, 2, 3, 2, 4, 6],
        [1, 2, 3, 2, 4, 6, 3, 6, 9],
        [2, 4, 6, 3, 6, 9, 4, 8, 12],
    ]
    assert seen[3][1:] == (1.0, False, False, {"key": 4})
    assert all(step[0] in env.observation_space for step in seen)
    assert not env.reset()[0].any()


def test_grey_is_luma_in_one_channel():
    env = Pixels(Counting(), grey=True, stack=2)
    env.reset()
    assert env.step(0)[0].shape == (40, 41, 2)
    colours = np.random.default_rng(0).integers(0, 256, (1000, 3), np.uint8)
    assert np.abs(grey_frame(colours)[:, 0] - colours @ [0.299, 0.587, 0.114]).max() <= 0.5


def test_a_repeated_action_is_drawn_once():
    bare = Counting()
    env = Pixels(ActionRepeat(bare, 4))
    env.reset()
    obs, reward, *_ = env.step(0)
    assert (obs[0, 0, 0], reward, bare.drawn) == (4, 4.0, 2)


def test_observations_that_were_given_do_not_change():
    env = Pixels(Counting())
    obs, _ = env.reset()
    copy = obs.copy()
    env.step(0)
    assert np.array_equal(obs, copy)


@pytest.mark.parametrize(
    ("env", "options", "message"),
    [
        (Counting(), {"stack": 0}, "stack of 1 frame or more, got 0"),
        (Counting(None), {}, "render_mode='rgb_array', got None"),
    ],
)
def test_what_gives_no_frames_is_refused(env, options, message):
    with pytest.raises(OptionError, match=message):
        Pixels(env, **options)


@pytest.mark.parametrize("options", [{}, {"stack": 3}, {"grey": True}, {"grey": True, "stack": 4}])
def test_a_policy_of_images_takes_them_as_they_are(options):
    stable_baselines3 = pytest.importorskip("stable_baselines3")
    ppo = stable_baselines3.PPO(
        "CnnPolicy", Pixels(Counting(), **options), n_steps=4, batch_size=4, n_epochs=1, device="cpu"
    )
    channels = (1 if "grey" in options else 3) * options.get("stack", 1)
    assert ppo.policy.observation_space.shape == (channels, 40, 41)  # moved to the front on the way
    ppo.learn(4)


def test_windows_are_cut_out_of_single_frames():
    env = Pixels(Counting())
    episode = np.stack([env.reset()[0], *(env.step(0)[0] for _ in range(5))])
    windows = WindowSet.from_episodes([episode], window=3)
    taken = windows.gather(torch.tensor([0, 5]))
    assert (taken.shape, taken.dtype) == ((2, 3, 40, 41, 3), torch.uint8)
    assert taken[:, :, 0, 0, 0].tolist() == [[0, 0, 0], [3, 4, 5]]
