"""Options of an agent that cannot work are refused before anything is made."""

from __future__ import annotations

from typing import Any

import pytest

from tsreward.agents.options import AgentOptions
from tsreward.errors import OptionError


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"algorithm": "dqn"}, "AgentOptions.algorithm is 'ppo', 'td3' or 'sac', got 'dqn'"),
        ({"library": "tensorflow"}, "AgentOptions.library is 'torch' or 'jax', got 'tensorflow'"),
        ({"scoring": "late"}, "AgentOptions.scoring is 'auto', 'bulk' or 'step', got 'late'"),
        ({"steps": 0}, "AgentOptions.steps must be at least 1, got 0"),
        ({"train_every": 0}, "AgentOptions.train_every must be at least 1, got 0"),
        ({"learning_starts": -1}, "AgentOptions.learning_starts is None or at least 0, got -1"),
        ({"learning_rate": 0.0}, r"AgentOptions.learning_rate lies between 0 and 1, got 0.0"),
        ({"target_entropy": -2.0}, r"target_entropy is a finite number, and for 'sac' alone, got -2.0 for 'ppo'"),
        ({"algorithm": "sac", "target_entropy": float("nan")}, r"target_entropy is a finite number.* got nan"),
        ({"final_rate": 0.0}, r"AgentOptions.final_rate lies in \(0, 1\], got 0.0"),
        ({"gamma": 1.5}, r"AgentOptions.gamma lies in \[0, 1\], got 1.5"),
        ({"seed": -1}, "AgentOptions.seed is an integer from 0"),
        ({"seed": 2**32}, "AgentOptions.seed is an integer from 0"),
    ],
)
def test_options_that_cannot_work_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        AgentOptions(**options)
