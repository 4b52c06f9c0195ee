"""Models of others as scorers: a function of windows, or an HTTP endpoint, with our calibration and batches."""

from __future__ import annotations

import http.client
import io
import json
import urllib.error
import urllib.parse
import urllib.request
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tsreward.errors import DataError, OptionError, ShapeError, shown
from tsreward.named_warnings import warn
from tsreward.options import option
from tsreward.scorers.base import SCORERS, Scorer, ScorerOptions
from tsreward.sequences.windows import WindowSet
from tsreward.training import Report, TrainOptions

Judge = Callable[[np.ndarray], Any]
"""Windows [B, K, H, W, C] (uint8), or [B, K, D] (float32) without a `frame_shape`, -> one number per window [B]."""


@dataclass(frozen=True)
class ExternalOptions(ScorerOptions):
    """Options of `ExternalScorer`."""

    frame_shape: tuple[int, int, int] | None = option(None, wanted="(height, width, channels) of a frame, or None")
    """(H, W, C) of the frames that the model is shown, bytes; None shows it the features [B, K, D] as they are."""
    higher: str = option("better", wanted="better or anomalous")
    """What a higher answer means: better (progress, success, likelihood) or anomalous (a distance, an error)."""
    batch_size: int = option(16, high=4096)
    """Windows in one call, always as many: the last ones are filled up, so that no answer depends on its company."""

    def check(self) -> None:
        if self.higher not in ("better", "anomalous"):
            self.refuse("higher", "better or anomalous")


class ExternalScorer(Scorer[ExternalOptions]):
    """A scorer whose answers come from a model that is not ours; `fit` only calibrates them on normal windows.

    Write `judge` in a subclass and register that, or let `external_scorer` do it. With `RawFrames`, or an
    `Identity` encoder and a `frame_shape`, the model is shown the frames themselves. A model file holds the registered
    name alone: whoever loads it registers the model first. The model must give the same answer to the same window,
    whatever else is in the batch.

    Raises:
        ShapeError: features that are no frames of `frame_shape`, or answers that are not one number per window.
        DataError: features that are no bytes where frames are shown; windows or answers that are NaN or
            infinite.
    """

    Options = ExternalOptions
    uses_negative = False
    uses_held_out = False

    @property
    def chunk(self) -> int:
        return self.options.batch_size

    def adopt_frames(self, shape: tuple[int, int, int]) -> None:
        self.options = replace(self.options, frame_shape=shape)

    @abstractmethod
    def judge(self, windows: np.ndarray) -> Any:
        """Return one number per window [B] of windows [B, K, H, W, C] (uint8), or [B, K, D] (float32)."""

    def build(self) -> None:
        shape = self.options.frame_shape
        if shape is not None and self.dim != shape[0] * shape[1] * shape[2]:
            raise ShapeError(
                f"{type(self).__name__} shows frames {list(shape)}, {shape[0] * shape[1] * shape[2]} values, and gets "
                f"{self.dim} features: give the frames' own frame_shape, and no encoder."
            )

    def learn(
        self,
        normal: tuple[WindowSet, WindowSet],
        negative: tuple[WindowSet, WindowSet] | None,
        options: TrainOptions,
        report: Report | None,
    ) -> None:
        few = normal[0].gather(torch.arange(min(2, len(normal[0]))))
        first, second = self.measure(few), self.measure(few)
        if not torch.allclose(first, second, rtol=0, atol=0, equal_nan=True):
            warn(
                "external model not repeatable",
                f"{type(self).__name__} answered {first.tolist()} and then {second.tolist()} to the same windows: fix "
                f"its seed or its temperature, or rewards differ from one reading to the next.",
            )

    def standardise(self, rows: Tensor) -> Tensor:
        """Return rows as they are: the model knows its own units."""
        return rows.float()

    @property
    def usual(self) -> Tensor:
        return self.mean if self.options.frame_shape is None else self.mean.round()  # frames are bytes

    def measure(self, windows: Tensor) -> Tensor:
        finite = torch.isfinite(windows).flatten(1).all(1)
        sound = torch.where(finite[:, None, None], windows, 0.0).float()  # damaged ones are refused by `forward`
        shape = self.options.frame_shape
        if shape is not None:
            if ((sound != sound.round()) | (sound < 0) | (sound > 255)).any():
                raise DataError(
                    f"{type(self).__name__} shows frames of bytes, got values from {float(sound.min()):g} to "
                    f"{float(sound.max()):g}: give the environment's uint8 frames and no encoder."
                )
            sound = sound.to(torch.uint8).reshape(*sound.shape[:2], *shape)
        answers = _as_numbers(self.judge(sound.cpu().numpy()), len(windows), type(self).__name__)
        scores = torch.where(finite, torch.from_numpy(answers).to(windows.device), torch.nan)
        return -scores if self.options.higher == "better" else scores


