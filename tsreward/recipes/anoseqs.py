"""AnoSeqs end to end (arXiv 2407.19860): source agent → safe windows → scorer → penalty → target agent.

The source agent meets the danger and its costs are seen; the target agent is fresh, never sees a cost, and is paid the
environment's reward less a penalty where its recent observations look unlike the safe ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from tsreward.errors import DataError, ShapeError
from tsreward.options import Options, option
from tsreward.pipeline.model import RewardModel
from tsreward.recipes.fitting import agreement_with_cost, fit_reward, hold_out, suited_encoder
from tsreward.recipes.run_folder import Run, step_facts
from tsreward.report.run import summarise_training
from tsreward.rewards.base import RewardMode
from tsreward.rewards.lagrangian import Lagrangian, LagrangianOptions
from tsreward.rewards.penalty import Penalty, PenaltyOptions
from tsreward.sb3.environment_checks import check_budget, check_environment
from tsreward.sb3.episode_rows import EpisodeLog
from tsreward.sb3.reward_watch import WatchOptions
from tsreward.sb3.training import AgentOptions, StepReport, TrainedAgent, TrainingOutputs, train_agent
from tsreward.scorers.presets import scorer_preset
from tsreward.sequences.costs import CostOptions
from tsreward.sequences.episodes import Episode
from tsreward.training import TrainOptions
from tsreward.wrappers.obs_parts import named_obs_key

Stage = Callable[[str], StepReport]
"""Called with the name of a stage as it begins; what it returns is told the progress."""

SOURCE_SEED = 1000
"""What is added to the seed for the first source agent, so that it is not the vanilla agent over again."""


@dataclass(frozen=True)
class AnoSeqsOptions(Options):
    """What is run."""

    env: str = "SafetyHopperVelocity-v1"
    """Environment of the source agent; it must give costs (--cost-key)."""
    target_env: str | None = None
    """Environment of the target agent; None is the same."""
    scorer: str = "deep_sad"
    """A preset that learns from safe and unsafe windows, such as deep_sad or semi_supervised_ae, or any scorer, which
    learns from safe windows alone; tsreward fit --help lists them."""
    window: int = 4
    """Steps K in a window."""
    form: Literal["tail", "raw", "constant", "lagrangian"] = "tail"
    """How a flagged step is punished: by its p-value, by its score (as in the AnoSeqs paper), by a constant, or by a
    weight that follows the flag rate."""
    weight: float = 8.0
    """Weight of the penalty; in typical single-step rewards unless the penalty is raw."""
    floor: float | None = None
    """A flagged step pays no less than minus this, in typical single-step rewards, unless the environment pays less;
    None is no floor, and lagrangian has none."""
    false_alarm_rate: float = option(0.05, above=0, below=1)
    """Fraction of held-out safe windows that may be flagged."""
    sources: int = 2
    """Source agents. Another agent finds other ways to be unsafe than the first, and the scorer must know them."""
    algorithm: Literal["ppo", "td3", "sac"] = "ppo"
    """Algorithm of every agent."""
    steps: int = 60_000
    """Decisions of every agent: environment steps, where no action is repeated."""
    action_repeat: int = 1
    """Environment steps that every action is held for; rewards and costs add up."""
    seed: int = option(0, low=0)
    """Every random number follows from it."""
    obs_key: tuple[str, ...] = ()
    """What the scorer looks at where the observation is a Dict or a Tuple: keys, a/b for one inside another, whose
    parts stand side by side; my_module:state_of is a function of your own, which gets one observation. Without any, it
    looks at all parts. The agents see all."""
    costs: CostOptions = CostOptions()  # noqa: RUF009 - frozen

    @property
    def target(self) -> str:
        """Environment of the target agent."""
        return self.env if self.target_env is None else self.target_env

    def check(self) -> None:
        scorer_preset(self.scorer).build(self.window)
        reward_mode(self)
        for seed in (self.seed, self.seed + SOURCE_SEED + self.sources):
            _agent(self, seed)


@dataclass(frozen=True)
class AnoSeqsResult:
    """What came out: the fitted model, its quality on held-out source episodes, and both agents."""

    model: RewardModel
    roc: float
    """Area under the ROC of the score against true cost, on source episodes that the scorer never saw."""
    precision: float
    """Average precision of the same."""
    vanilla: TrainedAgent
    penalised: TrainedAgent


def run(
    options: AnoSeqsOptions,
    stage: Stage,
    log: Callable[[str, int], EpisodeLog] | None = None,
    watch: WatchOptions | None = None,
) -> AnoSeqsResult:
    """Run the whole method once.

    `log` gives, for the name and the seed of an agent, what is given its episodes; `watch` says how the penalised agent
    is watched.

    Raises:
        OptionError, ShapeError, ProtocolError: the environments do not suit; found out before any training.
        DataError: no safe window, or no finished episode.
    """
    check_environments(options)
    target, key = options.target, named_obs_key(options.obs_key)

    def train(name: str, env: str, agent: AgentOptions, learned: RewardModel | None = None) -> TrainedAgent:
        report, rows = stage(name), None if log is None else log(name, agent.seed)
        return train_agent(
            env,
            agent,
            learned,
            needs_cost=True,
            report=report,
            costs=options.costs,
            obs_key=key,
            outputs=TrainingOutputs(log=rows, watch=None if learned is None else watch),
        )

    episodes: list[Episode] = []
    for number in range(options.sources):
        agent = _agent(options, options.seed + SOURCE_SEED + number)
        source = train(f"source agent {number + 1}", options.env, agent)
        source.normaliser.close()
        episodes += source.record.all_episodes()
    learn, held = hold_out(episodes, 0.2, options.seed)
    model = fit_penalty(learn, options, stage("scorer"))
    roc, precision = agreement_with_cost(model, held)
    agents = []
    for name, learned in (("vanilla agent", None), ("penalised agent", model)):
        agents.append(train(name, target, _agent(options, options.seed), learned))
        if not agents[-1].record.finished:
            raise DataError(
                f"No episode of the {name} finished within {options.steps} steps of {target}: train for more steps."
            )
        agents[-1].normaliser.close()
    return AnoSeqsResult(model, roc, precision, *agents)


def run_title(options: AnoSeqsOptions) -> str:
    """Return what a run is called."""
    return f"{options.target}, {options.scorer}, seed {options.seed}"


def run_facts(options: AnoSeqsOptions) -> dict[str, object]:
    """Return what is run, for the top of the page."""
    return {
        "environment": options.target,
        "source environment": options.env,
        **{f"{name} per agent": value for name, value in step_facts(options.steps, options.action_repeat).items()},
        "scorer": options.scorer,
    }


def describe_run(options: AnoSeqsOptions, result: AnoSeqsResult) -> Run:
    """Return what `write_run` keeps of a run of the method."""
    env, agents = options.target, {"vanilla": result.vanilla, "penalised": result.penalised}
    results = {
        "env": env,
        "source_env": options.env,
        "seed": options.seed,
        "steps": options.steps,
        "scorer": {"name": options.scorer, "roc": result.roc, "average_precision": result.precision},
    }
    for name, agent in agents.items():
        results[name] = summarise_training(agent.record.finished, agent.record.all_episodes()).as_json()
    return Run(
        title=run_title(options),
        config=asdict(options),
        results=results,
        facts={
            **run_facts(options),
            "ROC AUC of the score against cost": f"{result.roc:.3f}",
            "average precision": f"{result.precision:.3f}",
        },
        agents={name: agent.record.finished for name, agent in agents.items()},
        model=result.model,
        note={"env": options.env, "seed": options.seed},
        trained=agents,
        verdict=_verdict(results["vanilla"], results["penalised"]),
        costs=options.costs,
        action_repeat=options.action_repeat,
    )


def _verdict(vanilla: dict[str, float], penalised: dict[str, float]) -> str:
    with_it, without = (f"{one['cost']:,.1f} at a return of {one['return']:,.0f}" for one in (penalised, vanilla))
    return f"With the penalty an episode costs {with_it}, without it {without}."


def check_environments(options: AnoSeqsOptions) -> None:
    """Find out before any training whether source and target environment suit each other, the scorer and the agent.

    Raises:
        OptionError: there is no such environment, or the algorithm cannot act in it, or no episode ends in the steps.
        ShapeError: the observations are no arrays, or differ in shape.
        ProtocolError: one of them gives no cost.
    """
    envs = dict.fromkeys((options.env, options.target))
    key, costs = named_obs_key(options.obs_key), options.costs
    shapes = {env: check_environment(env, options.algorithm, True, costs, key) for env in envs}
    if len(set(shapes.values())) > 1:
        listed = " but ".join(f"{env} gives observations {shape}" for env, shape in shapes.items())
        raise ShapeError(f"{listed}: a scorer reads one shape, so choose environments that agree.")
    for env in envs:
        check_budget(env, _agent(options, options.seed))


def fit_penalty(episodes: Sequence[Episode], options: AnoSeqsOptions, report: StepReport | None = None) -> RewardModel:
    """Fit the penalty that `options` describe on source episodes with costs."""
    return fit_reward(
        episodes,
        options.window,
        scorer_preset(options.scorer),
        reward_mode(options),
        suited_encoder(options.env, episodes[0].obs.shape[1:]),
        TrainOptions(seed=options.seed),
        report=None if report is None else lambda done, total, _: report(done, total),
    ).model


def reward_mode(options: AnoSeqsOptions) -> RewardMode:
    """Return the unfitted reward mode that `options` name."""
    if options.form == "lagrangian":
        if options.floor is not None:
            options.refuse("floor", "None for 'lagrangian'", "its weight follows the flag rate")
        return Lagrangian(LagrangianOptions(false_alarm_rate=options.false_alarm_rate))
    return Penalty(
        PenaltyOptions(
            form=options.form, weight=options.weight, floor=options.floor, false_alarm_rate=options.false_alarm_rate
        )
    )


def _agent(options: AnoSeqsOptions, seed: int) -> AgentOptions:
    return AgentOptions(options.algorithm, options.steps, action_repeat=options.action_repeat, seed=seed)
