"""How many decisions an agent that sees 64×64 pixels takes on one core: DrQ on the true reward, and on a learned one.

    python -m benchmarks.drq --tasks balance swingup --rewards true learned --seeds 0

The learned reward is a likeness to an expert that is only filmed, whose scorer goes on learning while the agent trains
(active least-squares SAD on pixel PCA); it sees the newest of the three frames that the agent sees. In balance the
expert is a linear controller, in swingup that of benchmarks.experts. A record is added after every `every` decisions,
with the true return of the policy without random actions. Runs that reached `steps` are not repeated.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
import tyro
from stable_baselines3.common.callbacks import BaseCallback

import tsreward
from benchmarks.dreamer import balance
from benchmarks.experts import FOLDER
from benchmarks.records import RESULTS, Records
from tsreward.data.graded import load_graded
from tsreward.encoders.frame_layout import FrameLayout
from tsreward.envs.blind_policies import blind_policy
from tsreward.pipeline.active import ActiveLearner, ActiveLearnerOptions
from tsreward.sb3.algorithms import AgentOptions
from tsreward.sb3.grading import draw_episodes
from tsreward.sb3.playing import episode_seeds, play, policy_of
from tsreward.sb3.training import train_agent
from tsreward.scorers.presets import scorer_preset

SIZE, STACK, REPEAT, WINDOW, DEMOS = 64, 3, 4, 4, 8
AGENT = AgentOptions(
    "sac",
    num_envs=1,
    action_repeat=REPEAT,
    hidden=256,
    gradient_steps=4,
    train_every=4,
    batch_size=128,
    learning_rate=1e-3,
    gamma=0.97,
    tau=0.02,
    learning_starts=500,
    random_shift=4,
)
TASKS = {"balance": ("dmc/cartpole-balance", 10_000), "swingup": ("dmc/cartpole-swingup", 20_000)}
"""Environment and budget in decisions."""


@dataclass(frozen=True)
class Options:
    """What to run."""

    tasks: tuple[str, ...] = ("balance",)
    rewards: tuple[Literal["true", "learned"], ...] = ("true", "learned")
    seeds: tuple[int, ...] = (0,)
    every: int = 1_000
    """Decisions between two records."""


def expert_of(task: str) -> tuple[list[np.ndarray], float]:
    """Return (frames [T + 1, SIZE, SIZE, 1] of an expert's episodes, its mean return)."""
    env = TASKS[task][0]
    if task == "balance":
        played = play(env, balance, range(DEMOS), REPEAT)
        states, returns = [one.states for one in played], [one.total for one in played]
        return [drawn(env, each) for each in states if each is not None], float(np.mean(returns))
    graded = load_graded(FOLDER / f"{env.replace('/', '-')}-100.npz").where("expert").take(np.arange(DEMOS))
    frames = draw_episodes(graded, SIZE, grey=True)
    return [episode.obs for episode in frames.episodes], float(graded.returns.mean())


def drawn(env: str, states: np.ndarray) -> np.ndarray:
    """Return grey frames [T + 1, SIZE, SIZE, 1] of stored states."""
    return tsreward.render_states(env, states, SIZE, grey=True)


def likeness(env: str, expert: list[np.ndarray], seed: int) -> ActiveLearner:
    """Return a reward that goes on learning."""
    clumsy = play(env, blind_policy("random", tsreward.make(env).action_space, seed), range(100, 100 + DEMOS), REPEAT)
    encoder = tsreward.PixelPCA((SIZE, SIZE, 1))
    encoder.fit([*expert, *(drawn(env, one.states) for one in clumsy if one.states is not None)])
    mode = tsreward.Likeness(tsreward.LikenessOptions(transform="least_squares"))
    model = tsreward.RewardModel(scorer_preset("least_squares_sad").build(WINDOW), mode, encoder)
    return ActiveLearner(model, expert, ActiveLearnerOptions(seed=seed))


class Evaluation(BaseCallback):
    """Plays two episodes after every so many decisions."""

    def __init__(self, every: int, record: Callable[[int, float], None], env: str, seed: int) -> None:
        super().__init__()
        self._every, self._record, self._env = every, record, env
        self._seeds = episode_seeds(seed, 2**20, 2)

    def _on_step(self) -> bool:
        if self.num_timesteps % self._every == 0:
            played = play(self._env, policy_of(self.model), self._seeds, REPEAT)
            self._record(self.num_timesteps, float(np.mean([one.total for one in played])))
        return True


def run(task: str, reward: str, seed: int, every: int, records: Records) -> None:
    """Train one agent."""
    name, steps = TASKS[task]
    if any(
        (row["task"], row["reward"], row["seed"], row["decisions"]) == (task, reward, seed, steps)
        for row in records.read()
    ):
        return
    env = f"{name}:pixels={SIZE},stack={STACK},grey"
    expert, expert_return = expert_of(task)
    began, agent = time.process_time(), replace(AGENT, steps=steps, seed=seed)

    def record(decisions: int, value: float) -> None:
        row: dict[str, Any] = {"task": task, "reward": reward, "seed": seed, "decisions": decisions, "return": value}
        row |= {"expert_return": expert_return, "fraction_of_expert": value / expert_return}
        row |= {"cpu_seconds": round(time.process_time() - began), "agent": agent.to_json()}
        records.add(row)
        print(task, reward, seed, decisions, round(value, 1), row["cpu_seconds"], flush=True)

    train_agent(
        env,
        agent,
        active=None if reward == "true" else likeness(name, expert, seed),
        frames=None if reward == "true" else FrameLayout("HWC", stack=STACK),
        callbacks=[Evaluation(every, record, env, seed)],
    )


def main(options: Options) -> None:
    torch.set_num_threads(1)
    records = Records(RESULTS / "drq.json", ("task", "reward", "seed", "decisions"))
    for task in options.tasks:
        for reward in options.rewards:
            for seed in options.seeds:
                run(task, reward, seed, options.every, records)


if __name__ == "__main__":
    main(tyro.cli(Options))
