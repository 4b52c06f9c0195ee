"""Tuning a safety penalty: true return and cost of the agents that are trained on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from tsreward.data.episodes import load_episodes, save_episodes
from tsreward.detection.bench.records import fingerprint
from tsreward.errors import DataError, ShapeError
from tsreward.files import make_folder
from tsreward.options import Options, option
from tsreward.pipeline.model import RewardModel
from tsreward.recipes.anoseqs import SOURCE_SEED
from tsreward.recipes.fitting import agreement_with_cost, fit_reward, hold_out, suited_encoder
from tsreward.report.run import TrainingSummary, summarise_training
from tsreward.sb3.algorithms import AgentOptions
from tsreward.sb3.environment_checks import check_budget, check_environment
from tsreward.sb3.recording import EpisodeRecorder
from tsreward.sb3.training import train_agent
from tsreward.sequences.costs import CostOptions
from tsreward.sequences.episodes import Episode
from tsreward.training import TrainOptions
from tsreward.tuning.objective import Direction, Objective, Outcome, Progress, Report
from tsreward.tuning.search_spaces import fit_options, mode_of, scorer_of, search_space
from tsreward.tuning.space import Setting, Space
from tsreward.wrappers.obs_parts import named_obs_key


@dataclass(frozen=True)
class AnoSeqsTuning(Options):
    """What agents are trained, and what they are tuned for."""

    env: str = "SafetyHopperVelocity-v1"
    """Environment of the source agents; it must give costs (--cost-key)."""
    target_env: str | None = None
    """Environment of the target agents; None is the same."""
    cost_limit: float | None = option(None, above=0)
    """Tune the return, and keep the mean cost of an episode below this; None searches the Pareto front of both."""
    seeds: int = 2
    """Target agents of every trial, with the seeds 0, 1, ...; their returns and costs are averaged."""
    sources: int = 2
    """Source agents that the scorer of each of them learns from."""
    algorithm: Literal["ppo", "td3", "sac"] = "ppo"
    """Algorithm of every agent."""
    steps: int = 60_000
    """Decisions of every agent: environment steps, where no action is repeated."""
    action_repeat: int = 1
    """Environment steps that every action is held for; rewards and costs add up."""
    hidden: int = 64
    """Width of the two hidden layers of actor and critic."""
    rollout: int = 256
    """Steps of every environment between two updates (ppo)."""
    obs_key: tuple[str, ...] = ()
    """What the scorer looks at where the observation is a Dict or a Tuple: keys, a/b for one inside another, whose
    parts stand side by side; my_module:state_of is a function of your own. Without any, it looks at all parts. The
    agents see all."""
    costs: CostOptions = CostOptions()  # noqa: RUF009 - frozen

    def check(self) -> None:
        self.agent(0)

    @property
    def target(self) -> str:
        """Environment of the target agents."""
        return self.env if self.target_env is None else self.target_env

    def agent(self, seed: int) -> AgentOptions:
        """Return how an agent is trained."""
        return AgentOptions(
            algorithm=self.algorithm,
            steps=self.steps,
            action_repeat=self.action_repeat,
            hidden=self.hidden,
            rollout=self.rollout,
            seed=seed,
        )


class Curve:
    """Looks at the last quarter of an agent's training so far, at so many evenly spaced moments.

    `listen` goes to `train_agent` as its wrapper of the reward, and changes nothing; the curve itself as its report.
    """

    def __init__(self, points: int, tell: Callable[[int, TrainingSummary], None]) -> None:
        self._points, self._tell = points, tell
        self._told = 0
        self._record: EpisodeRecorder | None = None

    def listen(self, record: Any) -> Any:
        """Remember where the true returns and costs are recorded."""
        self._record = record
        return record

    def __call__(self, done: int, total: int) -> None:
        """Tell of every point that has been reached; of none without a finished episode."""
        reached = done * self._points // total
        if reached > self._told and self._record is not None and self._record.finished:
            self._told = reached
            self._tell(reached - 1, summarise_training(self._record.finished, self._record.finished))


POINTS = 8
"""Values of the learning curve that every agent reports."""
HELD_OUT = 0.2
"""Fraction of the source episodes that the scorer does not learn from, as in `tsreward fit` and `demo`."""


@dataclass(frozen=True)
class AnoSeqsObjective(Objective):
    """True return and cost of fresh agents under the penalty that a setting stands for (AnoSeqs, arXiv 2407.19860).

    The episodes of the source agents do not depend on the setting: they are made once, and kept in `folder`.
    """

    folder: Path
    options: AnoSeqsTuning = field(default_factory=AnoSeqsTuning)
    space: Space = field(default_factory=lambda: search_space("anoseqs"))
    name: str = "anoseqs"

    @property
    def directions(self) -> dict[str, Direction]:
        cost: dict[str, Direction] = {"cost": "minimize"} if self.options.cost_limit is None else {}
        return {"return": "maximize", **cost}

    @property
    def steps(self) -> int:
        return self.options.seeds * POINTS

    def settings(self) -> dict[str, Any]:
        return asdict(self.options)

    def check(self) -> None:
        envs = dict.fromkeys((self.options.env, self.options.target))
        algorithm, costs, key = self.options.algorithm, self.options.costs, named_obs_key(self.options.obs_key)
        shapes = {env: check_environment(env, algorithm, True, costs, key) for env in envs}
        if len(set(shapes.values())) > 1:
            listed = " but ".join(f"{env} gives observations {list(shape)}" for env, shape in shapes.items())
            raise ShapeError(f"{listed}: a scorer reads one shape, so choose environments that agree.")
        for env in envs:
            check_budget(env, self.options.agent(0))

    def prepare(self, progress: Progress) -> None:
        agents = dict.fromkeys(agent for seed in range(self.options.seeds) for agent in self._sources(seed))
        self._train([agent for agent in agents if not self._file(agent).exists()], progress)

    def evaluate(self, setting: Setting, report: Report) -> Outcome:
        runs: list[TrainingSummary] = []
        rocs = []
        for seed in range(self.options.seeds):
            learn, held = hold_out(self.source_episodes(seed), HELD_OUT, seed)
            model = self.fit(setting, learn, seed)
            rocs.append(_roc(model, held))
            before = [self._pruning_value(run, learn) for run in runs]

            def tell(point: int, so_far: TrainingSummary, seed: int = seed, before: list[float] = before) -> None:
                report(seed * POINTS + point, float(np.mean([*before, self._pruning_value(so_far, learn)])))  # noqa: B023

            runs.append(self.train(model, seed, Curve(POINTS, tell)))
        returns, costs = [run.episode_return for run in runs], [run.episode_cost for run in runs]
        details = {"returns": returns, "costs": costs, "rocs": rocs, "lengths": [run.episode_length for run in runs]}
        means = (float(np.mean(returns)), float(np.mean(costs)))
        if self.options.cost_limit is None:
            return Outcome(means, details=details)
        return Outcome(means[:1], {"cost": means[1] - self.options.cost_limit}, details | {"cost": means[1]})

    def config(self, setting: Setting) -> dict[str, dict[str, Any]]:
        agent, default = asdict(self.options.agent(0)), asdict(AgentOptions())
        train = {name: value for name, value in agent.items() if value != default[name]}
        key = {"obs_key": list(self.options.obs_key)} if self.options.obs_key else {}
        return {
            "fit": {"env": self.options.env, **fit_options(setting)},
            "train": {"env": self.options.target, "steps": self.options.steps, **train, **key},
        }

    def source_episodes(self, seed: int) -> list[Episode]:
        """Return the episodes of the source agents of a seed, which are trained now where they were not before."""
        agents = self._sources(seed)
        self._train([agent for agent in agents if not self._file(agent).exists()], lambda done, total: None)
        return [episode for agent in agents for episode in load_episodes(self._file(agent))]

    def fit(self, setting: Setting, episodes: Sequence[Episode], seed: int) -> RewardModel:
        """Return the model that a setting stands for, fitted on source episodes."""
        scorer, mode = scorer_of(setting), mode_of(setting)
        encoder = suited_encoder(self.options.env, episodes[0].obs.shape[1:])
        window = int(str(setting["window"]))
        return fit_reward(episodes, window, scorer, mode, encoder, TrainOptions(seed=seed)).model

    def train(self, model: RewardModel | None, seed: int, curve: Curve | None = None) -> TrainingSummary:
        """Train a target agent, without a model on the environment's own reward, and return its true return and cost.

        Raises:
            DataError: no episode finished.
        """
        listen = None if curve is None else curve.listen
        agent = train_agent(
            self.options.target,
            self.options.agent(seed),
            model,
            listen,
            needs_cost=True,
            report=curve,
            costs=self.options.costs,
            obs_key=named_obs_key(self.options.obs_key),
        )
        agent.normaliser.close()
        if not agent.record.finished:
            raise DataError(
                f"No episode of {self.options.target} finished within {self.options.steps} steps: raise --steps."
            )
        return summarise_training(agent.record.finished, agent.record.all_episodes())

    def _sources(self, seed: int) -> list[AgentOptions]:
        return [self.options.agent(seed + SOURCE_SEED + number) for number in range(self.options.sources)]

    def _file(self, agent: AgentOptions) -> Path:
        return self.folder / f"source-{agent.seed}-{self._of(agent)[:16]}.npz"

    def _of(self, agent: AgentOptions) -> str:
        """Return the fingerprint of what the episodes of a source agent follow from."""
        costs, key = self.options.costs.changed(), self.options.obs_key
        more = [repr(given) for given in (costs, key) if given]
        return fingerprint(self.options.env, asdict(agent), *more)

    def _train(self, agents: Sequence[AgentOptions], progress: Progress) -> None:
        total = len(agents) * self.options.steps
        for number, agent in enumerate(agents):

            def step(done: int, _: int, before: int = number * self.options.steps) -> None:
                progress(before + done, total)

            costs, key = self.options.costs, named_obs_key(self.options.obs_key)
            run = train_agent(self.options.env, agent, needs_cost=True, report=step, costs=costs, obs_key=key)
            run.normaliser.close()
            make_folder(self.folder)
            save_episodes(run.record.all_episodes(), self._file(agent))

    def _pruning_value(self, run: TrainingSummary, sources: Sequence[Episode]) -> float:
        """Return what the pruner compares: the return, less that of a source agent for every limit that is exceeded."""
        if self.options.cost_limit is None:
            return run.episode_return
        typical = abs(float(np.mean([np.sum(episode.rewards) for episode in sources if episode.rewards is not None])))
        return run.episode_return - typical * max(0.0, run.episode_cost / self.options.cost_limit - 1)


def _roc(model: RewardModel, held: Sequence[Episode]) -> float | None:
    """Return the area under the ROC against cost, which no objective needs; None where the episodes cannot tell."""
    try:
        return agreement_with_cost(model, held)[0]
    except DataError:
        return None
