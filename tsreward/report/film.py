"""Films of agents: the picture, and below it what is true and what the learned reward says, step by step."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from tsreward.errors import OptionError, missing_extra
from tsreward.sb3.watching import Watched

KINDS = (".mp4", ".gif")
_LINES, _LINE, _STRIP = 5, 18, 92
"""Lines of text and their height, and the height of the curve below them, in pixels."""
_PAPER, _INK, _QUIET = (20, 22, 26), (235, 235, 235), (140, 145, 150)
_SCORE, _FLAG, _LIMIT = (160, 92, 214), (224, 82, 82), (232, 131, 58)
_TINT = 0.25
"""How much of a flagged picture is red."""
_GIF_RATE, MP4_RATE = 25.0, 50.0
"""GIF viewers slow down pictures that are shown for less than 40 ms."""


@dataclass(frozen=True)
class FilmOptions:
    """How a film is made."""

    width: int = 384
    """Pixels from left to right of one agent's picture."""
    rate: float | None = None
    """Pictures per second; None is the environment's own time, of which pictures are left out above 50 a second."""
    longest: int = 1_000
    """Pictures at most; beyond, every second, third, ... one is shown."""

    def __post_init__(self) -> None:
        if self.width < 64 or self.longest < 1 or (self.rate is not None and not 0 < self.rate <= 240):
            raise OptionError(
                f"A film needs a width of 64 pixels or more, a rate of 1 to 240 and one picture or more, got {self}."
            )


def film(agents: Mapping[str, Sequence[Watched]], kind: str, options: FilmOptions = FilmOptions()) -> bytes:
    """Return a film of agents side by side, each with its name and its episodes one after the other.

    Each picture is the frame, tinted red where the step is flagged, above a strip with step, reward, cost, score and
    p-value, the sums of true and of learned rewards so far, and the curve of the score with the threshold. An agent
    whose episode ends earlier stands still until the others' ends.

    Args:
        agents: name -> as many episodes for each.
        kind: ".mp4" (H.264) or ".gif".
        options: size and pace.

    Raises:
        OptionError: another kind of film.
        MissingExtraError: PyAV or Pillow is not installed.
    """
    check_kind(kind)
    together = list(zip(*agents.values(), strict=True))
    lengths = [max(len(one.frames) for one in episodes) for episodes in together]
    rate = together[0][0].rate if options.rate is None else options.rate
    rate, stride = _pace(rate, sum(lengths), options.longest, kind)

    def pictures() -> Iterator[np.ndarray]:
        for episodes, length in zip(together, lengths, strict=True):
            drawings = [_Drawing(*one, options.width) for one in zip(agents, episodes, strict=True)]
            for step in [*range(0, length - 1, stride), length - 1]:
                yield _beside([draw(min(step, draw.last)) for draw in drawings])

    return encoded(pictures(), kind, rate)


def encoded(pictures: Iterable[np.ndarray], kind: str, rate: float) -> bytes:
    """Return a film of pictures uint8 [H, W, 3], one of the `KINDS`, at so many a second.

    Raises:
        MissingExtraError: PyAV or Pillow is not installed.
    """
    return _gif(pictures, rate) if kind == ".gif" else _mp4(pictures, rate)


