"""World-model agents: DreamerV3 and Plan2Explore of sheeprl, on the reward of a fitted model.

sheeprl runs in a process of its own. It is given Hydra overrides, and environments whose reward is the learned one; the
true returns, which it never sees, are read back from what these environments write.
"""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from tsreward.errors import DataError, OptionError, ProtocolError, ShapeError, missing_extra
from tsreward.files import empty_folder
from tsreward.named_warnings import open_log, warn
from tsreward.options import Options, option
from tsreward.recipes.dreamer_process import TARGET, reward_env
from tsreward.recipes.run_folder import Run, step_facts
from tsreward.report.run import summarise_training
from tsreward.sb3.playing import episode_seeds
from tsreward.sb3.training import StepReport
from tsreward.sequences.episodes import Episode

WORLD_MODEL_AGENTS = ("dreamer_v3", "p2e_dv3")
SIZES = {
    "dreamer_v3": ("1M", "12M", "25M", "50M", "100M", "200M", "400M"),
    "p2e_dv3": ("XS", "S", "M", "L", "XL"),
}
"""Names of the sizes, the smallest first: of the world model in Hafner et al. (2025), and of the earlier one (2023)."""
_WIDTHS = {"XS": (256, 1, 24, 256), "S": (512, 2, 32, 512), "M": (640, 3, 48, 1024), "L": (768, 4, 64, 2048)}
"""Units and layers of the networks, channels of the first convolution, and recurrent state (2023, table B.1)."""
_POLL = 0.5
"""Seconds between two looks at a running process."""


@dataclass(frozen=True)
class DreamerOptions(Options):
    """How a world-model agent is trained."""

    env: str
    """Id of the environment; the agent sees all that it observes, pictures or numbers, of one step at a time."""
    model: Path | None = None
    """File of a fitted model, whose reward the agent learns from; None is the environment's own."""
    algorithm: Literal["dreamer_v3", "p2e_dv3"] = "dreamer_v3"
    """dreamer_v3: DreamerV3 (Hafner et al. 2025). p2e_dv3: Plan2Explore in DreamerV3's world model (Sekar et al. 2020),
    with one critic for the learned reward and one for the disagreement of an ensemble."""
    steps: int = 100_000
    """Decisions in all environments together."""
    num_envs: int = 4
    """Environments that run side by side; they share one process and one model."""
    action_repeat: int = 1
    """Environment steps that every action is held for; rewards and costs add up."""
    size: str | None = None
    """Size of the agent: 1M to 400M parameters for dreamer_v3, XS to XL for p2e_dv3; None is the smallest."""
    replay_ratio: float = option(0.5, above=0)
    """Gradient steps for every decision."""
    batch_size: int = 16
    """Sequences in one gradient step."""
    sequence_length: int = 64
    """Decisions in one sequence."""
    learning_starts: int = option(1024, low=0)
    """Decisions before the first gradient step."""
    learning_rate: float | None = option(None, above=0, below=1)
    """Of all networks; None is the paper's."""
    bonus_weight: float = 0.1
    """Weight of the advantage by the disagreement, beside 1 for that by the learned reward (p2e_dv3); VIPER's β."""
    screen_size: int = 64
    """Height and width that pictures are brought to for the agent, a power of 2; the model sees them as they are."""
    replay_size: int | None = None
    """Decisions that the replay buffer holds, on disk; None is all."""
    checkpoint_every: int = 10_000
    """Decisions between two checkpoints of sheeprl."""
    device: Literal["cpu", "gpu"] = "cpu"
    """Where the agent learns; the reward is computed on the CPU."""
    seed: int = option(0, low=0, high=2**32 - 1)
    """Every random number follows from it."""
    evaluations: int = 5
    """Episodes that evaluate the trained agent, by the environment's reward."""

    def check(self) -> None:
        if self.size is not None and self.size not in SIZES[self.algorithm]:
            self.refuse("size", f"{', '.join(SIZES[self.algorithm])} or None for '{self.algorithm}'")
        if self.screen_size & (self.screen_size - 1):
            self.refuse("screen_size", "a power of 2")


