"""Golden numbers of scores and rewards: every scorer and mode by every route, wrappers, encoders, agents."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import torch

from benchmarks.golden import reward_adapters as api
from benchmarks.golden.numbers import CASES, Case, case

# Data -----------------------------------------------------------------------------------------------------------------

DIM = 3
LENGTHS = (40, 7, 1, 25, 60, 13)


def walks(seed: int, number: int = 20, steps: int = 40, scale: float = 1.0) -> list[np.ndarray]:
    """Return episodes [steps, 3] of a rotation with noise."""
    rng = np.random.default_rng(seed)
    angles = rng.uniform(0, 6, (number, 1)) + 0.3 * np.arange(steps)
    parts = np.stack([np.cos(angles), np.sin(angles), np.cos(2 * angles)], -1)
    return list((scale * parts + rng.normal(0, 0.1, parts.shape)).astype(np.float32))


def played(seed: int, lengths: Sequence[int] = LENGTHS) -> list[api.Episode]:
    """Return episodes of given lengths with rewards and costs, which grow wilder from one to the next."""
    rng = np.random.default_rng(seed)
    return [
        api.Episode(
            walks(seed + index, 1, length + 1, 1 + 0.4 * index)[0],
            rng.normal(size=length),
            (rng.random(length) < 0.2).astype(float),
            rng.normal(size=(length, 1)).astype(np.float32),
            terminated=bool(index % 2),
        )
        for index, length in enumerate(lengths)
    ]


def side_by_side(driver: Any, episodes: Sequence[api.Episode], num_envs: int) -> tuple[np.ndarray, ...]:
    """Let environments play episodes in turn and return the driver's columns [sum T], episode after episode.

    Every environment has its own list of episodes, which it begins again until all lists are through.
    """
    turns = [list(range(env, len(episodes), num_envs)) for env in range(num_envs)]
    plans = [[(turn, step) for turn in mine for step in range(len(episodes[turn]))] for mine in turns]
    total = max(map(len, plans))
    rewards = [np.asarray(episode.rewards) for episode in episodes]
    driver.start(np.stack([episodes[mine[0]].obs[0] for mine in turns]))
    for at in range(total):
        here = [plan[at % len(plan)] for plan in plans]
        following = [plan[(at + 1) % len(plan)] for plan in plans]
        arrived = np.stack([episodes[turn].obs[step + 1] for turn, step in here])
        paid = np.array([rewards[turn][step] for turn, step in here])
        ended = np.array([step + 1 == len(episodes[turn]) for turn, step in here])
        begun = np.stack([episodes[turn].obs[0] for turn, _ in following])
        driver.step(arrived, paid, ended, np.where(ended[:, None], begun, arrived))
    columns = driver.finish()
    places = {place: (at, env) for env, plan in enumerate(plans) for at, place in enumerate(plan)}
    order = [places[turn, step] for turn in range(len(episodes)) for step in range(len(episodes[turn]))]
    rows, envs = (np.array(part) for part in zip(*order, strict=True))
    return tuple(column[rows, envs] for column in columns)


# 1. Scores and rewards ------------------------------------------------------------------------------------------------


def by_routes(model: api.RewardModel, episodes: Sequence[api.Episode]) -> Iterator[tuple[str, Any]]:
    """Yield reward, score, p-value and flag by every route; a log is streamed in cuts and has no rewards."""
    whole = api.relabelled(model, episodes)
    yield "relabelled", tuple(np.concatenate(parts) for parts in zip(*whole, strict=True))
    yield "online", side_by_side(api.Online(model, 3), episodes, 3)
    if not api.moves(model):
        yield "bulk", side_by_side(api.Bulk(model, 2), episodes, 2)
    yield "streamed", api.streamed(model, episodes[4].obs, (1, 3, 30))


def scorer_case(name: str) -> Case:
    """Return the case of one scorer: every reward mode, with and without smoothing, by every route."""

    def run() -> Iterator[tuple[str, Any]]:
        normal, negative, episodes = walks(0), walks(100, 6, scale=1.7), played(200)
        shapes = {shape for shapes in api.SUITED.values() for shape in shapes}
        for mode in api.MODES:
            if mode in shapes and mode not in api.SUITED.get(name, ()):
                continue
            for smoothing in (0.0, 0.6):
                model = api.fit_model(name, mode, normal, negative, smoothing)
                label = f"{mode}{'-smoothed' * bool(smoothing)}"
                for route, columns in by_routes(model, episodes):
                    yield f"{label}/{route}", columns
                yield f"{label}/calibration", api.calibration_numbers(model)
            with tempfile.TemporaryDirectory() as folder:
                model = api.saved_and_loaded(model, Path(folder))
            whole = api.relabelled(model, episodes)
            yield f"{mode}-smoothed/loaded", tuple(np.concatenate(parts) for parts in zip(*whole, strict=True))
        model = api.fit_model(name, "likeness-exponential", normal, negative, 0.3, window=3, frame_skip=3)
        for route, columns in by_routes(model, episodes):
            yield f"frame_skip/{route}", columns
        for way, values in zip(("model", "scorer", "set"), api.scores(model, walks(300, 3)), strict=True):
            yield f"scores/{way}", values.numpy()

    return run


for _name in api.SCORER_NAMES:
    CASES[f"scorers/{_name}"] = scorer_case(_name)


@case("bonus")
def _bonus() -> Iterator[tuple[str, Any]]:
    model, episodes = api.small_model(mode="likeness-exponential"), played(3)
    seen = torch.from_numpy(np.stack([walks(5, 1, 4)[0] for _ in range(200)]))
    for name, bonus in api.bonuses(4, DIM, seen).items():
        yield name, side_by_side(api.Online(model, 2, bonus), episodes, 2)[0]


@case("windows")
def _windows() -> Iterator[tuple[str, Any]]:
    for name, rows in api.window_rows(played(11, (30, 12, 40, 25))).items():
        yield name, rows.numpy()


# 2. Wrappers ----------------------------------------------------------------------------------------------------------


class ScriptedEnv(gymnasium.Env):
    """Plays its episodes one after the other, and begins again after the last."""

    def __init__(self, episodes: Sequence[api.Episode]) -> None:
        self.episodes, self.turn, self.at = episodes, -1, 0
        self.observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (DIM,), np.float32)
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (1,), np.float32)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.turn, self.at = (self.turn + 1 if seed is None else seed) % len(self.episodes), 0
        return self.episodes[self.turn].obs[0].copy(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        episode, self.at = self.episodes[self.turn], self.at + 1
        done = self.at == len(episode)
        paid, cost = (float(np.asarray(part)[self.at - 1]) for part in (episode.rewards, episode.costs))
        obs = episode.obs[self.at].copy()
        return obs, paid, done and episode.terminated, done and not episode.terminated, {"cost": cost}


def scripted(place: int) -> ScriptedEnv:
    """Return an environment with an order of lengths of its own."""
    lengths = (2, 1, 9, 5, 30, 7)
    return ScriptedEnv(played(40 + 10 * place, (*lengths[place:], *lengths[:place])))


def wrapped_models() -> Iterator[tuple[str, api.RewardModel]]:
    """Yield the models that wrappers are tried with."""
    for mode, smoothing, frame_skip in (
        ("penalty-raw", 0.0, 1),
        ("penalty-tail", 0.6, 2),
        ("lagrangian", 0.3, 1),
        ("likeness-exponential", 0.9, 3),
    ):
        yield mode, api.small_model(mode=mode, smoothing=smoothing, frame_skip=frame_skip)


@case("wrappers/single")
def _single() -> Iterator[tuple[str, Any]]:
    for name, model in wrapped_models():
        env, found = api.wrap_env(scripted(0), model), []
        env.reset(seed=0)
        for _ in range(120):
            _, reward, terminated, truncated, info = env.step(np.zeros(1, np.float32))
            found.append((reward, *(info[key] for key in api.INFO_COLUMNS)))
            if terminated or truncated:
                env.reset()
        yield name, tuple(np.array(column) for column in zip(*found, strict=True))


@case("wrappers/vector")
def _vector() -> Iterator[tuple[str, Any]]:
    modes = gymnasium.vector.AutoresetMode
    for mode in (modes.NEXT_STEP, modes.SAME_STEP, modes.DISABLED):
        for name, model in wrapped_models():
            makers = [partial(scripted, place) for place in range(3)]
            envs = api.wrap_vector(gymnasium.vector.SyncVectorEnv(makers, autoreset_mode=mode), model)
            envs.reset(seed=[0, 0, 0])
            found = []
            for _ in range(90):
                _, reward, terminated, truncated, info = envs.step(np.zeros((3, 1), np.float32))
                found.append((reward, *(info[key] for key in api.INFO_COLUMNS)))
                if mode is modes.DISABLED and (terminated | truncated).any():
                    envs.reset(options={"reset_mask": terminated | truncated})
            yield f"{mode.value}/{name}", tuple(np.stack(column) for column in zip(*found, strict=True))


@case("wrappers/vec_env")
def _vec_env() -> Iterator[tuple[str, Any]]:
    from stable_baselines3.common.vec_env import DummyVecEnv

    for name, model in wrapped_models():
        venv = api.wrap_vec_env(DummyVecEnv([partial(scripted, place) for place in range(3)]), model)
        venv.reset()
        found = []
        for _ in range(90):
            _, reward, _, infos = venv.step(np.zeros((3, 1), np.float32))
            found.append((reward, *([info[key] for info in infos] for key in api.INFO_COLUMNS)))
        yield f"step/{name}", tuple(np.stack(column) for column in zip(*found, strict=True))
        if not api.moves(model):
            venv = DummyVecEnv([partial(scripted, place) for place in range(3)])
            yield f"rollout/{name}", api.rollout_columns(venv, model, (3, 1, 40, 46))


# 3. Encoders ----------------------------------------------------------------------------------------------------------


def write_clip(folder: Path) -> None:
    """Write a small random CLIP vision tower."""
    import transformers

    torch.manual_seed(0)
    config = transformers.CLIPVisionConfig(
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=16,
        patch_size=8,
        projection_dim=12,
    )
    transformers.CLIPVisionModelWithProjection(config).save_pretrained(folder)
    size: dict[str, Any] = {"size": {"shortest_edge": 16}, "crop_size": {"height": 16, "width": 16}}
    transformers.CLIPImageProcessorPil(**size).save_pretrained(folder)


@case("encoders")
def _encoders() -> Iterator[tuple[str, Any]]:
    shape, rng = (20, 24, 3), np.random.default_rng(1)
    pixels = rng.integers(0, 256, (60, *shape), np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        write_clip(Path(folder))
        for name, encoder in api.encoders(shape, pixels[20:], Path(folder)):
            yield f"{name}/features", api.encode(encoder, pixels[:20]).numpy()
            model = api.pixel_model(encoder, [pixels[:15], pixels[15:40], pixels[40:]])
            episode = api.Episode(pixels[5:31], np.zeros(25))
            yield f"{name}/relabelled", api.relabelled(model, [episode])[0]
            yield f"{name}/online", side_by_side(api.Online(model, 1), [episode], 1)
    for name, encoder in api.flat_encoders(8).items():
        yield f"{name}/features", api.encode(encoder, rng.normal(size=(20, 8)).astype(np.float32)).numpy()


# 8. Agents ------------------------------------------------------------------------------------------------------------


def upright(seed: int, number: int = 8, steps: int = 60) -> list[np.ndarray]:
    """Return episodes [steps, 3] of a pendulum that stays near the top: cosine, sine, speed."""
    rng = np.random.default_rng(seed)
    angle = 0.3 * np.sin(0.2 * np.arange(steps) + rng.uniform(0, 6, (number, 1))) + rng.normal(0, 0.1, (number, steps))
    return list(np.stack([np.cos(angle), np.sin(angle), np.gradient(angle, axis=1) / 0.05], -1).astype(np.float32))


def pendulum(algorithm: str, route: str, model: api.RewardModel, learner: Any = None, bonus: Any = None) -> Any:
    """Yield the parameters of an agent after 2,000 steps, and the true returns of its episodes."""
    from stable_baselines3 import PPO, SAC
    from stable_baselines3.common.vec_env import DummyVecEnv

    record = api.record_episodes(DummyVecEnv([lambda: gymnasium.make("Pendulum-v1")] * 2))
    venv, callbacks = api.delivered(route, record, model, learner, bonus)
    shared: dict[str, Any] = {"seed": 1, "device": "cpu", "policy_kwargs": {"net_arch": [16, 16]}}
    if algorithm == "ppo":
        agent: Any = PPO("MlpPolicy", venv, n_steps=125, batch_size=50, n_epochs=4, **shared)
    else:
        often = {"train_freq": 2, "gradient_steps": 1, "learning_starts": 200, "batch_size": 64, "buffer_size": 1500}
        agent = SAC("MlpPolicy", venv, **often, **shared)
    agent.learn(2_000, callback=callbacks)
    yield "parameters", parameters(agent.policy)
    yield "returns", api.true_returns(record)


def parameters(policy: torch.nn.Module) -> np.ndarray:
    """Return all numbers of a policy in one row."""
    return torch.cat([value.detach().flatten() for value in policy.state_dict().values()]).numpy()


ROUTES = (
    ("ppo", "step", "penalty-tail", 0.5),
    ("ppo", "rollout", "penalty-tail", 0.5),
    ("ppo", "rollout", "likeness-exponential", 0.0),
    ("ppo", "active_rollout", "likeness-exponential", 0.0),
    ("ppo", "step", "lagrangian", 0.0),
    ("sac", "step", "likeness-exponential", 0.5),
    ("sac", "replay", "likeness-exponential", 0.5),
    ("sac", "window_replay", "penalty-tail", 0.0),
)


@case("agents/frozen")
def _frozen() -> Iterator[tuple[str, Any]]:
    for algorithm, route, mode, smoothing in ROUTES:
        model = api.fit_model("deep_svdd", mode, upright(0), upright(9, 3), smoothing)
        for part, value in pendulum(algorithm, route, model):
            yield f"{algorithm}-{route}/{mode}/{part}", value
        if api.moves(model):
            yield f"{algorithm}-{route}/{mode}/multiplier", api.multiplier(model)


@case("agents/learning")
def _learning() -> Iterator[tuple[str, Any]]:
    seen = torch.from_numpy(np.stack([part[:4] for part in upright(3, 200, 5)]))
    for algorithm, route, kind, bonus, negatives in (
        ("ppo", "active_rollout", "deep_sad", None, None),
        ("ppo", "active_rollout", "discriminator", "disagreement", upright(6, 3)),
        ("sac", "window_replay", "deep_sad", "random_network", upright(6, 3)),
        ("sac", "window_replay", "discriminator", None, None),
    ):
        learner = api.active_learner(kind, upright(0), negatives)
        added = None if bonus is None else api.bonuses(4, DIM, seen)[bonus]
        for part, value in pendulum(algorithm, route, api.learner_model(learner), learner, added):
            yield f"{algorithm}-{route}/{kind}/{part}", value
        yield f"{algorithm}-{route}/{kind}/learner", api.learner_numbers(learner)
        yield f"{algorithm}-{route}/{kind}/scores", api.scores(api.learner_model(learner), upright(4, 2))[0].numpy()


@case("agents/package")
def _package() -> Iterator[tuple[str, Any]]:
    for algorithm, lazy, mode in (
        ("ppo", None, "penalty-tail"),
        ("ppo", None, "lagrangian"),
        ("sac", None, "likeness-exponential"),
        ("td3", False, "penalty-constant"),
        ("sac", None, "learning"),
        ("ppo", None, "learning"),
        ("ppo", None, "environment"),
    ):
        learner = api.active_learner("deep_sad", upright(0)) if mode == "learning" else None
        model = None
        if mode not in ("learning", "environment"):
            model = api.fit_model("mahalanobis", mode, upright(0), upright(9, 3))
        policy, record, returns = api.trained_agent(algorithm, model, learner, lazy=lazy)
        yield f"{algorithm}/{mode}/parameters", parameters(policy)
        yield f"{algorithm}/{mode}/returns", api.true_returns(record)
        yield f"{algorithm}/{mode}/played", returns
