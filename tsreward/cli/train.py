"""`tsreward train`: an agent on the reward of a model, or on one that is learned from demonstrations on the way."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import tyro

from tsreward.cli.columns import ColumnsBesideReward
from tsreward.cli.main import remark
from tsreward.cli.output import Stages, conclude, fitting, prefer_one_thread, print_json, print_table, run_path
from tsreward.cli.parsing import Arguments, parse, peek
from tsreward.cli.running import RunArguments, lasting, resumed
from tsreward.cli.seeds import resume_seeds, seeds_of, train_seeds
from tsreward.data.sources import read_episodes
from tsreward.encoders.frame_layout import FrameLayout
from tsreward.encoders.picture_shapes import picture_remedy
from tsreward.errors import DataError, OptionError, ShapeError
from tsreward.io import describe, load
from tsreward.pipeline.active import ActiveLearnerOptions
from tsreward.pipeline.expert_windows import ExpertWindows
from tsreward.pipeline.model import RewardModel
from tsreward.recipes import dreamer
from tsreward.recipes.likeness import DEFAULT_AGENT, describe_run, run_config, run_facts, run_title
from tsreward.recipes.likeness import run as run_recipe
from tsreward.recipes.likeness_options import ExpertLikenessOptions
from tsreward.recipes.live_run import read_status
from tsreward.recipes.run_folder import Run, step_facts, write_run
from tsreward.report.page import check_reporting
from tsreward.report.run import summarise_training
from tsreward.rewards.lagrangian import CONSTRAINED
from tsreward.sb3.environment_checks import check_budget, check_environment
from tsreward.sb3.ppo_lagrangian import COST_LIMIT
from tsreward.sb3.training import AgentOptions, TrainedAgent, train_agent
from tsreward.sequences.costs import CostOptions
from tsreward.user_modules import split_name
from tsreward.wrappers.obs_parts import named_obs_key


@dataclass(frozen=True)
class Options(RunArguments):
    """Train an agent on the reward of a model; its true return and cost are recorded, and never shown to it.

    With --reward likeness, the reward is learned from an expert's observations on the way: tsreward train --reward
    likeness --help shows the options of that. World-model agents, --algorithm dreamer_v3 and p2e_dv3, have options of
    their own: tsreward train --algorithm dreamer_v3 --help.

    The folder of the run is there from the first second, and stays however the run ends. It holds config.json,
    model.safetensors, status.json (running, finished, stopped or failed), episodes.csv (a row per episode, written
    while the agent trains), report.html (written anew every minute), and at the end agent.zip (Stable-Baselines3),
    normaliser.npz (mean and variance of the observations that the agent expects), agent.safetensors, agent.json,
    curves.png and results.json, and agent.mp4 where the environment draws itself.
    """

    env: str
    """Id of the environment, e.g. SafetyPointCircle1-v0."""
    model: Path | None = None
    """File of tsreward fit; what becomes of the environment's reward is in it. --algorithm ppo_lagrangian does without,
    on the environment's own reward."""
    reward: Literal["model", "likeness"] = "model"
    """model: that of a fitted model, a penalty or a likeness. likeness: one that is learned from demonstrations."""
    agent: tyro.conf.OmitArgPrefixes[AgentOptions] = field(default_factory=AgentOptions)
    frame_layout: str | None = None
    """How frames stand in what the environment observes, where its wrappers stack, transpose or scale them, e.g.
    CHW,stack=4 or HW,scaled. The model reads the newest one, and the agent sees all. None is what the model's fit was
    told."""
    obs_key: tuple[str, ...] = ()
    """What the model looks at where the observation is a Dict or a Tuple: keys, a/b for one inside another, whose parts
    stand side by side; my_module:state_of is a function of your own, which gets one observation. Without any, it looks
    at all parts. The agent sees all."""
    demos: tuple[Path, ...] = ()
    """Episodes of the expert, or of what else is normal: the watch compares those of the agent with them."""
    out: Path | None = None
    """Folder of the run, new or empty; None is runs/train-<env>-seed<seed>-<time>."""
    costs: tyro.conf.OmitArgPrefixes[CostOptions] = field(default_factory=CostOptions)
    penalty_weight: float | None = None
    """Weight in place of the model's own, for a model whose mode is penalty."""
    config: Path | None = None
    """TOML file whose table [train] gives options, as best.toml of tsreward tune; those on the command line win."""
    film: bool = True
    """Film the agent at the end, where its environment draws itself."""
    json: bool = False
    """Print the results as one JSON document."""


