"""Pretrained forecasters as judges of windows: how far the last step is from what they expect."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tsreward.errors import DataError, OptionError, missing_extra
from tsreward.pretrained import locate, unreadable

_CLASSES = {
    "timesfm": "TimesFmModelForPrediction",
    "timesfm2_5": "TimesFm2_5ModelForPrediction",
    "patchtsmixer": "PatchTSMixerForPrediction",
    "patchtst": "PatchTSTForPrediction",
}
"""model_type of config.json -> class of transformers."""
MOST = 100.0
"""Largest error of a column: what never moved before may move by any number of its steps."""


class ForecastJudge:
    """Ask a pretrained forecaster: `external_scorer("timesfm", ForecastJudge("google/timesfm-2.0-500m-pytorch"))`.

    The answer for a window [K, D] is the mean over columns of |x − x̂| / mean |xₜ − xₜ₋₁|, the absolute scaled error of
    its last step (Hyndman & Koehler 2006), with x̂ forecast from the K − 1 steps before, each column for itself. Steps
    before anything moves do not count, and where nothing has moved yet, nothing is expected: the answer is 0. It is
    higher where a step is stranger, so the scorer takes `ExternalOptions(higher="anomalous")`. A window must hold one
    step more than the model's context; TimesFM takes any number of steps, two at least.

    Args:
        source: folder of `save_pretrained`, or name on the hub, of a TimesFM, PatchTSMixer or PatchTST for one column.
        revision: commit or branch on the hub.
        local_only: download nothing.

    Raises:
        MissingExtraError: transformers is not installed.
        DataError: no such weights as safetensors, or of another kind of model.
        OptionError: when asked: windows that are too short.
    """

    def __init__(self, source: str, revision: str | None = None, local_only: bool = True) -> None:
        self.source = locate(source)
        self._model, self._kind = _loaded(self.source, revision, local_only)
        self._context: int = self._model.config.context_length
        self._forecast: Callable[[Tensor], Tensor] = self._patched if "patch" in self._kind else self._timesfm

    def __call__(self, windows: np.ndarray) -> np.ndarray:
        """Return the errors [B] of windows [B, K, D], float32."""
        number, steps, columns = windows.shape
        least = 2 if self._forecast == self._timesfm else self._context
        if steps - 1 < least:
            raise OptionError(
                f"{self.source} forecasts from {least} steps, and the window has {steps - 1} before its last: take a "
                f"window of {least + 1} or more."
            )
        series = torch.from_numpy(windows).float().transpose(1, 2).reshape(number * columns, steps)
        past, last = series[:, -1 - min(self._context, steps - 1) : -1], series[:, -1]
        with torch.inference_mode():
            expected = self._forecast(past)
        moves = past.diff(dim=1).abs().reshape(number, columns, -1)
        began = moves.any(1).cumsum(1) > 0  # [B, steps]; a window at the start of an episode repeats its first step
        usual = moves.sum(2) / began.sum(1, keepdim=True)
        missed = (last - expected).abs().reshape(number, columns)
        errors = torch.where(missed > 0, missed / usual, 0.0).clamp_max(MOST).mean(1)
        return torch.where(began.any(1), errors, 0.0).numpy()

    def _patched(self, past: Tensor) -> Tensor:
        return self._model(past_values=past[..., None]).prediction_outputs[:, 0, 0]

    def _timesfm(self, past: Tensor) -> Tensor:
        return self._model(past_values=list(past)).mean_predictions[:, 0]


def _loaded(source: str, revision: str | None, local_only: bool) -> tuple[Any, str]:
    """Return a forecaster, frozen, and its model_type."""
    try:
        import transformers
    except ImportError as error:
        raise missing_extra("transformers", "foundation") from error
    where = {"revision": revision or "main", "local_files_only": local_only}
    try:
        config = transformers.AutoConfig.from_pretrained(source, trust_remote_code=False, **where)
        kind = config.model_type
        if kind not in _CLASSES:
            raise DataError(
                f"{source} holds a {kind}, no forecaster that is known here: take one of {', '.join(_CLASSES)}."
            )
        if "patch" in kind:
            config.num_input_channels = 1  # weights that columns share do not depend on it, and others do not fit
        model, report = getattr(transformers, _CLASSES[kind]).from_pretrained(
            source, config=config, use_safetensors=True, dtype=torch.float32, output_loading_info=True, **where
        )
    except DataError:
        raise
    except Exception as error:
        content = "config.json and model.safetensors there, as save_pretrained writes them"
        download = "ForecastJudge(..., local_only=False)" if local_only else None
        raise unreadable("forecaster", source, content, download, error) from error
    if absent := sorted(map(str, {*report["missing_keys"], *report["mismatched_keys"]})):
        raise DataError(f"{source} lacks weights of a {kind}, or they do not fit: {', '.join(absent[:3])}.")
    return model.eval().requires_grad_(False), kind
