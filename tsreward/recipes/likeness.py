"""Expert likeness end to end: expert episodes → reward model → an agent that is rewarded for being like the expert.

The expert is only watched: neither its actions nor its rewards are used. The agent never sees the environment's reward;
what it would have been paid stands beside what it learned from.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tsreward.audit.search.judging import AgentVerdict
from tsreward.data.columns import DataColumns
from tsreward.data.rows import Tell
from tsreward.encoders.base import ENCODERS, Encoder, Identity
from tsreward.encoders.clip import CLIPEncoder
from tsreward.encoders.picture_shapes import are_pictures
from tsreward.envs.ids import split_id
from tsreward.envs.make import ENV_FAMILIES, family_of
from tsreward.errors import DataError, MissingExtraError, OptionError
from tsreward.functional.pixels import blank_rectangles
from tsreward.functional.tensors import as_tensor
from tsreward.pipeline.active import ActiveLearner, ActiveLearnerOptions
from tsreward.pipeline.expert_windows import ExpertWindows
from tsreward.pipeline.model import RewardModel
from tsreward.recipes.expert_view import (
    ExpertView,
    is_episode_file,
    rate_difference,
    report_view,
    sampled_pictures,
    view_expert,
)
from tsreward.recipes.likeness_data import LikenessData, gather
from tsreward.recipes.likeness_options import ExpertLikenessOptions
from tsreward.recipes.run_folder import Run, step_facts
from tsreward.report.run import summarise_training
from tsreward.rewards.exploration import ExplorationBonus, RandomNetworkDistillation
from tsreward.sb3.algorithms import AgentOptions
from tsreward.sb3.environment_checks import check_budget, check_environment
from tsreward.sb3.playing import Played, episode_seeds, play, policy_of
from tsreward.sb3.training import StepReport, TrainedAgent, TrainingOutputs, train_agent
from tsreward.scorers.presets import scorer_preset
from tsreward.sequences.episodes import Episode
from tsreward.sequences.probes import probe_windows
from tsreward.sequences.windows import WindowSet
from tsreward.training import TrainOptions
from tsreward.wrappers.obs_parts import ObsKey, named_obs_key

DEFAULT_AGENT = AgentOptions(
    "sac",
    30_000,
    num_envs=1,
    action_repeat=4,
    hidden=128,
    gradient_steps=8,
    learning_rate=7e-4,
    final_learning_rate=0.05,
    train_every=8,
    learning_starts=500,
    normalise=False,
)
"""Solves cartpole-swingup; normalised observations learn worse in runs as short as this. The rate falls, because
policies differ from one update to the next where the reward moves."""
PROBES = 2048
"""Windows of each kind that are made out of others."""


@dataclass(frozen=True)
class ExpertLikenessResult:
    """What came out: the reward model as it was at the end, the agent, and true returns."""

    model: RewardModel
    agent: TrainedAgent
    returns: np.ndarray
    """[evaluations] true returns of the trained agent, without random actions."""
    expert_return: float | None
    """Mean true return of the expert; None where its file has no rewards."""
    random_return: float
    verdict: AgentVerdict | None = None
    """What the reward has led the agent to; None where that cannot be said."""
    unjudged: str = ""
    """Why it cannot."""
    view: ExpertView | None = None
    """How the expert's pictures differ from the agent's own; None where the reward looks at none of a file."""

    @property
    def return_fraction(self) -> float | None:
        """Mean return of the agent as a fraction of the expert's; None where that is unknown or 0."""
        return float(self.returns.mean()) / self.expert_return if self.expert_return else None

    @property
    def normalised_return(self) -> float | None:
        """The same with random actions as zero."""
        if self.expert_return is None or self.expert_return == self.random_return:
            return None
        return float((self.returns.mean() - self.random_return) / (self.expert_return - self.random_return))