def external_scorer(name: str, judge: Judge) -> type[ExternalScorer]:
    """Return a scorer class that asks `judge`, registered under `name` for commands and model files.

    Called again with the same name, it takes the new function: that is how a loaded model is given its model again.

    Args:
        name: letters, digits, _ and -.
        judge: windows [B, K, H, W, C] (uint8), or [B, K, D] (float32), -> numbers [B].

    Raises:
        OptionError: another scorer has the name, or the function cannot be called.

    >>> Bright = external_scorer("bright", lambda windows: windows.mean((1, 2)))
    >>> scorer = Bright(window=2, options=ExternalOptions(higher="anomalous"))
    >>> scorer = scorer.fit(WindowSet.from_episodes([torch.ones(9, 3)], window=2))
    >>> scorer(torch.full((1, 2, 3), 4.0))
    tensor([4.])
    """
    if not callable(judge):
        raise OptionError(f"The external scorer '{name}' needs a function of windows, got {shown(judge)}.")
    kept = {
        "judge": lambda self, windows: judge(windows),
        "__module__": "external_scorers",  # one place for all, so that a name can be given again
        "__doc__": f"The external model '{name}'.",
    }
    made = type(name, (ExternalScorer,), kept)
    SCORERS.add(name, made)
    return made


def _as_numbers(answers: Any, wanted: int, who: str) -> np.ndarray:
    if isinstance(answers, Tensor):
        answers = answers.detach().cpu().numpy()
    try:
        numbers = np.asarray(answers, np.float32)
    except (TypeError, ValueError, OverflowError) as error:
        raise ShapeError(f"{who} must answer with numbers [{wanted}], got {shown(answers)}.") from error
    if numbers.shape != (wanted,):
        raise ShapeError(f"{who} must answer with one number per window [{wanted}], got {list(numbers.shape)}.")
    return numbers.copy()


class HTTPJudge:
    """Ask an HTTP endpoint: `external_scorer("progress", HTTPJudge("http://localhost:8000/score"))`.

    A request is a POST of the windows as one .npy array; the answer is JSON, a list of numbers or {"scores": [...]}.
    Redirects are not followed.

    Args:
        url: http:// or https://.
        timeout: seconds that one answer may take.
        most_bytes: largest request, and largest answer, that is sent and read.
        headers: sent with every request, such as an authorisation.

    Raises:
        OptionError: no URL of HTTP.
        DataError: when asked: no answer in time, an error, too large, or no list of numbers.
    """

    def __init__(
        self,
        url: str,
        timeout: float = 30.0,
        most_bytes: int = 64 * 2**20,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise OptionError(f"HTTPJudge needs a URL such as http://localhost:8000/score, got {shown(url)}.")
        if not timeout > 0 or most_bytes < 1:
            raise OptionError(f"HTTPJudge needs timeout > 0 and most_bytes >= 1, got {timeout} and {most_bytes}.")
        self.url, self.timeout, self.most_bytes, self.headers = url, timeout, most_bytes, dict(headers or {})
        self._opener = urllib.request.build_opener(_NoRedirect)

    def __call__(self, windows: np.ndarray) -> np.ndarray:
        """Return the endpoint's numbers [B] for windows [B, K, ...]."""
        body = io.BytesIO()
        np.save(body, windows, allow_pickle=False)
        data = body.getvalue()
        if len(data) > self.most_bytes:
            raise DataError(
                f"A request to {self.url} would have {len(data)} bytes, more than most_bytes={self.most_bytes}: lower "
                f"batch_size or the size of the frames."
            )
        request = urllib.request.Request(
            self.url, data, {"Content-Type": "application/x-npy", "Accept": "application/json", **self.headers}
        )
        try:
            with self._opener.open(request, timeout=self.timeout) as answer:
                text = answer.read(self.most_bytes + 1)
        except urllib.error.HTTPError as error:
            error.close()
            raise DataError(f"{self.url} answered {error.code} {error.reason}: check the endpoint.") from error
        except (OSError, http.client.HTTPException) as error:
            raise DataError(
                f"{self.url} gave no answer within {self.timeout:g} s ({getattr(error, 'reason', None) or error}): "
                f"check that it runs, or raise timeout."
            ) from error
        if len(text) > self.most_bytes:
            raise DataError(f"{self.url} answered with more than most_bytes={self.most_bytes} bytes.")
        return self._numbers(text)

    def _numbers(self, text: bytes) -> np.ndarray:
        try:
            answer = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{self.url} must answer with JSON, got {shown(text[:60])}.") from error
        numbers = answer.get("scores") if isinstance(answer, dict) else answer
        if not isinstance(numbers, list) or not all(type(number) in (int, float) for number in numbers):
            raise DataError(f'{self.url} must answer [0.5, ...] or {{"scores": [0.5, ...]}}, got {shown(answer)}.')
        return np.array(numbers, np.float64)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None
