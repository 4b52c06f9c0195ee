"""Options that cannot be are refused before anything runs."""

import pytest

from tsreward.errors import OptionError
from tsreward.recipes.likeness_options import ExpertLikenessOptions


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scorer": "deep_sda"}, "Unknown scorer 'deep_sda': did you mean 'deep_sad'"),
        ({"transform": "odd"}, "got 'odd'"),
        ({"learning": "cold"}, "learning must be 'active' or 'frozen', got 'cold'"),
        ({"bonus": "icm"}, "bonus must be 'none', 'rnd' or 'disagreement', got 'icm'"),
        ({"negatives": ("random", "bad")}, "each item 'random', 'failures', 'half_trained' or 'probes', got"),
        ({"num_demos": 0}, "num_demos must be an integer >= 1, got 0"),
        ({"evaluations": 0}, "evaluations must be an integer >= 1"),
        ({"frames": 0}, "frames must be an integer >= 1 or None"),
        ({"bonus_weight": -0.1}, "bonus_weight must be a finite number >= 0"),
        ({"encoder": "clip"}, "needs clip_source, the folder or the name of a CLIP"),
        ({"video_skip": 0}, "video_skip must be an integer >= 1, got 0"),
        (
            {"masks": ((0, 0, 0, 64),), "frames": 64},
            r"masks must be rectangles \(top, .* in pixels, got \(\(0, 0, 0, 64\),\)",
        ),
        ({"side": 0}, r"side must be an integer in \[1, 128\], got 0"),
        ({"components": 0}, "components must be an integer >= 1, got 0"),
        ({"clip_low": 1.5}, "clip_low"),
        ({"clip_source": "somewhere"}, "and no other encoder does"),
        ({"window": 0}, "window"),
    ],
)
def test_wrong_options(options, message):
    with pytest.raises(OptionError, match=message):
        ExpertLikenessOptions(**options)