@dataclass(frozen=True)
class LikenessRun(RunArguments):
    """Learn a reward from an expert's observations and train an agent on it; its true return is recorded, and never
    shown to it.

    The folder of the run is there from the first second, and stays however the run ends. It holds config.json,
    status.json (running, finished, stopped or failed), episodes.csv (a row per episode, written while the agent
    trains), report.html (written anew every minute), and at the end model.safetensors, agent.zip (Stable-Baselines3),
    normaliser.npz, agent.safetensors, agent.json, curves.png and results.json, and agent.mp4 where the environment
    draws itself.
    """

    recipe: tyro.conf.OmitArgPrefixes[ExpertLikenessOptions] = field(default_factory=ExpertLikenessOptions)
    agent: tyro.conf.OmitArgPrefixes[AgentOptions] = DEFAULT_AGENT
    active: ActiveLearnerOptions = field(default_factory=ActiveLearnerOptions)
    columns: tyro.conf.OmitArgPrefixes[ColumnsBesideReward] = field(default_factory=ColumnsBesideReward)
    reward: Literal["model", "likeness"] = "likeness"
    """likeness: what this page describes. model: tsreward train --help."""
    out: Path | None = None
    """Folder of the run, new or empty; None is runs/train-<env>-seed<seed>-<time>."""
    config: Path | None = None
    """TOML file whose table [train] gives options, as best.toml of tsreward tune; those on the command line win."""
    film: bool = True
    """Film the agent at the end, where its environment draws itself."""
    json: bool = False
    """Print the results as one JSON document."""


@dataclass(frozen=True)
class DreamerRun(Arguments):
    """Train a world-model agent of sheeprl on the reward of a model; its true return is recorded, never shown to it.

    The folder of the run holds config.json, curves.png, report.html, results.json, and sheeprl/ with all that sheeprl
    writes: checkpoints, TensorBoard's files and what it printed (output.txt). A run that is stopped leaves that folder.
    """

    recipe: tyro.conf.OmitArgPrefixes[dreamer.DreamerOptions]
    out: Path | None = None
    """Folder of the run, new or empty; None is runs/train-<env>-seed<seed>-<time>."""
    config: Path | None = None
    """TOML file whose table [train] gives options; those on the command line win."""
    json: bool = False
    """Print the results as one JSON document."""


def main(arguments: Sequence[str]) -> int:
    """Parse the arguments and run."""
    if resume := peek(arguments, "resume", ""):
        if (several := read_status(Path(resume)).get("seeds")) is not None:
            return resume_seeds(Path(resume), several, arguments)
        arguments = resumed(Path(resume), arguments)
    likeness = peek(arguments, "reward", Options.reward) == LikenessRun.reward
    if (algorithm := peek(arguments, "algorithm", "")) in dreamer.WORLD_MODEL_AGENTS:
        if likeness:
            raise OptionError(
                f"{algorithm} learns from a model that stays as it is: run --reward likeness with sac first, then give "
                f"its model.safetensors with --model."
            )
        return run_dreamer(parse(DreamerRun, "train", arguments))
    if likeness:
        recipe = parse(LikenessRun, "train", arguments)
        if recipe.seeds:
            return _train_seeds(recipe, recipe.recipe.env, arguments)
        return run_likeness(recipe, lasting(arguments))
    options = parse(Options, "train", arguments)
    return _train_seeds(options, options.env, arguments) if options.seeds else run(options, lasting(arguments))


def _train_seeds(options: Options | LikenessRun, env: str, arguments: Sequence[str]) -> int:
    seeds = seeds_of(options.seeds, options.agent.seed)
    if options.shard is not None and options.out is None:
        raise OptionError("--shard shares the seeds of one folder: name it with --out, the same on every machine.")
    path = options.out or run_path("train", env, seeds[0])
    without_seed = lasting(arguments, "seed")
    return train_seeds(path, without_seed, seeds, options.jobs, options.shard, options.ray, as_document=options.json)