@dataclass(frozen=True)
class LoggedEpisode:
    """One episode of a run, as `EpisodeLog` wrote it."""

    length: int
    """Decisions."""
    true_return: float
    learned_return: float
    cost: float | None = None


@dataclass(frozen=True)
class DreamerResult:
    """The episodes of a training, in the order in which they ended, and those of the trained agent after it."""

    training: list[LoggedEpisode]
    evaluation: list[LoggedEpisode]


def run(options: DreamerOptions, folder: Path, stage: Callable[[str], StepReport] | None = None) -> DreamerResult:
    """Train in a process of sheeprl, evaluate, and read back both.

    sheeprl fills `folder`/sheeprl in place: what a run of days has reached stays there where it is stopped.

    Raises:
        MissingExtraError: sheeprl is not installed.
        OptionError: there is no such environment, or no agent of sheeprl can act in it.
        ShapeError: its observations are not those of the model, or such that no agent of sheeprl takes them.
        CheckpointError: the file of the model is damaged.
        ProtocolError: sheeprl ended with an error, or gave a warning where strict asks for one.
        DataError: `folder` exists and is not empty, or no episode ended.
    """
    if not is_installed():
        raise missing_extra("sheeprl", "dreamer")
    keys = observation_keys(options)
    empty_folder(folder)
    place = folder.absolute() / "sheeprl"
    place.mkdir()
    report = None if stage is None else stage("agent")
    _call("train", overrides(options, place, keys), place, options.steps, report)
    training = read_episodes(place / "episodes.jsonl")
    if not training:
        raise DataError(f"No episode of {options.env} finished within {options.steps} steps: train for more steps.")
    seeds = [str(seed) for seed in episode_seeds(options.seed, 2**20, options.evaluations)]
    evaluations = place / "evaluations.jsonl"
    if stage is not None:
        stage("evaluation")
    _call("evaluate", [str(last_checkpoint(place)), str(evaluations), *seeds], place)
    return DreamerResult(training, read_episodes(evaluations))


def is_installed() -> bool:
    """Tell whether sheeprl can be imported, without doing it."""
    return importlib.util.find_spec("sheeprl") is not None


def observation_keys(options: DreamerOptions) -> tuple[list[str], list[str]]:
    """Return the names of the pictures and of the vectors that the agent sees.

    Raises:
        OptionError: there is no such environment, or no agent of sheeprl can act in it.
        ShapeError: its observations are not those of the model, or neither single pictures nor vectors.
    """
    env = reward_env(options.env, options.action_repeat, None if options.model is None else str(options.model))
    env.close()
    if type(env.action_space).__name__ not in ("Box", "Discrete", "MultiDiscrete"):
        raise OptionError(f"{options.algorithm} does not act in {options.env}, whose actions are {env.action_space}.")
    space = env.observation_space
    parts = getattr(space, "spaces", None) or {"state" if len(space.shape) == 1 else "rgb": space}
    pictures, vectors = [], []
    for name, part in parts.items():
        shape = part.shape or ()
        if len(shape) == 1:
            vectors.append(name)
        elif part.dtype == np.uint8 and (len(shape) == 2 or (len(shape) == 3 and shape[-1] in (1, 3))):
            pictures.append(name)
        else:
            raise ShapeError(
                f"{options.algorithm} sees vectors and pictures of bytes, (H, W), (H, W, 1) or (H, W, 3), but "
                f"{options.env} gives {part}: leave frames unstacked, as it remembers, and flatten anything else."
            )
    return pictures, vectors


