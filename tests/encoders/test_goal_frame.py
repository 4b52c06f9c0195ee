"""Which frame of a goal video is the goal."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tsreward.encoders.goal_frame import goal_frame
from tsreward.errors import DataError, OptionError

VIDEO = np.zeros((6, 4, 4, 3), np.uint8)
VIDEO[:, 0, 0] = np.array([0, 40, 50, 60, 200, 255], np.uint8)[:, None]


def test_without_a_text_it_is_the_last_or_the_most_typical() -> None:
    assert goal_frame(VIDEO) == 5
    assert goal_frame(VIDEO, "medoid") == 3


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"how": "best"}, OptionError, "takes last, medoid or text, got 'best'"),
        ({"how": "text"}, OptionError, "by text with prompts"),
        ({"how": "text", "prompts": ["a cup"], "source": "nowhere"}, DataError, "neither a folder nor a name"),
    ],
)
def test_what_cannot_be_found_is_refused(options: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        goal_frame(VIDEO, **options)
    with pytest.raises(DataError, match=r"expects the frames \[T, H, W, C\]"):
        goal_frame(VIDEO[0])


def test_the_text_picks_the_frame_that_is_most_like_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("transformers", reason="needs the extra 'pixels'")
    import torch

    from tsreward.encoders import goal_frame as module

    class Towards(torch.nn.Module):
        def forward(self, frames: torch.Tensor) -> torch.Tensor:
            angle = frames[:, 0, 0, 0].float() / 255
            return torch.stack([angle.cos(), angle.sin()], 1)

    monkeypatch.setattr(module.CLIPEncoder, "pretrained", lambda shape, source: Towards())
    bright = torch.tensor([60 / 255]).cos(), torch.tensor([60 / 255]).sin()
    monkeypatch.setattr(module, "text_direction", lambda prompts, source: torch.cat(bright))
    assert goal_frame(VIDEO, "text", prompts=["done"], source=str(tmp_path)) == 3
