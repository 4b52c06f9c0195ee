"""Reward models as graphs for other programs: ONNX and `torch.export`."""

from __future__ import annotations

import io
import json
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from tsreward.encoders.base import ENCODERS
from tsreward.errors import DataError, NotFittedError, OptionError, missing_extra
from tsreward.files import check_writable, write_atomic
from tsreward.functional.moments import ColumnScales, standardise
from tsreward.pipeline.model import RewardModel
from tsreward.scorers.base import SCORERS

TOLERANCE = 1e-5
"""Largest difference of scores that is taken, in standard deviations of the scores of the trial windows."""
ENDINGS = (".onnx", ".pt2")
_TRIALS = 257


class ScoreGraph(nn.Module):
    """Raw scores of windows of observations: encoding, standardising and scoring, without a check or a branch.

    Args:
        model: a fitted reward model whose scorer and encoder are graphs (`graph` of their class).

    Raises:
        NotFittedError: the model is not fitted.
        OptionError: its scorer or its encoder is no graph; the message names those that are.
    """

    def __init__(self, model: RewardModel) -> None:
        super().__init__()
        scorer = model.scorer
        if not scorer.fitted:
            raise NotFittedError("Only a fitted model can be exported: call fit or load a fitted one first.")
        for kind, part in (("encoder", model.encoder), ("scorer", scorer)):
            if not part.graph:
                raise OptionError(
                    f"{type(part).__name__} cannot be exported, because what it does is no fixed graph of tensors: "
                    f"{kind}s that can be are {', '.join(_graphs(kind))}."
                )
        self.encoder, self.scorer = model.encoder, scorer
        self.window, self.obs_shape = model.window, model.obs_shape
        self._any_constant = bool((scorer.std == 0).any())

    def forward(self, windows: Tensor) -> Tensor:
        """Return scores [B] float32 of windows [B, K, *obs] float64, oldest step first."""
        features = self.encoder.encode(windows.flatten(0, 1)).unflatten(0, (-1, self.window))
        scales = ColumnScales(self.scorer.mean, self.scorer.std, self.scorer.tolerance)
        rows = standardise(features, scales, self.scorer.options.clip, self._any_constant)
        return self.scorer.measure(rows.float())


def export_model(model: RewardModel, path: Path) -> float:
    """Write the raw score of a model as a graph, and return how far its scores are from the model's on trial windows.

    The graph takes `windows` [B, K, *obs] float64, oldest step first, of any B, and gives `score` [B] float32: the
    score of `model.score`, before smoothing. Encoding and standardising are in it. The file is written where the scores
    of windows like those of the fit agree, in standard deviations of these scores.

    Args:
        model: a fitted model whose scorer and encoder are graphs.
        path: .onnx for ONNX, .pt2 for `torch.export`.

    Raises:
        OptionError: another ending, or a scorer or an encoder that is no graph.
        NotFittedError: the model is not fitted.
        MissingExtraError: onnx, onnxruntime or onnxscript is not installed.
        DataError: the scores do not agree to 1e-5, or the file cannot be written.
    """
    if path.suffix not in ENDINGS:
        raise OptionError(f"A graph is written to {' or '.join(ENDINGS)}, got {path.name}.")
    check_writable(path)
    graph = ScoreGraph(model).eval()
    about = json.dumps(
        {
            "window": model.window,
            "frame_skip": model.frame_skip,
            "columns": None if model.columns is None else list(model.columns.names),
            "scorer": type(model.scorer).__name__,
        }
    )
    trials = _trials(model)
    content, run = (_onnx if path.suffix == ".onnx" else _exported)(graph, trials, about)
    wanted = model.score_windows(model.encoder(trials.flatten(0, 1)).unflatten(0, (-1, model.window))).double().numpy()
    unit = max(float(wanted.std()), 1e-6 * float(np.abs(wanted).max()), 1e-12)
    away = max(float(np.abs(run(trials[:size]) - wanted[:size]).max()) for size in (1, len(trials))) / unit
    if not away <= TOLERANCE:
        raise DataError(
            f"The graph of {type(model.scorer).__name__} gives other scores than the model, by {away:.1e} of their "
            f"standard deviation: nothing was written."
        )
    write_atomic(path, content)
    return away


Run = Callable[[Tensor], np.ndarray]


def _exported(graph: ScoreGraph, trials: Tensor, about: str) -> tuple[bytes, Run]:
    file = io.BytesIO()
    with torch.no_grad(), _quiet():
        program = torch.export.export(graph, (trials[:2],), dynamic_shapes=_BATCH)
        torch.export.save(program, file, extra_files={"tsreward.json": about})
        again = torch.export.load(io.BytesIO(file.getvalue())).module()
    return file.getvalue(), lambda rows: again(rows).detach().numpy()


def _onnx(graph: ScoreGraph, trials: Tensor, about: str) -> tuple[bytes, Run]:
    for package in ("onnx", "onnxruntime", "onnxscript"):
        if find_spec(package) is None:
            raise missing_extra(package, "export")
    import onnxruntime  # pyright: ignore[reportMissingImports]

    with torch.no_grad(), _quiet():
        program = torch.onnx.export(
            graph,
            (trials[:2],),
            dynamo=True,
            dynamic_shapes=_BATCH,
            input_names=["windows"],
            output_names=["score"],
            verbose=False,
        )
        assert program is not None  # it is, with dynamo
        proto = program.model_proto
    entry = proto.metadata_props.add()
    entry.key, entry.value = "tsreward", about
    content = proto.SerializeToString()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    return content, lambda rows: np.asarray(session.run(None, {"windows": rows.numpy()})[0])


_BATCH = ({0: torch.export.Dim("batch")},)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what the exporters say about their own insides from the reader."""
    logger = logging.getLogger("torch.onnx")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)


def _trials(model: RewardModel) -> Tensor:
    """Return windows [B, K, *obs] float64 as on normal data and further out; some leave the value of a constant."""
    scorer, rng = model.scorer, np.random.default_rng(0)
    mean, std = (one.double().numpy() for one in (scorer.mean, scorer.std))
    far = np.exp(rng.normal(size=(_TRIALS, 1, 1)))
    rows = mean + far * std * rng.normal(size=(_TRIALS, model.window, scorer.dim))
    rows[:8] += (std == 0) * rng.normal(size=(8, model.window, scorer.dim))
    return torch.from_numpy(rows).unflatten(2, model.obs_shape)


def _graphs(kind: str) -> list[str]:
    registry = SCORERS if kind == "scorer" else ENCODERS
    return [name for name in registry.names() if registry[name].graph]
