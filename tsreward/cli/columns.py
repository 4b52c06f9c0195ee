"""The column of rewards, for commands whose --reward is already how a score becomes a reward, or whose reward it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Annotated

import tyro

from tsreward.data.columns import DataColumns


@dataclass(frozen=True)
class ColumnsBesideReward(DataColumns):
    """What the columns of data are; those that are not named here are sensors."""

    reward: Annotated[str | None, tyro.conf.arg(name="reward-column")] = None
    """What the environment paid for the transition of the row: --reward of other commands."""


def with_reward_column(command: str, arguments: Sequence[str]) -> list[str]:
    """Return the arguments with the column of rewards under the name that it has in a command.

    In fit and train, --reward names a mode, and --reward-column the column; elsewhere both names mean the column. A
    --reward of fit and train that is like no mode is taken for the column.

    >>> with_reward_column("score", ["--reward-column", "paid"])
    ['--reward', 'paid']
    >>> with_reward_column("fit", ["--reward", "likeness", "--reward=next.reward", "--reward", "penalti"])
    ['--reward', 'likeness', '--reward-column=next.reward', '--reward', 'penalti']
    """
    column, mode = "--reward-column", "--reward"
    if command not in ("fit", "train"):
        return [f"{mode}{word.removeprefix(column)}" if _is(word, column) else word for word in arguments]
    found = list(arguments)
    for place, word in enumerate(found):
        value = word.partition("=")[2] if "=" in word else "".join(found[place + 1 : place + 2])
        if _is(word, mode) and value and not _is_mode(command, value):
            found[place] = f"{column}{word.removeprefix(mode)}"
    return found


def _is(word: str, option: str) -> bool:
    return word.partition("=")[0].replace("_", "-") == option


def _is_mode(command: str, value: str) -> bool:
    """Tell whether a value is meant to be a mode: one that is known, one of a module, or a slip of one."""
    from tsreward.rewards.base import MODES

    known = ["model", "likeness"] if command == "train" else [*MODES]
    return value in known or ":" in value or value.startswith("-") or bool(get_close_matches(value, known, cutoff=0.7))
