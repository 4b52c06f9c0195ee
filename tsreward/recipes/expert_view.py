"""Whether the expert was seen as the agent is: the same view, the same colours, as many pictures per second."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tsreward.data.arrays import read_arrays
from tsreward.data.films import films
from tsreward.data.recordings import is_film_path
from tsreward.data.video.comparison import ViewDifference, compare_views
from tsreward.data.video.reading import VIDEOS, frame_batches, video_rate
from tsreward.data.video.repair import PictureRepair
from tsreward.encoders.picture_shapes import are_pictures
from tsreward.envs.blind_policies import blind_policy
from tsreward.envs.make import make
from tsreward.envs.random_state import kept_random_state
from tsreward.files import write_atomic
from tsreward.named_warnings import warn
from tsreward.report.views import draw_views

SAMPLED = 2**26
"""Bytes of the expert's pictures that are compared at most."""
FILMS, PICTURES, EVERY = 8, 16, 6
"""Films that are looked into, pictures of each, and how many frames lie between two of them."""
EPISODES, STEPS = 5, 60
"""What random actions show, where nobody has played them yet."""
SAME_RATE = 0.02
"""Share by which two rates may differ."""


@dataclass(frozen=True)
class ExpertView:
    """What the expert's pictures show beside the agent's own."""

    differences: tuple[ViewDifference, ...]
    picture: bytes | None = None
    """PNG with both side by side, where there is any difference in what they show."""

    def text(self, who: str, where: Path | None = None) -> str:
        """Return the warning of all differences, in one line."""
        causes = "; ".join(
            difference.cause + (f" (cure: {difference.cure})" if difference.cure else "")
            for difference in self.differences
        )
        shown = "" if where is None or self.picture is None else f" Both side by side: {where}."
        return f"{who}: the expert was seen otherwise than the agent is: {causes}.{shown}"

    def cured(self, name: str, cure: str | None) -> ExpertView:
        """Return the same with what helps against the difference of this name."""
        return replace(
            self, differences=tuple(replace(one, cure=cure) if one.name == name else one for one in self.differences)
        )

    def as_json(self) -> list[dict[str, str | None]]:
        """Return the differences as JSON values."""
        return [{"name": one.name, "cause": one.cause, "cure": one.cure} for one in self.differences]


def view_expert(
    expert: Sequence[np.ndarray],
    agent: Sequence[np.ndarray],
    rates: Sequence[ViewDifference] = (),
    drawn: bool = True,
) -> ExpertView:
    """Compare the expert's pictures [T, H, W, C] with the agent's own [T, H', W', C].

    Args:
        expert: pictures of every episode, of one size, best the file's own.
        agent: pictures of several episodes.
        rates: differences of another kind that are known already.
        drawn: whether a picture of both is made where they differ.
    """
    seen = compare_views(expert, agent)
    picture = draw_views(expert, agent, [difference.cause for difference in seen]) if seen and drawn else None
    return ExpertView((*seen, *rates), picture)


def report_view(view: ExpertView, who: str, where: Path | None = None, strict: bool = False) -> None:
    """Warn of the differences, if there are any; write the picture to `where` first.

    Raises:
        StrictError: there are differences, and `strict` or that of the open log asks for an error.
        DataError: the picture cannot be written.
    """
    if not view.differences:
        return
    if where is not None and view.picture is not None:
        write_atomic(where, view.picture)
    warn("expert seen otherwise", view.text(who, where), strict)


def compare_with_env(
    expert: Sequence[np.ndarray], env: str, action_repeat: int, who: str, strict: bool = False
) -> None:
    """Warn where pictures [T, H, W, C] do not show what random actions show in an environment of pictures.

    Raises:
        StrictError: they do not, and `strict` or that of the open log asks for an error.
    """
    agent = random_pictures(env, action_repeat)
    if agent is not None:
        report_view(view_expert(expert, agent, drawn=False), f"{who}, {env}", strict=strict)


