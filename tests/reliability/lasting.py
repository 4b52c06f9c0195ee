"""Long work in one process, and the same work in many threads: memory stays as it is, and so do the bits."""

from __future__ import annotations

import gc
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch

from tests.reliability.audit import memory
from tests.reliability.crashes import one_thread
from tests.scripted import small_model
from tsreward.io import load, save
from tsreward.pipeline.stream import RewardStream
from tsreward.report.drawing import envelope
from tsreward.report.run import summarise_training
from tsreward.sequences.episodes import Episode

MEGABYTE = 2**10
"""In the kB in which memory is told."""


def resident() -> int:
    """Return the memory of this process in kB, after what is not used any more was freed."""
    gc.collect()
    return memory("VmRSS")


def stream_steps(steps: int) -> dict[str, float]:
    """Step a stream of 4 environments so long; return the MB by which the process grew, after a tenth of the steps."""
    model, draw = small_model(smoothing=0.5), torch.Generator().manual_seed(0)
    stream, before = RewardStream(model, 4), 0
    stream.start(torch.zeros(4, 3))
    with one_thread():
        for step in range(steps):
            if step == steps // 10:
                before = resident()
            if step % 200 == 0:
                stream.start(torch.zeros(4, 3), torch.tensor([step % 400 == 0, True, False, False]))
            stream.step(torch.randn(4, 3, generator=draw), torch.zeros(4, dtype=torch.float64))
    return {"grown_mb": round((resident() - before) / MEGABYTE, 2)}


def load_and_score(times: int, folder: Path) -> dict[str, float]:
    """Load a model, score with it and drop it so often; return the MB by which the process grew, and open files."""
    path, values = folder / "m", np.random.default_rng(0).normal(size=(64, 3)).astype(np.float32)
    save(small_model(), path)
    files = Path("/proc/self/fd")
    before, opened = 0, 0
    with one_thread():
        for index in range(times):
            if index == times // 10:
                before, opened = resident(), len(list(files.iterdir()))
            load(path).score([values])
    left = len(list(files.iterdir())) - opened
    return {"grown_mb": round((resident() - before) / MEGABYTE, 2), "files_left": left}


def score_in_threads(threads: int, times: int) -> Counter[str]:
    """Score in many threads with one model; "differ" counts results that are not those of one thread, to the bit."""
    model, seen = small_model(smoothing=0.5), Counter[str]()
    logs = [np.random.default_rng(seed).normal(size=(40, 3)).astype(np.float32) for seed in range(16)]
    with one_thread():
        (wanted,) = [[part.clone() for part in model.score(logs)]]

        def work(start: int) -> int:
            wrong = 0
            for number in range(start, start + times):
                (found,) = model.score([logs[number % len(logs)]])
                wrong += not torch.equal(found, wanted[number % len(logs)])
            return wrong

        with ThreadPoolExecutor(threads) as pool:
            seen["differ"] = sum(pool.map(work, range(threads)))
    seen["scores"] = threads * times
    return seen


def summarise_rewards(number: int) -> dict[str, float]:
    """Summarise a training of so many steps as its page does; return the seconds, and the MB at its largest."""
    rewards, length = np.random.default_rng(0).normal(size=number), 1000
    nothing = np.empty((length + 1, 0), np.float32)
    parts = zip(rewards.reshape(-1, length), (rewards > 2).reshape(-1, length).astype(float), strict=True)
    episodes = [Episode(nothing, reward, cost) for reward, cost in parts]
    before, began = resident(), time.perf_counter()
    summary = summarise_training(episodes, episodes)
    _, values = envelope(rewards)
    assert abs(summary.cost_rate - (rewards > 2).mean()) < 1e-9 and values.max() == rewards.max()
    seconds = time.perf_counter() - began
    return {"seconds": round(seconds, 2), "grown_mb": round((memory("VmHWM") - before) / MEGABYTE, 1)}
