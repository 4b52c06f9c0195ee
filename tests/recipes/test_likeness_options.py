"""Options that cannot be are refused before anything runs."""

import pytest

from tsreward.errors import OptionError
from tsreward.recipes.likeness_options import ExpertLikenessOptions


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scorer": "deep_sda"}, "Unknown scorer 'deep_sda': did you mean 'deep_sad'"),
        ({"shape": "odd"}, "got 'odd'"),
        ({"learning": "cold"}, "learning is one of active, frozen, got 'cold'"),
        ({"bonus": "icm"}, "bonus is one of none, rnd, disagreement, got 'icm'"),
        ({"negatives": ("random", "bad")}, "negatives are some of random, failures, half_trained, probes, got 'bad'"),
        ({"experts": 1}, "experts must be at least 2"),
        ({"evaluations": 0}, "evaluations must be at least 1"),
        ({"frames": 0}, "size of 1 pixel or more"),
        ({"bonus_weight": -0.1}, "bonus_weight must not be negative"),
        ({"encoder": "clip"}, "needs clip_source, the folder or the name of a CLIP"),
        ({"video_skip": 0}, "video_skip must be at least 1, got 0"),
        (
            {"masks": ((0, 0, 0, 64),), "frames": 64},
            r"masks needs \(top, .* in pixels, got \(0, 0, 0, 64\)",
        ),
        ({"side": 0}, "side 1 to 128, got 16 and 0"),
        ({"components": 0}, "dim >= 1 and side 1 to 128, got 0 and 16"),
        ({"clip_low": 1.5}, "clip_low"),
        ({"clip_source": "somewhere"}, "and no other encoder does"),
        ({"window": 0}, "window"),
    ],
)
def test_wrong_options(options, message):
    with pytest.raises(OptionError, match=message):
        ExpertLikenessOptions(**options)