def overrides(options: DreamerOptions, place: Path, keys: tuple[Sequence[str], Sequence[str]]) -> list[str]:
    """Return what is told to sheeprl; whatever is a text of the user's is quoted.

    Args:
        options: of the run.
        place: where sheeprl and the environments write.
        keys: names of pictures and of vectors in the observations.
    """
    size = options.size or SIZES[options.algorithm][0]
    values: dict[str, Any] = {
        "exp": "dreamer_v3_5" if options.algorithm == "dreamer_v3" else "p2e_dv3_exploration",
        **({"algo": f"dreamer_v3_5_{size}"} if options.algorithm == "dreamer_v3" else {}),
        "env": "dummy",
        "hydra/hydra_logging": "disabled",
        "hydra/job_logging": "disabled",
        "hydra.output_subdir": "null",
        "hydra.run.dir": _quoted(place),
        "log_root": _quoted(place),
        "root_dir": "log",
        "run_name": "run",
        "exp_name": "run",
        "seed": options.seed,
        "fabric.accelerator": options.device,
        "env.id": _quoted(options.env),
        "env.wrapper._target_": TARGET,
        "+env.wrapper.action_repeat": options.action_repeat,
        "+env.wrapper.model": "null" if options.model is None else _quoted(options.model.absolute()),
        "+env.wrapper.episodes": _quoted(place / "episodes.jsonl"),
        "env.num_envs": options.num_envs,
        "env.sync_env": True,
        "env.capture_video": False,
        "env.screen_size": options.screen_size,
        "algo.total_steps": options.steps,
        "algo.learning_starts": options.learning_starts,
        "algo.replay_ratio": options.replay_ratio,
        "algo.per_rank_batch_size": options.batch_size,
        "algo.per_rank_sequence_length": options.sequence_length,
        "algo.run_test": False,
        "buffer.size": options.steps + options.num_envs if options.replay_size is None else options.replay_size,
        "checkpoint.every": options.checkpoint_every,
        "checkpoint.keep_last": 1,
    }
    for kind, names in zip(("cnn", "mlp"), keys, strict=True):
        for side in ("encoder", "decoder"):
            values[f"algo.{kind}_keys.{side}"] = f"[{','.join(map(_quoted, names))}]"
    if options.algorithm == "p2e_dv3":
        values |= _earlier(size) | {
            "algo.critics_exploration.intrinsic.weight": options.bonus_weight,
            "algo.critics_exploration.extrinsic.weight": 1.0,
        }
    if options.learning_rate is not None:
        whose = ("",) if options.algorithm == "dreamer_v3" else ("world_model.", "actor.", "critic.", "ensembles.")
        values |= {f"algo.{part}optimizer.lr": options.learning_rate for part in whose}
    return [f"{name}={value}" for name, value in values.items()]


def _earlier(size: str) -> dict[str, int]:
    """Return the widths of a size of the earlier world model; those of XL are sheeprl's defaults."""
    if size not in _WIDTHS:
        return {}
    units, layers, channels, recurrent = _WIDTHS[size]
    part = "algo.world_model"
    return {
        "algo.dense_units": units,
        "algo.mlp_layers": layers,
        f"{part}.encoder.cnn_channels_multiplier": channels,
        f"{part}.recurrent_model.recurrent_state_size": recurrent,
        f"{part}.transition_model.hidden_size": units,
        f"{part}.representation_model.hidden_size": units,
    }


def _quoted(text: Path | str) -> str:
    r"""Return a text as Hydra and OmegaConf read it back unchanged, whatever stands in it.

    >>> print(_quoted("dmc/walker-walk:camera=side,pixels=64"), _quoted("it's"), _quoted("${env.id}"))
    'dmc/walker-walk:camera=side,pixels=64' 'it\'s' '\${env.id}'
    """
    escaped = re.sub(r"(\\*)(\$\{|'|$)", _escaped, str(text))
    return f"'{escaped}'"


def _escaped(found: re.Match[str]) -> str:
    """Return a mark with a backslash before it, and twice as many of those that it had; at the end of a text, these."""
    backslashes, mark = found.groups()
    return 2 * backslashes + (f"\\{mark}" if mark else "")


