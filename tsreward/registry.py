"""`Registry`: what can be called by a name, ours and what installed packages add.

Our own things are registered where they are defined:

    @SCORERS.register("knn")
    class KNN(Scorer[KNNOptions]): ...

Another package names its own in its pyproject.toml, under the group of the registry:

    [project.entry-points."tsreward.scorers"]
    my_scorer = "my_package.scorers:MyScorer"

Nothing is imported before a name is asked for, and only from tsreward and from entry points of what is installed: a
name out of a file is looked up, and never imported.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module, metadata
from pkgutil import walk_packages
from typing import Any, Generic, TypeVar

from tsreward.errors import OptionError, shown, unknown_name

T = TypeVar("T")
Own = TypeVar("Own")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_ALLOWED = "letters, digits, _ and -"
OWN = "tsreward"


class Registry(Generic[T]):
    """Things of one kind by name, in alphabetical order.

    Args:
        kind: what they are called in messages.
        package: package of ours whose modules register theirs; also the group of the entry points without `group`.
        of: class that they are, or are instances of; anything that can be called without it.
        group: group of the entry points.

    >>> scorers = Registry("scorer", "tsreward.scorers")
    >>> @scorers.register("zero")
    ... def zero() -> int:
    ...     return 0
    >>> "zero" in scorers, scorers["zero"](), scorers.package("zero")
    (True, 0, 'tsreward')
    """

    def __init__(self, kind: str, package: str, of: Any = Callable, group: str | None = None) -> None:
        self.kind, self._package, self._of, self.group = kind, package, of, group or package
        self._things: dict[str, T] = {}
        self._offered: dict[str, metadata.EntryPoint] = {}
        self._complete = False

    def register(self, name: str) -> Callable[[Own], Own]:
        """Return a decorator that puts a class or a function under `name`.

        Raises:
            OptionError: something else has the name already.
        """

        def put(thing: Own) -> Own:
            self.add(name, thing)  # type: ignore[arg-type]
            return thing

        return put

    def add(self, name: str, thing: T) -> None:
        """Put `thing` under `name`; the same thing defined again, as in a notebook, takes its own place.

        Raises:
            OptionError: something else has the name already, the name is none, or the thing is not of this kind.
        """
        if not _NAME.fullmatch(name):
            raise OptionError(f"The name of a {self.kind} is {_ALLOWED}, got {shown(name)}.")
        if not _is(thing, self._of):
            wanted = "something to call" if self._of is Callable else f"a {self._of.__name__}"
            raise OptionError(f"The {self.kind} '{name}' must be {wanted}, got {_place(thing)}.")
        taken = self._things.get(name, thing)
        if taken is not thing and not _same(taken, thing):
            raise self._twice(name, _place(taken), _place(thing))
        self._things[name] = thing

    def __getitem__(self, name: str) -> T:
        return self.find(name)

    def find(self, name: str, package: str | None = None) -> T:
        """Return what is called `name`; `package` is the one that has it according to a file.

        Raises:
            OptionError: nothing is called so, it is another package's, or the package that offers it is broken.
        """
        if name not in self._things:
            self._discover()
        if name not in self._things and name not in self._offered:
            raise OptionError(f"{unknown_name(self.kind, shown(name)[1:-1], self)}{self._remedy(package)}")
        if name not in self._things:
            self.add(name, _load(self.kind, self._offered[name]))
        if package is not None and _canonical(package) != _canonical(self.package(name)):
            raise OptionError(
                f"The {self.kind} '{name}' is that of the package {shown(self.package(name))} here, and the file was "
                f"made with that of {shown(package)}: install that one in its place."
            )
        return self._things[name]

    def __contains__(self, name: object) -> bool:
        return name in self._things or name in self.names()

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def __len__(self) -> int:
        return len(self.names())

    def names(self, own: bool = False) -> list[str]:
        """Return all names, without those of other packages where `own` is set.

        Raises:
            OptionError: one name is offered twice.
        """
        self._discover()
        return sorted(name for name in {*self._things, *self._offered} if not own or self.package(name) == OWN)

    def items(self) -> list[tuple[str, T]]:
        """Return (name, thing) of all, which loads those of other packages."""
        return [(name, self.find(name)) for name in self.names()]

    def values(self) -> list[T]:
        """Return all things, which loads those of other packages."""
        return [self.find(name) for name in self.names()]

    def name_of(self, thing: T) -> str:
        """Return what a thing is called.

        Raises:
            OptionError: it is not registered.
        """
        for name, known in self._things.items():
            if known is thing:
                return name
        self._discover()
        for name, point in self._offered.items():
            if point.module.partition(".")[0] == _top(thing) and self.find(name) is thing:
                return name
        raise OptionError(
            f"{_place(thing)} is no registered {self.kind}, so no file and no command can name it: let its package "
            f"offer it as an entry point of the group '{self.group}'. Known: {', '.join(self.names())}."
        )

    def fits(self, thing: Any) -> bool:
        """Tell whether something is of this kind."""
        return self._of is not Callable and _is(thing, self._of)

    def is_from(self, name: str, module: str) -> bool:
        """Tell whether a module has registered something under `name`."""
        return name in self._things and _place(self._things[name]).startswith(f"{module}.")

    def named(self, thing: T) -> str:
        """Return what a thing is called; a class that nobody has registered is put under its own name.

        Raises:
            OptionError: something else has that name, or the thing is no class.
        """
        known = next((name for name, other in self._things.items() if other is thing), None)
        if known is not None:
            return known
        if not isinstance(thing, type):
            raise OptionError(f"{_place(thing)} is a {self.kind} without a name: register it under one.")
        self._discover()
        self.add(thing.__name__, thing)
        return thing.__name__

    def package(self, name: str) -> str:
        """Return the name of the installed package that `name` comes from, or '' where that is none, as a script."""
        if name in self._offered:
            return _of_distribution(self._offered[name])
        top = _top(self._things[name])
        return next(iter(_distributions().get(top, [])), "") if top != OWN else OWN

    def _discover(self) -> None:
        """Import our own modules of this kind, and list what other packages offer, which imports nothing of theirs."""
        if self._complete:
            return
        self._complete = True  # before the imports, for they may ask
        try:
            package = import_module(self._package)
            for module in walk_packages(package.__path__, f"{self._package}."):
                import_module(module.name)
            for point in _entry_points(self.group):
                self._offer(point)
        except BaseException:
            self._complete = False
            raise

    def _offer(self, point: metadata.EntryPoint) -> None:
        if not _NAME.fullmatch(point.name):
            raise OptionError(f"{_who(point)} is offered as {self.kind} {shown(point.name)}: names are {_ALLOWED}.")
        known, other = self._things.get(point.name), self._offered.get(point.name, point)
        if known is not None and _top(known) != point.module.partition(".")[0]:
            raise self._twice(point.name, _place(known), _who(point))
        if other != point:
            raise self._twice(point.name, _who(other), _who(point))
        self._offered[point.name] = point

    def _twice(self, name: str, first: str, second: str) -> OptionError:
        return OptionError(f"The {self.kind} '{name}' is there twice, {first} and {second}: rename or uninstall one.")

    def _remedy(self, package: str | None) -> str:
        if package is None or package == OWN:
            return ""
        if not package:
            return (
                " The file was made with one that no package has: import the module that registers it first, "
                "with --import my_module on the command line."
            )
        try:
            here = f"is installed here as version {metadata.version(package)} and does not have it"
        except (metadata.PackageNotFoundError, ValueError):
            here = "is not installed here"
        return f" The file was made with the package {shown(package)}, which {here}."


def _load(kind: str, point: metadata.EntryPoint) -> Any:
    try:
        return point.load()
    except Exception as error:
        text = " ".join(str(error).split())
        raise OptionError(
            f"The {kind} '{point.name}' of {_who(point)} cannot be imported ({type(error).__name__}: {text}): mend or "
            f"uninstall that package."
        ) from error


def _entry_points(group: str) -> list[metadata.EntryPoint]:
    return sorted(metadata.entry_points(group=group), key=lambda point: (point.name, _of_distribution(point)))


@cache
def _distributions() -> dict[str, list[str]]:
    return dict(metadata.packages_distributions())


def _of_distribution(point: metadata.EntryPoint) -> str:
    return point.dist.name if point.dist is not None else ""


def _who(point: metadata.EntryPoint) -> str:
    version = f" {point.dist.version}" if point.dist is not None else ""
    return f"{point.value} of the package {_of_distribution(point)}{version}"


def _place(thing: Any) -> str:
    """Return module and name of a class, a function, or of the class of anything else."""
    named = thing if hasattr(thing, "__qualname__") else type(thing)
    return f"{named.__module__}.{named.__qualname__}"


def _top(thing: Any) -> str:
    return _place(thing).partition(".")[0]


def _is(thing: Any, of: Any) -> bool:
    return isinstance(thing, of) or (isinstance(thing, type) and isinstance(of, type) and issubclass(thing, of))


def _same(one: Any, other: Any) -> bool:
    """Tell whether two things are one, defined once or twice in the same place."""
    return one == other or (hasattr(one, "__qualname__") and _place(one) == _place(other))


def _canonical(package: str) -> str:
    return re.sub(r"[-_.]+", "-", package).lower()
