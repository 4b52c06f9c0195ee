"""A model from what a file says it is made of, never larger than what the file holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from tsreward.calibration import Calibration
from tsreward.checkpoint.header import DTYPES, Entry
from tsreward.checkpoint.options import from_json
from tsreward.checkpoint.strict_json import shown
from tsreward.encoders.table import ENCODERS
from tsreward.errors import CheckpointError, TSRewardError, unknown_name
from tsreward.model import RewardModel
from tsreward.rewards.table import MODES
from tsreward.scorers.table import SCORERS
from tsreward.seeding import seeded

T = TypeVar("T")


def assemble(manifest: dict[str, Any]) -> RewardModel:
    """Return the model with fresh weights.

    Raises:
        CheckpointError: an unknown name, or options that do not fit each other.
    """
    try:
        with seeded(0):
            encoder_class = _look_up("encoder", ENCODERS, manifest["encoder"]["name"])
            encoder_options = from_json(encoder_class.Options, manifest["encoder"]["options"])
            encoder = encoder_class(_obs_shape(manifest["encoder"]["obs_shape"]), encoder_options)
            scorer_class = _look_up("scorer", SCORERS, manifest["scorer"]["name"])
            scorer_options = from_json(scorer_class.Options, manifest["scorer"]["options"])
            scorer = scorer_class(manifest["scorer"]["window"], manifest["scorer"]["dim"], scorer_options)
            mode_class = _look_up("reward mode", MODES, manifest["mode"]["name"])
            mode = mode_class(from_json(mode_class.Options, manifest["mode"]["options"]))
            model = RewardModel(scorer, mode, encoder, manifest["skip"], manifest["chunk"])
            model.calibration = Calibration(manifest["calibration"]["size"])
    except CheckpointError:
        raise
    except TSRewardError as error:
        raise CheckpointError(str(error)) from error
    except Exception as error:  # whatever a constructor does not check itself: sizes that overflow, or do not divide
        raise CheckpointError(f"Its options make no model ({type(error).__name__}: {shown(str(error))}).") from error
    return model.eval()


def check_against(manifest: dict[str, Any], entries: dict[str, Entry]) -> None:
    """Compare the tensors in the file with those of the model that it describes, which takes no memory for them.

    Raises:
        CheckpointError: names, dtypes or shapes differ, or the model would be larger than the file.
    """
    largest = max((entry.end - entry.start for entry in entries.values()), default=0)
    with torch.device("meta"), _Blueprint(calls=100 * len(entries) + 1000, numbers=largest + 2**16):
        expected = assemble(manifest).state_dict()
    odd = sorted(set(expected) ^ set(entries))
    if odd:
        problem = "is missing" if odd[0] in expected else "does not belong to the model that the file describes"
        raise CheckpointError(f"Tensor {shown(odd[0])} {problem}.")
    for name, entry in entries.items():
        wanted = expected[name]
        if (DTYPES[entry.dtype], entry.shape) != (wanted.dtype, tuple(wanted.shape)):
            raise CheckpointError(
                f"Tensor {shown(name)} is {entry.dtype} {list(entry.shape)}, and the model that the file describes "
                f"needs {str(wanted.dtype).removeprefix('torch.')} {list(wanted.shape)}."
            )


class _Blueprint(TorchFunctionMode):
    """Stops the construction of a model on the meta device that has more tensors, or larger ones, than a file backs."""

    def __init__(self, calls: int, numbers: int) -> None:
        super().__init__()
        self.calls, self.numbers = calls, numbers

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.calls -= 1
        if self.calls < 0:
            raise CheckpointError("Its options describe a model of far more tensors than the file holds.")
        result = _CHEAP.get(func, func)(*args, **(kwargs or {}))
        if isinstance(result, Tensor) and result.numel() > self.numbers:
            raise CheckpointError(
                f"Its options describe a model with a tensor of {result.numel()} numbers, more than the file holds."
            )
        return result


def _empty(*sizes: Any, generator: torch.Generator | None = None, **kwargs: Any) -> Tensor:
    return torch.empty(*sizes, **kwargs)


def _empty_square(rows: int, columns: int | None = None, **kwargs: Any) -> Tensor:
    return torch.empty(rows, rows if columns is None else columns, **kwargs)


def _product(first: Tensor, second: Any) -> Tensor:
    return first * second if isinstance(second, Tensor) else first


# On the meta device these import torch's decompositions, 2 s and 70 MB, and only shapes are asked for.
_CHEAP: dict[Any, Any] = {
    torch.eye: _empty_square,
    torch.rand: _empty,
    torch.randn: _empty,
    Tensor.mul: _product,
}


def _look_up(kind: str, table: Mapping[str, T], name: str) -> T:
    if name not in table:
        raise unknown_name(kind, ascii(name[:40])[1:-1], table)
    return table[name]


def _obs_shape(sizes: list[Any]) -> tuple[int, ...]:
    if not 1 <= len(sizes) <= 8 or not all(type(size) is int and 1 <= size <= 2**24 for size in sizes):
        raise CheckpointError(f"Its metadata has encoder.obs_shape {shown(sizes)}, not 1 to 8 sizes of at least 1.")
    return tuple(sizes)