def last_checkpoint(place: Path) -> Path:
    """Return the file of the last checkpoint that sheeprl wrote there.

    Raises:
        ProtocolError: there is none.
    """
    found = sorted(place.rglob("ckpt_*.ckpt"), key=lambda path: int(path.stem.split("_")[1]))
    if not found:
        raise ProtocolError(f"sheeprl left no checkpoint in {place}: see {place / 'output.txt'}.")
    return found[-1]


def read_episodes(path: Path) -> list[LoggedEpisode]:
    """Return the episodes that an `EpisodeLog` wrote; none where there is no file.

    A last line that was cut short, because its writer was killed, is left out.

    Raises:
        DataError: another line is no episode.
    """
    lines = path.read_text().splitlines(keepends=True) if path.exists() else []
    episodes = []
    for number, line in enumerate(lines, 1):
        try:
            episodes.append(LoggedEpisode(**json.loads(line)))
        except (TypeError, ValueError) as error:
            if number == len(lines) and not line.endswith("\n"):
                break
            raise DataError(f"{path}, line {number}, is no episode: {line[:40]!r}.") from error
    return episodes


def _call(what: str, arguments: Sequence[str], place: Path, total: int = 0, report: StepReport | None = None) -> None:
    """Run a part of `dreamer_process`, and repeat its warnings; what it prints goes to output.txt."""
    said, told, episodes = place / "output.txt", place / "warnings.json", place / "episodes.jsonl"
    strict = "strict" if (log := open_log()) is not None and log.strict else "lenient"
    words = [sys.executable, "-m", "tsreward.recipes.dreamer_process", what, str(told), strict, *arguments]
    with said.open("a") as output:
        process = subprocess.Popen(words, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        known = 0
        try:
            while process.poll() is None:
                time.sleep(_POLL)
                if report is not None and episodes.exists() and (size := episodes.stat().st_size) > known:
                    known = size
                    report(min(total, sum(one.length for one in read_episodes(episodes))), total)
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
    if process.returncode:
        lines = [line for line in said.read_text(errors="replace").splitlines() if line.strip()]
        raise ProtocolError(f"sheeprl ended with an error: {lines[-1] if lines else ''} (all it said: {said})")
    for one in json.loads(told.read_text()):
        warn(one["name"], one["text"])


def describe_run(options: DreamerOptions, result: DreamerResult) -> Run:
    """Return what `write_run` keeps of a run; every return is the environment's."""
    finished = [_as_episode(one) for one in result.training]
    training = summarise_training(finished, finished).as_json()
    returns = np.array([one.true_return for one in result.evaluation])
    learned = float(np.mean([one.learned_return for one in result.evaluation]))
    shown = ("return", "length") if any(one.cost is None for one in result.training) else tuple(training)
    results = {
        "env": options.env,
        "algorithm": options.algorithm,
        "seed": options.seed,
        "steps": options.steps,
        "model": None if options.model is None else str(options.model),
        "agent": {
            "return": float(returns.mean()),
            "lowest": float(returns.min()),
            "highest": float(returns.max()),
            "learned_return": learned,
        },
        "training": {name: training[name] for name in shown},
    }
    return Run(
        title=f"{options.env}, {options.algorithm}, seed {options.seed}",
        config=asdict(options),
        results=results,
        facts={
            "environment": options.env,
            **step_facts(options.steps, options.action_repeat),
            "algorithm": options.algorithm,
        },
        agents={"agent": finished},
        action_repeat=options.action_repeat,
        verdict=f"The agent reaches a true return of {returns.mean():,.1f} on average over {len(returns)} episodes.",
    )


def _as_episode(one: LoggedEpisode) -> Episode:
    """Return an episode without observations, which is paid all at the end: enough for returns over steps."""
    last = np.zeros(one.length)
    last[-1] = 1.0
    costs = None if one.cost is None else one.cost * last
    return Episode(np.zeros((one.length + 1, 1), np.float32), one.true_return * last, costs)