def run(
    options: ExpertLikenessOptions,
    agent: AgentOptions = DEFAULT_AGENT,
    active: ActiveLearnerOptions = ActiveLearnerOptions(),  # noqa: B008 - frozen
    stage: Callable[[str], StepReport] | None = None,
    *,
    columns: DataColumns = DataColumns(),  # noqa: B008 - frozen
    tell: Tell | None = None,
    picture: Path | None = None,
    outputs: TrainingOutputs = TrainingOutputs(),  # noqa: B008 - frozen
) -> ExpertLikenessResult:
    """Run the whole method once.

    `columns` says what the columns or arrays of the demonstrations are, and `tell` is given a line where something was
    decided about them. The expert's pictures are compared with the agent's own before any training (`view_expert`):
    what differs is warned of, and `picture` is where a PNG of both is written then. `outputs` say what is written while
    the agent trains; a run that goes on from a checkpoint needs no demonstrations any more.

    Raises:
        StrictError: the expert was seen otherwise than the agent is, and strict asks for an error.
        OptionError: the environment, the algorithm, the scorer or the file do not suit each other.
        ShapeError: the expert's observations are not those of the environment.
        DataError: too few or damaged episodes, or no finished episode.
    """
    key, layout = named_obs_key(options.obs_key), columns.frames
    shape = check_environment(options.env, agent.algorithm, obs_key=key)
    check_budget(options.env, agent)
    if layout is not None and options.frames is not None:
        raise OptionError(
            "frames are drawn beside the observation, whose frame_layout then does not matter: leave one out."
        )
    shape = shape if layout is None else layout.frame_shape(shape)
    if options.frames is None and len(shape) < 3 and (options.masks or options.encoder != "pixel_pca"):
        raise OptionError(
            f"Masks and the encoder {options.encoder} are for frames, and the reward looks at observations "
            f"{list(shape)} of {options.env}: give frames, e.g. 64."
        )
    if options.frames is not None and split_id(options.env)[1].get("frames", options.frames) != options.frames:
        raise OptionError(f"frames={options.frames} are not those of {options.env}: leave them out of the id.")
    if options.frames is not None and family_of(options.env) is None:
        raise OptionError(
            f"frames={options.frames} are drawn by the environments of the families {', '.join(ENV_FAMILIES)}, got "
            f"{options.env}: leave frames out, and let the environment observe pictures itself."
        )
    active, checkpoints = replace(active, seed=agent.seed), outputs.checkpoints
    view: ExpertView | None = None
    data: LikenessData | None = None
    if checkpoints is not None and checkpoints.resumed is not None:
        beginning = checkpoints.beginning()
        model = checkpoints.model()
        assert model is not None
        learner = ActiveLearner.resumed(model, active, beginning["learner"]) if "learner" in beginning else None
    else:
        data = gather(options, agent, stage, columns, tell)
        view = _view(options, agent, data)
        if view is not None:
            report_view(view, f"{options.demos} and {options.env}", picture)
        model, learner = reward_model(options, data, fit_encoder(options, data), active, stage)
        model.frames = layout
        beginning = {"expert_return": data.expert_return, "random_return": float(data.random_return)}
        beginning["near"] = ExpertWindows.seen_by(model, [one.obs for one in data.expert], agent.seed).to_arrays()
        if checkpoints is not None:
            checkpoints.begin(beginning | ({} if learner is None else {"learner": learner.windows()}))
    env = options.env
    if options.frames is not None and "frames" not in split_id(env)[1]:
        env += f"{',' if ':' in env else ':'}frames={options.frames}"
    trained = train_agent(
        env,
        agent,
        model,
        report=None if stage is None else stage("agent"),
        active=learner,
        bonus=exploration(options, model.scorer.dim or 0, agent.seed),
        reward_obs="observation" if options.frames is None else "frame",
        frames=layout,
        obs_key=key,
        outputs=replace(outputs, expert=ExpertWindows.of_arrays(beginning["near"]) if "near" in beginning else None),
    )
    if not trained.record.finished:
        raise DataError(f"No episode of {options.env} finished within {agent.steps} steps: train for more steps.")
    played = evaluated(trained, options.env, agent, options.evaluations, key)
    trained.normaliser.close()
    returns = np.array([one.total for one in played])
    result = ExpertLikenessResult(model, trained, returns, beginning["expert_return"], beginning["random_return"])
    verdict, why = _judged(options, result, data, [one.episode for one in played])
    return replace(result, verdict=verdict, unjudged=why, view=view)


_JUDGED = 12
"""Episodes of the expert that the final agent is compared with at most."""


def _judged(
    options: ExpertLikenessOptions, result: ExpertLikenessResult, data: LikenessData | None, played: list[Episode]
) -> tuple[AgentVerdict | None, str]:
    """Return what the reward has led the agent to, or why that cannot be said."""
    if not options.judge:
        return None, "it was not asked for"
    if data is None:
        return None, "the run went on from a checkpoint, which does not hold the expert's episodes"
    if options.frames is not None:
        return None, "the reward looks at frames, and the evaluated episodes have none"
    fraction, model = result.normalised_return, result.model
    try:
        expert = data.expert[:_JUDGED]
        return AgentVerdict.of(model, expert, data.random, played, fraction, result.agent.options.seed), ""
    except (DataError, MissingExtraError) as error:
        return None, str(error)


