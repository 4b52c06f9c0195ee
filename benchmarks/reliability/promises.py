"""What every bar promises, and what stays outside of it."""

from __future__ import annotations

from typing import NamedTuple


class Promise(NamedTuple):
    """A bar in words."""

    title: str
    outside: str = ""
    """What stays outside of the promise."""


PROMISES: dict[str, Promise] = {
    "R1": Promise(
        "a writer that is killed leaves a whole file, and loses the last save at most",
    ),
    "R2": Promise(
        "on a full disk a command says so in one line, and what was there stays",
        "folders of runs keep what was written before the disk was full",
    ),
    "R3": Promise(
        "killed and run again, a command gives the bits of a run that nothing interrupted",
        "agents go on from their checkpoint, with other episodes than an uninterrupted run: the state of"
        " environments is in no checkpoint",
    ),
    "R4": Promise(
        "a killed search loses no finished trial, and meets its budget exactly",
        "with several workers, which trial draws what depends on who is first",
    ),
    "R5": Promise(
        "a killed benchmark ends in the same tables, byte by byte",
    ),
    "R6": Promise(
        "a damaged model file is refused, or is the one that was saved",
    ),
    "R7": Promise(
        "a hostile model file is refused, runs nothing and fills no memory",
        "digests are no signature; agent.zip of Stable-Baselines3 is a pickle",
    ),
    "R8": Promise(
        "files of earlier versions load, and give the same numbers to 1e-6",
    ),
    "R9": Promise(
        "a score does not depend on the batch around it, to the bit on one CPU",
        "on a GPU scores agree to rounding",
    ),
    "R10": Promise(
        "a stream in pieces gives the bits of the whole log",
    ),
    "R11": Promise(
        "the same seed gives the same weights, and no global state is touched",
        "other versions of PyTorch, other processors and several threads may round otherwise",
    ),
    "R12": Promise(
        "rewards are finite or refused, and a bad row changes no other row",
    ),
    "R13": Promise(
        "metrics equal slow twins, scikit-learn and their authors' values",
    ),
    "R14": Promise(
        "a wrapper changes the reward alone",
    ),
    "R15": Promise(
        "a vector of wrappers and a wrapper of a vector pay the same, however environments reset",
    ),
    "R16": Promise(
        "the death of a worker is a named error, and nothing is left",
    ),
    "R17": Promise(
        "memory does not grow with time",
    ),
    "R18": Promise(
        "threads, processes and containers side by side",
    ),
    "R19": Promise(
        "SIGINT and SIGTERM end with a checkpoint, 130 or 143, and no traceback",
        "while Python itself starts, before anything of tsreward is imported, it shows its own traceback",
    ),
    "R20": Promise(
        "malformed inputs are refused in one line with place and remedy",
    ),
    "R21": Promise(
        "fuzzed inputs are read or refused with an error of ours",
    ),
    "R22": Promise(
        "checkers for scorers, encoders, models and wrappers of others",
    ),
    "R23": Promise(
        "every command does with its own extra, torchvision missing or broken, on every Python",
        "Python 3.14 was not to be had here",
    ),
    "R24": Promise(
        "pages are inert, small and quick",
    ),
}
"""Name -> promise; R25 is this table."""
