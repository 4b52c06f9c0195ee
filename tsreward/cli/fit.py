"""`tsreward fit`: from episodes or sensor logs to a model file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Generic, TypeVar

import tyro

from tsreward.cli.main import remark
from tsreward.cli.output import Stages, check_output, print_json, print_table
from tsreward.cli.parsing import Arguments, parse, peek
from tsreward.data.logs import LogColumns
from tsreward.data.minari import is_minari
from tsreward.data.sources import digest, read_episodes
from tsreward.detection.metrics.ranking import LabelAgreement, label_agreement
from tsreward.encoders.base import Encoder
from tsreward.errors import DataError, OptionError, ShapeError
from tsreward.io import save
from tsreward.options import option
from tsreward.pipeline.model import RewardModel
from tsreward.pipeline.scores import score_episodes
from tsreward.recipes.fitting import encoder_for, fit_reward, hold_out
from tsreward.rewards.base import MODES, RewardOptions
from tsreward.scorers.base import ScorerOptions
from tsreward.scorers.presets import scorer_names, scorer_preset
from tsreward.sequences.episodes import Episode
from tsreward.training import TrainOptions

ScorerT = TypeVar("ScorerT", bound=ScorerOptions)
ModeT = TypeVar("ModeT", bound=RewardOptions)


@dataclass(frozen=True)
class Options(Arguments, Generic[ScorerT, ModeT]):
    """Learn a reward. Where the episodes have costs, the windows without cost are normal, and presets such
    as deep_sad also learn from those with cost; where they have none, all windows are normal.

    The options --scorer.* and --mode.* are those of the names given: tsreward fit --scorer knn --help.
    """

    episodes: tuple[Path, ...]
    """Files of tsreward collect, tables (CSV, Parquet), NPY and NPZ arrays [T, D], each one series, or minari:ID."""
    out: Path
    """File of the model, .safetensors."""
    scorer_options: Annotated[ScorerT, tyro.conf.arg(name="scorer")]
    mode_options: Annotated[ModeT, tyro.conf.arg(name="mode")]
    train: TrainOptions = field(default_factory=TrainOptions)
    scorer: Annotated[str, tyro.conf.arg(help=f"What scores windows: {', '.join(scorer_names())}.")] = "deep_sad"
    mode: Annotated[str, tyro.conf.arg(help=f"How a score becomes a reward: {', '.join(MODES)}.")] = "penalty"
    window: int = 4
    """Steps K in a window."""
    env: str | None = None
    """Environment that the episodes are from: its lidar, if it has any, is sorted for the scorer."""
    columns: tyro.conf.OmitArgPrefixes[LogColumns] = field(default_factory=LogColumns)
    config: Path | None = None
    """TOML file whose table [fit] gives options, as best.toml of tsreward tune; those on the command line win."""
    held_out: float = option(0.2, below=1)
    """Share of the episodes with costs that is kept from the fit, for the ROC that is printed; 0 is none."""
    json: bool = False
    """Print what was fitted as one JSON document."""


def main(arguments: Sequence[str]) -> int:
    """Parse the arguments and run."""
    scorer = scorer_preset(peek(arguments, "scorer", Options.scorer))
    mode = peek(arguments, "mode", Options.mode)
    return run(parse(Options[type(scorer.options), MODES[mode].Options], "fit", arguments))


def run(options: Options[Any, Any]) -> int:
    """Fit, write the file, print a summary."""
    check_output(options.out)
    episodes = read_episodes(options.episodes, options.columns)
    files = {str(path) if is_minari(path) else path.name: digest(path) for path in options.episodes}
    _check_unit(options, episodes)
    _check_length(options, episodes)
    scorer, mode = scorer_preset(options.scorer, options.scorer_options), MODES[options.mode](options.mode_options)
    learn, held = _held_out(episodes, options)
    with Stages() as stages:
        encoder = _encoder(options, episodes)
        report = stages("scorer")
        fitted = fit_reward(
            learn, options.window, scorer, mode, encoder, options.train, lambda done, total, _: report(done, total)
        )
    if scorer.negative and not fitted.negative:
        remark(f"warning: no window has a cost, so {options.scorer} learned from normal windows alone.")
    save(fitted.model, options.out, note={"env": options.env, "seed": options.train.seed, "data": files})
    quality = _quality(fitted.model, held)
    if held and quality is None:
        remark("warning: the held-out episodes have steps of one kind only, so there is no ROC: collect more.")
    summary = {
        "file": str(options.out),
        "scorer": options.scorer,
        "mode": options.mode,
        "window": options.window,
        "obs_shape": list(fitted.model.obs_shape),
        "normal_windows": fitted.normal,
        "negative_windows": fitted.negative,
        "threshold": float(fitted.model.mode.threshold),
        "false_alarm_rate": options.mode_options.false_alarm_rate,
        "held_out_episodes": len(held),
        "roc": None if quality is None else quality.roc,
        "average_precision": None if quality is None else quality.average_precision,
    }
    if options.json:
        print_json(summary)
    else:
        print_table("Model", ["what", "value"], summary.items())
    return 0


def _check_unit(options: Options[Any, Any], episodes: list[Episode]) -> None:
    """Find out before fitting whether the size of a penalty can be known."""
    needs_unit = hasattr(options.mode_options, "unit") and getattr(options.mode_options, "form", "") != "raw"
    if needs_unit and options.mode_options.unit is None and all(episode.rewards is None for episode in episodes):
        raise OptionError(
            f"The size of a {options.mode} is a multiple of a typical single-step |reward|, and the data has no "
            f"rewards: add --mode.unit 1.0, or take --mode likeness."
        )


def _check_length(options: Options[Any, Any], episodes: list[Episode]) -> None:
    longest = max(map(len, episodes))
    if longest < options.window:
        files = ", ".join(map(str, options.episodes[:3]))
        raise DataError(
            f"The longest of {len(episodes)} episodes or logs in {files} has a length of {longest}, less than --window "
            f"{options.window}: use a shorter window or longer episodes."
        )


def _encoder(options: Options[Any, Any], episodes: list[Episode]) -> Encoder:
    shape = episodes[0].obs.shape[1:]
    encoder = encoder_for(episodes, options.env)
    if encoder.obs_shape != shape:
        raise ShapeError(
            f"{options.env} gives observations {list(encoder.obs_shape)}, but {options.episodes[0]} holds "
            f"{list(shape)}: name the environment that the data is from, or leave --env out."
        )
    return encoder


def _held_out(episodes: list[Episode], options: Options[Any, Any]) -> tuple[list[Episode], list[Episode]]:
    if options.held_out == 0 or len(episodes) < 2 or any(episode.costs is None for episode in episodes):
        return episodes, []
    return hold_out(episodes, options.held_out, options.train.seed)


def _quality(model: RewardModel, held: list[Episode]) -> LabelAgreement | None:
    """Return how well the score agrees with cost, or None where the held-out episodes cannot tell."""
    if not held:
        return None
    scores = score_episodes(model, held)
    assert scores.label is not None
    try:
        return label_agreement(scores.label, scores.score)
    except DataError:  # one class only
        return None
