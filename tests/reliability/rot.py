"""Damaged copies of a file: flipped bits, cuts and splices; and what a loader makes of them."""

import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.reliability.models import file_bytes
from tsreward.errors import CheckpointError
from tsreward.io import describe, load


def flips(data: bytes, number: int, seed: int) -> Iterator[bytes]:
    """Yield copies with one flipped bit."""
    draw = random.Random(seed)
    for _ in range(number):
        copy = bytearray(data)
        copy[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
        yield bytes(copy)


def truncations(data: bytes, number: int, seed: int) -> Iterator[bytes]:
    """Yield copies that end early."""
    draw = random.Random(seed)
    for _ in range(number):
        yield data[: draw.randrange(len(data))]


def splices(data: bytes, other: bytes, number: int, seed: int) -> Iterator[bytes]:
    """Yield copies with a part of another good file in place of a part, with a part moved, repeated or left out."""
    draw = random.Random(seed)
    while number:
        first, second = sorted(draw.sample(range(len(data) + 1), 2))
        part, place = data[first:second], draw.randrange(len(data))
        rest = data[:first] + data[second:]
        copy = draw.choice(
            [
                data[:first] + other[first:second] + data[second:],
                data[:first] + other[place : place + second - first] + data[second:],
                data[:place] + part + data[place:],
                rest[:place] + part + rest[place:],
                rest,
                data[:first] + other[first:],
            ]
        )
        if copy not in (data, other):
            number -= 1
            yield copy


def outcomes(copies: Iterator[bytes], data: bytes, path: Path) -> tuple[Counter[str], float]:
    """Load every copy from `path`; return how often which outcome came, and the longest load in seconds.

    The outcomes are "refused", "same" (loaded, and nothing had changed), "changed" and the names of other exceptions.
    """
    seen: Counter[str] = Counter()
    longest = 0.0
    for copy in copies:
        path.unlink(missing_ok=True)  # some file systems wait for the disk where a file is overwritten
        path.write_bytes(copy)
        start = time.perf_counter()
        seen[_outcome(path, data)] += 1
        longest = max(longest, time.perf_counter() - start)
    return seen, longest


def _outcome(path: Path, data: bytes) -> str:
    try:
        model = load(path)
    except CheckpointError:
        return "refused"
    except Exception as error:
        return type(error).__name__
    return "same" if file_bytes(model, **describe(path)["note"]) == data else "changed"