def sampled_pictures(path: Path, repair: PictureRepair, frame_skip: int = 1) -> list[np.ndarray] | None:
    """Return some pictures of every film in the file's own size, or None where the path holds no films.

    Films of other sizes than the first are left out.
    """
    if not is_film_path(path):
        return None
    taken: list[np.ndarray] = []
    for film in films(path)[:FILMS]:
        step = max(frame_skip, EVERY)
        first = next(frame_batches(film, frame_skip=step, batch=1, repair=repair))
        number = int(np.clip(SAMPLED // (FILMS * first.nbytes), 2, PICTURES))
        taken.append(next(frame_batches(film, frame_skip=step, batch=number, repair=repair)))
    return [pictures for pictures in taken if pictures.shape[1:] == taken[0].shape[1:]]


def random_pictures(env: str, action_repeat: int = 1, seed: int = 0) -> list[np.ndarray] | None:
    """Return what random actions show [T, H, W, C] after several resets, or None where the environment shows no bytes.

    Pictures are the observation, or else `info["frame"]`.
    """
    shown: list[np.ndarray] = []
    with kept_random_state():
        world = make(env, action_repeat)
        try:
            policy = blind_policy("random", world.action_space, seed)
            for episode in range(EPISODES):
                obs, info = world.reset(seed=seed + episode)
                frames = [_picture(obs, info)]
                for _ in range(STEPS):
                    obs, _, terminated, truncated, info = world.step(policy(np.asarray(obs)[None])[0])
                    frames.append(_picture(obs, info))
                    if terminated or truncated:
                        break
                shown.append(np.stack(frames))
        finally:
            world.close()
    return shown if are_pictures(shown[0]) and shown[0].ndim == 4 else None


def _picture(obs: object, info: dict) -> np.ndarray:
    return np.array(info.get("frame", obs))


def rate_difference(
    path: Path, env: str, action_repeat: int, video_skip: int = 1, expert_rate: float | None = None
) -> ViewDifference | None:
    """Return how the rate of the films differs from the decisions that the agent takes in a second, or None.

    Args:
        path: a film, or a folder of them; anything else has a rate only where `expert_rate` tells it.
        env: id of the environment, which tells its rate as `metadata["render_fps"]`; one that does not is not compared.
        action_repeat: steps that every action is held for, beside what the id says.
        video_skip: every so many frames of a film are one decision.
        expert_rate: frames per second, where the files say it wrong or not at all.
    """
    wanted = decision_rate(env, action_repeat)
    rates = [(expert_rate, False)] if expert_rate is not None else _rates(path)
    for rate, coarse in rates:
        if wanted is None or rate is None or _same_rate(rate / video_skip, wanted, coarse):
            continue
        every = "" if video_skip == 1 else f", every {video_skip}. of them taken,"
        cause = f"{rate:g} frames/s{every} against {wanted:g} decisions/s"
        return ViewDifference("frame rate", cause, _rate_cure(rate, wanted, action_repeat))
    return None


def _rate_cure(rate: float, wanted: float, action_repeat: int) -> str:
    lie = f"--expert-rate {wanted:g} where every frame is a decision and the file says it wrong"
    for first, second, cure in ((rate, wanted, "--video-skip {}"), (wanted, rate, "--action-repeat {}")):
        times = round(first / second)
        if times > 1 and _same_rate(first / times, second, False):
            return f"{cure.format(times if first == rate else times * action_repeat)}, or {lie}"
    return lie


def _same_rate(rate: float, wanted: float, coarse: bool) -> bool:
    return abs(rate - wanted) <= SAME_RATE * wanted or (coarse and round(100 / rate) == round(100 / wanted))


def _rates(path: Path) -> list[tuple[float | None, bool]]:
    """Return the rates that films tell, and whether they are rounded to hundredths of a second, as in a GIF."""
    if not is_film_path(path):
        return []
    found = [film for film in films(path) if film.is_file() and film.suffix.lower() in VIDEOS]
    return [(video_rate(film), film.suffix.lower() == ".gif") for film in found]


def decision_rate(env: str, action_repeat: int = 1) -> float | None:
    """Return the decisions per second of simulated time, or None where the environment does not tell."""
    world = make(env, action_repeat)
    world.close()
    rate = (world.metadata or {}).get("render_fps")
    return float(rate) if isinstance(rate, int | float) and rate > 0 else None


def is_episode_file(path: Path) -> bool:
    """Tell whether a path is a file of graded episodes, whose pictures are drawn in the environment itself."""
    return path.suffix.lower() == ".npz" and path.is_file() and "grading" in read_arrays(path)
