"""Where the logger of Stable-Baselines3 writes to: TensorBoard, and Weights & Biases."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from stable_baselines3.common.logger import KVWriter, Logger, TensorBoardOutputFormat

from tsreward.errors import missing_extra


def run_logger(folder: Path, tensorboard: bool, wandb: bool, config: Mapping[str, Any]) -> Logger | None:
    """Return a logger that writes events to `folder`/tensorboard, to Weights & Biases or to both; None for neither.

    Args:
        folder: of the run; its name is that of the run of Weights & Biases.
        tensorboard: whether events are written.
        wandb: whether a run of Weights & Biases is begun; what is set in the environment says where.
        config: options, for Weights & Biases.

    Raises:
        MissingExtraError: tensorboard or wandb is not installed.
    """
    outputs: list[KVWriter] = []
    if tensorboard:
        try:
            import tensorboard as _  # noqa: F401  # pyright: ignore[reportMissingImports]
        except ImportError as error:
            raise missing_extra("tensorboard", "tensorboard") from error
        outputs.append(TensorBoardOutputFormat(str(folder / "tensorboard")))
    if wandb:
        outputs.append(WandbWriter(folder, config))
    return Logger(None, outputs) if outputs else None


class WandbWriter(KVWriter):
    """Sends all numbers of the logger to a run of Weights & Biases, which goes on where the folder's run does."""

    def __init__(self, folder: Path, config: Mapping[str, Any]) -> None:
        try:
            import wandb  # pyright: ignore[reportMissingImports]
        except ImportError as error:
            raise missing_extra("wandb", "wandb") from error
        plain = {
            name: value if isinstance(value, int | float | str | bool) else str(value) for name, value in config.items()
        }
        self._run = wandb.init(name=folder.name, dir=str(folder), config=plain, resume="allow")

    def write(self, key_values: dict[str, Any], key_excluded: dict[str, tuple[str, ...]], step: int = 0) -> None:
        """Send the numbers of this step."""
        numbers = {key: value for key, value in key_values.items() if isinstance(value, int | float | np.number)}
        self._run.log({key: float(value) for key, value in numbers.items()}, step=step)

    def close(self) -> None:
        """End the run."""
        self._run.finish()
