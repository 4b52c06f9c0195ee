"""`tsreward fit`: from episodes or sensor logs to a model file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, TypeVar

import numpy as np
import tyro

from tsreward.audit.auditing import audit_reward
from tsreward.cli.columns import ColumnsBesideReward
from tsreward.cli.main import remark
from tsreward.cli.output import Stages, check_output, conclude, print_json, print_table
from tsreward.cli.parsing import Arguments, parse, peek
from tsreward.data.minari import is_minari
from tsreward.data.sources import digest, read_episodes
from tsreward.encoders.base import Encoder
from tsreward.encoders.picture_shapes import are_pictures, likely_layout
from tsreward.errors import DataError, OptionError, ShapeError
from tsreward.functional.moments import OFF_CONSTANT
from tsreward.io import save
from tsreward.options import option
from tsreward.pipeline.model import RewardModel
from tsreward.recipes.expert_view import compare_with_env
from tsreward.recipes.fitting import (
    agreement_with_cost,
    encoder_for,
    fit_reward,
    fit_reward_by_file,
    hold_out,
    warn_of_weak_scorer,
)
from tsreward.rewards.base import MODES, RewardMode, RewardOptions
from tsreward.scorers.base import ScorerOptions
from tsreward.scorers.presets import scorer_names, scorer_preset
from tsreward.sequences.episodes import Episode, filled
from tsreward.training import TrainOptions

ScorerT = TypeVar("ScorerT", bound=ScorerOptions)
RewardT = TypeVar("RewardT", bound=RewardOptions)


SHOWN = 16
"""Episodes of pictures that are compared with those of the environment at most."""


@dataclass(frozen=True)
class Options(Arguments, Generic[ScorerT, RewardT]):
    """Learn a reward. Where the episodes have costs, the windows without cost are normal, and presets such
    as deep_sad also learn from those with cost; where they have none, all windows are normal.

    The options --scorer.* and --reward.* are those of the names given: tsreward fit --scorer knn --help. With a log in
    place of --data, as in tsreward fit log.csv, a detector of anomalous rows is learned: tsreward fit log.csv --help.
    """

    data: tuple[Path, ...]
    """Files of tsreward collect, tables (CSV, Parquet), NPY and NPZ arrays [T, D], each one series, or minari:ID."""
    out: Path
    """File of the model, .safetensors."""
    scorer_options: Annotated[ScorerT, tyro.conf.arg(name="scorer")]
    reward_options: Annotated[RewardT, tyro.conf.arg(name="reward")]
    train: TrainOptions = field(default_factory=TrainOptions)
    scorer: Annotated[str, tyro.conf.arg(help=f"What scores windows: {', '.join(scorer_names())}.")] = "deep_sad"
    reward: Annotated[str, tyro.conf.arg(help=f"How a score becomes a reward: {', '.join(MODES)}.")] = "penalty"
    form: Literal["tail", "raw", "constant", "lagrangian"] | None = None
    """How a penalty is computed: from the p-value (tail), from the score (raw), of one size (constant), or with a
    multiplier that follows the flag rate, which is --reward lagrangian. None is --reward.form."""
    window: int = 4
    """Steps K in a window."""
    env: str | None = None
    """Environment that the episodes are from: its lidar, if it has any, is sorted for the scorer."""
    columns: tyro.conf.OmitArgPrefixes[ColumnsBesideReward] = field(default_factory=ColumnsBesideReward)
    config: Path | None = None
    """TOML file whose table [fit] gives options, as best.toml of tsreward tune; those on the command line win."""
    held_out: float = option(0.2, below=1)
    """Share of the episodes with costs that is kept from the fit, for the ROC that is printed; 0 is none."""
    by_file: bool = False
    """Hold one file of --data in memory at a time, and read each several times: for data larger than memory. knn and
    what learns by gradient learn from a sample of 500,000 windows, scorers in closed form (mahalanobis, pca, ridge_var)
    from all of them; there is no ROC."""
    json: bool = False
    """Print what was fitted as one JSON document."""


def main(arguments: Sequence[str]) -> int:
    """Parse the arguments and run."""
    if _is_for_detector(arguments):
        from tsreward.cli.fit_detector import main as fit_detector

        return fit_detector(arguments)
    scorer = scorer_preset(peek(arguments, "scorer", Options.scorer))
    reward = _reward(peek(arguments, "reward", Options.reward), peek(arguments, "form", "") or None)
    return run(parse(Options[type(scorer.options), MODES[reward].Options], "fit", arguments))


def _is_for_detector(arguments: Sequence[str]) -> bool:
    """Tell whether a detector is wanted, and no reward: a log is named first, or a detector.

    >>> _is_for_detector(["log.csv", "--time", "t"]), _is_for_detector(["--data", "log.csv", "--out", "m"])
    (True, False)
    """
    return bool(arguments) and (
        not arguments[0].startswith("-") or any(word.partition("=")[0] == "--detector" for word in arguments)
    )


def _reward(name: str, form: str | None) -> str:
    """Return the name of the reward mode that --reward and --form stand for.

    Raises:
        OptionError: a form of what is no penalty.
    """
    if form is not None and name != "penalty" and (name, form) != ("lagrangian", "lagrangian"):
        raise OptionError(f"--form {form} is for --reward penalty, got --reward {name}.")
    return "lagrangian" if form == "lagrangian" else name


def run(options: Options[Any, Any]) -> int:
    """Fit, write the file, print a summary."""
    check_output(options.out)
    first = options.data[:1] if options.by_file else options.data
    episodes = filled(read_episodes(first, options.columns, remark))
    files = {str(path) if is_minari(path) else path.name: digest(path) for path in options.data}
    _check_length(options, episodes)
    if (layout := likely_layout(episodes[0].obs)) is not None:
        shape = list(episodes[0].obs.shape[1:])
        remark(
            f"note: observations {shape} are taken as {np.prod(shape)} numbers. If they are pictures, {layout.remedy}."
        )
    scorer, mode = scorer_preset(options.scorer, options.scorer_options), _mode(options)
    _check_unit(mode, episodes)
    learn, held = (episodes, []) if options.by_file else _held_out(episodes, options)
    with Stages() as stages:
        encoder = _encoder(options, episodes)
        stage = stages("scorer")
        how = (options.window, scorer, mode, encoder, options.train, lambda done, total, _: stage(done, total))
        if options.by_file:
            fitted = fit_reward_by_file(lambda place: _of_file(options, place), len(options.data), *how)
        else:
            fitted = fit_reward(learn, *how)
    fitted.model.frames = options.columns.frames
    save(fitted.model, options.out, note={"env": options.env, "seed": options.train.seed, "data": files})
    roc = precision = None
    if held:
        try:
            roc, precision = agreement_with_cost(fitted.model, held)
        except DataError:
            remark("warning: the held-out episodes have steps of one kind only, so there is no ROC: collect more.")
    if roc is not None:
        warn_of_weak_scorer(roc, len(held))
        _audit(fitted.model, held, options.train.seed)
    summary = {
        "file": str(options.out),
        "scorer": options.scorer,
        "reward": MODES.name_of(type(mode)),
        "window": options.window,
        "obs_shape": list(fitted.model.obs_shape),
        "normal_windows": fitted.normal,
        "negative_windows": fitted.negative,
        "constant_columns": list(fitted.model.constant_columns),
        "threshold": float(fitted.model.mode.threshold),
        "false_alarm_rate": mode.options.false_alarm_rate,
        "held_out_episodes": len(held),
        "roc": roc,
        "average_precision": precision,
    }
    if constant := fitted.model.constant_columns:
        named = ", ".join(constant[:10]) + " ..." * (len(constant) > 10)
        remark(
            f"note: one value in all normal data: column(s) {named}: any other value will count as {OFF_CONSTANT:g} "
            f"standard deviations."
        )
    if options.json:
        print_json(summary)
    else:
        print_table("Model", ["what", "value"], summary.items())
        conclude(_verdict(fitted.normal, roc, len(held)), _next(options))
    return 0


def _of_file(options: Options[Any, Any], place: int) -> list[Episode]:
    """Return the episodes of one of several files, whose columns the model puts in order."""
    return filled(read_episodes(options.data[place], options.columns))


_TOLD = ("TSR005", "TSR007", "TSR015")
"""Codes that data alone decide and the ROC does not tell."""
_AUDITED = 20


def _audit(model: RewardModel, held: Sequence[Episode], seed: int) -> None:
    """Tell what an audit of the penalty says of held-out episodes, the safer half of which is good behaviour."""
    if len(held) < 4:
        return
    ordered = sorted(held, key=lambda one: float((np.asarray(one.costs) > 0).mean()))
    half = len(ordered) // 2
    found = audit_reward(model, ordered[:half][:_AUDITED], ordered[half:][-_AUDITED:], seed=seed)
    for one in found.warnings:
        if one.code in _TOLD:
            remark(f"warning {one.code}: {one.meaning} {one.evidence}. {one.remedy}")


def _verdict(windows: int, roc: float | None, held_out: int) -> str:
    learned = f"The model has learned {windows:,} normal windows"
    if roc is None:
        return f"{learned}; nothing tells how well it finds others: evaluate it on data with costs or labels."
    return f"{learned}, and tells steps that cost from others with a ROC AUC of {roc:.2f} on {held_out} other episodes."


def _next(options: Options[Any, Any]) -> list[object]:
    if _reward(options.reward, options.form) == "likeness":
        return ["tsreward", "score", "FILE", "--model", options.out, "--out", "scores.csv"]
    return ["tsreward", "train", "--env", options.env or "ENV", "--model", options.out]


def _mode(options: Options[Any, Any]) -> RewardMode:
    given = options.reward_options
    if options.form not in (None, "lagrangian"):
        if given.form not in (options.form, type(given)().form):
            raise OptionError(f"--form {options.form} and --reward.form {given.form} say two things: give one of them.")
        given = replace(given, form=options.form)
    return MODES[_reward(options.reward, options.form)](given)


def _check_unit(mode: RewardMode, episodes: list[Episode]) -> None:
    """Find out before fitting whether the size of a penalty can be known."""
    if mode.needs_unit and all(episode.rewards is None for episode in episodes):
        raise OptionError(
            f"The size of a {MODES.name_of(type(mode))} is a multiple of a typical single-step |reward|, and the data "
            f"has no rewards: add --reward.unit 1.0, or take --reward likeness."
        )


def _check_length(options: Options[Any, Any], episodes: list[Episode]) -> None:
    longest = max(map(len, episodes))
    if longest < options.window:
        files = ", ".join(map(str, options.data[:3]))
        raise DataError(
            f"The longest of {len(episodes)} episodes or logs in {files} has a length of {longest}, less than --window "
            f"{options.window}: use a shorter window or longer episodes."
        )


def _encoder(options: Options[Any, Any], episodes: list[Episode]) -> Encoder:
    shape = episodes[0].obs.shape[1:]
    encoder = encoder_for(episodes, options.env)
    if encoder.obs_shape != shape:
        raise ShapeError(
            f"{options.env} gives observations {list(encoder.obs_shape)}, but {options.data[0]} holds "
            f"{list(shape)}: name the environment that the data is from, or leave --env out."
        )
    if options.env is not None and are_pictures(episodes[0].obs) and episodes[0].obs.ndim == 4:
        compare_with_env([episode.obs for episode in episodes[:SHOWN]], options.env, 1, str(options.data[0]))
    return encoder


def _held_out(episodes: list[Episode], options: Options[Any, Any]) -> tuple[list[Episode], list[Episode]]:
    if options.held_out == 0 or len(episodes) < 2 or any(episode.costs is None for episode in episodes):
        return episodes, []
    return hold_out(episodes, options.held_out, options.train.seed)
