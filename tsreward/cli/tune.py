"""`tsreward tune`: a study that searches for the best setting, and ends with a file that fit and train read."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, TypeVar

import tyro

from tsreward.cli.main import remark
from tsreward.cli.output import Stages, conclude, prefer_one_thread, print_json, print_table
from tsreward.cli.parsing import Arguments, SomeArguments, parse, peek
from tsreward.data.columns import DataColumns
from tsreward.detection.bench.evaluate import PROTOCOLS
from tsreward.detection.datasets.tasks import layouts, load_tasks
from tsreward.errors import DataError, OptionError, unknown_name
from tsreward.report.page import check_reporting
from tsreward.tuning.objective import Objective
from tsreward.tuning.page import study_verdict, write_results
from tsreward.tuning.results import Results, results
from tsreward.tuning.search import SearchOptions, make_pruner, search
from tsreward.tuning.search_spaces import search_space
from tsreward.tuning.storage import check_file, check_optuna, study_path
from tsreward.tuning.study import opened


@dataclass(frozen=True)
class DetectTuning(SomeArguments):
    """What a detector is tuned on."""

    data: Path | None = None
    """Folder or file of the data set."""
    format: Annotated[str, tyro.conf.arg(help=f"Layout of the data: {layouts()}.")] = "smd"
    columns: tyro.conf.OmitArgPrefixes[DataColumns] = field(default_factory=DataColumns)
    series: tuple[str, ...] = ()
    """Series to tune on; all where none is named. Evaluate what is found on others."""
    protocol: str = "split"
    """split fits on the training rows that the data set gives, tsb-ad on the first of the test rows."""
    metric: Literal["vus_pr", "average_precision"] = "vus_pr"
    """What is tuned for: VUS-PR, or the average precision (AUC-PR)."""
    alignment: Literal["causal", "centred"] = "causal"
    """Whether a score may look ahead (centred) or not (causal)."""
    seeds: int = 1
    """Fits per series, with the seeds 0, 1, ...; their values are averaged."""

    def check(self) -> None:
        if self.protocol not in PROTOCOLS:
            raise unknown_name("protocol", self.protocol, PROTOCOLS)


TuningT = TypeVar("TuningT")


@dataclass(frozen=True)
class Options(Arguments, Generic[TuningT]):
    """Search for the setting of a reward (anoseqs, likeness) or of a detector of logs (detect) with Optuna. The same
    command goes on after an interruption, and other machines may work on the same study.

    The folder of the results gets best.toml, which tsreward fit and train read with --config, results.json and
    report.html, and with two objectives front-NUMBER.toml for every setting on the Pareto front. The other options
    are those of the objective: tsreward tune --objective detect --help.
    """

    study: str
    """SQLite file of the study, which is made where there is none; or the URL of a database, for several machines."""
    tuning: tyro.conf.OmitArgPrefixes[TuningT]
    objective: str = "anoseqs"
    """anoseqs: true return and cost of agents under a penalty. likeness: true return of agents that are rewarded for
    being like an expert. detect: a detector's agreement with labels."""
    search: tyro.conf.OmitArgPrefixes[SearchOptions] = field(default_factory=SearchOptions)
    fix: tuple[str, ...] = ()
    """Parameters that are not searched, e.g. window=4, and narrower choices, e.g. scorer=knn,pca; scorers of other
    packages are searched where they are named."""
    name: str | None = None
    """Name of the study in its database; None is the objective's."""
    out: Path | None = None
    """Folder of the results; None is the name of the study's file without its suffix, with -tuned."""
    config: Path | None = None
    """TOML file whose table [tune] gives options; those on the command line win."""
    json: bool = False
    """Print what was found as one JSON document."""


def main(arguments: Sequence[str]) -> int:
    """Parse the arguments and run."""
    objective = peek(arguments, "objective", Options.objective)
    if objective not in OBJECTIVES:
        raise unknown_name("objective", objective, OBJECTIVES)
    return run(parse(Options[_objective(objective)[0]], "tune", arguments))


