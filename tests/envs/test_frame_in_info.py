"""Frames beside the sensors are those that the environment with pixels observes at the same state."""

import gymnasium
import numpy as np
import pytest

from tests.envs.test_pixels import Counting
from tsreward.envs.make import make
from tsreward.envs.pixels import FrameInInfo
from tsreward.errors import OptionError

DMC, ATARI = "dmc/reacher-easy", "atari/Boxing"


def play(env: gymnasium.Env, steps: int) -> list[tuple]:
    env.action_space.seed(0)
    return [env.reset(seed=3)] + [env.step(env.action_space.sample()) for _ in range(steps)]


@pytest.mark.usefixtures("frames", "ale")
@pytest.mark.parametrize(
    ("id", "options"),
    [
        (DMC, {}),
        (DMC, {"grey": True, "camera": "hand", "rendering": "full"}),
        (ATARI, {}),
        (ATARI, {"grey": True, "pool": True}),
    ],
)
def test_the_frame_is_what_pixels_would_be(id, options):
    beside, seen = make(id, 2, frames=32, **options), make(id, 2, pixels=32, **options)
    sensors = make(id, 2, **({"ram": True} if id == ATARI else {}))
    assert beside.observation_space == sensors.observation_space
    frames = set()
    for both, picture, plain in zip(play(beside, 6), play(seen, 6), play(sensors, 6), strict=True):
        assert np.array_equal(both[-1]["frame"], picture[0])
        assert both[-1]["frame"].dtype == np.uint8
        assert np.array_equal(both[0], plain[0])
        assert both[1:-1] == plain[1:-1]
        frames.add(both[-1]["frame"].tobytes())
    assert len(frames) > 3


def test_the_rest_of_the_info_stays():
    env = FrameInInfo(Counting(), grey=True)
    obs, info = env.reset()
    assert (obs.shape, info["key"], info["frame"].shape) == ((2,), 0, (40, 41, 1))
    obs, _, _, _, info = env.step(0)
    assert (obs.shape, info["key"], info["frame"].shape) == ((2,), 1, (40, 41, 1))


def test_at_the_end_of_an_episode_the_last_and_the_first_frame_are_there():
    vec_env = pytest.importorskip("stable_baselines3.common.vec_env")
    venv = vec_env.DummyVecEnv([lambda: FrameInInfo(Counting())] * 2)
    venv.reset()
    for _ in range(9):
        _, _, dones, infos = venv.step([0, 0])
    assert dones.all()
    assert [info["frame"][0, 0, 0] for info in infos] == [9, 9]
    assert [info["frame"][0, 0, 0] for info in venv.reset_infos] == [0, 0]


@pytest.mark.usefixtures("dmc")
def test_what_does_not_fit_together_is_refused():
    with pytest.raises(OptionError, match="render_mode='rgb_array', got None"):
        FrameInInfo(Counting(None))
    with pytest.raises(OptionError, match="observes pixels or puts frames into its info, got both"):
        make(DMC, frames=32, pixels=32)
    with pytest.raises(OptionError, match="no frames to make grey or to stack"):
        make(DMC, frames=32, stack=2)
