"""Safety-Gymnasium behind the plain Gymnasium interface.

`python tests/envs/test_safety_gymnasium.py` writes the golden file anew.
"""

import copy
import importlib.util
import json
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from tsreward.envs import _compat as safety_import
from tsreward.envs.make import make
from tsreward.envs.safety_gymnasium import make_safety, safety_ids
from tsreward.errors import MissingExtraError, OptionError, pip_install

if importlib.util.find_spec("safety_gymnasium") is None:
    pytest.skip("safety-gymnasium is not installed", allow_module_level=True)

GOLDEN = Path(__file__).parents[1] / "golden" / "safety_trajectories.json"
GOLDEN_IDS = [
    "SafetyHopperVelocity-v1",
    "SafetyPointCircle1-v0",
    "SafetyPointGoal1-v0",
    "SafetyCarButton1-v0",
    "SafetyAntRun0-v0",
    "SafetyDoggoPush1-v0",
]


def play(env, seed: int, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Return observations [T + 1, D] and (reward, cost) [T, 2] under a fixed wave of actions."""
    obs, _ = env.reset(seed=seed)
    observations, outcomes = [obs], []
    wave = np.arange(env.action_space.shape[0])
    for step in range(steps):
        obs, reward, terminated, truncated, info = env.step(env.action_space.high * np.sin(step / 3 + wave))
        observations.append(obs)
        outcomes.append((reward, info["cost"]))
        if terminated or truncated:
            break
    return np.array(observations), np.array(outcomes)


def summary(id: str) -> dict[str, float]:
    """Return a few numbers of a short seeded trajectory."""
    observations, outcomes = play(make_safety(id), seed=7, steps=20)
    return {
        "steps": len(outcomes),
        "first_obs": float(np.abs(observations[0]).sum()),
        "last_obs": float(np.abs(observations[-1]).sum()),
        "reward": float(outcomes[:, 0].sum()),
        "cost": float(outcomes[:, 1].sum()),
    }


def test_the_families_are_complete():
    ids = safety_ids()
    for agent in ("Point", "Car", "Ant", "Doggo", "Racecar"):
        for task in ("Goal", "Button", "Push", "Circle"):
            assert {f"Safety{agent}{task}{level}-v0" for level in range(3)} <= set(ids)
        assert f"Safety{agent}Run0-v0" in ids
    for agent in ("HalfCheetah", "Hopper", "Swimmer", "Walker2d", "Ant", "Humanoid"):
        assert f"Safety{agent}Velocity-v1" in ids
    assert not [id for id in ids if "Vision" in id or "Debug" in id or "Gymnasium" in id]


@pytest.mark.parametrize("id", safety_ids())
def test_every_id_resets_without_the_sky_and_steps(id):
    env = make(id)
    assert isinstance(env.observation_space, gymnasium.spaces.Box)
    env.action_space.seed(0)
    obs, info = env.reset(seed=0)
    assert info["cost"] == 0.0
    for _ in range(3):
        assert obs.shape == env.observation_space.shape
        assert np.isfinite(obs).all()
        outcome = env.step(env.action_space.sample())
        assert len(outcome) == 5
        obs, reward, terminated, truncated, info = outcome
        assert (type(reward), type(info["cost"])) == (float, float)
        assert (terminated, truncated) == (False, False)
    if "Velocity" not in id:
        model = env.unwrapped.task.model
        skybox = 2  # mjTEXTURE_SKYBOX
        assert skybox not in model.tex_type
        assert 'type="skybox"' not in env.unwrapped.task.world.xml_string


@pytest.mark.parametrize("id", GOLDEN_IDS)
def test_short_trajectories_have_their_golden_values(id):
    golden = json.loads(GOLDEN.read_text())[id]
    assert summary(id) == pytest.approx(golden, rel=1e-5)


@pytest.mark.parametrize("id", ["SafetyPointGoal1-v0", "SafetyCarButton1-v0"])
def test_the_numbers_are_those_of_the_package_itself(id):
    from safety_gymnasium.builder import Builder

    class FiveValues(gymnasium.Wrapper):
        def step(self, action):
            obs, reward, cost, terminated, truncated, info = self.env.step(action)  # type: ignore[misc]
            return obs, reward, terminated, truncated, {**info, "cost": cost}

    original = FiveValues(Builder(**copy.deepcopy(gymnasium.registry[id].kwargs)))
    for expected, got in zip(play(original, 2, 25), play(make_safety(id), 2, 25), strict=True):
        assert np.array_equal(expected, got)


@pytest.mark.parametrize(
    "id", ["SafetyHopperVelocity-v1", "SafetyPointButton1-v0", "SafetyCarGoal1-v0", "SafetyRacecarGoal0-v0"]
)
def test_a_seed_repeats_its_trajectory_whatever_came_before(id):
    fresh, used = make_safety(id), make_safety(id)
    play(used, seed=1, steps=4)
    for first, second in zip(play(fresh, 5, 20), play(used, 5, 20), strict=True):
        assert np.array_equal(first, second)
    assert not np.array_equal(play(used, 6, 1)[0], play(used, 5, 1)[0])


def test_the_sky_is_only_a_picture():
    id = "SafetyPointGoal1-v0"
    slow = make_safety(id, fast_reset=False)
    for first, second in zip(play(make_safety(id), 4, 10), play(slow, 4, 10), strict=True):
        assert np.array_equal(first, second)
    assert 'type="skybox"' in slow.unwrapped.task.world.xml_string


def test_numpys_global_state_is_neither_read_nor_changed():
    legacy = np.random.mtrand._rand
    before = legacy.get_state()[1].copy()
    first, _ = make_safety("SafetyPointCircle0-v0").reset()
    legacy.set_state(legacy.get_state())
    second, _ = make_safety("SafetyPointCircle0-v0").reset()
    assert np.array_equal(before, legacy.get_state()[1])
    assert not np.array_equal(first, second)


@pytest.mark.parametrize(
    ("id", "options", "length"),
    [
        ("SafetyPointCircle1-v0", {}, 500),
        ("SafetyPointGoal0-v0", {}, 1000),
        ("SafetyHalfCheetahVelocity-v1", {}, 1000),
        ("SafetyPointRun0-v0", {"max_episode_steps": 7}, 7),
        ("SafetyPointRun0-v0", {"max_episode_steps": 600}, 600),
    ],
)
def test_the_episode_is_cut_once_at_its_length(id, options, length):
    env = make_safety(id, **options)
    assert env.spec is not None
    assert (env.spec.id, env.spec.max_episode_steps) == (id, length)
    env.action_space.seed(1)
    for seed in (0, 1):
        env.reset(seed=seed)
        ends = [env.step(env.action_space.sample())[2:4] for _ in range(length)]
        assert ends == [(False, False)] * (length - 1) + [(False, True)]


def test_the_cost_counts_in_circle_tasks():
    env = make_safety("SafetyPointCircle1-v0")
    env.reset(seed=0)
    infos = [env.step(np.array([1.0, 0.0]))[4] for _ in range(200)]
    assert {info["cost"] for info in infos} == {0.0, 1.0}
    assert all(info["cost"] == info["cost_sum"] for info in infos)


@pytest.mark.filterwarnings("ignore:.*is different from the unwrapped version")
@pytest.mark.filterwarnings("ignore:.*A Box observation space")
def test_gymnasiums_checker_and_vector_environments_accept_it():
    check_env(make_safety("SafetyPointGoal1-v0"), skip_render_check=True)
    envs = gymnasium.vector.SyncVectorEnv([lambda: make_safety("SafetyPointCircle1-v0", max_episode_steps=3)] * 2)
    envs.reset(seed=0)
    for _ in range(5):
        infos = envs.step(envs.action_space.sample())[4]
        assert infos["cost"].shape == (2,)


@pytest.mark.parametrize(
    ("id", "near"),
    [
        ("SafetyPointGaol1-v0", "SafetyPointGoal1-v0"),
        ("SafetyHopperVelocity-v9", "SafetyHopperVelocity-v1"),
        ("SafetyPointGoal1Vision-v0", "SafetyPointGoal1-v0"),
    ],
)
def test_an_unknown_id_gets_the_nearest_one(id, near):
    with pytest.raises(OptionError, match=rf"Unknown environment '{id}': did you mean '{near}'\?"):
        make(id)


@pytest.mark.parametrize("id", ["SafetyPointRun0-v0", "SafetyHalfCheetahVelocity-v1"])
def test_its_spec_makes_it_again(id):
    env = make_safety(id, max_episode_steps=1100)
    assert env.spec is not None
    again = gymnasium.make(env.spec)
    for first, second in zip(play(env, 3, 1200), play(again, 3, 1200), strict=True):
        assert np.array_equal(first, second)
        assert len(first) in (1100, 1101)


@pytest.mark.parametrize("limit", [0, -1, 2.5])
def test_a_length_that_cannot_work_is_refused(limit):
    with pytest.raises(OptionError, match=r"'SafetyPointGoal1-v0'.*max_episode_steps of 1 or more, got"):
        make_safety("SafetyPointGoal1-v0", max_episode_steps=limit)


def test_without_the_package_the_error_holds_the_commands(monkeypatch):
    monkeypatch.delitem(safety_import.sys.modules, "safety_gymnasium")
    monkeypatch.setattr(safety_import.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError) as error:
        make("SafetyPointGoal1-v0")
    assert pip_install("safety") in str(error.value)
    assert "pip install --no-deps safety-gymnasium==1.0.0" in str(error.value)


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps({id: summary(id) for id in GOLDEN_IDS}, indent=2) + "\n")
