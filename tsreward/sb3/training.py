"""Train Stable-Baselines3 agents, on the environment's reward or on a learned one; run and save them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.preprocessing import is_image_space_channels_first
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv, VecNormalize, VecTransposeImage

from tsreward.data.episode_rows import EpisodeRow
from tsreward.encoders.frame_layout import FrameLayout
from tsreward.envs.make import make_with_costs
from tsreward.envs.random_state import kept_random_state
from tsreward.errors import OptionError
from tsreward.pipeline.active import ActiveLearner
from tsreward.pipeline.expert_windows import ExpertWindows
from tsreward.pipeline.model import RewardModel
from tsreward.rewards.exploration import ExplorationBonus
from tsreward.rewards.lagrangian import CONSTRAINED
from tsreward.sb3.agent_observations import for_agent, normalised_keys, policy_name
from tsreward.sb3.algorithms import AgentOptions, algorithm_class, build_algorithm, is_on_policy
from tsreward.sb3.callback import LearnedRewardCallback
from tsreward.sb3.checkpoints import Checkpoints, Training, keep_training
from tsreward.sb3.environment_checks import check_spaces
from tsreward.sb3.episode_rows import EpisodeLog, EpisodeRows
from tsreward.sb3.recording import EpisodeRecorder
from tsreward.sb3.reward_watch import RewardWatch, WatchOptions
from tsreward.sb3.vec_env import LearnedRewardVecEnv, RewardSource
from tsreward.sequences.cost_reader import CostReader
from tsreward.sequences.costs import CostOptions, Costs
from tsreward.wrappers.obs_parts import ObsKey, part_names

StepReport = Callable[[int, int], None]
"""Called with (steps done, steps in all)."""


@dataclass(frozen=True)
class AgentDescription:
    """What an agent is and was trained in: what is needed to build it again, beside its weights."""

    env: str
    """Id of the environment that it was trained in."""
    options: AgentOptions
    obs_key: tuple[str, ...] | None = None
    """What its reward looks at of a Dict or a Tuple; None is all."""
    frames: FrameLayout | None = None
    """How frames stand in what its reward looks at."""
    sees_frames: bool = False
    """Whether its reward looks at frames that the agent does not see."""
    own_function: bool = False
    """Whether a function of the user's picks what its reward looks at; a file names none."""

    @classmethod
    def of(
        cls, env: str, options: AgentOptions, obs_key: ObsKey | None, frames: FrameLayout | None, sees_frames: bool
    ) -> Self:
        """Return the description of an agent that was trained so."""
        own = callable(obs_key)
        names = None if obs_key is None or own else part_names(obs_key)
        return cls(env, options, names, frames, sees_frames, own)

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


@dataclass(frozen=True)
class TrainedAgent:
    """An agent, the normaliser it looks through, the true record of its training, and how it was trained."""

    algorithm: BaseAlgorithm
    normaliser: VecNormalize
    record: EpisodeRecorder
    description: AgentDescription
    callbacks: tuple[BaseCallback, ...] = ()
    """What a learned reward needs while the agent trains."""
    obs_key: ObsKey | None = None
    """What the reward looks at and the record holds, where the observation is a Dict."""

    @property
    def options(self) -> AgentOptions:
        """How it was trained."""
        return self.description.options


@dataclass(frozen=True)
class Films:
    """A film of the agent as it is, every so many decisions."""

    every: int
    """Decisions from one film to the next, at least: films are taken between rollouts."""
    take: Callable[[TrainedAgent, RewardModel | None, int], None]
    """Is given the agent, the model that it is rewarded by, and the decisions so far."""


@dataclass(frozen=True)
class TrainingOutputs:
    """What a training writes while it goes on; nothing of it changes what the agent learns."""

    log: EpisodeLog | None = None
    """Is given every finished episode, as soon as its rewards are known."""
    checkpoints: Checkpoints | None = None
    """Where the training is kept, and whether it goes on from there; the model, what teaches it and its bonus are then
    to be those that it was begun with, and take over what the checkpoint says of them."""
    logger: Logger | None = None
    """Takes the figures that Stable-Baselines3 logs, see `run_logger`; it is closed at the end."""
    films: Films | None = None
    expert: ExpertWindows | None = None
    """What every episode is compared with."""
    watch: WatchOptions | None = None
    """How the training is watched; None does not."""
    earlier: Sequence[EpisodeRow] = ()
    """Episodes of the training that this one goes on with, for the watch."""


