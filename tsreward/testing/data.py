"""Whether data are what they seem: episodes whole, their roles found, no counter among what is observed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from tsreward.data.columns import DataColumns
from tsreward.data.rows import Reading
from tsreward.data.sources import read_data
from tsreward.errors import DataError, OptionError, ShapeError
from tsreward.sequences.episodes import Episode
from tsreward.testing.report import Check, CheckReport

READS = "it can be read"


def check_data(path: Path, columns: DataColumns = DataColumns()) -> CheckReport:  # noqa: B008 - frozen
    """Return what is found about the data that a path names; the first check says what its columns or arrays are.

    Checked is that it can be read, that every episode is whole and finite, that the first observations of episodes were
    recorded, that rewards differ, that costs are of both kinds, and that nothing observed only counts up.
    """
    try:
        decided, reading = read_data(path, replace(columns, skip_bad_episodes=True))
    except (DataError, OptionError, ShapeError) as error:
        return CheckReport(str(path), (Check(READS, False, "Do what the message says.", str(error)),))
    found = "; ".join([*decided, *reading.notes, f"{len(reading.episodes)} episodes"])
    return CheckReport(str(path), (Check(READS, True, "", found), *_checks(reading)))


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