def run(options: Options, arguments: list[str]) -> int:
    """Train, write the folder, print the results; with these arguments the run can go on."""
    prefer_one_thread()
    path = options.out or run_path("train", options.env, options.agent.seed)
    checkpoints = options.checkpoints(path, options.agent)
    model, note = _model(options)
    with Stages() as stages:
        _check_shape(options, model)
        expert = _expert(options, model)
        check_reporting()
        with options.running(path, _title(options), asdict(options), _facts(options), arguments, checkpoints) as live:
            if model is not None:
                live.keep(model, note)
            agent = train_agent(
                options.env,
                options.agent,
                model,
                report=live.stage(stages)("agent"),
                costs=options.costs,
                frames=_layout(options),
                obs_key=named_obs_key(options.obs_key),
                outputs=options.outputs(live, options.agent, options.costs, checkpoints, asdict(options.agent), expert),
            )
            if not agent.record.finished:
                raise DataError(f"No episode of {options.env} finished in {options.agent.steps} steps: train for more.")
            results = write_run(path, _describe(options, agent, model, note))
    remark(f"costs: {agent.record.costs.summary()}")
    if options.json:
        print_json({"folder": str(path), **results})
    else:
        print_table(
            f"{options.env}, {options.agent.steps:,} steps, seed {options.agent.seed}: the true figures",
            ["what", "value"],
            list(results["agent"].items()),
        )
        conclude(f"{results['verdict']} Written to {path}.", _watch(path, options.env))
    return 0


def _watch(path: Path, env: str) -> list[object]:
    """Return the command that shows the agent; an environment of the user's own has to be named again."""
    return ["tsreward", "watch", path, *([] if split_name(env) is None else ["--env", env])]


def _model(options: Options) -> tuple[RewardModel | None, dict[str, Any]]:
    """Return the model, and what its file in the run says of it; a run that goes on has its own.

    Raises:
        OptionError: there is none, and the algorithm does not do without.
    """
    if options.model is None:
        if options.agent.algorithm != CONSTRAINED:
            raise OptionError(
                f"{options.agent.algorithm} learns from the reward of a model: give --model, a file of tsreward fit, "
                f"or --algorithm {CONSTRAINED}, for the environment's reward and cost."
            )
        if options.penalty_weight is not None or options.demos:
            raise OptionError("--penalty-weight and --demos belong to a model: give --model too, or leave them out.")
        return None, {"env": options.env, "seed": options.agent.seed}
    if options.resume is not None:
        file = options.resume / "model.safetensors"
        return load(file), describe(file)["note"]
    model = load(options.model)
    model.frames = _layout(options) or model.frames
    digest = hashlib.sha256(options.model.read_bytes()).hexdigest()
    if options.penalty_weight is not None:
        model.mode = model.mode.reweighted(options.penalty_weight)
    return model, {"env": options.env, "seed": options.agent.seed, "model": str(options.model), "sha256": digest}


def _expert(options: Options, model: RewardModel | None) -> ExpertWindows | None:
    """Return what the watch compares the agent with, where that is given."""
    if not options.demos or model is None or options.model is None:
        return None
    episodes = fitting(model, options.model, read_episodes(options.demos, tell=remark), options.demos[0])
    return ExpertWindows.seen_by(model, [one.obs for one in episodes], options.agent.seed)


def _check_shape(options: Options, model: RewardModel | None) -> None:
    key, algorithm = named_obs_key(options.obs_key), options.agent.algorithm
    shape = check_environment(options.env, algorithm, algorithm == CONSTRAINED, options.costs, key)
    layout = _layout(options)
    if model is None:
        check_budget(options.env, options.agent)
        return
    shape = model.shape_read(shape, told=layout)
    if shape != model.obs_shape:
        remedy = picture_remedy(model.obs_shape, shape) or (
            "fit a model on episodes of this environment, or name with --obs-key what it looks at of a Dict or a Tuple"
        )
        raise ShapeError(
            f"{options.env} gives observations {list(shape)}, but {options.model} reads {list(model.obs_shape)}: "
            f"{remedy}."
        )
    check_budget(options.env, options.agent)


def _layout(options: Options) -> FrameLayout | None:
    return None if options.frame_layout is None else FrameLayout.parse(options.frame_layout)