def run(options: Options[Any]) -> int:
    """Search, write the folder, print what was found."""
    prefer_one_thread()
    check_optuna()
    check_reporting()
    path = study_path(options.study)
    if path is not None:
        check_file(path)
    folder = _folder(options, path)
    objective = _objective(options.objective)[1](options, folder)
    make_pruner(options.search.pruner, len(objective.directions), objective.steps)
    objective.check()
    _quiet()
    try:
        with Stages() as stages, opened(options.study, objective, options.name) as study:
            objective.prepare(stages("preparation"))
            search(study, options.search, stages("trials"))
            found = results(study)
    except KeyboardInterrupt:
        remark(f"the same command goes on with {options.study}; what was finished is kept.")
        raise
    write_results(found, objective, folder, f"{options.objective}, {options.study}")
    _tell(options, objective, found, folder)
    return 0


def _detect(options: Options[DetectTuning], folder: Path) -> Objective:
    from tsreward.tuning.detect import DetectObjective

    given = options.tuning
    tasks = map(PROTOCOLS[given.protocol], load_tasks(given.data, given.format, given.series, given.columns, remark))
    space = search_space("detect", options.fix)
    return DetectObjective(tuple(tasks), given.metric, given.alignment, given.seeds, space)


def _objective(name: str) -> tuple[type[Any], Callable[[Any, Path], Objective]]:
    """Return the options of an objective, and the function of all options and the folder of the results that makes it.

    What trains agents is imported for those that do.
    """
    if name == "detect":
        return DetectTuning, _detect
    from tsreward.cli import tune_agents

    return tune_agents.OBJECTIVES[name]


OBJECTIVES = ("anoseqs", "likeness", "detect")


def _folder(options: Options[Any], path: Path | None) -> Path:
    """Return the folder of the results, after finding out whether it may be one."""
    folder = options.out
    if folder is None and path is None:
        raise OptionError("--study is the URL of a database: name the folder of the results with --out.")
    if folder is None:
        assert path is not None
        folder = path.with_name(f"{path.stem}-tuned")
    there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    if not there.is_dir():
        raise DataError(f"{there} is a file: name a folder with --out.")
    return folder


def _quiet() -> None:
    """Leave out Optuna's own remarks on every study and trial: the progress is shown here."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)


def _tell(options: Options[Any], objective: Objective, found: Results, folder: Path) -> None:
    if not found.best.feasible:
        remark("warning: no trial kept the limit; the best is the one that exceeds it least.")
    if options.json:
        print_json({"folder": str(folder), "study": options.study, **found.as_json()})
        return
    rows = [["best", found.best]] + ([["default", found.default]] if found.default else [])
    print_table(
        f"{options.objective}: {found.states['complete']} trials complete, {found.states['pruned']} pruned, "
        f"{found.states['failed']} failed",
        ["setting", "trial", *found.directions],
        [[name, one.number, *one.values] for name, one in rows],
    )
    print_table("best setting", ["parameter", "value"], found.best.setting.items())
    told = f"{study_verdict(found)} Written to {folder}."
    conclude(told, *map(shlex.split, _next(objective.config(found.best.setting), folder / "best.toml")))


def _next(tables: Collection[str], best: Path) -> list[str]:
    """Return the commands that read a file with these tables.

    >>> _next(["fit", "train"], Path("a/best.toml"))[1], _next(["train"], Path("best.toml"))
    ('tsreward train --config a/best.toml --model model.safetensors', ['tsreward train --config best.toml'])
    """
    rest = {"fit": " --data FILE --out model.safetensors", "train": ""}
    if "fit" in tables:
        rest["train"] = " --model model.safetensors"
    return [f"tsreward {table} --config {shlex.quote(str(best))}{rest[table]}" for table in tables]
