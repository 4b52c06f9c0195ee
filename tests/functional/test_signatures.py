"""The shapes in the signatures of the pure functions are checked while the tests run."""

import pytest
import torch
from jaxtyping import TypeCheckError

from tsreward.functional.shaping import severity


def test_a_call_against_the_signature_is_refused() -> None:
    with pytest.raises(TypeCheckError):
        severity(torch.zeros(2, 2), 0.1)