def _describe(options: Options, agent: TrainedAgent, model: RewardModel | None, note: dict[str, Any]) -> Run:
    everything = agent.record.all_episodes()
    figures = summarise_training(agent.record.finished, everything).as_json()
    if not agent.record.gives_cost:
        figures = {name: value for name, value in figures.items() if "cost" not in name}
    return Run(
        title=_title(options),
        config=asdict(options),
        results={
            "env": options.env,
            "algorithm": options.agent.algorithm,
            "seed": options.agent.seed,
            "steps": options.agent.steps,
            "model": None if model is None else {"file": note["model"], "sha256": note["sha256"]},
            "agent": figures,
        },
        facts=_facts(options),
        agents={"agent": everything[: len(agent.record.finished)]},
        model=model,
        note=None if model is None else note,
        trained={"agent": agent},
        film=options.film,
        costs=options.costs,
        action_repeat=options.agent.action_repeat,
        verdict=_verdict(figures),
        cost_limit=_cost_limit(options.agent) if agent.record.gives_cost else None,
        alarms=options.watch.codes,
    )


def _cost_limit(agent: AgentOptions) -> float | None:
    """Return the cost per episode that an agent should keep to."""
    return COST_LIMIT if agent.cost_limit is None and agent.algorithm == CONSTRAINED else agent.cost_limit


def _verdict(figures: Mapping[str, float]) -> str:
    cost = f" at a cost of {figures['cost']:,.1f}" if "cost" in figures else ""
    return f"Over the last quarter of training an episode returns {figures['return']:,.1f}{cost} (true values)."


def _title(options: Options) -> str:
    return f"{options.env}, seed {options.agent.seed}"


def _facts(options: Options) -> dict[str, object]:
    steps = step_facts(options.agent.steps, options.agent.action_repeat)
    model = "none: the environment's reward, and its cost" if options.model is None else str(options.model)
    return {"environment": options.env, **steps, "model": model}


def run_likeness(options: LikenessRun, arguments: list[str]) -> int:
    """Run the recipe of likeness, write the folder, print the results; with these arguments the run can go on."""
    prefer_one_thread()
    env, agent = options.recipe.env, options.agent
    check_reporting()
    path = options.out or run_path("train", env, agent.seed)
    checkpoints = options.checkpoints(path, agent)
    config, facts = run_config(options.recipe, agent, options.active), run_facts(options.recipe, agent)
    with options.running(path, run_title(options.recipe, agent), config, facts, arguments, checkpoints) as live:
        with Stages() as stages:
            result = run_recipe(
                options.recipe,
                agent,
                options.active,
                live.stage(stages),
                columns=options.columns,
                tell=remark,
                picture=path.with_name(f"{path.name}-expert.png"),
                outputs=options.outputs(live, agent, CostOptions(), checkpoints, config["agent"]),
            )
        told = describe_run(options.recipe, agent, options.active, result)
        results = write_run(path, replace(told, film=options.film, alarms=options.watch.codes))
    expert = results["expert"]["return"]
    if expert is not None and expert <= results["random"]["return"]:
        remark(
            f"warning: the expert's mean return of {expert:.1f} is no more than that of random actions, "
            f"{results['random']['return']:.1f}: fractions of it say how like it the agent became, not how good."
        )
    if options.json:
        print_json({"folder": str(path), **results})
        return 0
    rows = [
        ("expert", results["expert"]["return"]),
        ("random actions", results["random"]["return"]),
        *results["agent"].items(),
    ]
    print_table(f"{env}, {agent.steps:,} steps, seed {agent.seed}: true returns", ["what", "value"], rows)
    conclude(f"{results['verdict']} Written to {path}.", _watch(path, env))
    return 0


def run_dreamer(options: DreamerRun) -> int:
    """Train in sheeprl's process, write the folder, print the results."""
    prefer_one_thread()
    recipe = options.recipe
    check_reporting()
    path = options.out or run_path("train", recipe.env, recipe.seed)
    with Stages() as stages:
        result = dreamer.run(recipe, path, stages)
    results = write_run(path, dreamer.describe_run(recipe, result))
    if options.json:
        print_json({"folder": str(path), **results})
        return 0
    rows = list(results["agent"].items())
    print_table(f"{recipe.env}, {recipe.steps:,} steps, seed {recipe.seed}: true returns", ["what", "value"], rows)
    conclude(f"{results['verdict']} Written to {path}.", ["tensorboard", "--logdir", path / "sheeprl"])
    return 0
