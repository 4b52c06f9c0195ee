"""Run-time check of the shapes in signatures; `conftest.py` turns it on for the pure functions."""

import functools
import random
from collections.abc import Callable
from typing import Any

from beartype import beartype


def typechecked(function: Callable[..., Any]) -> Callable[..., Any]:
    """Check arguments and result, and keep Python's random state: beartype draws from it to sample containers."""
    checked = beartype(function)

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        state = random.getstate()
        try:
            return checked(*args, **kwargs)
        finally:
            random.setstate(state)

    return call
