"""`tsreward check`: whether model files are sound, on data and in an environment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tyro

from tsreward.cli.main import remark
from tsreward.cli.output import conclude, prefer_one_thread, print_json, print_table
from tsreward.cli.parsing import Arguments, parse
from tsreward.data.columns import RULES, DataColumns
from tsreward.data.sources import read_episodes
from tsreward.errors import CheckpointError, DataError, OptionError, ProtocolError, ShapeError
from tsreward.io import load
from tsreward.pipeline.model import RewardModel
from tsreward.pipeline.monitor import Monitor
from tsreward.pipeline.scores import score_episodes
from tsreward.rewards.likeness import Likeness
from tsreward.scorers.mahalanobis import Mahalanobis
from tsreward.sequences.cost_reader import CostReader
from tsreward.sequences.costs import CostOptions
from tsreward.sequences.episodes import Episode
from tsreward.testing.data import check_data
from tsreward.testing.environments import EnvironmentOptions, check_reward_env
from tsreward.testing.models import check_model
from tsreward.testing.report import Check, CheckReport

if TYPE_CHECKING:
    from tsreward.wrappers.obs_parts import ObsParts

_LOADS = "the file loads and its digests hold"
_COLUMNS = "the data have its columns"


@dataclass(frozen=True)
class Options(Arguments):
    """Check that models load undamaged, are fitted and calibrated, give the same rewards step by step and in bulk, keep
    rows and environments apart, refuse what they cannot score, and do not change; with --env, that the environment,
    wrapped, gives their rewards. With --data, that the data are whole and what their columns are; these two also
    without a model. Exits with 1 where a check fails, and says what to do.
    """

    models: tyro.conf.Positional[tuple[Path, ...]]
    """Files of tsreward fit."""
    data: tuple[Path, ...] = ()
    """Data that are looked at, and that the models are for: anything that tsreward fit reads; noise without any."""
    columns: tyro.conf.OmitArgPrefixes[DataColumns] = field(default_factory=DataColumns)
    env: str | None = None
    """Id of an environment that the models are for: it is wrapped, and acted in at random. Without models, a likeness
    of these random actions is tried in it: whether it keeps to Gymnasium's rules, and where its costs are found."""
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
    if not options.models and not options.data and options.env is None:
        raise OptionError(
            "No model was given: name at least one file of tsreward fit, or look at data with --data, or at an "
            "environment with --env."
        )
    prefer_one_thread()
    data = {str(path): check_data(path, options.columns) for path in options.data}
    readable = all(report.checks[0].passed for report in data.values())
    episodes = _episodes(options) if options.models and options.data and readable else None
    reports = {str(path): _check(path, episodes, options) for path in options.models} | data
    if options.env is not None and not options.models:
        reports[options.env] = _environment_alone(options.env, options)
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
        told = f"{failed} of {len(reports)} failed a check." if failed else f"All {len(reports)} passed every check."
        conclude(told, _next(options, passed))
    return 0 if passed else 1


def _next(options: Options, passed: bool) -> list[object]:
    if not options.models and not options.data:
        return ["tsreward", "collect", "--env", str(options.env), "--agent", "train", "--out", "source.npz"]
    if not options.models:
        time = [] if options.columns.time is None else ["--time", options.columns.time]
        return ["tsreward", "fit", "--data", options.data[0], *time, "--out", "model.safetensors"]
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
        checks += _in_environment(options.env, model, options)
    return CheckReport(str(path), checks)


def _in_environment(env: str, model: RewardModel, options: Options) -> tuple[Check, ...]:
    """Wrap the environment, act in it at random, and say what it gives."""
    from tsreward.envs.make import make
    from tsreward.wrappers.gymnasium_env import LearnedReward
    from tsreward.wrappers.obs_parts import ObsParts, named_obs_key

    rules = {name: getattr(options.columns, name) for name in RULES}
    costs = CostReader(CostOptions(cost_key=options.cost_key, **rules))
    key = named_obs_key(options.obs_key)
    inner = make(env)
    try:
        wrapped = LearnedReward(inner, model, driven=True, obs_key=key)
        if (monitor := wrapped.stream.monitor) is not None:
            monitor.flags = False  # random actions need not be normal
        checks = check_reward_env(wrapped, model, options.playing, obs_key=key, costs=costs).checks
        if inner.observation_space.shape is None or options.obs_key:
            looked = ", ".join(options.obs_key) or "all parts side by side"
            remark(f"observations: {looked} of {ObsParts(env, inner.observation_space, key).told()}")
        remark(f"costs: {costs.summary()}")
        costs.tell()
        if monitor is not None and options.models:
            monitor.finish()
        return checks
    except (ShapeError, ProtocolError) as error:
        return (Check(f"it fits {env}", False, "Name the environment that it was fitted for.", str(error)),)
    finally:
        inner.close()


_EPISODES, _STEPS = 4, 100
"""Of random actions, that a likeness is fitted on where no model is given."""


def _environment_alone(env: str, options: Options) -> CheckReport:
    """Check an environment with a likeness of random actions in it."""
    from tsreward.envs.make import make
    from tsreward.recipes.fitting import encoder_for
    from tsreward.wrappers.obs_parts import ObsParts, named_obs_key

    inner = make(env)
    try:
        parts = ObsParts(env, inner.observation_space, named_obs_key(options.obs_key))
        inner.action_space.seed(0)
        episodes = [_random_episode(inner, parts, seed) for seed in range(_EPISODES)]
    except ProtocolError as error:
        return CheckReport(env, (Check("it can be acted in", False, "Mend the environment.", str(error)),))
    finally:
        inner.close()
    encoder = encoder_for([Episode(obs) for obs in episodes], env)
    model = RewardModel(Mahalanobis(2), Likeness(), encoder).fit(episodes)
    return CheckReport(env, _in_environment(env, model, options))


def _random_episode(env: Any, parts: ObsParts, seed: int) -> np.ndarray:
    obs = [np.array(parts.of_one(env.reset(seed=seed)[0]))]
    for _ in range(_STEPS):
        seen, _reward, ended, truncated, _info = env.step(env.action_space.sample())
        obs.append(np.array(parts.of_one(seen)))
        if not np.isfinite(obs[-1]).all():
            raise ProtocolError(f"It gave NaN or inf as observation in step {len(obs) - 1}.")
        if ended or truncated:
            break
    return np.stack(obs)


def _print(file: str, report: CheckReport) -> None:
    if report.checks[0].passed and report.checks[0].detail:
        print(f"{file}: {report.checks[0].detail}")
    if report.passed:
        print(f"{file}: {len(report.checks)} checks passed")
        return
    rows = [(check.name, check.detail, check.remedy) for check in report.failures]
    title = f"{file}: {len(rows)} of {len(report.checks)} checks failed"
    print_table(title, ["check", "what is wrong", "what to do"], rows)
