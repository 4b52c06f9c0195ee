"""Golden numbers of evaluation: metrics, thresholds, detectors, benchmark, tuning, audit, files, checkers."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.golden import evaluation_adapters as api
from benchmarks.golden.numbers import CASES, Case, case
from benchmarks.golden.rewards import ScriptedEnv, played

# 4. Metrics and thresholds --------------------------------------------------------------------------------------------


def judged(seed: int, rows: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return labels, scores (with more ties for some seeds) and flags of a series."""
    rng = np.random.default_rng(seed)
    labels = np.zeros(rows, int)
    for start in rng.integers(0, rows, 6):
        labels[start : start + rng.integers(1, rows // 12)] = 1
    scores = np.round(rng.normal(size=rows) + labels, 1 + 4 * (seed % 3))
    return labels, scores, scores > np.quantile(scores, 0.9)


@case("metrics")
def _metrics() -> Iterator[tuple[str, Any]]:
    for seed in range(3):
        labels, scores, flags = judged(seed, 400)
        for name, value in api.metric_values(labels, scores, flags):
            yield f"{seed}/{name}", value


@case("thresholds")
def _thresholds() -> Iterator[tuple[str, Any]]:
    rng = np.random.default_rng(0)
    for name, scores in (
        ("normal", rng.normal(size=900)),
        ("heavy", rng.pareto(3, 2000)),
        ("ties", rng.poisson(3, 900)),
    ):
        for rule, value in api.thresholds(scores.astype(float)):
            yield f"{name}/{rule}", value


# 5. Detectors ---------------------------------------------------------------------------------------------------------


def detector_case(name: str) -> Case:
    """Return the case of one detector."""

    def run() -> Iterator[tuple[str, Any]]:
        task = api.synthetic(0, 600, 6)
        for alignment in ("causal", "centred"):
            yield alignment, api.detect(name, task, alignment)

    return run


for _name in (*api.DETECTOR_NAMES, "pyod:HBOS"):
    CASES[f"detectors/{_name}"] = detector_case(_name)


@case("synthetic")
def _synthetic() -> Iterator[tuple[str, Any]]:
    yield from zip(("learn", "judge", "labels"), api.task_parts(api.synthetic(0, 600, 6)), strict=True)


# 6. Benchmark, 7. tuning ----------------------------------------------------------------------------------------------


@case("bench")
def _bench() -> Iterator[tuple[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        yield from api.benchmark(("pca", "ridge_var", "deep_svdd"), Path(folder))


@case("tuning")
def _tuning() -> Iterator[tuple[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        study = api.tuning_study(Path(folder), trials=8)
        for trial in study.get_trials():
            yield f"{trial.number}/state", trial.state.name
            yield f"{trial.number}/values", [*(trial.values or []), *trial.intermediate_values.values()]
            yield f"{trial.number}/parameters", json.dumps(trial.params, sort_keys=True)


# 9. Audit, comparison, files ------------------------------------------------------------------------------------------


def circles(seed: int, share: float = 1.0, episodes: int = 8, steps: int = 80) -> list[api.Episode]:
    """Return episodes that go round the unit circle in a share of their steps, and wander about in the others.

    The true reward of a step is 1 where it went round, the cost 1 where it ended beyond radius 1.5.
    """
    rng = np.random.default_rng(seed)
    found = []
    for index in range(episodes):
        tidy = rng.random(steps + 1) < share
        angles = rng.uniform(0, 2 * np.pi) + 0.4 * np.arange(steps + 1)
        around = np.stack([np.cos(angles), np.sin(angles)], 1)
        obs = np.where(tidy[:, None], around, rng.uniform(-2.5, 2.5, (steps + 1, 2)))
        obs = (obs + rng.normal(0, 0.02, obs.shape)).astype(np.float32)
        costs = (np.linalg.norm(obs[1:], axis=1) > 1.5).astype(float)
        found.append(api.Episode(obs, tidy[1:].astype(float), costs, terminated=share < 0.5 and index % 2 == 0))
    return found


def still(seed: int) -> list[api.Episode]:
    """Return episodes that stay where they begin."""
    starts = [episode.obs[:1] for episode in circles(seed, episodes=4)]
    return [api.Episode(np.repeat(start, 81, axis=0), np.zeros(80), np.zeros(80)) for start in starts]


def around(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Return true rewards [B] of transitions: how far round the circle they go."""
    return before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0]


@case("audit")
def _audit() -> Iterator[tuple[str, Any]]:
    models = api.circle_models()
    for name, model in models.items():
        api.fit_on(model, circles(100, episodes=12))
        given = {
            "good": circles(1),
            "bad": circles(2, 0.0 if "likeness" in name else 0.3),
            "half_trained": circles(3, 0.8),
        }
        for part, value in api.audited(model, **given, blind={"still": still(4)}, seed=3):
            yield f"{name}/{part}", value
        mixed = [episode for seed in range(6) for episode in circles(50 + seed, seed / 5, episodes=2)]
        for part, value in api.audited(model, **given, episodes=mixed, true_reward=around):
            yield f"{name}-with-truth/{part}", value
    first, second, third = models.values()
    yield "compare/likenesses", api.compared(first, second, circles(7, 0.7))
    yield "compare/likeness-penalty", api.compared(first, third, circles(8, 0.7))


@case("files")
def _files() -> Iterator[tuple[str, Any]]:
    import minari
    import pandas

    episodes = played(70, (30, 1, 17))
    parts = [
        pandas.DataFrame(episode.obs[1:], columns=["x", "y", "z"]).assign(
            episode=name, reward=episode.rewards, note='say "so"', action=1
        )
        for name, episode in zip(("first, one", "b", "c"), episodes, strict=True)
    ]
    table = pandas.concat(parts, ignore_index=True)
    for mode in ("penalty-tail", "likeness-exponential"):
        model = api.small_model(mode=mode, smoothing=0.5, frame_skip=2)
        with tempfile.TemporaryDirectory() as folder:
            given = Path(folder)
            table.to_csv(given / "a.csv", index=False)
            table.to_parquet(given / "a.parquet", index=False)
            yield f"{mode}/csv/sums", api.relabel_file(model, given / "a.csv", given / "b.csv", ("note", "action"))
            yield f"{mode}/csv/text", (given / "b.csv").read_text()
            sums = api.relabel_file(model, given / "a.parquet", given / "b.parquet", ("note", "action"))
            yield f"{mode}/parquet/sums", sums
            made = pandas.read_parquet(given / "b.parquet")
            yield f"{mode}/parquet/columns", " ".join(map(str, made.columns))
            for column in ("x", "reward", "original_reward"):
                yield f"{mode}/parquet/{column}", made[column].to_numpy()
            os.environ["MINARI_DATASETS_PATH"] = folder
            record_dataset("old/walk-v0", episodes)
            yield f"{mode}/minari/sums", api.relabel_dataset(model, "old/walk-v0", "new/walk-v1")
            dataset = minari.load_dataset("new/walk-v1")
            for place in range(len(episodes)):
                episode = dataset[place]
                yield f"{mode}/minari/{place}/rewards", episode.rewards
                yield f"{mode}/minari/{place}/original", episode.infos["original_reward"]
                yield f"{mode}/minari/{place}/obs", episode.observations


def record_dataset(name: str, episodes: list[api.Episode]) -> None:
    """Write a Minari dataset."""
    import minari
    from gymnasium.spaces import Box
    from minari.data_collector import EpisodeBuffer

    buffers = []
    for index, episode in enumerate(episodes):
        last = np.arange(len(episode)) == len(episode) - 1
        columns: dict[str, Any] = {
            "observations": episode.obs,
            "actions": episode.actions,
            "rewards": episode.rewards,
            "terminations": last & episode.terminated,
            "truncations": last & (not episode.terminated),
            "infos": {"cost": [0.0, *np.asarray(episode.costs)]},
        }
        buffers.append(EpisodeBuffer(seed=index, **columns))
    spaces = Box(-np.inf, np.inf, (3,), np.float32), Box(-np.inf, np.inf, (1,), np.float32)
    minari.create_dataset_from_buffers(name, buffers, observation_space=spaces[0], action_space=spaces[1])


# 10. Public checkers --------------------------------------------------------------------------------------------------


@case("checkers")
def _checkers() -> Iterator[tuple[str, Any]]:
    env = ScriptedEnv(played(40, (12, 1, 9, 30)))
    yield from api.checks(env, played(60))
