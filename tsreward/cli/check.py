"""`tsreward check`: whether model files are sound, on data and in an environment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import tyro

from tsreward.cli.main import remark
from tsreward.cli.output import conclude, prefer_one_thread, print_json, print_table
from tsreward.cli.parsing import Arguments, parse
from tsreward.data.columns import RULES, DataColumns
from tsreward.data.sources import read_episodes
from tsreward.errors import CheckpointError, DataError, OptionError, ProtocolError, ShapeError
from tsreward.io import load
from tsreward.pipeline.monitor import Monitor
from tsreward.pipeline.scores import score_episodes
from tsreward.sequences.cost_reader import CostReader
from tsreward.sequences.costs import CostOptions
from tsreward.sequences.episodes import Episode
from tsreward.testing.data import check_data
from tsreward.testing.environments import EnvironmentOptions, check_reward_env
from tsreward.testing.models import check_model
from tsreward.testing.report import Check, CheckReport

_LOADS = "the file loads and its digests hold"
_COLUMNS = "the data have its columns"


@dataclass(frozen=True)
class Options(Arguments):
    """Check that models load undamaged, are fitted and calibrated, give the same rewards step by step and in bulk, keep
    rows and environments apart, refuse what they cannot score, and do not change; with --env, that the environment,
    wrapped, gives their rewards. With --data, that the data are whole and what their columns are, also without a model.
    Exits with 1 where a check fails, and says what to do.
    """

    models: tyro.conf.Positional[tuple[Path, ...]]
    """Files of tsreward fit."""
    data: tuple[Path, ...] = ()
    """Data that are looked at, and that the models are for: anything that tsreward fit reads; noise without any."""
    columns: tyro.conf.OmitArgPrefixes[DataColumns] = field(default_factory=DataColumns)
    env: str | None = None
    """Id of an environment that the models are for: it is wrapped, and acted in at random."""
    playing: tyro.conf.OmitArgPrefixes[EnvironmentOptions] = field(default_factory=EnvironmentOptions)
    cost_key: tuple[str, ...] = ()
    """Key of info that holds the cost in the environment, or a function of your own, my_module:cost_of. Without any, a
    key that is common is found and named."""
    obs_key: tuple[str, ...] = ()
    """What the models look at where the environment's observation is a Dict or a Tuple: keys, a/b for one inside
    another, or my_module:state_of, a function that gets one observation; without any, at all parts side by side."""
    json: bool = False
    """Print all checks as one JSON document."""


def main(arguments: Sequence[str]) -> int:
    """Parse the arguments and run."""
    return run(parse(Options, "check", arguments))


def run(options: Options) -> int:
    """Check, print what failed, and return 1 where anything did."""
    if not options.models and not options.data:
        raise OptionError("No model was given: name at least one file of tsreward fit, or look at data with --data.")
    prefer_one_thread()
    data = {str(path): check_data(path, options.columns) for path in options.data}
    readable = all(report.checks[0].passed for report in data.values())
    episodes = _episodes(options) if options.models and options.data and readable else None
    reports = {str(path): _check(path, episodes, options) for path in options.models} | data
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
        failed = sum(not report.passed for report in reports.values())
        told = (
            f"{failed} of {len(reports)} files failed a check." if failed else f"All {len(reports)} file(s) are sound."
        )
        conclude(told, _next(options, passed))
    return 0 if passed else 1


def _next(options: Options, passed: bool) -> list[object]:
    if not options.models:
        return ["tsreward", "fit", "--data", options.data[0], "--out", "model.safetensors"]
    if not passed:
        return ["tsreward", "info", options.models[0]]
    return ["tsreward", "audit", "--model", options.models[0], "--good", "FILE", "--bad", "FILE", "--out", "audit.html"]


def _episodes(options: Options) -> list[Episode]:
    """Return the episodes that models are checked on: all that can be used."""
    try:
        return read_episodes(options.data, options.columns)
    except DataError:
        return read_episodes(options.data, replace(options.columns, skip_bad_episodes=True))


def _check(path: Path, episodes: list[Episode] | None, options: Options) -> CheckReport:
    try:
        model = load(path)
    except CheckpointError as error:
        if not path.exists():
            raise
        return CheckReport(str(path), (Check(_LOADS, False, "Copy it again, or fit it again.", str(error)),))
    checks = (Check(_LOADS, True, ""),)
    if episodes and model.columns is not None and episodes[0].columns is not None:
        try:
            episodes = [model.in_order(episode, "the data") for episode in episodes]
            checks += (Check(_COLUMNS, True, ""),)
        except (DataError, ShapeError) as error:
            checks += (Check(_COLUMNS, False, "Rename them, or leave out with --ignore what is none.", str(error)),)
            episodes = None
    checks += check_model(model, episodes).checks
    if episodes and model.shape_read(episodes[0].obs.shape[1:]) == model.obs_shape:
        score_episodes(model, episodes, Monitor(model, f"{path} on the data"))
    if options.env is not None:
        from tsreward.envs.make import make
        from tsreward.wrappers.gymnasium_env import LearnedReward
        from tsreward.wrappers.obs_parts import ObsParts, named_obs_key

        rules = {name: getattr(options.columns, name) for name in RULES}
        costs = CostReader(CostOptions(cost_key=options.cost_key, **rules))
        key = named_obs_key(options.obs_key)
        inner = make(options.env)
        try:
            wrapped = LearnedReward(inner, model, driven=True, obs_key=key)
            if (monitor := wrapped.stream.monitor) is not None:
                monitor.flags = False  # random actions need not be normal
            checks += check_reward_env(wrapped, model, options.playing, obs_key=key, costs=costs).checks
            if inner.observation_space.shape is None or options.obs_key:
                looked = ", ".join(options.obs_key) or "all parts side by side"
                remark(f"observations: {looked} of {ObsParts(options.env, inner.observation_space, key).told()}")
            remark(f"costs: {costs.summary()}")
            costs.tell()
            if monitor is not None:
                monitor.finish()
        except (ShapeError, ProtocolError) as error:
            checks += (
                Check(f"it fits {options.env}", False, "Name the environment that it was fitted for.", str(error)),
            )
        finally:
            inner.close()
    return CheckReport(str(path), checks)


def _print(file: str, report: CheckReport) -> None:
    if report.checks[0].passed and report.checks[0].detail:
        print(f"{file}: {report.checks[0].detail}")
    if report.passed:
        print(f"{file}: {len(report.checks)} checks passed")
        return
    rows = [(check.name, check.detail, check.remedy) for check in report.failures]
    title = f"{file}: {len(rows)} of {len(report.checks)} checks failed"
    print_table(title, ["check", "what is wrong", "what to do"], rows)