def train_agent(
    env: str,
    options: AgentOptions,
    model: RewardModel | None = None,
    reward: Callable[[VecEnv], VecEnv] | None = None,
    needs_cost: bool = False,
    report: StepReport | None = None,
    callbacks: Sequence[BaseCallback] = (),
    active: ActiveLearner | None = None,
    bonus: ExplorationBonus | None = None,
    reward_obs: RewardSource = "observation",
    costs: Costs = CostOptions(),  # noqa: B008 - frozen
    frames: FrameLayout | None = None,
    obs_key: ObsKey | None = None,
    outputs: TrainingOutputs = TrainingOutputs(),
) -> TrainedAgent:
    """Train on environment `env`; with `model` on its learned reward, with `reward` on that of a wrapper.

    The order is environment, recorder, learned reward, normaliser: the reward model sees raw observations, or with
    `reward_obs` "frame" what is in `info["frame"]`. With `active` the reward is that of its model, which learns from
    the agent meanwhile; `bonus` is added to a learned reward. `callbacks` are called after those that a learned reward
    needs. `costs` say where the record finds the cost of a step, and `frames` how frames stand in what the model looks
    at. Where the observation is a Dict or a Tuple, the agent sees all of it, and `obs_key` is what the model looks at
    and the record holds. `outputs` say what is written on the way.

    Raises:
        OptionError: no such environment, or one that the algorithm cannot act in; lazy scoring for `Lagrangian`, or
            in every step for what learns; or another model than that of `active`; or checkpoints of library jax, or of
            a training that is done.
        ShapeError: observations that are not arrays of real numbers, or not those of the model.
        ProtocolError: the environment gives NaN or inf, or no cost although it is needed.
        MissingExtraError: `options.library` is jax, and sbx is not installed.
        CheckpointError: a checkpoint is damaged, or of another training.
        DataError: a checkpoint cannot be written.
    """
    checkpoints, logger = outputs.checkpoints, outputs.logger
    if checkpoints is not None and options.library != "torch":
        raise OptionError("Checkpoints keep agents of Stable-Baselines3: use library 'torch', or no checkpoints.")
    algorithm_class(options)
    learned = model if active is None else active.model
    if model is not None and learned is not model:
        raise OptionError("train_agent got a model and an ActiveLearner of another one: leave out the model.")
    if learned is None and bonus is not None:
        raise OptionError("train_agent adds a bonus to a learned reward only: give model or active too.")
    with kept_random_state():
        reader = CostReader(costs, needs_cost or options.algorithm == CONSTRAINED)
        venv = DummyVecEnv([lambda: for_agent(make_with_costs(env, reader, options.action_repeat))] * options.num_envs)
        check_spaces(env, venv.observation_space, venv.action_space, options.algorithm)
        record = EpisodeRecorder(venv, costs=reader, obs_key=None if reward_obs == "frame" else obs_key)
        rewarded: VecEnv = record if reward is None else reward(record)
        needed: list[BaseCallback] = []
        paying: LearnedRewardVecEnv | None = None
        if learned is not None:
            lazy = _lazy(learned, options, active is not None or bonus is not None)
            paying = LearnedRewardVecEnv(rewarded, learned, bonus, reward_obs, lazy, frames=frames, obs_key=obs_key)
            if learned.mode.replaces and paying.stream.monitor is not None:
                paying.stream.monitor.flags = False  # an agent that begins to learn is not like the expert yet
            needed.append(LearnedRewardCallback(paying, active))
            rewarded = paying
        reporting: list[BaseCallback] = [] if report is None else [_Steps(report, options.steps)]
        rows = _rows(outputs, record, paying)
        if rows is not None:
            reporting.append(rows)
        pictures = policy_name(rewarded.observation_space) == "CnnPolicy"
        if pictures and not is_image_space_channels_first(rewarded.observation_space):  # type: ignore[arg-type]
            rewarded = VecTransposeImage(rewarded)  # inside: replay buffers store what a VecNormalize was given
        obs, rewards = options.normalise and not pictures, is_on_policy(options)
        keys = normalised_keys(rewarded.observation_space) if obs else None
        normaliser = VecNormalize(
            rewarded, training=obs or rewards, norm_obs=obs, norm_reward=rewards, norm_obs_keys=keys
        )
        algorithm = build_algorithm(normaliser, options, costs)
        if logger is not None:
            algorithm.set_logger(logger)
        described = AgentDescription.of(env, options, obs_key, frames, reward_obs == "frame")
        trained = TrainedAgent(algorithm, normaliser, record, described, tuple(needed), obs_key)
        if outputs.films is not None:
            reporting.append(_TakeFilms(outputs.films, trained, learned))
        if checkpoints is None:
            algorithm.learn(options.steps, callback=[*needed, *reporting, *callbacks])
        else:
            driver = next((one for one in needed if isinstance(one, LearnedRewardCallback)), None)
            training = Training(algorithm, normaliser, record, learned, active, bonus, driver, rows)
            keep_training(checkpoints, training, options, [*needed, *reporting, *callbacks])
        reader.tell()
    if logger is not None:
        logger.close()
    return trained


