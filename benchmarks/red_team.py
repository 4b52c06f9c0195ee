"""Does a search find the exploit before an agent does? Frozen likenesses whose trainings are known are attacked.

    python -m benchmarks.red_team --tasks swingup balance --seconds 180

Each reward is fitted again as it was for its training (benchmarks.audit), and searched with `tsreward audit --search`.
Whether it worked is known from benchmarks/results/likeness.json: the trained agent returns at least 0.8 of what the
expert does, in means over its seeds. A search is right where the reward leads attackers to the expert (r ≥ 0.7, and no
exploit) and worked, or leads them elsewhere or nowhere and did not. The limits of the rule were chosen on none of these
tasks. Searches that are in the result file are not repeated.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import tyro

from benchmarks.audit import Options as Audited
from benchmarks.audit import pairs
from benchmarks.audit_outcomes import LIKENESS
from benchmarks.audit_pairs import fitted_likeness
from benchmarks.experts import SAC
from benchmarks.likeness import TASKS
from benchmarks.records import RESULTS, Records
from tsreward.audit.search.attack import red_team
from tsreward.audit.search.judging import PAID
from tsreward.audit.search.options import AttackOptions

KEY = ("task", "arm", "seed", "seconds")


@dataclass(frozen=True)
class Options:
    """What to attack."""

    tasks: tuple[str, ...] = ("swingup", "balance")
    arms: tuple[str, ...] = ()
    """Arms of them; empty takes all that there are trainings of."""
    seconds: float = 180.0
    """Seconds of each search."""
    seed: int = 0


def main(options: Options) -> None:
    torch.set_num_threads(1)
    records = Records(RESULTS / "red-team.json", KEY)
    for task in options.tasks:
        for _, _, arm, outcome in pairs(Audited((LIKENESS,), (task,))):
            assert outcome is not None
            identity = {"task": task, "arm": arm, "seed": options.seed, "seconds": options.seconds}
            if records.has(**identity) or (options.arms and arm not in options.arms):
                continue
            model, good, bad = fitted_likeness(task, arm, options.seed)
            attack = AttackOptions(seconds=options.seconds, seed=options.seed)
            found = red_team(model, TASKS[task].env, good, bad, attack, SAC.action_repeat)
            exploited = bool(found.exploits)
            led = not exploited and any(one.paid.value >= PAID for one in found.found)
            record = identity | {
                "worked": outcome.worked,
                "exploited": exploited,
                "led": led,
                "right": led == outcome.worked,
                "search": found.to_json(replaces=True),
            }
            records.add(record)
            told = [
                (one.attacker, round(one.paid.value, 2), [round(d.value, 3) for _, d in one.apart])
                for one in found.found
            ]
            print(
                task,
                arm,
                "worked" if outcome.worked else "failed",
                "exploited" if exploited else "none",
                told,
                flush=True,
            )


if __name__ == "__main__":
    main(tyro.cli(Options))
