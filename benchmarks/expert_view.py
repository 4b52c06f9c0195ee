"""How often pictures of an expert are taken for seen otherwise: false alarms by kind, detections by change.

    python -m benchmarks.expert_view

Random actions are the agent; slow waves or seldom new actions, and in dm_control no action, are the expert. Thresholds
were chosen on `CHOSEN`; the figures are those of all other tasks. Result: benchmarks/results/expert-view.json.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch

from tsreward.data.video.comparison import compare_views
from tsreward.envs.make import make
from tsreward.functional.pixels import resize_area
from tsreward.recipes.run_folder import installed_versions

CHOSEN = ("dmc/cartpole-balance", "dmc/walker-walk", "atari/Pong", "atari/Boxing")
REPORTED = (
    "dmc/acrobot-swingup",
    "dmc/cheetah-run",
    "dmc/finger-spin",
    "dmc/hopper-hop",
    "dmc/reacher-easy",
    "atari/Breakout",
    "atari/Freeway",
    "atari/Qbert",
)
RESULT = Path(__file__).parent / "results" / "expert-view.json"
SIDE, STEPS = 64, 60
Films = list[np.ndarray]


def record(env: str, policy: str, episodes: int, seed: int) -> Films:
    """Return films [T, H, W, 3] of a scripted policy."""
    world = make(env, 4, pixels=SIDE) if env.startswith("dmc/") else make(env)
    rng, films = np.random.default_rng(seed), []
    world.action_space.seed(seed)
    for episode in range(episodes):
        frames, phase = [world.reset(seed=1000 * seed + episode)[0]], rng.uniform(0, 6.28)
        action: Any = world.action_space.sample()
        for step in range(STEPS):
            if policy == "random" or (policy == "slow" and action.ndim == 0 and rng.random() < 0.15):
                action = world.action_space.sample()
            elif policy == "slow" and action.ndim:
                action = (np.sin(0.3 * step + phase + np.arange(len(action))) * 0.7).astype(np.float32)
            elif policy == "still":
                action = np.zeros_like(action)
            obs, _, terminated, truncated, _ = world.step(action)
            frames.append(obs)
            if terminated or truncated:
                break
        films.append(np.stack(frames))
    world.close()
    return films


def coded(films: Films) -> Films:
    """Return the films as they come out of an mp4 of ordinary quality."""
    decoded = []
    for film in films:
        buffer = io.BytesIO()
        with av.open(buffer, "w", format="mp4") as container:
            stream: Any = container.add_stream("libx264", rate=25, options={"crf": "23"})
            stream.height, stream.width, stream.pix_fmt = *(side // 2 * 2 for side in film.shape[1:3]), "yuv420p"
            for frame in film[:, : stream.height, : stream.width]:
                picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
                container.mux(stream.encode(picture))
            container.mux(stream.encode(None))
        buffer.seek(0)
        with av.open(buffer, "r") as film_file:
            decoded.append(np.stack([frame.to_ndarray(format="rgb24") for frame in film_file.decode(video=0)]))
    return decoded


def sized(films: Films, height: int, width: int) -> Films:
    return [resize_area(torch.from_numpy(film.copy()), (height, width)).numpy() for film in films]


def each(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Films], Films]:
    return lambda films: [change(film) for film in films]


def covered(film: np.ndarray) -> np.ndarray:
    film, rows = film.copy(), film.shape[1] // 8
    film[:, :rows] = film[:, -rows:] = 0
    return film


def padded(film: np.ndarray, axis: int) -> np.ndarray:
    widths = [(0, 0)] * 4
    widths[axis] = (film.shape[axis] // 8,) * 2
    return np.pad(film, widths)


def grey(film: np.ndarray) -> np.ndarray:
    return np.repeat((film @ np.array([0.299, 0.587, 0.114])).round().astype(np.uint8)[..., None], 3, -1)


def cropped(film: np.ndarray) -> np.ndarray:
    rows, columns = film.shape[1] // 8, film.shape[2] // 8
    return film[:, rows:-rows, columns:-columns]


SAME: dict[str, Callable[[Films], Films]] = {
    "the same": lambda films: films,
    "mp4": coded,
    "smaller": lambda films: sized(films, 48, 48),
    "larger": each(lambda film: film.repeat(2, 1).repeat(2, 2)),
    "another start": each(lambda film: film[len(film) // 3 :]),
    "two episodes": lambda films: films[:2],
}
CHANGED: dict[str, tuple[Callable[[np.ndarray], np.ndarray], str]] = {
    "red and blue swapped": (lambda film: film[..., ::-1], "red and blue swapped"),
    "15 % brighter": (lambda film: np.clip(film * 1.15, 0, 255).astype(np.uint8), "brighter"),
    "20 % darker": (lambda film: (film * 0.8).astype(np.uint8), "darker"),
    "grey": (grey, "grey"),
    "mirrored left to right": (lambda film: film[:, :, ::-1], "mirrored left to right"),
    "upside down": (lambda film: film[:, ::-1], "upside down"),
    "black bars over the picture": (covered, "borders"),
    "black bars above and below": (lambda film: padded(film, 1), "borders"),
    "black bars left and right": (lambda film: padded(film, 2), "borders"),
    "cropped to the middle": (cropped, "cropped"),
}


def measure(tasks: tuple[str, ...]) -> dict[str, Any]:
    """Return counts of false alarms by kind and of detections by change, over all experts of the tasks."""
    alarms = {kind: [0, 0] for kind in SAME}
    named, noticed = {kind: [0, 0] for kind in CHANGED}, {kind: [0, 0] for kind in CHANGED}
    missed: list[str] = []
    for env in tasks:
        agent = record(env, "random", 6, 1)
        for policy, seed in (("slow", 2), ("still", 3)) if env.startswith("dmc/") else (("slow", 2),):
            expert = record(env, policy, 4, seed)
            for kind, make_films in SAME.items():
                found = compare_views(make_films(expert), agent)
                alarms[kind][0] += bool(found)
                alarms[kind][1] += 1
                missed += [f"{env}, {policy}, {kind}: {one.cause}" for one in found]
            for kind, (change, name) in CHANGED.items():
                found = [one.name for one in compare_views(coded([change(film) for film in expert]), agent)]
                for counts, hit in ((named, name in found), (noticed, bool(found))):
                    counts[kind][0] += hit
                    counts[kind][1] += 1
                if name not in found:
                    missed.append(f"{env}, {policy}, {kind}: {', '.join(found) or 'nothing'}")
        print(env, flush=True)
    return {"tasks": list(tasks), "false_alarms": alarms, "named": named, "noticed": noticed, "exceptions": missed}


def main() -> None:
    """Measure, and write the result."""
    result = {
        "chosen_on": measure(CHOSEN),
        "reported": measure(REPORTED),
        "versions": installed_versions(),
    }
    RESULT.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