def train_further(agent: TrainedAgent, steps: int, callbacks: Sequence[BaseCallback] = ()) -> None:
    """Go on training an agent of `train_agent` for `steps` decisions, on the same reward; its record goes on too.

    A replay buffer holds as many transitions as the first training had; older ones are forgotten.

    Raises:
        OptionError: no steps.
    """
    if steps < 1:
        raise OptionError(f"train_further needs one step or more, got {steps}.")
    algorithm = agent.algorithm
    with kept_random_state():
        algorithm.set_random_seed((agent.options.seed + algorithm.num_timesteps) % 2**32)
        algorithm.learn(steps, callback=[*agent.callbacks, *callbacks], reset_num_timesteps=False)


def _rows(outputs: TrainingOutputs, record: EpisodeRecorder, paying: LearnedRewardVecEnv | None) -> EpisodeRows | None:
    """Return what tells of episodes, and watches them where that is asked for."""
    watch = outputs.watch
    if watch is not None and watch.on_alarm != "off":
        seen = record if paying is None else paying
        return RewardWatch(seen, outputs.expert, watch, log=outputs.log, earlier=outputs.earlier)
    return None if outputs.log is None else EpisodeRows(outputs.log, record, paying, outputs.expert)


def _lazy(model: RewardModel, options: AgentOptions, learns: bool) -> bool:
    """Return whether the rewards of `model` are computed once per rollout or in chunks."""
    lazy = not model.mode.moves_while_training if options.lazy is None else options.lazy
    if not lazy and learns:
        raise OptionError(
            "A scorer or a bonus that learns is asked once per rollout, not in every step: leave AgentOptions.lazy at "
            "None, with another mode than Lagrangian."
        )
    return lazy


def roll_out(
    agent: TrainedAgent,
    env: str,
    episodes: int,
    seed: int,
    costs: Costs = CostOptions(),  # noqa: B008 - frozen
) -> EpisodeRecorder:
    """Run the agent, unchanged and without random actions, for at least this many complete episodes.

    Every action is held for as many steps as in training. The record says what happened.

    Args:
        agent: what `train_agent` returned.
        env: id of the environment, the one of the training or another.
        episodes: how many episodes end at least; as many environments, 8 at most, run side by side.
        seed: every random number of the environments follows from it.
        costs: where the record finds the cost of a step.
    """
    reader = CostReader(costs)
    with kept_random_state():
        make = lambda: for_agent(make_with_costs(env, reader, agent.options.action_repeat))  # noqa: E731
        venv = DummyVecEnv([make] * min(8, episodes))
        venv.seed(seed)
        record = EpisodeRecorder(venv, costs=reader, obs_key=agent.obs_key)
        obs: Any = record.reset()
        while len(record.finished) < episodes:
            actions, _ = agent.algorithm.predict(agent.normaliser.normalize_obs(obs), deterministic=True)
            obs = record.step(actions)[0]
        venv.close()
    return record


class _TakeFilms(BaseCallback):
    """Has films taken between rollouts."""

    def __init__(self, films: Films, agent: TrainedAgent, model: RewardModel | None) -> None:
        super().__init__()
        self._films, self._agent, self._reward_model = films, agent, model
        self._last = 0

    def _on_training_start(self) -> None:
        self._last = self.num_timesteps

    def _on_rollout_start(self) -> None:
        if self.num_timesteps - self._last >= self._films.every:
            self._last = self.num_timesteps
            self._films.take(self._agent, self._reward_model, self.num_timesteps)

    def _on_step(self) -> bool:
        return True


class _Steps(BaseCallback):
    """Tells how many steps are done."""

    def __init__(self, report: StepReport, total: int) -> None:
        super().__init__()
        self._report, self._total = report, total

    def _on_step(self) -> bool:
        self._report(min(self.num_timesteps, self._total), self._total)
        return True
