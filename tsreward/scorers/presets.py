"""The scorers a safety penalty can be learned with, under the names the papers use."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tsreward.errors import unknown_name
from tsreward.scorers.base import Scorer, ScorerOptions
from tsreward.scorers.deep_svdd import DeepSVDDOptions
from tsreward.scorers.table import SCORERS
from tsreward.scorers.transformer_ae import TransformerAEOptions


@dataclass(frozen=True)
class ScorerPreset:
    """A scorer of the table, its options, and whether the source run's unsafe windows are shown to it."""

    name: str
    options: ScorerOptions
    negative: bool = False

    def build(self, window: int) -> Scorer:
        """Return the unfitted scorer for windows of this many steps."""
        return SCORERS[self.name](window, self.options)


SCORER_PRESETS: dict[str, ScorerPreset] = {
    **{name: ScorerPreset(name, scorer.Options(), scorer.needs_negative) for name, scorer in SCORERS.items()},
    "deep_sad": ScorerPreset("deep_svdd", DeepSVDDOptions(), negative=True),
    "least_squares_sad": ScorerPreset(
        "deep_svdd", DeepSVDDOptions(negative_loss="least_squares", gradient_penalty=10.0), negative=True
    ),
    "semi_supervised_ae": ScorerPreset("transformer_ae", TransformerAEOptions(), negative=True),
}


def scorer_preset(name: str, options: ScorerOptions | None = None) -> ScorerPreset:
    """Return the scorer of this name, with its own options or with others.

    Raises:
        OptionError: there is none; the nearest name is suggested.
    """
    if name not in SCORER_PRESETS:
        raise unknown_name("scorer", name, SCORER_PRESETS)
    scorer = SCORER_PRESETS[name]
    return scorer if options is None else replace(scorer, options=options)
