"""`my_module:Name` and `--import my_module` on the command line."""

from __future__ import annotations

from collections.abc import Sequence

from tsreward.errors import OptionError
from tsreward.pipeline.own_names import KINDS, import_own, registered_name

_KINDS = {"detectors": "scorer"}
"""Scorers are detectors, too."""
_FOREIGN = "pyod:"


def with_own_names(arguments: Sequence[str]) -> list[str]:
    """Return the arguments without --import, and with the registered name in place of every my_module:Name.

    Raises:
        OptionError: a module is missing or broken, or what is named in it is not of the kind that the option wants.
    """
    kept: list[str] = []
    option, words = "", iter(arguments)
    for word in words:
        name, equals, value = word.partition("=")
        if name == "--import":
            value = value if equals else next(words, "")
            if not value or value.startswith("--"):
                raise OptionError("--import names a module that registers what is yours: --import my_module.")
            import_own([value])
            continue
        if word.startswith("--"):
            option = _KINDS.get(name.removeprefix("--"), name.removeprefix("--"))
        if option == "fix" and equals and name in KINDS:  # tsreward tune --fix scorer=knn,my_module:Name
            word = f"{name}={','.join(registered_name(name, part) for part in value.split(','))}"
        elif option in KINDS and word.startswith("--") and equals:
            word = f"{name}={value if value.startswith(_FOREIGN) else registered_name(option, value)}"
        elif option in KINDS and not word.startswith("--"):
            word = word if word.startswith(_FOREIGN) else registered_name(option, word)
        kept.append(word)
    return kept
