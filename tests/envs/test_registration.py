"""Our ids stand in Gymnasium's registry, and make what `tsreward.make` makes."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest

from tsreward.envs.make import make
from tsreward.envs.registration import register_envs


@pytest.fixture(autouse=True, scope="module")
def registered() -> None:
    """Register the ids where the installed metadata is older than they are."""
    if not any(name.startswith(("dmc/", "atari/")) for name in gymnasium.registry):
        register_envs()


def test_all_ids_of_dm_control_are_registered() -> None:
    pytest.importorskip("dm_control", reason="needs the extra 'dmc'")
    from tsreward.envs.dm_control import dmc_ids

    assert {name for name in gymnasium.registry if name.startswith("dmc/")} == set(dmc_ids())


def test_all_ids_of_atari_are_registered() -> None:
    pytest.importorskip("ale_py", reason="needs the extra 'atari'")
    from tsreward.envs.atari import atari_ids

    assert {name for name in gymnasium.registry if name.startswith("atari/")} == set(atari_ids())


def test_all_ids_of_meta_world_are_registered() -> None:
    pytest.importorskip("metaworld", reason="needs the extra 'metaworld'")
    from tsreward.envs.meta_world import meta_world_ids

    assert {name for name in gymnasium.registry if name.startswith("metaworld/")} == set(meta_world_ids())


@pytest.mark.parametrize(
    ("name", "package", "options"),
    [
        ("dmc/cartpole-balance", "dm_control", {"action_repeat": 2}),
        ("atari/Boxing", "ale_py", {"ram": True, "max_episode_steps": 30}),
    ],
)
def test_gymnasium_makes_the_same_environment(name: str, package: str, options: dict[str, object]) -> None:
    pytest.importorskip(package, reason="needs a simulator")
    ours, theirs = make(name, **options), gymnasium.make(name, **options)
    assert ours.observation_space == theirs.observation_space
    ours.action_space.seed(0)
    np.testing.assert_array_equal(ours.reset(seed=3)[0], theirs.reset(seed=3)[0])
    for _ in range(40):
        action = ours.action_space.sample()
        mine, other = ours.step(action), theirs.step(action)
        np.testing.assert_array_equal(mine[0], other[0])
        assert mine[1:4] == other[1:4]
        if mine[2] or mine[3]:
            break
    ours.close()
    theirs.close()
