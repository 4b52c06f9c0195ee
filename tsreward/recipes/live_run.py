"""`open_run`: the folder of a run, which is there from its first second and grows while the run goes on."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from warnings import warn

from tsreward.data.alarms import DEFAULT
from tsreward.data.episode_rows import FILE, EpisodeFile, EpisodeRow, read_rows, undo_after
from tsreward.errors import DataError
from tsreward.files import empty_folder, write_atomic
from tsreward.io import save
from tsreward.io.versions import installed_versions
from tsreward.pipeline.model import RewardModel
from tsreward.recipes.run_folder import as_json, film_agents
from tsreward.report.page import write_page
from tsreward.report.run import render_progress
from tsreward.sb3.episode_rows import EpisodeLog
from tsreward.sb3.training import Films, StepReport, TrainedAgent
from tsreward.sequences.costs import Costs

STATUS = "status.json"
FILMS = "films"
"""Folder of the films that are taken on the way."""
STATUS_EVERY = 10.0
"""Seconds between two versions of status.json."""
PAGE_EVERY = 60.0
"""Seconds between two versions of the page, or more: at most a hundredth of the time is spent on them."""

Stage = Callable[[str], StepReport]


class LiveRun:
    """What is written while a run goes on: episodes.csv, status.json and the page.

    `log` and `stage` are given to what trains; everything else happens by itself.
    """

    def __init__(self, folder: Path, title: str, facts: Mapping[str, object], status: dict[str, Any]) -> None:
        self.folder = folder
        self.begun = False
        """Whether anything was done that somebody would miss."""
        self.alarms: tuple[str, ...] = DEFAULT
        """Codes of the alarms that the page shows where they ring."""
        self._title, self._facts, self._status = title, facts, status
        self._file = EpisodeFile(folder / FILE)
        self._rows = {run.agent: run.rows for run in read_rows(folder / FILE)}
        self._status_due = 0.0
        self._page_due = time.monotonic() + PAGE_EVERY

    def log(self, agent: str, seed: int) -> EpisodeLog:
        """Return what writes the episodes of an agent that is trained with this seed."""
        rows = self._rows.setdefault(agent, [])

        def write(row: EpisodeRow) -> None:
            rows.append(row)
            self._file.write(agent, seed, row)

        return write

    def rows(self, agent: str) -> list[EpisodeRow]:
        """Return the episodes of an agent so far."""
        return list(self._rows.get(agent, ()))

    def stage(self, shown: Stage) -> Stage:
        """Return `shown` for stages, whose progress is written down too."""

        def begin(name: str) -> StepReport:
            report = shown(name)

            def tell(done: int, total: int) -> None:
                report(done, total)
                self._at(name, done, total)

            return tell

        return begin

    def films(self, every: int, costs: Costs) -> Films | None:
        """Return what films an agent every so many decisions, as films/step-<decisions>.mp4; None where every is 0."""
        return Films(every, partial(self._film, costs)) if every else None

    def _film(self, costs: Costs, agent: TrainedAgent, model: RewardModel | None, step: int) -> None:
        filmed, why, _ = film_agents({f"step {step:,}": agent}, model, 0, costs)
        if filmed is None:
            warn(f"The agent was not filmed after {step:,} decisions: {why}", RuntimeWarning, stacklevel=2)
            return
        (self.folder / FILMS).mkdir(exist_ok=True)
        write_atomic(self.folder / FILMS / f"step-{step}.mp4", filmed)

    def keep(self, model: RewardModel, note: dict[str, Any]) -> None:
        """Write model.safetensors."""
        save(model, self.folder / "model.safetensors", note=note)

    def end(self, state: str, message: str | None = None) -> None:
        """Write down how the run ended."""
        self._status |= {"state": state, "ended": _now()} | ({} if message is None else {"message": message})
        self._write_status()

    def write_page(self) -> None:
        """Write the page as it is now."""
        status = self._status
        where = f"{status['stage']}, {status['done']:,} of {status['total']:,}" if "stage" in status else "Begun"
        rows = {agent: rows for agent, rows in self._rows.items() if rows}
        page = render_progress(self._title, self._facts, where, status["state"], rows, alarms=self.alarms)
        write_page(self.folder / "report.html", page)

    def _at(self, name: str, done: int, total: int) -> None:
        self.begun = True
        self._status |= {"stage": name, "done": done, "total": total}
        now = time.monotonic()
        if now >= self._status_due:
            self._write_status()
            self._status_due = now + STATUS_EVERY
        if now >= self._page_due:
            self.write_page()
            spent = time.monotonic() - now
            self._page_due = now + max(PAGE_EVERY, 100 * spent)

    def _write_status(self) -> None:
        self._status["updated"] = _now()
        write_atomic(self.folder / STATUS, as_json(self._status))


@contextlib.contextmanager
def open_run(
    path: Path, title: str, config: Mapping[str, Any], facts: Mapping[str, object], arguments: list[str] | None = None
) -> Iterator[LiveRun]:
    """Make the folder of a run and write config.json; in status.json stands how it is, and at the end how it ended.

    The states are running, finished, stopped (by a signal) and failed (by an error, whose message is there). What was
    written stays, however the block ends; only where nothing had begun, no folder is left behind. A run that was
    killed still says running: `is_running` knows better.

    Raises:
        DataError: `path` exists and is not an empty folder, or cannot be written.
    """
    path = Path(path)
    made = [folder for folder in (path, *path.absolute().parents) if not folder.exists()]
    empty_folder(path)
    with _locked(path):
        status = {"state": "running", "started": _now(), "versions": installed_versions()}
        try:
            write_atomic(path / "config.json", as_json(config))
            live = LiveRun(path, title, facts, status | ({} if arguments is None else {"arguments": arguments}))
            live._write_status()
        except BaseException:
            _remove(path, made)
            raise
        with _ended(live, made):
            yield live


@contextlib.contextmanager
def resume_run(
    path: Path, title: str, config: Mapping[str, Any], facts: Mapping[str, object], arguments: list[str], done: int
) -> Iterator[LiveRun]:
    """Go on with the folder of a run that was stopped or killed, from a checkpoint after `done` decisions.

    Episodes that ended later move to episodes-undone.csv.

    Raises:
        DataError: it is no folder of a run, or another process is filling it.
    """
    path = Path(path)
    status = read_status(path)
    with _locked(path):
        undo_after(path / FILE, done)
        write_atomic(path / "config.json", as_json(config))
        status |= {"state": "running", "arguments": arguments, "versions": installed_versions()}
        status |= {"resumed_at": [*status.get("resumed_at", []), done]}
        live = LiveRun(path, title, facts, {key: value for key, value in status.items() if key not in _ENDS})
        live.begun = True
        live._write_status()
        with _ended(live, []):
            yield live


_ENDS = ("ended", "message")


@contextlib.contextmanager
def _ended(live: LiveRun, made: list[Path]) -> Iterator[None]:
    """Write down how a run ends, and take an untouched folder away."""
    try:
        yield
    except BaseException as error:
        if not live.begun and _untouched(live.folder):
            _remove(live.folder, made)
            raise
        failed = isinstance(error, Exception)
        with contextlib.suppress(DataError):  # a full disk, perhaps; the error itself matters more
            live.end("failed" if failed else "stopped", " ".join(str(error).split()) or None if failed else None)
            live.write_page()
        raise
    live.end("finished")


_FIRST = ("config.json", STATUS, FILE, "model.safetensors")
"""What is there before anything was done."""


def _remove(folder: Path, made: list[Path]) -> None:
    """Remove what is there before anything was done, and the folders that were made for it."""
    for name in _FIRST:
        (folder / name).unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # something else is in there by now
        for one in made:
            one.rmdir()


def _untouched(folder: Path) -> bool:
    return {entry.name for entry in folder.iterdir()} <= set(_FIRST)


def read_status(folder: Path) -> dict[str, Any]:
    """Return what status.json says of a run.

    Raises:
        DataError: there is none.
    """
    try:
        return json.loads((folder / STATUS).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{folder} is no folder of a run: it has no {STATUS} that can be read ({error}).") from error


def is_running(folder: Path) -> bool:
    """Tell whether a process is filling the folder of a run."""
    try:
        with _locked(folder):
            return False
    except DataError:
        return True


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a run, which the kernel releases when its process dies.

    Raises:
        DataError: another process holds it.
    """
    lock = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise DataError(f"The run in {folder} is still going on: wait for it, or stop it first.") from error
        yield
    finally:
        os.close(lock)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
