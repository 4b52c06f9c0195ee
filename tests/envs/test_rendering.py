"""Frames of a MuJoCo model: looks, cameras, and renderers that do not disturb one another."""

import gc

import numpy as np
import pytest

from tsreward.envs.make import make
from tsreward.errors import OptionError

pytestmark = pytest.mark.usefixtures("frames")
WALKER = "dmc/walker-walk"


def first(id: str = WALKER, seed: int = 0, **options) -> np.ndarray:
    env = make(id, **{"pixels": 48, **options})
    try:
        return env.reset(seed=seed)[0]
    finally:
        env.close()


def test_a_frame_shows_the_body_before_the_ground_and_the_sky():
    frame = first().astype(int)
    orange = frame[..., 0] > frame[..., 2] + 30
    assert 0.01 < orange.mean() < 0.3
    assert frame[~orange].std() > 5


def test_the_fast_look_leaves_out_shadows_and_smooth_edges():
    fast, full = first().astype(int), first(rendering="full").astype(int)
    difference = np.abs(fast - full).max(-1)
    assert 0.02 < (difference > 8).mean() < 0.6
    assert np.array_equal(first(rendering="fast"), fast)


@pytest.mark.parametrize("camera", ["back", 1, -1])
def test_another_camera_sees_something_else(camera):
    assert not np.array_equal(first(camera=camera), first())
    assert np.array_equal(first(camera="back"), first(camera=1))


@pytest.mark.parametrize("size", [1, 17, 200])
def test_frames_have_the_size_that_was_asked_for(size):
    assert first(pixels=size).shape == (size, size, 3)


def test_renderers_do_not_disturb_one_another():
    alone = [first(id, seed) for id, seed in ((WALKER, 1), ("dmc/cartpole-swingup", 2))]
    one, two = make(WALKER, pixels=48), make("dmc/cartpole-swingup", pixels=48)
    three = make(WALKER, pixels=32)
    for _ in range(2):
        assert np.array_equal(one.reset(seed=1)[0], alone[0])
        assert np.array_equal(two.reset(seed=2)[0], alone[1])
    three.reset(seed=0)
    del three  # its renderer frees what is its own, not what has the same number in another
    gc.collect()
    one.close()
    one.close()
    assert np.array_equal(two.reset(seed=2)[0], alone[1])


def test_new_terrain_is_drawn():
    env = make("dmc/quadruped-escape", pixels=48)
    before, _ = env.reset(seed=1)
    after, _ = env.reset(seed=2)
    assert np.array_equal(after, first("dmc/quadruped-escape", seed=2))
    assert not np.array_equal(before, after)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"camera": "sid"}, "Unknown camera 'sid': did you mean 'side'"),
        ({"camera": 2}, r"no camera 2: use -1 \(free\) to 1 \(side, back\)"),
        ({"rendering": "ful"}, "Unknown rendering 'ful': did you mean 'full'"),
        ({"pixels": 0}, "size of 1 pixel or more, got 0"),
    ],
)
def test_what_cannot_be_drawn_is_refused_at_once(options, message):
    with pytest.raises(OptionError, match=message):
        make(WALKER, **{"pixels": 48, **options})
