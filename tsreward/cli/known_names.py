"""Names of scorers that need no import to be known: a typo is answered at once, before PyTorch is loaded."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import metadata

from tsreward.errors import unknown_name

SCORERS = (
    "deep_sad",
    "deep_svdd",
    "discriminator",
    "dqn",
    "forecaster",
    "forward_backward",
    "goal_video",
    "goal_video_and_frame",
    "knn",
    "least_squares_sad",
    "lstm_vae",
    "mahalanobis",
    "masked_autoencoder",
    "pca",
    "ridge_var",
    "semi_supervised_ae",
    "semi_supervised_mae",
    "transformer_ae",
    "vadclip",
    "video_likelihood",
)
"""What `--scorer` takes where nobody has added any."""


def check_names(arguments: Sequence[str]) -> None:
    """Refuse a scorer that nobody knows, where no package, module or file of the user's may add one.

    Raises:
        OptionError: there is no such scorer.

    >>> check_names(["--scorer", "knn"])
    """
    if "tsreward.scorers" in sys.modules or any(word.partition("=")[0] == "--config" for word in arguments):
        return  # whoever has loaded them knows more
    words = iter(arguments)
    for word in words:
        option, equals, value = word.partition("=")
        if option != "--scorer":
            continue
        name = value if equals else next(words, "")
        if (
            name
            and name not in SCORERS
            and not name.startswith("-")
            and not metadata.entry_points(group="tsreward.scorers")
        ):
            raise unknown_name("scorer", name, SCORERS)