def _view(options: ExpertLikenessOptions, agent: AgentOptions, data: LikenessData) -> ExpertView | None:
    """Compare the expert's pictures with the agent's; not where both were drawn by us, or are no pictures."""
    path, expert = options.demos, [episode.obs for episode in data.expert]
    if path is None or is_episode_file(path) or not (are_pictures(expert[0]) and expert[0].ndim == 4):
        return None
    rate = rate_difference(path, options.env, agent.action_repeat, options.video_skip, options.expert_rate)
    seen = [episode.obs for episode in data.random]
    if options.masks:  # of neither is seen what the reward does not see
        expert, seen = (
            [blank_rectangles(as_tensor(frames), options.masks).numpy() for frames in one] for one in (expert, seen)
        )
    else:
        expert = sampled_pictures(path, options.repair, options.video_skip) or expert
    view = view_expert(expert, seen, () if rate is None else (rate,))
    return view.cured("grey", _grey_cure(options))


def _grey_cure(options: ExpertLikenessOptions) -> str | None:
    """Return how the agent is seen without colours too, where that can be told."""
    if family_of(options.env) is None:
        return None
    name, own = split_id(options.env)
    size = {"frames": options.frames} if options.frames is not None else {}
    given = {**size, **own, "grey": True}
    return f"--env {name}:" + ",".join(key if value is True else f"{key}={value}" for key, value in given.items())


def true_returns(trained: TrainedAgent, env: str, agent: AgentOptions, episodes: int) -> np.ndarray:
    """Return the environment's returns [episodes] of the agent without random actions, from seeds of their own."""
    return np.array([one.total for one in evaluated(trained, env, agent, episodes)])


def evaluated(
    trained: TrainedAgent, env: str, agent: AgentOptions, episodes: int, obs_key: ObsKey | None = None
) -> list[Played]:
    """Return episodes of the agent without random actions, from seeds of their own."""
    seeds = episode_seeds(agent.seed, 2**20, episodes)
    return play(env, policy_of(trained.algorithm), seeds, agent.action_repeat, obs_key=obs_key)


def fit_encoder(options: ExpertLikenessOptions, data: LikenessData) -> Encoder:
    """Return what turns the expert's observations into features, fitted where it has to be."""
    shape = data.expert[0].obs.shape[1:]
    if options.frames is None and not are_pictures(data.expert[0].obs):
        return Identity(shape)
    if options.encoder == "clip":
        assert options.clip_source is not None
        return CLIPEncoder.pretrained(shape, options.clip_source, masks=options.masks)
    encoder = ENCODERS[options.encoder](shape, options.encoder_options())
    return encoder.fit([episode.obs for episode in (*data.expert, *data.random)])


def negative_windows(options: ExpertLikenessOptions, data: LikenessData, seed: int) -> WindowSet | None:
    """Return the negatives over raw observations that the options ask for, or None where they ask for none.

    Raises:
        DataError: there are no episodes of a kind that is asked for.
    """
    kinds: dict[str, Callable[[], list[Episode]]] = {
        "random": lambda: data.random,
        "failures": data.failures,
        "half_trained": data.half_trained,
    }
    parts = []
    for name in options.negatives:
        if name == "probes":
            parts.append(_probes(options, data, seed))
            continue
        episodes = kinds[name]()
        if not episodes:
            raise DataError(
                f"The data has no episodes of the kind '{name}': collect them with tsreward collect --agent graded."
            )
        parts.append(WindowSet.from_episodes([episode.obs for episode in episodes], options.window))
    return WindowSet.concat(parts) if parts else None


def exploration(options: ExpertLikenessOptions, dim: int, seed: int) -> ExplorationBonus | None:
    """Return the bonus that the options ask for, over features of width `dim`."""
    if options.bonus == "none":
        return None
    if options.bonus == "rnd":
        return RandomNetworkDistillation(options.window, dim, options.bonus_weight, seed=seed)
    from tsreward.rewards.exploration import EnsembleDisagreement

    return EnsembleDisagreement(options.window, dim, options.bonus_weight, seed=seed)


def reward_model(
    options: ExpertLikenessOptions,
    data: LikenessData,
    encoder: Encoder,
    active: ActiveLearnerOptions,
    stage: Callable[[str], StepReport] | None,
) -> tuple[RewardModel, ActiveLearner | None]:
    """Return (the model, fitted where it stays as it is; what goes on teaching it, or None).

    Raises:
        DataError: there are no negatives of a kind that is asked for, or too few episodes.
    """
    scorer = scorer_preset(options.scorer)
    model = RewardModel(scorer.build(options.window), options.likeness(), encoder)
    expert = data.expert
    negatives = negative_windows(options, data, active.seed)
    if options.learning == "active":
        return model, ActiveLearner(model, expert, active, negatives)
    report = None if stage is None else stage("scorer")
    model.fit(
        expert,
        negatives if scorer.negative else None,
        options=TrainOptions(seed=active.seed),
        report=None if report is None else lambda done, total, _: report(done, total),
        probes=_blind(options, data, active.seed) if data.blind else None,
    )
    return model, None


