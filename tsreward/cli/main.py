"""`tsreward`: finds the command, and keeps the promises about errors and exit codes.

0 done, 1 a check that was asked for failed, 2 bad input, 130 interrupted, 143 terminated.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from tsreward.cli.known_names import check_names
from tsreward.data.memory import max_memory
from tsreward.errors import TSRewardError, TSRewardWarning, unknown_name
from tsreward.files import no_room
from tsreward.named_warnings import gathered


def remark(text: str) -> None:
    """Write one line to stderr, whatever characters came in with the name of a file or a column."""
    line = " ".join(text.split())
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in line)
    print(f"tsreward: {shown}", file=sys.stderr)


COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("run the whole method once and compare an agent with and without the penalty", "tsreward.cli.demo"),
    "collect": ("record the episodes of an agent in an environment", "tsreward.cli.collect"),
    "fit": ("learn a reward from recorded episodes or sensor logs", "tsreward.cli.fit"),
    "score": ("score episodes or sensor logs", "tsreward.cli.score"),
    "detect": ("find the incidents in a log, and which sensor is to blame", "tsreward.cli.detect"),
    "serve": ("score rows that come over HTTP, and tell incidents", "tsreward.cli.serve"),
    "evaluate": ("measure how well scores agree with costs or labels", "tsreward.cli.evaluate"),
    "bench": ("compare detectors on logs with labels", "tsreward.cli.bench"),
    "relabel": ("put the rewards of a model into recorded episodes", "tsreward.cli.relabel"),
    "goal-video": ("draw the video of a goal from its first frame", "tsreward.cli.goal_video"),
    "audit": ("look for what is wrong with a reward before training on it", "tsreward.cli.audit"),
    "train": ("train an agent on a learned reward", "tsreward.cli.train"),
    "watch": ("film a trained agent, with what the learned reward says", "tsreward.cli.watch"),
    "report": ("put several runs on one page", "tsreward.cli.report"),
    "tune": ("search for the best setting of a reward or a detector", "tsreward.cli.tune"),
    "compare": ("compare two models on the same data", "tsreward.cli.compare"),
    "check": ("check that model files are sound", "tsreward.cli.check"),
    "info": ("show what a model file holds", "tsreward.cli.info"),
    "export": ("write the score of a model as ONNX or torch.export", "tsreward.cli.export"),
    "push": ("put a model into a repository of the Hugging Face Hub", "tsreward.cli.push"),
    "pull": ("fetch a model from the hub or the zoo", "tsreward.cli.pull"),
    "completion": ("let a shell complete commands and options", "tsreward.cli.completion"),
}
"""Name -> (help, module); the module has a `main` that takes the arguments and returns the exit code."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code."""
    given = [_alias(argument) for argument in (sys.argv[1:] if arguments is None else arguments)]
    try:
        with _termination_raises(), gathered(), max_memory(None), warnings.catch_warnings():
            warnings.simplefilter("always", TSRewardWarning)  # --strict makes them errors
            warnings.showwarning = lambda message, *where: remark(f"warning: {message}")
            return _dispatch(given)
    except TSRewardError as error:
        remark(f"error: {error}")
        return 2
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # Python flushes stdout once more when it exits
            return 141
        if (told := no_room(error)) is None:
            raise
        remark(f"error: {told}.")
        return 2
    except KeyboardInterrupt:
        remark("interrupted")
        return 130
    except _Terminated:
        remark("terminated")
        return 143
    except SystemExit as stop:  # tyro has shown the help, or what is wrong with the arguments
        return stop.code if isinstance(stop.code, int) else 0 if stop.code is None else 2


def _dispatch(arguments: list[str]) -> int:
    command, rest = (arguments[0], arguments[1:]) if arguments else ("", [])
    if command in ("-h", "--help", "help"):
        print(_help())
        return 0
    if command in ("--version", "version"):
        import tsreward

        print(f"tsreward {tsreward.__version__}")
        return 0
    if not command:
        print(_help(), file=sys.stderr)
        return 2
    if command not in COMMANDS:
        raise unknown_name("command", command, COMMANDS)
    rest = [_cost_alias(command, word) for word in _with_reward_column(command, _with_own_names(rest))]
    return import_module(COMMANDS[command][1]).main(_with_config(command, rest))


def _alias(argument: str) -> str:
    """Return --steps for --total-timesteps, as Stable-Baselines3 calls it.

    >>> _alias("--agent.total-timesteps=100")
    '--agent.steps=100'
    """
    return re.sub(r"^(--(?:[\w-]+\.)*)total[-_]timesteps(?==|$)", r"\1steps", argument)


def _cost_alias(command: str, argument: str) -> str:
    """Return --cost-key for --cost where infos of an environment are meant, and the other way round.

    >>> _cost_alias("collect", "--cost=hit"), _cost_alias("fit", "--cost-key"), _cost_alias("fit", "--cost-above")
    ('--cost-key=hit', '--cost', '--cost-above')
    """
    name, equals, value = argument.partition("=")
    if name.replace("_", "-") not in ("--cost", "--cost-key"):
        return argument
    if command in ("train", "tune"):  # these have both
        return argument
    return f"{'--cost-key' if command in ('collect', 'demo') else '--cost'}{equals}{value}"


def _with_reward_column(command: str, arguments: list[str]) -> list[str]:
    """Return the arguments with the column of rewards under the name that it has in this command."""
    if not {argument.partition("=")[0].replace("_", "-") for argument in arguments} & {"--reward", "--reward-column"}:
        return arguments
    from tsreward.cli.columns import with_reward_column

    return with_reward_column(command, arguments)


def _with_own_names(arguments: list[str]) -> list[str]:
    """Return the arguments with what users call my_module:Name under its registered name."""
    if not any(":" in argument or argument.partition("=")[0] == "--import" for argument in arguments):
        check_names(arguments)
        return arguments
    from tsreward.cli.own_names import with_own_names

    return with_own_names(arguments)


def _with_config(command: str, arguments: list[str]) -> list[str]:
    """Return the arguments together with the options of the file that --config names."""
    if not any(argument.partition("=")[0] == "--config" for argument in arguments):
        return arguments
    from tsreward.cli.parsing import peek, with_config

    path = peek(arguments, "config", "")
    return with_config(Path(path), command, COMMANDS, arguments) if path else arguments


def _help() -> str:
    lines = [f"  {name:<12}{text}" for name, (text, _) in COMMANDS.items()]
    return "\n".join(
        [
            "usage: tsreward COMMAND [OPTIONS]",
            "",
            "Turn a sequence anomaly detector into a reward for reinforcement learning.",
            "",
            *lines,
            "",
            "tsreward COMMAND --help shows its options, tsreward --version the version;",
            "tsreward completion bash --install lets your shell complete them (bash, zsh, fish).",
            "--total-timesteps is another name of --steps.",
            "--import MODULE registers scorers, encoders and reward modes of your own, of which a model file is made;",
            "environments, scorers, encoders, reward modes and cost functions are also named as MODULE:NAME.",
        ]
    )


class _Terminated(BaseException):
    """SIGTERM came."""


@contextmanager
def _termination_raises() -> Iterator[None]:
    """Let SIGTERM end a command as Ctrl-C does, so that what it began to write is taken away."""

    def stop(number: int, frame: Any) -> None:
        raise _Terminated

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
