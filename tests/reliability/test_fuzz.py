"""The targets of the fuzzer, on their corpus and on what Hypothesis makes of it, raise errors of ours and no others."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuzz.targets import TARGETS, corpus, run
from tests.hanging import must_end

kept = cache(corpus)


@st.composite
def changed(draw: Callable, name: str) -> bytes:
    """Return an input of the corpus with bytes replaced, left out, repeated or put in; or any bytes."""
    data = draw(st.sampled_from(kept(name)) | st.binary(max_size=200))
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(data)))
        stop = draw(st.integers(start, min(len(data), start + 16)))
        put = draw(
            st.binary(max_size=8) | st.sampled_from([b"", data[start:stop] * 2, b"\x00", b"9" * 30, b'"', b"nan"])
        )
        data = data[:start] + put + data[stop:]
    return data


@pytest.mark.parametrize("name", TARGETS)
def test_what_is_kept_ends_well(name: str) -> None:
    assert len(kept(name)) >= 3
    for data in kept(name):
        with must_end(60):
            run(name, data)


@pytest.mark.parametrize("name", TARGETS)
def test_what_is_changed_ends_well(name: str) -> None:
    @settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[*HealthCheck])
    @given(changed(name))
    def check(data: bytes) -> None:
        run(name, data)

    with must_end(120):
        check()
