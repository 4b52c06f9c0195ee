"""`check_encoder`: whether an encoder keeps the contract that models and files rely on."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
import torch
from safetensors.torch import load, save
from torch import Tensor

from tsreward.encoders.base import Encoder
from tsreward.encoders.frames import FrameEncoder
from tsreward.errors import ShapeError
from tsreward.functional.tensors import as_tensor, in_chunks
from tsreward.testing.report import CheckReport, Promise, refusal, touched, try_all

_CHUNK = 8


@dataclass
class _Case:
    make: Callable[[], Encoder]
    given: np.ndarray | Tensor | None

    @cached_property
    def encoder(self) -> Encoder:
        return self.make()

    @cached_property
    def obs(self) -> Tensor:
        if self.given is not None:
            return self.given if isinstance(self.given, Tensor) else as_tensor(self.given)
        return noise(self.encoder, 40)

    def encode(self, obs: Tensor | None = None) -> Tensor:
        with torch.inference_mode():
            return self.encoder(self.obs if obs is None else obs)


def noise(encoder: Encoder, count: int, seed: int = 0) -> Tensor:
    """Return observations [count, *obs] that an encoder reads: bytes for pictures, else normal numbers."""
    draw, shape = torch.Generator().manual_seed(seed), (count, *encoder.obs_shape)
    if isinstance(encoder, FrameEncoder):
        return torch.randint(0, 256, shape, generator=draw, dtype=torch.uint8)
    return torch.randn(shape, generator=draw)


def check_encoder(
    make: Callable[[], Encoder],
    obs: np.ndarray | Tensor | None = None,
    only: Collection[str] | None = None,
    expected_failed_checks: Mapping[str, str] | None = None,
) -> CheckReport:
    """Check the encoder that a function makes, fitted where it needs to be.

    Args:
        make: makes the same encoder whenever it is called.
        obs: observations [B, *obs] with B > 10; None takes noise, uint8 for a `FrameEncoder`, else float32.
        only: names of the checks that are made; None makes all.
        expected_failed_checks: names of checks that may fail, each with the reason.

    Raises:
        OptionError: `only` or `expected_failed_checks` has an unknown name, or a reason is empty.

    >>> from tsreward.encoders.base import Identity
    >>> check_encoder(lambda: Identity((3,))).raise_if_failed()
    """
    return try_all(
        getattr(make, "__name__", "encoder"), _Case(make, obs), ENCODER_PROMISES, only, expected_failed_checks
    )


def _shape(case: _Case) -> str | None:
    found, wanted = list(case.encode().shape), [len(case.obs), case.encoder.dim]
    return None if found == wanted else f"Wanted features [B, dim] = {wanted}, got {found}."


def _one(case: _Case) -> str | None:
    found, wanted = list(case.encode(case.obs[:1]).shape), [1, case.encoder.dim]
    return None if found == wanted else f"Wanted features {wanted} of one observation, got {found}."


def _float32(case: _Case) -> str | None:
    found, wanted = case.encode().dtype, torch.float32 if case.encoder.frame_shape is None else torch.uint8
    return None if found == wanted else f"Wanted {wanted}, got {found}."


def _finite(case: _Case) -> str | None:
    return None if torch.isfinite(case.encode()).all() else "Finite observations have features that are not finite."


def _repeatable(case: _Case) -> str | None:
    return None if torch.equal(case.encode(), case.encode()) else "The same observations gave different features."


def _input_unchanged(case: _Case) -> str | None:
    before = case.obs.clone()
    case.encode()
    return None if torch.equal(before, case.obs) else "The observations are not what they were before."


def _state_unchanged(case: _Case) -> str | None:
    before = copy.deepcopy(case.encoder.state_dict())
    case.encode()
    after = case.encoder.state_dict()
    same = before.keys() == after.keys() and all(torch.equal(value, after[name]) for name, value in before.items())
    return None if same else "The state_dict is not what it was before observations were encoded."


def _rows_alone(case: _Case, size: int) -> str | None:
    with torch.inference_mode():
        expected = in_chunks(case.encoder, case.obs, _CHUNK)
        parts = torch.cat([in_chunks(case.encoder, part, _CHUNK) for part in case.obs.split(size)])
        order = torch.arange(len(case.obs) - 1, -1, -1)[:size]
        turned = in_chunks(case.encoder, case.obs[order], _CHUNK)
    if not torch.equal(parts, expected):
        return f"Observations encoded {size} at a time have other features than all at once."
    return None if torch.equal(turned, expected[order]) else f"{size} observations in another order differ."


def _varied(case: _Case) -> str | None:
    found = len(case.encode().unique(dim=0))
    return None if found > 10 else f"{len(case.obs)} observations have {found} different features, wanted more than 10."


def _other_shape(case: _Case) -> str | None:
    wrong = torch.cat([case.obs, case.obs], dim=-1)
    return refusal(lambda: case.encoder(wrong), ShapeError, r"expects observations \[B, ")


def _file(case: _Case) -> str | None:
    fresh = case.make()
    fresh.load_state_dict(load(save(case.encoder.state_dict())), strict=True)
    with torch.inference_mode():
        same = torch.equal(fresh(case.obs), case.encoder(case.obs))
    return None if same else "A new encoder with this state gives other features."


def _made_again(case: _Case) -> str | None:
    first, second = case.make().state_dict(), case.make().state_dict()
    same = first.keys() == second.keys() and all(torch.equal(value, second[name]) for name, value in first.items())
    return None if same else "Two encoders made alike have different weights."


def _random_state(case: _Case) -> str | None:
    found = touched(lambda: case.make()(case.obs))
    return f"Making it or encoding changed the state of {', '.join(found)}." if found else None


def _options(case: _Case) -> str | None:
    encoder = case.encoder
    if not isinstance(encoder.options, type(encoder).Options):
        return f"options are of {type(encoder.options).__name__}, wanted {type(encoder).Options.__name__}."
    again = type(encoder)(encoder.obs_shape, encoder.options)
    shapes = [{name: value.shape for name, value in each.state_dict().items()} for each in (encoder, again)]
    return None if shapes[0] == shapes[1] and again.dim == encoder.dim else "Its options make another encoder."


_ROWS = "Encode every observation by itself: no batch statistics, and no shape that changes the order of sums."
_PURE = "Keep encode pure: no dropout, no random numbers, no running statistics, no writing to the input."
_FILE = "Keep all that features depend on in registered parameters and buffers, with their final shapes."
ENCODER_PROMISES: tuple[Promise, ...] = (
    Promise("features are [B, dim]", _shape, "Set self.dim in the constructor to the width that encode returns."),
    Promise("one observation is enough", _one, "Keep the batch axis where B = 1: no squeeze()."),
    Promise("features are float32", _float32, "Return float32 from encode, or uint8 where frame_shape is set."),
    Promise(
        "features are finite", _finite, "Look for a division by a standard deviation of zero, or a logarithm of zero."
    ),
    Promise("features are repeatable", _repeatable, _PURE),
    Promise("the observations are not changed", _input_unchanged, "Work on copies: no obs.div_(...)."),
    Promise("encoding changes no state", _state_unchanged, _PURE),
    *(Promise(f"rows do not see each other: {n}", partial(_rows_alone, size=n), _ROWS) for n in (1, 3, 8, 9)),
    Promise("features are varied", _varied, "The encoder may have collapsed: give it observations it can tell apart."),
    Promise("another shape is refused", _other_shape, "Keep forward as it is in Encoder, and write encode alone."),
    Promise("the state goes through a file", _file, _FILE),
    Promise(
        "made again, it is the same", _made_again, "Draw the weights under functional.seeding.seeded(options.seed)."
    ),
    Promise("the global random numbers are left alone", _random_state, "Draw under functional.seeding.seeded(seed)."),
    Promise("its options make it again", _options, "Take all that the constructor needs from obs_shape and options."),
)