def _pace(rate: float, length: int, longest: int, kind: str) -> tuple[float, int]:
    """Return pictures per second, and of how many steps one is shown."""
    most = _GIF_RATE if kind == ".gif" else MP4_RATE
    stride = max(1, round(rate / most), -(-length // longest))
    return min(rate / stride, most), stride


class _Drawing:
    """Draws the picture of a step of one agent."""

    def __init__(self, title: str, watched: Watched, width: int) -> None:
        self._pillow = _pillow()
        self.watched, self.title, self.last = watched, title, len(watched.frames) - 1
        height, wide = watched.frames.shape[1:3]
        self.size = (width, max(2, round(height * width / wide)))
        assert watched.episode.rewards is not None
        self._true = np.concatenate([[0.0], np.cumsum(watched.episode.rewards)])
        earned = watched.earned
        self._learned = None if earned is None else np.concatenate([[0.0], np.cumsum(earned.reward.numpy())])
        self._curve = self._points(width)

    def __call__(self, step: int) -> np.ndarray:
        image_module, draw_module, font = self._pillow
        drawn = self.watched.frames[step]
        shrinks = drawn.shape[1] > self.size[0]  # then edges are smoothed, and else pixels are seen as they are
        how = image_module.Resampling.BOX if shrinks else image_module.Resampling.NEAREST
        frame = image_module.fromarray(drawn).resize(self.size, how)
        flagged = step > 0 and self.watched.earned is not None and bool(self.watched.earned.is_anomaly[step - 1])
        if flagged:
            frame = image_module.blend(frame, image_module.new("RGB", self.size, _FLAG), _TINT)
        whole = image_module.new("RGB", (self.size[0], _even(self.size[1] + _LINES * _LINE + _STRIP)), _PAPER)
        whole.paste(frame, (0, 0))
        draw = draw_module.Draw(whole)
        top = self.size[1] + 4
        for text, colour in self._texts(step, flagged):
            draw.text((8, top), text, fill=colour, font=font)
            top += _LINE
        self._draw_curve(draw, self.size[1] + 4 + _LINES * _LINE, step)
        return np.asarray(whole)

    def _texts(self, step: int, flagged: bool) -> list[tuple[str, tuple[int, int, int]]]:
        episode, earned = self.watched.episode, self.watched.earned
        assert episode.rewards is not None
        reward = f"{episode.rewards[step - 1]:.2f}" if step else "-"
        cost = f"   cost {np.sum(episode.costs[:step]):.0f}" if episode.costs is not None else ""
        lines = [
            (self.title, _INK),
            (f"step {step}{cost}", _INK),
            (f"true reward {reward}   return {self._true[step]:.1f}", _INK),
        ]
        if earned is None or self._learned is None:
            return lines
        if not step:
            return [*lines, ("learned reward -", _QUIET)]
        score, p_value = float(earned.score[step - 1]), float(earned.p_value[step - 1])
        learned = f"learned reward {float(earned.reward[step - 1]):.2f}   return {self._learned[step]:.1f}"
        told = f"score {score:.3g}   p {p_value:.3f}{'   flagged' * flagged}"
        return [*lines, (learned, _INK), (told, _FLAG if flagged else _QUIET)]

    def _points(self, width: int) -> list[tuple[float, float]]:
        """Return (pixel from the left, fraction of the height) of every score."""
        if self.watched.earned is None:
            return []
        scores = self.watched.earned.score.double().numpy()
        self._low, self._high = float(np.quantile(scores, 0.01)), float(np.quantile(scores, 0.99))
        if self.watched.threshold is not None and np.isfinite(self.watched.threshold):
            self._low, self._high = min(self._low, self.watched.threshold), max(self._high, self.watched.threshold)
        left = 8 + (width - 16) * np.arange(len(scores)) / max(1, len(scores) - 1)
        return list(zip(left.tolist(), self._height(scores).tolist(), strict=True))

    def _height(self, score: Any) -> Any:
        return np.clip((score - self._low) / max(self._high - self._low, 1e-12), 0, 1)

    def _draw_curve(self, draw: Any, top: float, step: int) -> None:
        if not self._curve:
            return
        tall = _STRIP - 16
        if self.watched.threshold is not None and np.isfinite(self.watched.threshold):
            limit = top + tall * (1 - float(self._height(self.watched.threshold)))
            draw.line([(8, limit), (self.size[0] - 8, limit)], fill=_LIMIT)
        assert self.watched.earned is not None
        points = [(left, top + tall * (1 - high)) for left, high in self._curve[:step]]
        for place, flagged in zip(points, self.watched.earned.is_anomaly[:step].tolist(), strict=True):
            if flagged:
                draw.line([place, (place[0], top + tall)], fill=_FLAG)
        if len(points) > 1:
            draw.line(points, fill=_SCORE, width=2)


def _even(length: int) -> int:
    """Return an even length: H.264 has half as many colours as pixels."""
    return length + length % 2


def _beside(pictures: Sequence[np.ndarray]) -> np.ndarray:
    height = max(picture.shape[0] for picture in pictures)
    return np.concatenate([np.pad(one, ((0, height - len(one)), (0, 0), (0, 0))) for one in pictures], axis=1)


def _mp4(pictures: Iterable[np.ndarray], rate: float) -> bytes:
    try:
        import av
    except ImportError as error:
        raise missing_extra("av", "pixels") from error
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream: Any = None
        for picture in pictures:
            if stream is None:
                stream = container.add_stream("libx264", rate=Fraction(rate).limit_denominator(1001))
                stream.height, stream.width = picture.shape[0], picture.shape[1] - picture.shape[1] % 2
                stream.pix_fmt, stream.options = "yuv420p", {"crf": "24", "threads": "1"}
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture[:, : stream.width]), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def _gif(pictures: Iterable[np.ndarray], rate: float) -> bytes:
    image_module = _pillow()[0]
    drawn = [image_module.fromarray(picture).quantize(96, dither=image_module.Dither.NONE) for picture in pictures]
    buffer = io.BytesIO()
    drawn[0].save(
        buffer, "GIF", save_all=True, append_images=drawn[1:], duration=round(1000 / rate), loop=0, optimize=True
    )
    return buffer.getvalue()


def _pillow() -> tuple[Any, Any, Any]:
    try:
        from PIL import Image, ImageDraw, ImageFont
    except ImportError as error:
        raise missing_extra("pillow", "pixels") from error
    return Image, ImageDraw, ImageFont.load_default(13)


def check_kind(kind: str) -> None:
    """Find out whether a film of a kind can be drawn, before anything is played.

    Raises:
        OptionError: another kind of film.
        MissingExtraError: Pillow is not installed.
    """
    if kind not in KINDS:
        raise OptionError(f"A film is {' or '.join(KINDS)}, got {kind or 'a name without an ending'}.")
    _pillow()
