"""The pictures of README.md and of the first page: learning curves, and frames of trained agents.

python -m docs.pictures curves     # from benchmarks/results, in a second
python -m docs.pictures agents     # trains three agents and renders them, some ten minutes on one core
"""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

STATIC = Path(__file__).parent / "_static"
RESULTS = Path(__file__).parent.parent / "benchmarks" / "results"
TASKS = {"swingup": "cartpole-swingup", "walker": "walker-walk"}
ARMS = {
    "true reward": ("true reward", "tab:gray"),
    "active least-squares SAD": ("likeness, active (default)", "tab:blue"),
    "KNN, auto": ("likeness, frozen KNN", "tab:orange"),
    "constant reward": ("constant reward", "tab:red"),
}
"""Arm of the likeness benchmark -> its label and colour."""
FRAMES, SIDE = 6, 160


def curves() -> None:
    """Draw the true return while agents train, mean and range over seeds, as learning-curves.svg."""
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    matplotlib.rcParams |= {"svg.hashsalt": "tsreward", "svg.fonttype": "path", "font.size": 9}
    records = json.loads((RESULTS / "likeness.json").read_text(encoding="utf-8"))["records"]
    figure = Figure(figsize=(8.4, 3.0), layout="constrained", facecolor="white")
    FigureCanvasSVG(figure)
    axes = figure.subplots(1, len(TASKS))
    for axis, (task, title) in zip(axes, TASKS.items(), strict=True):
        for arm, (label, color) in ARMS.items():
            steps, values = _smoothed([r for r in records if (r["task"], r["arm"]) == (task, arm)])
            axis.plot(steps, values.mean(0), color=color, label=label)
            axis.fill_between(steps, values.min(0), values.max(0), color=color, alpha=0.15, linewidth=0)
        axis.set(title=title, xlabel="decisions", ylabel="true return of an episode", ylim=(0, 1000))
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].legend(frameon=False, fontsize=8)
    figure.savefig(STATIC / "learning-curves.svg", metadata={"Date": None})


def _smoothed(runs: Sequence[dict[str, Any]], width: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Return decisions [P] and returns [R, P], each the mean over `width` episodes."""
    episodes = np.array([run["curve"] for run in runs])
    means = np.apply_along_axis(lambda row: np.convolve(row, np.ones(width) / width, "valid"), 1, episodes)
    ends = (np.arange(means.shape[1]) + width) / episodes.shape[1]
    return ends * runs[0]["steps"], means


def agents() -> None:
    """Train a vanilla and a penalised hopper and a pole that learns from an expert, and render one episode of each."""
    os.environ.setdefault("MUJOCO_GL", "egl")
    rows = [*_hoppers(), _pole()]
    (STATIC / "agents.png").write_bytes(_strips(rows))


def _hoppers() -> Iterator[tuple[str, list[np.ndarray]]]:
    """Yield a caption and the frames of an episode, without and with the learned penalty."""
    from tsreward.recipes.anoseqs import AnoSeqsOptions, run
    from tsreward.sb3.playing import policy_of

    env = "SafetyHopperVelocity-v1"
    result = run(AnoSeqsOptions(env), stage=lambda name: lambda done, total: None)
    for name, agent in (("without a penalty", result.vanilla), ("with the learned penalty", result.penalised)):
        frames, rewards, costs = _filmed(env, policy_of(agent.algorithm))
        caption = f"{env} {name}: {len(rewards)} steps, return {rewards.sum():.0f}, cost {costs.sum():.0f}"
        yield caption, _spread(frames)


def _filmed(env: str, policy: Any) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """Return the frames, rewards and costs of one episode."""
    import tsreward

    world = tsreward.make(env, render_mode="rgb_array", width=2 * SIDE, height=2 * SIDE)
    obs, _ = world.reset(seed=0)
    frames, rewards, costs, over = [world.render()], [], [], False
    while not over:
        obs, reward, terminated, truncated, info = world.step(policy(np.asarray(obs)[None])[0])
        frames.append(world.render())
        rewards.append(float(reward))
        costs.append(info["cost"])
        over = terminated or truncated
    return frames, np.array(rewards), np.array(costs)  # type: ignore[return-value]


def _pole() -> tuple[str, list[np.ndarray]]:
    """Return the same of an agent that learned to swing a pole up from the observations of an expert."""
    import tsreward
    from tsreward.recipes.likeness import DEFAULT_AGENT, ExpertLikenessOptions, run
    from tsreward.sb3.playing import play, policy_of

    env = "dmc/cartpole-swingup"
    result = run(ExpertLikenessOptions(env))
    played = play(env, policy_of(result.agent.algorithm), [0], DEFAULT_AGENT.action_repeat)[0]
    assert played.states is not None  # dm_control gives them
    frames = tsreward.render_states(env, played.states[:60], 2 * SIDE, rendering="full", camera="lookatcart")
    caption = f"{env}, learned from an expert's observations: return {played.total:.0f}, expert "
    return f"{caption}{result.expert_return:.0f}", _spread(list(frames))


def _spread(frames: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return some frames that lie evenly over the episode."""
    return [frames[round(i)] for i in np.linspace(0, len(frames) - 1, FRAMES)]


def _strips(rows: Sequence[tuple[str, list[np.ndarray]]]) -> bytes:
    """Return a PNG with a caption above the frames of every row."""
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default(size=15)
    picture = Image.new("RGB", (FRAMES * SIDE, len(rows) * (SIDE + 26)), "white")
    draw = ImageDraw.Draw(picture)
    for i, (caption, frames) in enumerate(rows):
        top = i * (SIDE + 26)
        draw.text((2, top + 3), caption, fill="black", font=font)
        for j, frame in enumerate(frames):
            picture.paste(Image.fromarray(frame).resize((SIDE, SIDE), Image.Resampling.LANCZOS), (j * SIDE, top + 24))
    buffer = io.BytesIO()
    picture.quantize(256, dither=Image.Dither.NONE).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


if __name__ == "__main__":
    {"curves": curves, "agents": agents}[sys.argv[1]]()