def _blind(options: ExpertLikenessOptions, data: LikenessData, seed: int) -> WindowSet:
    """Return what policies do that look at nothing, and states of theirs held on to: that must earn nearly nothing."""
    windows = WindowSet.from_episodes([episode.obs for episode in data.blind], options.window)
    return WindowSet.concat([windows, probe_windows(windows, min(PROBES, len(windows)), seed)["held"]])


def _probes(options: ExpertLikenessOptions, data: LikenessData, seed: int) -> WindowSet:
    """Return the expert's windows, spoiled; not the frozen ones, which an episode of the expert may begin with."""
    expert = WindowSet.from_episodes([episode.obs for episode in data.expert], options.window)
    made = probe_windows(expert, min(PROBES, len(expert)), seed)
    return WindowSet.concat([windows for name, windows in made.items() if name != "frozen"])


def run_title(options: ExpertLikenessOptions, agent: AgentOptions) -> str:
    """Return what a run is called."""
    return f"{options.env}, {options.scorer} {options.learning}, seed {agent.seed}"


def run_config(options: ExpertLikenessOptions, agent: AgentOptions, active: ActiveLearnerOptions) -> dict[str, Any]:
    """Return the options of a run, for config.json."""
    return {**asdict(options), "agent": asdict(agent), "active": asdict(active)}


def run_facts(options: ExpertLikenessOptions, agent: AgentOptions) -> dict[str, object]:
    """Return what is run, for the top of the page."""
    return {
        "environment": options.env,
        **step_facts(agent.steps, agent.action_repeat),
        "scorer": f"{options.scorer}, {options.learning}",
    }


def describe_run(
    options: ExpertLikenessOptions, agent: AgentOptions, active: ActiveLearnerOptions, result: ExpertLikenessResult
) -> Run:
    """Return what `write_run` keeps of a run; every return is the environment's."""
    finished, returns = result.agent.record.finished, result.returns
    training = summarise_training(finished, result.agent.record.all_episodes()).as_json()
    results = {
        "env": options.env,
        "algorithm": agent.algorithm,
        "seed": agent.seed,
        "steps": agent.steps,
        "scorer": options.scorer,
        "learning": options.learning,
        "transform": options.transform,
        "negatives": list(options.negatives),
        "bonus": options.bonus,
        "expert": {"file": None if options.demos is None else str(options.demos), "return": result.expert_return}
        | ({} if result.view is None else {"differences": result.view.as_json()}),
        "random": {"return": result.random_return},
        "agent": {
            "return": float(returns.mean()),
            "lowest": float(returns.min()),
            "highest": float(returns.max()),
            "fraction_of_expert": result.return_fraction,
            "normalised_return": result.normalised_return,
        },
        "agent_verdict": {"word": None, "words": f"Not judged: {result.unjudged}."}
        if result.verdict is None
        else result.verdict.to_json(),
        "training": {name: training[name] for name in ("return", "length")},
    }
    levels = {f"random actions, {result.random_return:,.0f}": result.random_return}
    if result.expert_return is not None:
        levels = {f"expert, {result.expert_return:,.0f}": result.expert_return, **levels}
    return Run(
        title=run_title(options, agent),
        config=run_config(options, agent, active),
        results=results,
        facts={
            **run_facts(options, agent),
            "return of the expert": "unknown" if result.expert_return is None else f"{result.expert_return:.1f}",
            "return of random actions": f"{result.random_return:.1f}",
        },
        agents={"agent": finished},
        model=result.model,
        note={"env": options.env, "seed": agent.seed},
        trained={"agent": result.agent},
        verdict=_verdict(result),
        levels={"true return": levels},
        action_repeat=agent.action_repeat,
        pictures=_pictures(result.view),
    )


def _verdict(result: ExpertLikenessResult) -> str:
    reached, random = float(result.returns.mean()), result.random_return
    expert = "is unknown" if result.expert_return is None else f"has {result.expert_return:,.0f}"
    told = "" if result.verdict is None else f" {result.verdict.in_words()}"
    return (
        f"The agent reaches a true return of {reached:,.0f}; the expert {expert}, random actions have {random:,.0f}."
        f"{told}"
    )


def _pictures(view: ExpertView | None) -> dict[str, bytes]:
    """Return what is said of a picture -> the PNG, for the page."""
    if view is None or view.picture is None:
        return {}
    return {view.text("Pictures"): view.picture}
