"""What users name as `module:Name`: their module is imported, and errors in it are shown as theirs.

The current folder is searched first, as `python -m` does it, and only while such a module is imported. Names out of
files do not come here: a file's names are looked up in what is registered (`tsreward.registry`).
"""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tsreward.errors import OptionError, nearest, shown


@contextmanager
def current_folder_searched() -> Iterator[None]:
    """Search the current folder before all others while modules are imported; `sys.path` is put back afterwards.

    Under `python -P`, which is to keep the current folder out, nothing changes.
    """
    if sys.flags.safe_path:
        yield
        return
    folder = str(Path.cwd())
    sys.path.insert(0, folder)
    importlib.invalidate_caches()  # the module may have been written a moment ago
    try:
        yield
    finally:
        if folder in sys.path:
            sys.path.remove(folder)


def split_name(text: str) -> tuple[str, str] | None:
    """Return (module, name) of a text `module:name`, or None where it is none.

    >>> split_name("my_package.envs:Maze-v0"), split_name("Maze-v0"), split_name("dmc/walker-walk:frames=64")
    (('my_package.envs', 'Maze-v0'), None, None)
    """
    module, _, name = text.partition(":")
    if not name or not all(part.isidentifier() for part in module.split(".")):
        return None
    return module, name


def import_user_module(module: str, named: str) -> Any:
    """Return the module that a user named in the text `named`.

    Raises:
        OptionError: there is no such module, or it raises something while it is imported.
    """
    try:
        with current_folder_searched():
            return importlib.import_module(module)
    except (Exception, SystemExit) as error:
        if (
            isinstance(error, ModuleNotFoundError)
            and error.name is not None
            and f"{module}.".startswith(error.name + ".")
        ):
            if module.endswith(".py"):
                plain = named.replace(f"{module}:", f"{module[:-3]}:", 1)
                raise OptionError(f"{shown(named)} names a file, not a module: write {plain}.") from error
            raise OptionError(
                f"There is no module {error.name}, which {shown(named)} names: write its file as {error.name}.py into "
                f"the current folder, {Path.cwd()}, or install it."
            ) from error
        raise OptionError(
            f"The module {module}, which {shown(named)} names, cannot be imported: {what_went_wrong(error)}."
        ) from error


def import_named(text: str, kind: str) -> Any:
    """Return what is called `module:name`; `kind` says in messages what it was to be.

    Raises:
        OptionError: the text is not of that form, or there is no such module or name, or the module is broken.

    >>> import_named("math:hypot", "cost function")(3, 4)
    5.0
    """
    parts = split_name(text)
    if parts is None:
        raise OptionError(f"A {kind} of your own is written my_module:name, got {shown(text)}.")
    thing = import_user_module(parts[0], text)
    for name in parts[1].split("."):
        if not hasattr(thing, name):
            near = nearest(name, [known for known in dir(thing) if not known.startswith("_")])
            hint = f": did you mean '{near[0]}'?" if near else "."
            raise OptionError(f"The module {parts[0]} has no {shown(parts[1])} for the {kind} {shown(text)}{hint}")
        thing = getattr(thing, name)
    return thing


def what_went_wrong(error: BaseException) -> str:
    """Return an error of somebody else's code in one line: its type, its text, and the file and line it came from."""
    text = " ".join(str(error).split())[:300]
    told = f"{type(error).__name__}: {text}" if text else type(error).__name__
    if isinstance(error, SyntaxError) and error.filename:
        return told if f"line {error.lineno}" in told else f"{told} ({error.filename}, line {error.lineno})"
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not _is_machinery(frame.filename)]
    return f"{told} ({frames[-1].filename}, line {frames[-1].lineno})" if frames else told


def _is_machinery(file: str) -> bool:
    """Tell whether a file is ours, Gymnasium's or Python's importing, in which no user looks for the cause."""
    return "importlib" in file or file == __file__ or f"{os.sep}gymnasium{os.sep}envs{os.sep}registration" in file
