"""`FrameLayout`: how frames stand in an observation that others have stacked, transposed or scaled; and undoing it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from tsreward.errors import DataError, OptionError, ShapeError, nearest, shown
from tsreward.functional.tensors import as_tensor
from tsreward.options import Options, option

_AXES = "H, W and, where they are there, C (channels) and S (a stack), each once and in the order of the axes"


@dataclass(frozen=True, repr=False)
class FrameLayout(Options):
    """How the frames stand in an observation; the reward sees the newest one as bytes [H, W, C], the agent sees all.

    `axes` names the axes of one observation in their order. A stack that has no axis S of its own stands in the
    channels, the oldest frame first, or side by side in the last axis where there are no channels.

    | who makes it | one observation | layout |
    |---|---|---|
    | `AtariPreprocessing` of Gymnasium | (84, 84) | `FrameLayout("HW")` |
    | `FrameStackObservation` round it | (4, 84, 84) | `FrameLayout("SHW")` |
    | the same in colour | (4, 84, 84, 3) | `FrameLayout("SHWC")` |
    | `VecFrameStack` of Stable-Baselines3 | (84, 84, 4) | `FrameLayout("HWC", stack=4)` |
    | the same in colour | (84, 84, 12) | `FrameLayout("HWC", stack=4)` |
    | `VecTransposeImage` | (1, 84, 84) | `FrameLayout("CHW")` |
    | `VecTransposeImage` round a stack | (4, 84, 84) | `FrameLayout("CHW", stack=4)` |
    | numbers in [0, 1] | as above | `scaled=True` beside it |

    >>> layout = FrameLayout("CHW", stack=4)
    >>> layout.frames(torch.arange(4).repeat_interleave(6).view(1, 4, 2, 3))[0, ..., 0]
    tensor([[3, 3, 3],
            [3, 3, 3]], dtype=torch.uint8)
    """

    axes: str = "HWC"
    """The axes of one observation in order, of H, W, C and S: "HW", "HWC", "CHW", "SHW", "SHWC", ..."""
    stack: int | None = None
    """Frames that one observation holds; None is the size of the axis S, and 1 where there is none."""
    scaled: bool = option(False)
    """Whether the values are numbers from 0 to 1; otherwise integers from 0 to 255."""

    def check(self) -> None:
        if not {"H", "W"} <= set(self.axes) <= set("HWCS") or len(set(self.axes)) != len(self.axes):
            self.refuse("axes", _AXES, 'e.g. "HWC", "CHW" or "SHW"')

    @classmethod
    def parse(cls, text: str) -> FrameLayout:
        """Return the layout that a text of the command line names.

        Raises:
            OptionError: it names none.

        >>> FrameLayout.parse("CHW,stack=4,scaled")
        FrameLayout("CHW", stack=4, scaled=True)
        """
        axes, *rest = [part.strip() for part in text.split(",")]
        values: dict[str, int | bool] = {}
        for part in rest:
            name, _, value = part.partition("=")
            if name == "stack" and value.isdecimal():
                values[name] = int(value)
            elif part in ("scaled", "scaled=true", "scaled=false"):
                values["scaled"] = part != "scaled=false"
            else:
                near = nearest(name, ("stack=4", "scaled"))
                hint = f": did you mean {near[0]}?" if near else "."
                raise OptionError(
                    f"A layout of frames is AXES,stack=N,scaled, e.g. CHW,stack=4; got {shown(text)}{hint}"
                )
        return cls(axes.upper(), **values)  # type: ignore[arg-type]

    def __repr__(self) -> str:
        stack = "" if self.stack is None else f", stack={self.stack}"
        return f'FrameLayout("{self.axes}"{stack}{", scaled=True" * self.scaled})'

    def __str__(self) -> str:
        """Return the text of the command line."""
        stack = "" if self.stack is None else f",stack={self.stack}"
        return f"{self.axes}{stack}{',scaled' * self.scaled}"

    @property
    def remedy(self) -> str:
        """What to write where a layout has to be declared, in Python and on the command line."""
        return f"declare the layout, frames={self!r} or --frame-layout {self}"

    def frame_shape(self, obs_shape: Sequence[int]) -> tuple[int, int, int]:
        """Return the shape (H, W, C) of the newest frame in observations of this shape.

        Raises:
            ShapeError: observations of this shape cannot have this layout.
        """
        shape = tuple(obs_shape)
        if len(shape) != len(self.axes):
            raise ShapeError(
                f"{self!r} declares observations of {len(self.axes)} axes ({', '.join(self.axes)}), got {shape}."
            )
        sizes = dict(zip(self.axes, shape, strict=True))
        axis, stack = self._stack_axis, self._stacked(sizes)
        if axis == "S":
            if sizes["S"] != stack:
                raise ShapeError(f"{self!r} declares a stack of {stack}, got {sizes['S']} in observations {shape}.")
        elif sizes[axis] % stack:
            raise ShapeError(
                f"{self!r} declares {stack} frames in the axis {axis} of observations {shape}, and {sizes[axis]} is no "
                f"multiple of {stack}."
            )
        else:
            sizes[axis] //= stack
        return sizes["H"], sizes["W"], sizes.get("C", 1)

    def gives(self, obs_shape: Sequence[int], wanted: Sequence[int]) -> bool:
        """Tell whether the newest frame in observations of this shape has the `wanted` one.

        >>> FrameLayout("SHW").gives((4, 84, 84), (84, 84, 1)), FrameLayout("SHW").gives((84, 84, 1), (84, 84, 1))
        (True, False)
        """
        try:
            return self.frame_shape(obs_shape) == tuple(wanted)
        except ShapeError:
            return False

    def frames(self, obs: Tensor) -> Tensor:
        """Return the newest frames uint8 [B, H, W, C] of observations [B, *obs].

        Raises:
            ShapeError: observations that cannot have this layout.
            DataError: values that are not what it declares.
        """
        self.frame_shape(obs.shape[1:])
        place = self.axes.index(self._stack_axis) + 1
        stack = self._stacked(dict(zip(self.axes, obs.shape[1:], strict=True)))
        size = obs.shape[place] // stack
        newest = obs.narrow(place, obs.shape[place] - size, size)
        axes = self.axes
        if "S" in axes:
            newest, axes = newest.squeeze(place), axes.replace("S", "")
        if "C" not in axes:
            newest, axes = newest[..., None], f"{axes}C"
        return self._bytes(newest.permute(0, *(axes.index(axis) + 1 for axis in "HWC")))

    def frames_of(self, obs: np.ndarray) -> np.ndarray:
        """Return `frames` of an array [T, *obs].

        Raises:
            ShapeError, DataError: as `frames`.
        """
        return self.frames(as_tensor(np.asarray(obs))).contiguous().numpy()

    @property
    def _stack_axis(self) -> str:
        return "S" if "S" in self.axes else "C" if "C" in self.axes else self.axes[-1]

    def _stacked(self, sizes: dict[str, int]) -> int:
        return sizes.get("S", 1) if self.stack is None else self.stack

    def _bytes(self, values: Tensor) -> Tensor:
        if values.dtype == torch.bool or values.is_floating_point() != self.scaled:
            self._refuse_kind(values)
        if values.dtype == torch.uint8 or not values.numel():
            return values.to(torch.uint8)
        if not values.is_floating_point():
            values = values.long()  # torch finds no minimum of unsigned integers
        low, high = float(values.min()), float(values.max())
        top = 1 if self.scaled else 255
        if not 0 <= low <= high <= top:  # NaN too
            raise DataError(f"{self!r} declares values from 0 to {top}, got {low:g} to {high:g}.")
        return ((values.double() * 255).round() if self.scaled else values).to(torch.uint8)

    def _refuse_kind(self, values: Tensor) -> None:
        kind = str(values.dtype).removeprefix("torch.")
        if self.scaled:
            raise DataError(f"{self!r} declares numbers from 0 to 1, got {kind}: leave out scaled.")
        remedy = "declare scaled=True where they are from 0 to 1" if values.is_floating_point() else "give integers"
        raise DataError(f"{self!r} declares integers from 0 to 255, got {kind}: {remedy}.")


_KNOWN = ("HWC", "CHW", "HW", "SHW", "SHWC", "SCHW")


def layout_between(
    wanted: Sequence[int], got: Sequence[int], scaled: bool = False, stack: int | None = None
) -> FrameLayout | None:
    """Return the layout in which observations of shape `got` hold frames (H, W, C) of shape `wanted`, or None.

    Three channels may be colours or a stack of three grey frames: the latter only where `stack` says that frames are
    stacked.

    >>> layout_between((84, 84, 1), (4, 84, 84)), layout_between((84, 84, 3), (84, 84, 12))
    (FrameLayout("CHW", stack=4), FrameLayout("HWC", stack=4))
    """
    wanted, got = tuple(wanted), tuple(got)
    if len(wanted) != 3 or wanted[-1] not in (1, 3):
        return None
    for axes in _KNOWN:
        if len(axes) != len(got):
            continue
        sizes = dict(zip(axes, got, strict=True))
        if "S" in axes:
            number = None
        else:
            number, rest = divmod(sizes.get("C", 1), wanted[-1])
            if rest or (sizes.get("C") == 3 and number == 3 and stack != 3):
                continue
        if stack is not None and number not in (None, 1, stack):
            continue
        layout = FrameLayout(axes, number if number != 1 else None, scaled)
        if layout.gives(got, wanted):
            return layout
    return None
