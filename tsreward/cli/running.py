"""Options of commands that train for long, and the arguments of a run that goes on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tsreward.cli.main import remark
from tsreward.cli.parsing import Arguments
from tsreward.errors import DataError, OptionError
from tsreward.options import option
from tsreward.pipeline.expert_windows import ExpertWindows
from tsreward.recipes.live_run import LiveRun, open_run, read_status, resume_run
from tsreward.sb3.algorithms import AgentOptions
from tsreward.sb3.checkpoints import Checkpoints
from tsreward.sb3.loggers import run_logger
from tsreward.sb3.reward_watch import WatchOptions
from tsreward.sb3.training import TrainingOutputs
from tsreward.sequences.costs import CostOptions
from tsreward.user_modules import split_name


@dataclass(frozen=True, kw_only=True)
class RunArguments(Arguments):
    """Base of the options of a command that trains an agent."""

    save_every: int = option(0, low=0)
    """Decisions between two checkpoints, of which the newest two stay in RUN/checkpoints; 0 takes one at the end, and
    before Ctrl-C or SIGTERM ends the run. A second signal ends it at once."""
    resume: Path | None = None
    """Folder of a run that was stopped or killed: go on from its newest checkpoint, with its options. Only --steps,
    --save-every, --video-every, --tensorboard, --wandb and --json may be given beside it."""
    seeds: tuple[int, ...] = option((), low=0)
    """Train with several seeds side by side, one process with one thread for every core that is there, in RUN/seed-<n>
    each, and put them on one page: 5 for five seeds from --seed on, or the seeds themselves: 3 7 9."""
    jobs: int = option(0, low=0)
    """Seeds at a time; 0 is one for every core that is there."""
    ray: str | None = None
    """Address of a Ray cluster (auto, HOST:PORT, local) that trains the seeds; its nodes see the same folders."""
    shard: str | None = None
    """i/n: train every n-th of the seeds from the i-th on, as one of n machines or of a SLURM array that share the
    folder --out. The same command goes on; whoever ends last writes the page."""
    video_every: int = option(0, low=0)
    """Decisions between two films of the agent while it trains, in RUN/films; 0 films it at the end alone."""
    tensorboard: bool = False
    """Write TensorBoard's events to RUN/tensorboard."""
    wandb: bool = False
    """Log to Weights & Biases, with what is set for it in the environment."""
    watch: WatchOptions = field(default_factory=WatchOptions)

    def check(self) -> None:
        if (self.jobs or self.shard is not None or self.ray is not None) and not self.seeds:
            raise OptionError("--jobs, --ray and --shard are for several seeds: give --seeds.")
        if self.jobs and self.ray is not None:
            self.refuse("jobs", "0 with ray", "Ray decides how many run")

    def checkpoints(self, path: Path, agent: AgentOptions) -> Checkpoints | None:
        """Return where the run in this folder is kept; None for agents on JAX, which cannot be.

        Raises:
            CheckpointError: there is no checkpoint to go on from.
            OptionError: nothing is left to do; or checkpoints are asked for of an agent on JAX.
        """
        if agent.library != "torch" and not self.save_every and self.resume is None:
            return None
        made = Checkpoints(path / "checkpoints", self.save_every, resume=self.resume is not None, tell=remark)
        made.check_left(agent.steps)
        return made

    def outputs(
        self,
        live: LiveRun,
        agent: AgentOptions,
        costs: CostOptions,
        checkpoints: Checkpoints | None,
        config: Mapping[str, Any],
        expert: ExpertWindows | None = None,
    ) -> TrainingOutputs:
        """Return what the training writes into the folder of its run."""
        logger = run_logger(live.folder, self.tensorboard, self.wandb, config)
        live.alarms = self.watch.codes
        earlier = live.rows("agent")
        log, films = live.log("agent", agent.seed), live.films(self.video_every, costs)
        return TrainingOutputs(log, checkpoints, logger, films, expert, self.watch, earlier)

    def running(
        self,
        path: Path,
        title: str,
        config: dict[str, Any],
        facts: dict[str, object],
        arguments: list[str],
        checkpoints: Checkpoints | None,
    ) -> AbstractContextManager[LiveRun]:
        """Return the folder of a run that begins, or goes on; its arguments are written down."""
        if checkpoints is None or checkpoints.done is None:
            return open_run(path, title, config, facts, arguments)
        remark(f"going on after {checkpoints.done:,} steps; what environments were doing is not known, episodes begin")
        return resume_run(path, title, config, facts, arguments, checkpoints.done)


_CHANGED = ("resume", "steps", "save-every", "video-every", "tensorboard", "wandb", "json", "strict")
_OWN = ("resume", "out", "config", "json", "seeds", "jobs", "ray", "shard")
"""What belongs to one process, not to the run."""


def lasting(arguments: Sequence[str], *without: str) -> list[str]:
    """Return the arguments that a run which goes on is to have again, `without` the options of these names.

    >>> lasting(["--env", "Hopper-v5", "--json", "--out=x", "--obs-key", "a", "b"])
    ['--env', 'Hopper-v5', '--obs-key', 'a', 'b']
    """
    return [word for name, words in _options(arguments) if name not in (*_OWN, *without) for word in words]


def resumed(folder: Path, given: Sequence[str]) -> list[str]:
    """Return the arguments of the run in a folder, with those that are given now in place of its own.

    What is called my_module:Name has to be given again: nothing is imported because a file names it.

    Raises:
        DataError: it is no folder of a run that can go on.
        OptionError: other arguments are given than may change.
    """
    stored = read_status(folder).get("arguments")
    if not isinstance(stored, list) or not all(isinstance(word, str) for word in stored):
        raise DataError(f"{folder} is no run of tsreward train that can go on.")
    own = dict(_options(stored))
    named = {name for name, words in own.items() if any(split_name(word) is not None for word in _values(words))}
    new = dict(_options(given))
    for name, words in new.items():
        if name not in _CHANGED and not (name in named and _values(words) == _values(own[name])):
            raise OptionError(
                f"A run goes on with the options that it was begun with, got --{name} beside --resume: leave it out; "
                f"only {', '.join(f'--{one}' for one in _CHANGED[1:])} may change."
            )
    for name in sorted(named - new.keys()):
        raise OptionError(
            f"{folder} was begun with code of yours, which is not imported because a file names it: give "
            f"{' '.join(own[name])} again, beside --resume."
        )
    return [word for words in ({**own, **new} | {"out": ["--out", str(folder)]}).values() for word in words]


def _options(arguments: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield the name of every option, and the words that give it."""
    words: list[str] = []
    for word in (*arguments, "--"):
        if word.startswith("--") and words:
            yield words[0].removeprefix("--").partition("=")[0].replace("_", "-"), words
            words = []
        words.append(word)


def _values(words: Sequence[str]) -> list[str]:
    _name, equals, value = words[0].partition("=")
    return [*([value] if equals else []), *words[1:]]
