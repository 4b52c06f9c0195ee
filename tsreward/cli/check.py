"""`tsreward check`: whether model files are sound, on data and in an environment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import tyro

from tsreward.cli.main import remark
from tsreward.cli.output import prefer_one_thread, print_json, print_table
from tsreward.cli.parsing import Arguments, parse
from tsreward.data.columns import DataColumns
from tsreward.data.sources import read_episodes
from tsreward.errors import CheckpointError, OptionError, ShapeError
from tsreward.io import load
from tsreward.sequences.episodes import Episode
from tsreward.testing.environments import EnvironmentOptions, check_reward_env
from tsreward.testing.models import check_model
from tsreward.testing.report import Check, CheckReport

_LOADS = "the file loads and its digests hold"


@dataclass(frozen=True)
class Options(Arguments):
    """Check that models load undamaged, are fitted and calibrated, give the same rewards step by step and in bulk, keep
    rows and environments apart, refuse what they cannot score, and do not change; with --env, that the environment,
    wrapped, gives their rewards. Exits with 1 where a check fails, and says what to do.
    """

    models: tyro.conf.Positional[tuple[Path, ...]]
    """Files of tsreward fit."""
    data: tuple[Path, ...] = ()
    """Data that the models are for: files of tsreward collect, tables, NPY or NPZ, or minari:ID; noise without any."""
    columns: tyro.conf.OmitArgPrefixes[DataColumns] = field(default_factory=DataColumns)
    env: str | None = None
    """Id of an environment that the models are for: it is wrapped, and acted in at random."""
    playing: tyro.conf.OmitArgPrefixes[EnvironmentOptions] = field(default_factory=EnvironmentOptions)
    json: bool = False
    """Print all checks as one JSON document."""


def main(arguments: Sequence[str]) -> int:
    """Parse the arguments and run."""
    return run(parse(Options, "check", arguments))


def run(options: Options) -> int:
    """Check, print what failed, and return 1 where anything did."""
    if not options.models:
        raise OptionError("No model was given: name at least one file of tsreward fit.")
    prefer_one_thread()
    episodes = read_episodes(options.data, options.columns, remark) if options.data else None
    reports = {str(path): _check(path, episodes, options) for path in options.models}
    passed = all(report.passed for report in reports.values())
    if options.json:
        files = [
            {"file": file, "passed": report.passed, "checks": [asdict(check) for check in report.checks]}
            for file, report in reports.items()
        ]
        print_json({"passed": passed, "files": files})
    else:
        for file, report in reports.items():
            _print(file, report)
    return 0 if passed else 1


def _check(path: Path, episodes: list[Episode] | None, options: Options) -> CheckReport:
    try:
        model = load(path)
    except CheckpointError as error:
        if not path.exists():
            raise
        return CheckReport(str(path), (Check(_LOADS, False, "Copy it again, or fit it again.", str(error)),))
    checks = (Check(_LOADS, True, ""), *check_model(model, episodes).checks)
    if options.env is not None:
        from tsreward.envs.make import make
        from tsreward.wrappers.gymnasium_env import LearnedReward

        inner = make(options.env)
        try:
            checks += check_reward_env(LearnedReward(inner, model, driven=True), model, options.playing).checks
        except ShapeError as error:
            checks += (
                Check(f"it fits {options.env}", False, "Name the environment that it was fitted for.", str(error)),
            )
        finally:
            inner.close()
    return CheckReport(str(path), checks)


def _print(file: str, report: CheckReport) -> None:
    if report.passed:
        print(f"{file}: {len(report.checks)} checks passed")
        return
    rows = [(check.name, check.detail, check.remedy) for check in report.failures]
    title = f"{file}: {len(rows)} of {len(report.checks)} checks failed"
    print_table(title, ["check", "what is wrong", "what to do"], rows)
