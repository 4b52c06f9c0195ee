"""A penalty learned from the safe windows of one agent, for another agent that never sees a cost.

python examples/safety_penalty.py --steps 60000
"""

import argparse

import numpy as np

import tsreward
from tsreward.report.run import TrainingSummary, summarise_training
from tsreward.sb3 import AgentOptions, train_agent

ENV = "SafetyHopperVelocity-v1"


def main(steps: int, seed: int = 0) -> tuple[TrainingSummary, TrainingSummary]:
    """Return what training brought without and with the penalty."""
    source = train_agent(ENV, AgentOptions(steps=steps, seed=seed + 1), needs_cost=True)
    episodes = source.record.all_episodes()

    safe, unsafe = tsreward.safe_windows(episodes, window=4)
    model = tsreward.RewardModel(tsreward.DeepSVDD(window=4), tsreward.Penalty())
    model.fit(safe, unsafe, rewards=np.concatenate([episode.rewards for episode in episodes]))

    summaries = []
    for learned in (None, model):
        record = train_agent(ENV, AgentOptions(steps=steps, seed=seed), learned, needs_cost=True).record
        summaries.append(summarise_training(record.finished, record.all_episodes()))
    return summaries[0], summaries[1]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=60_000)
    for name, summary in zip(("vanilla", "penalised"), main(parser.parse_args().steps), strict=True):
        print(name, summary.as_json())
