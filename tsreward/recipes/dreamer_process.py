"""What runs inside sheeprl's process: the environments that it is given, its training, and its evaluation.

python -m tsreward.recipes.dreamer_process train OVERRIDE...
python -m tsreward.recipes.dreamer_process evaluate CHECKPOINT EPISODES SEED...
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from tsreward.envs.make import make
from tsreward.errors import TSRewardError
from tsreward.io import load
from tsreward.named_warnings import gathered
from tsreward.pipeline.model import RewardModel
from tsreward.sb3.agent_observations import for_agent
from tsreward.wrappers.episode_log import EpisodeLog
from tsreward.wrappers.gymnasium_env import LearnedReward

TARGET = f"{__name__}.reward_env"


def reward_env(id: str, action_repeat: int = 1, model: str | None = None, episodes: str | None = None) -> Any:
    """Return an environment that pays the learned reward of a model file, and logs its episodes to a file.

    All environments of a process share one model. What goes wrong in a step ends the process: sheeprl would make the
    environment again and go on.
    """
    env: Any = for_agent(make(id, action_repeat))
    if model is not None:
        env = LearnedReward(env, _model(model, Path(model).stat().st_mtime_ns if Path(model).exists() else 0))
        if env.stream.monitor is not None and env.stream.model.mode.replaces:
            env.stream.monitor.flags = False  # an agent that begins to learn is not like the expert yet
    if episodes is not None:
        env = EpisodeLog(env, episodes)
        env.reset, env.step = _fatal(env.reset), _fatal(env.step)
    return env


@cache
def _model(path: str, changed: int) -> RewardModel:
    """Return the model in a file that was last changed at this time."""
    return load(Path(path))


def _fatal(call: Callable[..., Any]) -> Callable[..., Any]:
    def called(*args: Any, **named: Any) -> Any:
        try:
            return call(*args, **named)
        except Exception as error:
            raise SystemExit(_told(error)) from error

    return called


def _told(error: Exception) -> str:
    return str(error) if isinstance(error, TSRewardError) else f"{type(error).__name__}: {error}"


def train(overrides: Sequence[str]) -> None:
    """Train as sheeprl's own command does."""
    from sheeprl.cli import run  # pyright: ignore[reportMissingImports]

    sys.argv = ["sheeprl", *overrides]
    run()


def evaluate(checkpoint: str, episodes: str, seeds: Sequence[int]) -> None:
    """Play an episode from every seed with the policy of a checkpoint, which draws its actions as in training."""
    from sheeprl.cli import eval_algorithm  # pyright: ignore[reportMissingImports]
    from sheeprl.utils import fs  # pyright: ignore[reportMissingImports]

    for seed in seeds:
        config = fs.load_yaml(fs.run_config(checkpoint))
        config.checkpoint_path, config.seed = checkpoint, seed
        config.env.num_envs, config.metric.log_level, config.env.wrapper.episodes = 1, 0, episodes
        eval_algorithm(config)


def main(arguments: Sequence[str]) -> None:
    """Do what the arguments say, and write the warnings that were given, whatever comes of it."""
    what, told, strict, *rest = arguments
    with gathered(strict == "strict") as log:
        try:
            if what == "train":
                train(rest)
            else:
                evaluate(rest[0], rest[1], [int(seed) for seed in rest[2:]])
        finally:
            Path(told).write_text(json.dumps(log.as_json()))


if __name__ == "__main__":
    main(sys.argv[1:])
