"""The same as likeness_sensors.py, but the expert is only filmed: the reward looks at frames, the agent at its sensors.

python examples/likeness_pixels.py --steps 20000
"""

import argparse

import numpy as np

import tsreward
from tsreward.envs.blind_policies import Policy, blind_policy
from tsreward.pipeline.active import ActiveLearner
from tsreward.sb3 import AgentOptions, train_agent
from tsreward.sb3.playing import Played, play, policy_of
from tsreward.scorers.presets import scorer_preset

ENV, REPEAT, SIZE = "dmc/cartpole-balance", 4, 32


def balance(obs: np.ndarray) -> np.ndarray:
    """Return what a linear controller does: push the cart [E, 1] under the pole; obs is x, cos, sin, v, angular v."""
    return np.clip(obs[:, [0, 2, 3, 4]] @ np.array([0.3, 8.0, 0.5, 1.5]), -1, 1)[:, None]


def filmed(policy: Policy, episodes: int) -> tuple[list[Played], list[np.ndarray]]:
    """Return (what was played, its frames [T + 1, SIZE, SIZE, 3])."""
    played = play(ENV, policy, range(episodes), REPEAT)
    return played, [tsreward.render_states(ENV, one.states, SIZE) for one in played]


def main(steps: int, episodes: int = 8, seed: int = 0) -> tuple[float, float]:
    """Return the mean true return of the expert and of the agent that learned from its frames."""
    expert, frames = filmed(balance, episodes)
    _, others = filmed(blind_policy("random", tsreward.make(ENV).action_space, seed), episodes)
    encoder = tsreward.PixelPCA((SIZE, SIZE, 3), tsreward.PixelPCAOptions(dim=16))
    encoder.fit([*frames, *others])  # components of expert frames alone do not show what experts never do

    mode = tsreward.Likeness(tsreward.LikenessOptions(transform="least_squares"))
    model = tsreward.RewardModel(scorer_preset("least_squares_sad").build(4), mode, encoder)
    learner = ActiveLearner(model, frames)
    options = AgentOptions(
        "sac",
        steps,
        num_envs=1,
        action_repeat=REPEAT,
        hidden=128,
        gradient_steps=8,
        train_every=8,
        learning_starts=min(500, steps // 4),
        normalise=False,
        seed=seed,
    )
    agent = train_agent(f"{ENV}:frames={SIZE}", options, model, active=learner, reward_obs="frame")
    judged = play(ENV, policy_of(agent.algorithm), range(100, 102), REPEAT)
    return float(np.mean([one.total for one in expert])), float(np.mean([one.total for one in judged]))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=20_000)
    print("true return of the expert {:.0f}, of the agent {:.0f}".format(*main(parser.parse_args().steps)))
