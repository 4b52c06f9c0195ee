"""What 10⁹ windows of logs and 10⁶ hours of video would take, from rates of this machine.

    python -m benchmarks.scale

Every command runs on a short and on a long file of the same kind; the difference of their processor time, per row or
frame, is what one more costs: starting Python does not count, nor do other programs on the processor. Machines that
share a store of files are simulated with these figures: a worker reads a file through a link that all share, works on
it, and takes the next.
"""

from __future__ import annotations

import heapq
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import tyro

import tsreward
from benchmarks.records import RESULTS, Records
from benchmarks.streaming import COLUMNS, run, write_log
from tsreward.files import write_atomic
from tsreward.report.film import encoded

SIDE, RATE = 64, 15
"""Pixels of a film's side, and frames per second."""
CORES = (1, 16, 256, 4096)
STORE = 1e9
"""Bytes per second that a store of files gives to all workers together."""
FILE = 256e6
"""Bytes of a file of the simulation."""


@dataclass(frozen=True)
class Options:
    """How much to measure."""

    rows: int = 400_000
    """Rows of the long log; the short one has a tenth."""
    frames: int = 12_000
    """Frames of the long film."""
    slow_frames: int = 1_500
    """The same for the video likelihood."""
    out: Path = RESULTS / "scale.json"


def write_film(path: Path, count: int) -> None:
    """Write a film of a square that walks about over still noise."""
    rng = np.random.default_rng(0)
    ground = rng.integers(60, 120, (SIDE, SIDE, 3), dtype=np.uint8)
    at = np.cumsum(rng.integers(-2, 3, (count, 2)), axis=0) % (SIDE - 8)

    def pictures() -> Iterator[np.ndarray]:
        for row, column in at:
            frame = ground.copy()
            frame[row : row + 8, column : column + 8] = 250
            yield frame

    write_atomic(path, encoded(pictures(), ".mp4", RATE))


def film_model(likelihood: bool) -> tsreward.RewardModel:
    """Return a model of frames that is fitted in seconds: how well it scores is not the question."""
    rng = np.random.default_rng(1)
    frames = [rng.integers(0, 255, (40, SIDE, SIDE, 3), dtype=np.uint8) for _ in range(4)]
    budget = tsreward.TrainOptions(epochs=1, windows_per_epoch=256)
    if not likelihood:
        encoder: Any = tsreward.PixelPCA((SIDE, SIDE, 3)).fit(frames)
        return tsreward.RewardModel(tsreward.DeepSVDD(4), tsreward.Likeness(), encoder).fit(frames, options=budget)
    encoder = tsreward.VQTokenizer((SIDE, SIDE, 3), tsreward.VQOptions(epochs=1, frames_per_epoch=128))
    encoder.fit(frames)
    return tsreward.RewardModel(tsreward.VideoLikelihood(4), tsreward.Likeness(), encoder).fit(frames, options=budget)


def measured(folder: Path, suffix: str, model: Path, sizes: tuple[int, int]) -> dict[str, Any]:
    """Score a short and a long file, and return what one more row or frame costs in time, reading and writing."""
    make: Callable[[Path, int], object] = {".csv": _csv, ".parquet": _parquet, ".mp4": write_film}[suffix]
    named = () if suffix == ".mp4" else ("--time", "time")
    taken, read, written = [], [], []
    for size in sizes:
        path, out = folder / f"{size}{suffix}", folder / f"{size}-scores.npz"
        make(path, size)
        taken.append(run("score", path, "--model", model, *named, "--out", out).processor_seconds)
        read.append(path.stat().st_size)
        written.append(out.stat().st_size)
        path.unlink()
    more = sizes[1] - sizes[0]
    return {
        "seconds_per_million": (taken[1] - taken[0]) / more * 1e6,
        "bytes_read_each": (read[1] - read[0]) / more,
        "bytes_written_each": (written[1] - written[0]) / more,
    }


def _csv(path: Path, rows: int) -> None:
    write_log(path, rows * 3.7e6 / 10_000 / 1e6, seed=0)
    kept = path.read_text().splitlines(keepends=True)[: rows + 1]
    path.write_text("".join(kept))


def _parquet(path: Path, rows: int) -> None:
    values = np.random.default_rng(0).normal(size=(rows, COLUMNS)).astype(np.float32)
    table = pd.DataFrame(values, columns=[f"sensor{number}" for number in range(COLUMNS)])
    table.insert(0, "time", np.arange(rows) + 1_600_000_000)
    table.to_parquet(path, index=False)


def simulated(cost: dict[str, Any], items: float, cores: int) -> dict[str, float]:
    """Return how long so many workers need, and how much of that time the store is busy."""
    files = max(1, round(items * cost["bytes_read_each"] / FILE))
    work = items * cost["seconds_per_million"] / 1e6 / files
    reading = items * cost["bytes_read_each"] / files / STORE
    rounds = min(files, 50 * cores)  # from then on it goes on as before
    free = [0.0] * cores
    store = end = 0.0
    for _ in range(rounds):
        store = max(store, heapq.heappop(free)) + reading
        end = max(end, store + work)
        heapq.heappush(free, store + work)
    return {"hours": end * files / rounds / 3600, "store_busy": rounds * reading / end}


def main(options: Options) -> None:
    torch.set_num_threads(1)
    records = Records(options.out, ("work",))
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        log, sensors = folder / "fit.csv", folder / "sensors.safetensors"
        _csv(log, 10_000)
        fit = ("--time", "time", "--window", 4, "--scorer", "mahalanobis", "--reward", "likeness")
        run("fit", "--data", log, *fit, "--out", sensors)
        films = {name: folder / f"{name}.safetensors" for name in ("pixels", "tokens")}
        for name, path in films.items():
            tsreward.save(film_model(name == "tokens"), path)
        rows, frames, slow = ((size // 10, size) for size in (options.rows, options.frames, options.slow_frames))
        hours = 1e6 * 3600 * RATE
        for work, suffix, model, sizes, items in (
            ("10⁹ rows of 38 sensors as CSV, Mahalanobis over 4 rows", ".csv", sensors, rows, 1e9),
            ("10⁹ rows of 38 sensors as Parquet, Mahalanobis over 4 rows", ".parquet", sensors, rows, 1e9),
            ("10⁶ hours of film, pixel PCA and Deep SVDD", ".mp4", films["pixels"], frames, hours),
            ("10⁶ hours of film, VQ tokens and video likelihood", ".mp4", films["tokens"], slow, hours),
        ):
            cost = measured(folder, suffix, model, sizes)
            plans = [{"cores": cores, **simulated(cost, items, cores)} for cores in CORES]
            records.add({"work": work, "items": items, **cost, "store_bytes_per_second": STORE, "plans": plans})
            print(work, cost, plans, flush=True)


if __name__ == "__main__":
    main(tyro.cli(Options))
