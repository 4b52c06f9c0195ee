"""What tuning finds, and what that is worth on seeds and machines that took no part in it.

    python -m benchmarks.tuning                                # all parts; studies and finished runs go on
    python -m benchmarks.tuning --parts smd-split --trials 3 --seeds 100 --cache /tmp/tried --out /tmp/tried

circle: return and cost of agents on SafetyPointCircle1 under the penalty; afterwards the default setting, the best of
the front and at most two more of it train agents of seeds, with source agents of their own, that no trial has seen.
smd-split, smd-tsb-ad: VUS-PR of detectors on two machines; afterwards the setting found, the default one and the
ensemble are evaluated on the other four. Names that end in -knn search the default scorer's options only. The defaults
were chosen on all six machines under tsb-ad.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import tyro

from benchmarks.cells import RESULTS

Part = Literal["circle", "smd-split", "smd-split-knn", "smd-tsb-ad", "smd-tsb-ad-knn"]
CACHE = Path(__file__).parent / "cache" / "tuning"


@dataclass(frozen=True)
class Options:
    """What to run."""

    parts: tuple[Part, ...] = get_args(Part)
    trials: int | None = None
    """Trials of every study; None is 40 for circle and 100 for the detectors, which take seconds."""
    workers: int = 2
    """Trials that run at a time."""
    steps: int = 60_000
    """Environment steps of every agent (circle)."""
    fix: tuple[str, ...] = ()
    """Parameters of the detectors that are not searched, or narrower choices: window=4 scorer=knn,pca."""
    seeds: tuple[int, ...] = (100, 101, 102, 103, 104)
    """Seeds that evaluate what was found. Trials have the seeds 0 and 1, and source agents from 1000 on."""
    cache: Path = CACHE
    """Folder of the studies and of the episodes of source agents; a study only goes on with the same sizes."""
    out: Path = RESULTS


def main(options: Options) -> None:
    # The processes of the trials import this file again, each of them: it has to be light.
    from benchmarks import tuning_studies

    tuning_studies.run(options)


if __name__ == "__main__":
    main(tyro.cli(Options))
