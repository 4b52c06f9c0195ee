"""Presets: scorers with their options under the names that papers use. They stand beside their scorers."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tsreward.errors import OptionError, unknown_name
from tsreward.registry import Registry
from tsreward.scorers.base import SCORERS, Scorer, ScorerOptions


@dataclass(frozen=True)
class ScorerPreset:
    """The name of a scorer, its options, and whether it is given the negative windows where there are any."""

    scorer: str
    options: ScorerOptions
    negative: bool = False

    def build(self, window: int) -> Scorer:
        """Return the unfitted scorer for windows of this many steps."""
        return SCORERS[self.scorer](window, self.options)


SCORER_PRESETS: Registry[ScorerPreset] = Registry(
    "scorer", "tsreward.scorers", ScorerPreset, group="tsreward.scorer_presets"
)


def scorer_names(own: bool = False) -> list[str]:
    """Return what `scorer_preset` knows: scorers and presets, without those of other packages where `own` is set.

    Raises:
        OptionError: a preset is called as a scorer.
    """
    scorers, presets = SCORERS.names(own), SCORER_PRESETS.names(own)
    if both := set(scorers) & set(presets):
        raise OptionError(f"'{min(both)}' is the name of a scorer and of a preset: rename or uninstall one.")
    return sorted([*scorers, *presets])


def scorer_preset(name: str, options: ScorerOptions | None = None) -> ScorerPreset:
    """Return the preset of this name, or the scorer of this name as it is by default, with its own options or others.

    Raises:
        OptionError: there is none; the nearest name is suggested.

    >>> scorer_preset("deep_sad").scorer, scorer_preset("knn").negative
    ('deep_svdd', False)
    """
    if name not in scorer_names():
        raise unknown_name("scorer", name, scorer_names())
    if name in SCORER_PRESETS:
        preset = SCORER_PRESETS[name]
    else:
        preset = ScorerPreset(name, SCORERS[name].Options(), SCORERS[name].needs_negative)
    return preset if options is None else replace(preset, options=options)
