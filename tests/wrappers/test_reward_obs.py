"""Observations that are no Box of numpy, and rewards that are no number: the same learned rewards at every door."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Dict, Discrete, Text, Tuple
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv
from stable_baselines3 import SAC, HerReplayBuffer
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

from tests.walk import Walk, walk_model
from tsreward.errors import OptionError, ProtocolError, ShapeError, StrictError, TSRewardWarning
from tsreward.functional.arrays import as_array
from tsreward.pipeline.model import RewardModel
from tsreward.pipeline.relabel import relabel
from tsreward.sb3.vec_env import LearnedRewardVecEnv
from tsreward.sequences.episodes import Episode
from tsreward.wrappers.gymnasium_env import LearnedReward
from tsreward.wrappers.gymnasium_vector import LearnedRewardVector
from tsreward.wrappers.obs_parts import ObsParts

FREE = Box(-np.inf, np.inf, (3,), np.float32)
GOAL = Box(-np.inf, np.inf, (1,), np.float32)


class GoalWalk(gymnasium.Wrapper):
    """The walk with a goal for x0, as HER wants it."""

    def __init__(self, env: gymnasium.Env) -> None:
        super().__init__(env)
        self.observation_space = Dict({"observation": FREE, "achieved_goal": GOAL, "desired_goal": GOAL})

    def reset(self, **kind: Any) -> Any:
        obs, info = self.env.reset(**kind)
        return self._seen(obs), info

    def step(self, action: Any) -> Any:
        obs, _, terminated, truncated, info = self.env.step(action)
        seen = self._seen(obs)
        reward = self.compute_reward(seen["achieved_goal"], seen["desired_goal"], info)
        return seen, float(reward), terminated, truncated, info

    def compute_reward(self, achieved: np.ndarray, desired: np.ndarray, info: Any) -> Any:
        return -(np.abs(achieved - desired).max(-1) > 0.3).astype(np.float32)

    def _seen(self, obs: np.ndarray) -> dict[str, np.ndarray]:
        return {"observation": obs, "achieved_goal": obs[:1].copy(), "desired_goal": np.array([0.7], np.float32)}


class Told(gymnasium.Wrapper):
    """The walk, its observations in another form."""

    def __init__(self, space: gymnasium.Space, form: Any) -> None:
        super().__init__(Walk())
        self.observation_space, self._form = space, form

    def reset(self, **kind: Any) -> Any:
        obs, info = self.env.reset(**kind)
        return self._form(obs), info

    def step(self, action: Any) -> Any:
        obs, *rest = self.env.step(action)
        return self._form(obs), *rest


NESTED = Dict({"a": Dict({"x": FREE, "y": GOAL}), "b": Tuple((Discrete(3), FREE))})
FORMS: dict[str, tuple[Any, Any]] = {
    "goal": (lambda: GoalWalk(Walk()), "observation"),
    "tuple": (lambda: Told(Tuple((GOAL, FREE)), lambda obs: (obs[:1], obs)), (1,)),
    "nested": (
        lambda: Told(NESTED, lambda obs: {"a": {"x": obs, "y": obs[:1]}, "b": (1, 2 * obs)}),
        ("a", "x"),
    ),
    "parts": (
        lambda: Told(Dict({"a": GOAL, "z": Box(-9, 9, (2,), np.float32)}), lambda obs: {"a": obs[:1], "z": obs[1:]}),
        None,
    ),
    "function": (lambda: GoalWalk(Walk()), lambda obs: obs["observation"]),
}


@pytest.fixture(scope="module")
def likeness() -> RewardModel:
    return walk_model()


def acts(count: int, envs: int = 1) -> np.ndarray:
    return np.random.default_rng(3).uniform(-1, 1, (count, envs, 1)).astype(np.float32)


def wanted(model: RewardModel, seed: int, steps: int, env: int = 0, envs: int = 1) -> list[float]:
    """Return the learned rewards of the plain walk, whose first episode is long enough."""
    walk = Walk()
    rows = [walk.reset(seed=seed)[0]]
    for action in acts(steps, envs)[:, env]:
        rows.append(walk.step(action)[0])
    return relabel(model, Episode(np.stack(rows))).reward.tolist()


@pytest.mark.parametrize("form", FORMS)
def test_a_part_is_looked_at_and_the_agent_keeps_all(likeness, form):
    make, key = FORMS[form]
    env = LearnedReward(make(), likeness, obs_key=key)
    obs, _ = env.reset(seed=5)
    assert env.observation_space.contains(obs)
    rewards = []
    for action in acts(20)[:, 0]:
        obs, reward, *_ = env.step(action)
        assert env.observation_space.contains(obs)
        rewards.append(reward)
    assert rewards == wanted(likeness, 5, 20)


@pytest.mark.parametrize("form", [name for name in FORMS if name not in ("nested", "tuple")])
@pytest.mark.parametrize("lazy", [False, True])
def test_so_it_is_in_a_vec_env(likeness, form, lazy):
    make, key = FORMS[form]
    venv = LearnedRewardVecEnv(DummyVecEnv([make] * 2), likeness, obs_key=key, lazy=lazy)
    venv.driven = True
    venv.seed(5)
    venv.reset()
    rewards = np.stack([venv.step(actions)[1] for actions in acts(60, 2)])
    if lazy:
        rewards = venv.take()[0]
    single = DummyVecEnv([Walk] * 2)
    plain = LearnedRewardVecEnv(single, likeness)
    plain.seed(5)
    plain.reset()
    assert np.array_equal(rewards, np.stack([plain.step(actions)[1] for actions in acts(60, 2)]))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("mode", list(AutoresetMode)[:2])
def test_so_it_is_in_a_vector(likeness, form, mode):
    make, key = FORMS[form]
    given = [
        rolled(LearnedRewardVector(SyncVectorEnv([one] * 2, autoreset_mode=mode), likeness, obs_key=part))
        for one, part in ((make, key), (Walk, None))
    ]
    assert np.array_equal(given[0], given[1])


def rolled(envs: Any, steps: int = 60) -> np.ndarray:
    envs.reset(seed=5)
    return np.stack([np.asarray(envs.step(actions)[1]) for actions in acts(steps, 2)])


def test_another_process_sends_dicts_too(likeness):
    make, key = FORMS["goal"]
    envs = AsyncVectorEnv([make] * 2, autoreset_mode=AutoresetMode.SAME_STEP)
    try:
        given = rolled(LearnedRewardVector(envs, likeness, obs_key=key), 45)
    finally:
        envs.close()
    assert np.array_equal(
        given,
        rolled(LearnedRewardVector(SyncVectorEnv([Walk] * 2, autoreset_mode=AutoresetMode.SAME_STEP), likeness), 45),
    )


class TorchVector(gymnasium.vector.VectorWrapper):
    """Gives tensors only."""

    def reset(self, **kind: Any) -> Any:
        obs, infos = self.env.reset(**kind)
        return torch.from_numpy(obs.copy()), infos

    def step(self, actions: Any) -> Any:
        obs, rewards, terminated, truncated, infos = self.env.step(np.asarray(actions))
        if "final_obs" in infos:
            last = [row if row is None else torch.from_numpy(row.copy()) for row in infos["final_obs"]]
            infos = {**infos, "final_obs": last}
        parts = (torch.from_numpy(np.array(part)) for part in (rewards, terminated, truncated))
        return torch.from_numpy(obs.copy()).requires_grad_(), *parts, infos


@pytest.mark.parametrize("mode", list(AutoresetMode)[:2])
@pytest.mark.parametrize("kind", ["likeness", "penalty"])
def test_tensors_are_taken_and_given_on(mode, kind):
    model = walk_model(kind)
    envs = TorchVector(SyncVectorEnv([Walk] * 2, autoreset_mode=mode))
    obs, _ = LearnedRewardVector(envs, model).reset(seed=5)
    assert isinstance(obs, torch.Tensor)
    given = rolled(LearnedRewardVector(envs, model))
    assert np.array_equal(given, rolled(LearnedRewardVector(SyncVectorEnv([Walk] * 2, autoreset_mode=mode), model)))


def test_a_disabled_autoreset_takes_masks_of_tensors(likeness):
    envs = LearnedRewardVector(TorchVector(SyncVectorEnv([Walk] * 2, autoreset_mode=AutoresetMode.DISABLED)), likeness)
    envs.reset(seed=5)
    for actions in acts(60, 2):
        _, _, terminated, truncated, _ = envs.step(actions)
        if (terminated | truncated).any():
            envs.reset(options={"reset_mask": np.asarray(terminated | truncated)})


class OnlyDLPack:
    """An array of a library that numpy does not know."""

    def __init__(self, values: torch.Tensor) -> None:
        self._values = values

    def __dlpack__(self, **kind: Any) -> Any:
        return self._values.__dlpack__(**kind)

    def __dlpack_device__(self) -> Any:
        return self._values.__dlpack_device__()


@pytest.mark.parametrize(
    "values",
    [
        torch.arange(3.0),
        torch.arange(3.0).requires_grad_(),
        torch.arange(3.0).to(torch.bfloat16),
        OnlyDLPack(torch.arange(3.0)),
        [0.0, 1.0, 2.0],
        np.arange(3),
    ],
)
def test_every_array_is_taken(values):
    assert as_array(values).tolist() == [0, 1, 2]


class Pays(gymnasium.Wrapper):
    def __init__(self, pay: Any) -> None:
        super().__init__(Walk())
        self._pay = pay

    def step(self, action: Any) -> Any:
        obs, reward, *rest = self.env.step(action)
        return obs, self._pay(reward), *rest


PAYS = {
    "none": lambda reward: None,
    "vector": lambda reward: np.array([reward, 2.0]),
    "list": lambda reward: [reward, 2.0],
    "text": lambda reward: "much",
    "integer": lambda reward: round(reward),
    "array": lambda reward: np.array([reward]),
    "tensor": lambda reward: torch.tensor(reward),
}


@pytest.mark.parametrize("pay", PAYS)
def test_a_likeness_ignores_what_the_environment_pays(likeness, pay):
    env = LearnedReward(Pays(PAYS[pay]), likeness)
    env.reset(seed=5)
    steps = [env.step(action) for action in acts(20)[:, 0]]
    assert [step[1] for step in steps] == wanted(likeness, 5, 20)
    given, paid = steps[0][4]["original_reward"], PAYS[pay](float(acts(1)[0, 0, 0]))
    assert type(given) is type(paid)


@pytest.mark.parametrize("pay", ["none", "vector", "list", "text"])
def test_a_penalty_refuses_what_is_no_number(pay):
    env = LearnedReward(Pays(PAYS[pay]), walk_model("penalty"))
    env.reset(seed=5)
    with pytest.raises(ProtocolError, match=r"a Penalty lowers .* needs one number .*reward_reduce='sum'"):
        env.step(np.zeros(1))


@pytest.mark.parametrize(("reduce", "added"), [("sum", 2.0), (0, 0.0), (lambda reward: reward[0] + reward[1] / 2, 1.0)])
def test_a_vector_is_reduced_where_it_is_said_how(reduce, added):
    model = walk_model("penalty")
    env, plain = LearnedReward(Pays(PAYS["vector"]), model, reward_reduce=reduce), LearnedReward(Walk(), model)
    env.reset(seed=5)
    plain.reset(seed=5)
    for action in acts(20)[:, 0]:
        assert env.step(action)[1] == pytest.approx(plain.step(action)[1] + added)
    with pytest.raises(OptionError, match="reward_reduce is 'sum', 'mean', the number"):
        LearnedReward(Walk(), model, reward_reduce="most")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("key", "error", "told"),
    [
        ("observatoin", OptionError, "has no observations 'observatoin': .*Did you mean 'observation'"),
        ("achieved_goal", ShapeError, r"gives observations \(1,\) but the model reads \(3,\)"),
        (None, ShapeError, r"achieved_goal \(1,\).*side by side \(5,\), but the model reads \(3,\): name .*--obs-key"),
        (3.5, OptionError, "obs_key is a key, a tuple, a list of these or a function, got 3.5"),
    ],
)
def test_a_wrong_key_is_refused_at_once(likeness, key, error, told):
    with pytest.raises(error, match=told):
        LearnedReward(GoalWalk(Walk()), likeness, obs_key=key)


@pytest.mark.parametrize(
    ("function", "error", "told"),
    [
        (lambda obs: obs["goal"], ProtocolError, "the function obs_key failed: KeyError: 'goal'"),
        (lambda obs: obs["achieved_goal"], ShapeError, r"gives float32 \(1,\), but the model reads \(3,\)"),
    ],
)
def test_a_wrong_function_is_refused_in_the_first_reset(likeness, function, error, told):
    with pytest.raises(error, match=told):
        LearnedReward(GoalWalk(Walk()), likeness, obs_key=function).reset(seed=0)


def hindsight(env: Any, goals: int) -> SAC:
    kinds = {"n_sampled_goal": goals, "goal_selection_strategy": "future"}
    kinds = {"replay_buffer_class": HerReplayBuffer, "replay_buffer_kwargs": kinds, "buffer_size": 1000}
    return SAC("MultiInputPolicy", env, learning_starts=50, policy_kwargs={"net_arch": [8]}, seed=0, **kinds)


def hindsight_venv(model: RewardModel, kind: str, **more: Any) -> Any:
    if kind == "env":
        return LearnedReward(GoalWalk(Walk()), model, obs_key="observation", **more)
    venv = LearnedRewardVecEnv(DummyVecEnv([lambda: GoalWalk(Walk())]), model, obs_key="observation", **more)
    return VecNormalize(venv, norm_reward=False) if kind == "normalised" else venv


@pytest.mark.parametrize("kind", ["env", "venv", "normalised"])
def test_hindsight_with_other_goals_is_named_and_strict_refuses(likeness, kind):
    with pytest.warns(TSRewardWarning, match=r"environment's own compute_reward .*'n_sampled_goal': 0") as told:
        hindsight(hindsight_venv(likeness, kind), 2).learn(80)
    assert len([one for one in told if "compute_reward" in str(one.message)]) == 1
    with pytest.raises(StrictError, match="compute_reward"):
        hindsight(hindsight_venv(likeness, kind, strict=True), 2).learn(80)


def test_hindsight_replay_keeps_the_goals(likeness):
    agent = hindsight(hindsight_venv(likeness, "venv"), 0)
    agent.learn(120)
    buffer = agent.replay_buffer
    assert isinstance(buffer, HerReplayBuffer)
    assert set(buffer.observations) == {"observation", "achieved_goal", "desired_goal"}
    assert (buffer.rewards[:40] != -1).any()


def test_a_discrete_observation_is_one_number_per_value():
    lake = gymnasium.make("FrozenLake-v1")
    walks = [np.eye(16, dtype=np.int64)[np.random.default_rng(seed).integers(0, 16, 40)] for seed in range(8)]
    from tsreward.rewards.likeness import Likeness
    from tsreward.scorers.knn import KNN

    env = LearnedReward(lake, RewardModel(KNN(2), Likeness()).fit(walks))
    env.reset(seed=0)
    assert np.isfinite(env.step(1)[1])


def test_a_point_in_a_key_is_a_letter_and_keys_of_one_path_are_refused():
    space = Dict({"robot.arm": FREE, "robot": Dict({"arm": GOAL})})
    obs = {"robot.arm": np.arange(3.0), "robot": {"arm": np.full(1, 9.0)}}
    for key, wanted in (("robot.arm", [0, 1, 2]), (("robot", "arm"), [9]), ("robot/arm", [9]), (None, [9, 0, 1, 2])):
        assert ObsParts("test", space, key).of_one(obs).tolist() == wanted
    with pytest.raises(ShapeError, match="two parts of observations called 'robot/arm'"):
        ObsParts("test", Dict({"robot/arm": FREE, "robot": Dict({"arm": GOAL})}))


@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP])
@pytest.mark.parametrize("kind", ["dict", "tuple"])
def test_a_text_beside_what_is_picked_is_no_matter(likeness, mode, kind):
    """As in MiniGrid, whose observation has a mission."""

    class Mission(Walk):
        def __init__(self):
            super().__init__()
            parts = {"mission": Text(9), "state": FREE}
            self.observation_space = Dict(parts) if kind == "dict" else Tuple(list(parts.values()))

        def _obs(self):
            parts = {"mission": "go", "state": super()._obs()}
            return parts if kind == "dict" else tuple(parts.values())

    key = "state" if kind == "dict" else "1"
    env, plain = LearnedReward(Mission(), likeness, obs_key=key), LearnedReward(Walk(), likeness)
    assert env.reset(seed=3)[0][key if kind == "dict" else 1].tolist() == plain.reset(seed=3)[0].tolist()
    for _ in range(5):
        assert env.step(np.ones(1))[1] == plain.step(np.ones(1))[1]
    envs = LearnedRewardVector(SyncVectorEnv([Mission] * 2, autoreset_mode=mode), likeness, obs_key=key)
    plains = LearnedRewardVector(SyncVectorEnv([Walk] * 2, autoreset_mode=mode), likeness)
    envs.reset(seed=[1, 2])
    plains.reset(seed=[1, 2])
    for _ in range(60):
        assert envs.step(np.ones((2, 1)))[1].tolist() == plains.step(np.ones((2, 1)))[1].tolist()
    with pytest.raises(ShapeError, match=r"reads observations of numbers, got Text\(.*name a part that holds numbers"):
        LearnedReward(Mission(), likeness, obs_key="mission" if kind == "dict" else "0")
