"""Whether data are what they seem: episodes whole, their roles found, no counter among what is observed."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from tsreward.data.columns import DataColumns
from tsreward.data.rows import Reading
from tsreward.data.sources import read_data
from tsreward.errors import DataError, OptionError, ProtocolError, ShapeError, TSRewardWarning
from tsreward.functional.moments import unusual_columns
from tsreward.named_warnings import WarningLog, gathered
from tsreward.sequences.episodes import Episode
from tsreward.testing.report import Check, CheckReport

READS = "it can be read"
_WARNED = {
    "irregular time": "rows follow each other at equal steps of time",
    "negative costs": "no cost is negative",
    "missing costs": "every step has a cost",
    "several costs": "one cost is given",
}
"""Name of a warning that reading may give -> the check that it fails."""
_SCALES = {
    "constant": "one value in all rows",
    "tiny": "standard deviation below 0.001",
    "huge": "standard deviation above 100,000",
    "far": "further from 0 than 100,000 standard deviations",
}


def check_data(path: Path, columns: DataColumns = DataColumns()) -> CheckReport:  # noqa: B008 - frozen
    """Return what is found about the data that a path names; the first check says what its columns or arrays are.

    Checked is that it can be read, which takes named columns and time stamps in order, that every episode is whole and
    finite, that the first observations of episodes were recorded, that rewards differ, that costs are of both kinds,
    none is negative and no step lacks one, that steps of time are equal, and that nothing observed only counts up. The
    first check also names columns of one value and of unusual scale, and says where there are no costs.
    """
    with gathered() as log, warnings.catch_warnings():
        warnings.simplefilter("ignore", TSRewardWarning)  # they are checks here
        try:
            decided, reading = _read(path, columns)
        except _REFUSALS as error:
            return CheckReport(str(path), (Check(READS, False, "Do what the message says.", str(error)),))
    facts = [*decided, *reading.notes, *scale_facts(reading.episodes), *_cost_facts(reading.episodes)]
    found = "; ".join([*facts, f"{len(reading.episodes)} episodes"])
    return CheckReport(str(path), (Check(READS, True, "", found), *_checks(reading), *_warned(log)))


_REFUSALS = (DataError, OptionError, ShapeError, ProtocolError)


def _read(path: Path, columns: DataColumns) -> tuple[Sequence[str], Reading]:
    """Return what `read_data` does, without the episodes that cannot be used where others can."""
    try:
        return read_data(path, columns)
    except (DataError, ShapeError) as error:
        try:
            return read_data(path, replace(columns, skip_bad_episodes=True))
        except _REFUSALS:
            raise error from None


def scale_facts(episodes: Sequence[Episode]) -> list[str]:
    """Name, in words, the columns of one value and those of unusual scale; none of pictures."""
    if any(
        episode.obs.ndim != 2 or episode.obs.shape != (*episode.obs.shape[:1], *episodes[0].obs.shape[1:])
        for episode in episodes
    ):
        return []
    rows = np.concatenate([episode.obs[1:] for episode in episodes])
    rows = rows[~np.isnan(rows).any(1)] if rows.dtype.kind == "f" else rows.astype(np.float64)
    if len(rows) < 2:
        return []
    names = episodes[0].columns
    return [
        f"{_SCALES[kind]}: {_listed([str(place) if names is None else names.names[place] for place in places])}"
        for kind, places in unusual_columns(torch.from_numpy(rows)).items()
        if places
    ]


def _cost_facts(episodes: Sequence[Episode]) -> list[str]:
    """Say where no step of an environment has a cost."""
    costly = any(episode.costs is not None for episode in episodes)
    paid = any(episode.rewards is not None for episode in episodes)
    return ["no costs, so what is unsafe is not known (--cost)"] if paid and not costly else []


def _warned(log: WarningLog) -> list[Check]:
    """Return a check for every kind of warning that reading may give."""
    given: dict[str, list[str]] = {name: [] for name in _WARNED}
    for one in log.given:
        given.setdefault(one.name, []).append(one.text)
    return [
        _check(_WARNED.get(name, name), " ".join(texts), "Do what the message says.") for name, texts in given.items()
    ]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")


def _checks(reading: Reading) -> list[Check]:
    episodes = reading.episodes
    checks = [
        _check(
            "every episode can be used", "; ".join(reading.skipped.values()), "Leave them out: --skip-bad-episodes."
        ),
        _check("the episodes observe the same", _shapes(episodes), "Choose what is observed with --obs."),
        _check(
            "the first observation of every episode is recorded",
            _first(episodes),
            "Record it, or say what rows hold: --layout.",
        ),
        _check("nothing that is observed only counts up", _counters(episodes), "Leave it out: --ignore, or --time."),
    ]
    rewards = [episode.rewards for episode in episodes if episode.rewards is not None]
    if rewards:
        paid = np.concatenate(rewards)
        alike = f"all {len(paid)} are {paid[0]:g}" if len(paid) > 1 and (paid == paid[0]).all() else ""
        checks.append(_check("rewards differ", alike, "Name the rewards: --reward."))
    costs = [episode.costs for episode in episodes if episode.costs is not None]
    if costs:
        share = float(np.mean(np.concatenate(costs) > 0))
        alike = f"{share:.0%} of the steps have a cost or a label" if share in (0, 1) else ""
        name = "costs or labels are of both kinds"
        checks.append(_check(name, alike, "Name them: --cost, --label; or collect more."))
    return checks


def _check(name: str, wrong: str, remedy: str) -> Check:
    return Check(name, not wrong, remedy, wrong)


def _shapes(episodes: Sequence[Episode]) -> str:
    first = episodes[0].obs.shape[1:]
    others = [episode.obs.shape[1:] for episode in episodes if episode.obs.shape[1:] != first]
    return f"{list(first)} and {list(others[0])}" if others else ""


def _first(episodes: Sequence[Episode]) -> str:
    count = sum(not episode.first_known for episode in episodes)
    return f"{count} of {len(episodes)} lack it: their first steps may score otherwise than in a run" if count else ""


def _counters(episodes: Sequence[Episode]) -> str:
    """Name the columns that rise by the same amount at every step of every episode."""
    if episodes[0].obs.ndim != 2 or max(map(len, episodes)) < 4:
        return ""
    steps = np.concatenate([np.diff(episode.obs[1:].astype(np.float64), axis=0) for episode in episodes])
    usual = np.median(steps, axis=0)
    counting = (usual != 0) & np.isclose(steps, usual, rtol=1e-3, atol=0).all(axis=0)
    names = episodes[0].columns
    found = [str(place) if names is None else names.names[place] for place in np.flatnonzero(counting)]
    return f"{', '.join(found[:10])} of {len(counting)} columns" if found else ""
