"""`tsreward collect`: episodes of an agent, as one file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import tyro

from tsreward.agents.random_policy import act_at_random
from tsreward.agents.suitability import check_environment
from tsreward.agents.training import AgentOptions, train_agent
from tsreward.cli.output import Stages, print_json, print_table
from tsreward.cli.parsing import parse
from tsreward.cli.paths import check_output
from tsreward.cli.threads import prefer_one_thread
from tsreward.data.episodes import save_episodes
from tsreward.evaluation.costs import summarise_training


@dataclass(frozen=True)
class Options:
    """Record observations, actions, rewards and, where the environment gives them, costs of every step."""

    env: str
    """Id of the environment, e.g. SafetyPointCircle1-v0."""
    out: Path
    """File of the episodes, .npz."""
    agent: Literal["train", "random"] = "train"
    """train: everything that an agent does while it learns the environment's reward. random: uniform actions."""
    training: tyro.conf.OmitArgPrefixes[AgentOptions] = field(default_factory=AgentOptions)
    json: bool = False
    """Print what was recorded as one JSON document."""


def main(arguments: Sequence[str]) -> int:
    """Parse the arguments and run."""
    return run(parse(Options, "collect", arguments))


def run(options: Options) -> int:
    """Run the agent, write the file, print a summary."""
    training = options.training
    check_output(options.out)
    prefer_one_thread()
    with Stages() as stages:
        check_environment(options.env, training.algorithm if options.agent == "train" else None)
        report = stages(f"{options.agent} agent")
        if options.agent == "train":
            agent = train_agent(options.env, training, report=report)
            agent.normaliser.close()
            record = agent.record
        else:
            record = act_at_random(options.env, training.steps, training.num_envs, training.seed, report)
    episodes = record.all_episodes()
    save_episodes(episodes, options.out)
    steps = sum(len(episode) for episode in episodes)
    costs = [episode.costs for episode in episodes if episode.costs is not None]
    finished = record.finished
    summary = {
        "file": str(options.out),
        "env": options.env,
        "agent": options.agent,
        "seed": training.seed,
        "steps": steps,
        "episodes": len(episodes),
        "complete_episodes": len(finished),
        "final_return": summarise_training(finished, episodes).episode_return if finished else None,
        "cost_rate": float(np.concatenate(costs).mean()) if costs else None,
    }
    if options.json:
        print_json(summary)
    else:
        print_table("Episodes", ["what", "value"], summary.items())
    return 0
