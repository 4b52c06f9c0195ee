"""`Checkpoints`: everything that a training needs to go on where it was, in a folder."""

from __future__ import annotations

import random
import shutil
import warnings
from collections.abc import Callable
from operator import attrgetter
from pathlib import Path

import numpy as np
import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.running_mean_std import RunningMeanStd
from stable_baselines3.common.vec_env import VecNormalize

from tsreward.errors import CheckpointError, DataError, OptionError, WorkerError
from tsreward.files import natural_key, new_folder
from tsreward.interrupts import NotedSignal, noted
from tsreward.io import load, save
from tsreward.io.states import State, read_state, read_weights, write_state, write_weights
from tsreward.pipeline.active import ActiveLearner
from tsreward.pipeline.model import RewardModel
from tsreward.rewards.exploration import ExplorationBonus
from tsreward.sb3.algorithms import AgentOptions
from tsreward.sb3.callback import LearnedRewardCallback
from tsreward.sb3.episode_rows import EpisodeRows
from tsreward.sb3.recording import EpisodeRecorder
from tsreward.sb3.replay_buffer import LearnedReplayBuffer

_MODEL, _WEIGHTS, _STATE, _BEGINNING = "model.safetensors", "weights.safetensors", "state", "beginning"
_COUNTERS = ("num_timesteps", "_n_updates", "_episode_num", "_n_calls", "_current_progress_remaining")


class Checkpoints:
    """Where a training is kept, how often, and where it goes on from.

    A checkpoint holds the networks and their optimisers, the statistics of the normaliser, the replay buffer, the
    reward model with its multiplier, what teaches it, its bonus, the generators, the counters, and the rewards and
    costs of all episodes. It is taken between two rollouts, of `AgentOptions.train_every` steps (td3, sac) or of
    `AgentOptions.rollout` (ppo), so that nothing is half done. The inner state of environments is in no checkpoint:
    where a training goes on, new episodes begin, with seeds that follow from the agent's and the decisions so far.

    Args:
        folder: holds a folder step-<decisions> for each; it is made when the first one is taken.
        every: decisions between two; 0 takes one at the end and before a signal ends the training only.
        keep: newest ones that stay.
        resume: go on from the newest.
        tell: is given a line when a signal came.

    Raises:
        CheckpointError: there is none to go on from.
    """

    def __init__(
        self,
        folder: Path,
        every: int = 0,
        keep: int = 2,
        resume: bool = False,
        tell: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.folder, self.every, self.keep, self.tell = Path(folder), every, keep, tell
        self.resumed = self.newest() if resume else None
        """The checkpoint that the training goes on from."""
        if resume and self.resumed is None:
            raise CheckpointError(
                f"{folder} holds no checkpoint to go on from: the training was ended before the first."
            )

    def newest(self) -> Path | None:
        """Return the newest checkpoint."""
        found = self._all()
        return found[-1] if found else None

    def check_left(self, steps: int) -> None:
        """Check that a training of so many steps in all has any left to do.

        Raises:
            OptionError: it has none.
        """
        if self.done is not None and self.done >= steps:
            raise OptionError(
                f"{self.resumed} is of a training that has done {self.done:,} of {steps:,} steps, and nothing is left: "
                f"give more --steps to go on."
            )

    @property
    def done(self) -> int | None:
        """Decisions at the checkpoint that the training goes on from."""
        return None if self.resumed is None else int(self.resumed.name.partition("-")[2])

    def begin(self, state: State) -> None:
        """Keep what never changes while an agent trains, beside the checkpoints."""
        with new_folder(self.folder / _BEGINNING) as inside:
            write_state(inside, state)

    def beginning(self) -> State:
        """Return what `begin` kept.

        Raises:
            CheckpointError: it cannot be read.
        """
        return read_state(self.folder / _BEGINNING)

    def model(self) -> RewardModel | None:
        """Return the reward model of the checkpoint that the training goes on from; None where it has none."""
        assert self.resumed is not None
        return load(self.resumed / _MODEL) if (self.resumed / _MODEL).exists() else None

    def write(self, training: Training) -> Path:
        """Take a checkpoint; older ones than the newest are removed when it is whole.

        Raises:
            DataError: it cannot be written; the others are there.
        """
        path = self.folder / f"step-{training.algorithm.num_timesteps}"
        if path.exists():
            return path
        with new_folder(path) as inside:
            training.write(inside)
        for old in self._all()[: -self.keep]:
            shutil.rmtree(old)
        return path

    def _all(self) -> list[Path]:
        found = self.folder.glob("step-*") if self.folder.is_dir() else ()
        return sorted(found, key=lambda path: natural_key(path.name))


class Training:
    """All parts of a training that change while it goes on."""

    def __init__(
        self,
        algorithm: BaseAlgorithm,
        normaliser: VecNormalize,
        record: EpisodeRecorder,
        model: RewardModel | None = None,
        learner: ActiveLearner | None = None,
        bonus: ExplorationBonus | None = None,
        callback: LearnedRewardCallback | None = None,
        rows: EpisodeRows | None = None,
    ) -> None:
        self.algorithm, self.normaliser, self.record = algorithm, normaliser, record
        self.model, self.learner, self.bonus = model, learner, bonus
        self.callback, self.rows = callback, rows

    def write(self, folder: Path) -> None:
        """Write everything into a folder that is there."""
        if isinstance(buffer := self._buffer(), LearnedReplayBuffer):
            buffer.settle()
        if self.rows is not None:
            self.rows.tell()  # of episodes whose rewards are known now
        (folder / _STATE).mkdir()
        write_state(folder / _STATE, self._state())
        write_weights(folder / _WEIGHTS, self._weights())
        if self.model is not None:
            save(self.model, folder / _MODEL)

    def read_first(self, folder: Path) -> None:
        """Read back what has to be there before environments are reset: networks, statistics, counters, the record."""
        self._set_weights(read_weights(folder / _WEIGHTS))
        state = read_state(folder / _STATE)
        for name, value in state["counters"].items():
            setattr(self.algorithm, name, value)
        _set_moments(self.normaliser, state["normaliser"])
        self.record.restore(state["record"])

    def read_rest(self, folder: Path) -> None:
        """Read back what resets and the beginning of a training would change."""
        state = read_state(folder / _STATE)
        _set_moments(self.normaliser, state["normaliser"])
        if self.model is not None:
            self.model.load_state_dict(load(folder / _MODEL).state_dict())
        if (buffer := self._buffer()) is not None:
            _set_buffer(buffer, state["buffer"])
        if self.callback is not None:
            self.callback.restore(state["callback"])
        if self.learner is not None:
            self.learner.restore(state["learner"])
        _set_generators(state["generators"])

    def _state(self) -> State:
        algorithm, buffer = self.algorithm, self._buffer()
        state: State = {
            "counters": {name: getattr(algorithm, name) for name in _COUNTERS if hasattr(algorithm, name)},
            "normaliser": _moments(self.normaliser),
            "record": self.record.state(),
            "generators": _generators(),
        }
        if buffer is not None:
            state["buffer"] = _buffer_state(buffer)
        if self.callback is not None:
            state["callback"] = self.callback.state()
        if self.learner is not None:
            state["learner"] = self.learner.state()
        return state

    def _weights(self) -> State:
        names = self.algorithm._get_torch_save_params()[1]
        weights: State = {
            "parameters": self.algorithm.get_parameters(),
            "variables": {name: attrgetter(name)(self.algorithm).detach() for name in names},
        }
        if self.learner is not None:
            weights["learner"] = self.learner.optimiser.state_dict()
        if self.bonus is not None:
            weights["bonus"] = self.bonus.state_dict()
            if self.bonus.optimiser is not None:
                weights["bonus_optimiser"] = self.bonus.optimiser.state_dict()
        return weights

    def _set_weights(self, weights: State) -> None:
        self.algorithm.set_parameters(weights["parameters"], exact_match=True, device="cpu")
        for name, value in weights["variables"].items():
            attrgetter(name)(self.algorithm).data.copy_(value)
        if self.learner is not None:
            self.learner.optimiser.load_state_dict(weights["learner"])
        if self.bonus is not None:
            self.bonus.load_state_dict(weights["bonus"])
            if self.bonus.optimiser is not None:
                self.bonus.optimiser.load_state_dict(weights["bonus_optimiser"])

    def _buffer(self) -> ReplayBuffer | None:
        return getattr(self.algorithm, "replay_buffer", None)


class KeepCheckpoints(BaseCallback):
    """Takes checkpoints between rollouts, and before a signal ends the training. Put it before all other callbacks."""

    def __init__(self, checkpoints: Checkpoints, training: Training, signals: NotedSignal) -> None:
        super().__init__()
        self._checkpoints, self._training, self._signals = checkpoints, training, signals
        self._waiting = checkpoints.resumed
        self._last = 0

    def _on_training_start(self) -> None:
        self._last = self.num_timesteps

    def _on_rollout_start(self) -> None:
        checkpoints = self._checkpoints
        if self._waiting is not None:
            self._training.read_rest(self._waiting)
            self._waiting = None
        due = checkpoints.every and self.num_timesteps - self._last >= checkpoints.every
        if due or (self._signals.number is not None and self.num_timesteps):
            self._last = self.num_timesteps
            checkpoints.write(self._training)
        self._signals.obey()

    def _on_step(self) -> bool:
        return True

    def _on_training_end(self) -> None:
        try:
            self._checkpoints.write(self._training)
        except DataError as error:  # the training is done, and its results still come
            warnings.warn(f"The last checkpoint is missing: {error}", RuntimeWarning, stacklevel=2)


def keep_training(
    checkpoints: Checkpoints, training: Training, options: AgentOptions, callbacks: list[BaseCallback]
) -> None:
    """Train for as many decisions as the options say in all, take checkpoints, and go on from one where that is asked.

    The first signal that ends the process waits for the next checkpoint, a second one does not. Where a process of the
    environments dies, a checkpoint is taken of what there is: an on-policy algorithm goes on from it without the part
    of a rollout that it had collected.

    Raises:
        OptionError: nothing is left to do.
        WorkerError: a process of the environments has died.
        CheckpointError: the checkpoint is damaged, or of another training.
        DataError: a checkpoint cannot be written.
    """
    algorithm, begun = training.algorithm, checkpoints.resumed
    if begun is not None:
        checkpoints.check_left(options.steps)
        training.read_first(begun)
        algorithm.set_random_seed((options.seed + algorithm.num_timesteps) % 2**32)
    text = "ending at the next checkpoint; another signal ends at once, and what was done since the last one is lost"
    with noted(lambda number: checkpoints.tell(text)) as signals:
        try:
            algorithm.learn(
                options.steps - algorithm.num_timesteps,
                callback=[KeepCheckpoints(checkpoints, training, signals), *callbacks],
                reset_num_timesteps=begun is None,
            )
        except WorkerError:
            if algorithm.num_timesteps:
                checkpoints.tell(f"an environment's process has died; kept in {checkpoints.write(training)}")
            raise


def _moments(normaliser: VecNormalize) -> State:
    parts = getattr(normaliser, "obs_rms", None) or {}
    parts = parts if isinstance(parts, dict) else {"": parts}
    return {
        "obs": {key: _one_moment(part) for key, part in parts.items()},
        "reward": _one_moment(normaliser.ret_rms),
    }


def _one_moment(part: RunningMeanStd) -> State:
    return {"mean": np.array(part.mean), "var": np.array(part.var), "count": np.array(part.count)}


def _set_moments(normaliser: VecNormalize, state: State) -> None:
    parts = getattr(normaliser, "obs_rms", None) or {}
    parts = parts if isinstance(parts, dict) else {"": parts}
    for key, part in (*parts.items(), (None, normaliser.ret_rms)):
        saved = state["reward"] if key is None else state["obs"][key]
        part.mean, part.var, part.count = saved["mean"].copy(), saved["var"].copy(), float(saved["count"])


_ROWS = ("observations", "next_observations", "actions", "rewards", "dones", "timeouts")


def _buffer_state(buffer: ReplayBuffer) -> State:
    """Return what is in a replay buffer: only the rows that are filled."""
    rows, state = slice(buffer.size()), {"pos": buffer.pos, "full": bool(buffer.full), "rows": {}}
    for name in _ROWS:
        values = getattr(buffer, name, None)
        if isinstance(values, dict):
            state["rows"][name] = {key: part[rows] for key, part in values.items()}
        elif values is not None:
            state["rows"][name] = values[rows]
    if isinstance(buffer, LearnedReplayBuffer):
        state["learned"] = buffer.learned_state()
    return state


def _set_buffer(buffer: ReplayBuffer, state: State) -> None:
    size = buffer.buffer_size if state["full"] else state["pos"]
    for name, saved in state["rows"].items():
        values = getattr(buffer, name)
        for into, part in (
            ((values[key], saved[key]) for key in saved) if isinstance(saved, dict) else ((values, saved),)
        ):
            if len(part) > len(into) or part.shape[1:] != into.shape[1:]:
                raise CheckpointError(
                    f"The checkpoint's replay buffer holds {name} {list(part.shape)}, and this training has room for "
                    f"{list(into.shape)}: resume with the options that it was begun with."
                )
            into[: len(part)] = part
    assert size <= buffer.buffer_size
    buffer.pos, buffer.full = state["pos"], state["full"]
    if isinstance(buffer, LearnedReplayBuffer):
        buffer.restore_learned(state["learned"])


def _generators() -> State:
    version, internal, gauss = random.getstate()
    name, keys, place, has_gauss, cached = np.random.get_state()  # noqa: NPY002 - Stable-Baselines3 draws from it
    return {
        "python": {"version": version, "internal": np.array(internal, np.uint64), "gauss": gauss},
        "numpy": {"name": name, "keys": keys, "place": place, "has_gauss": has_gauss, "cached": cached},
        "torch": torch.get_rng_state(),
    }


def _set_generators(state: State) -> None:
    python, legacy = state["python"], state["numpy"]
    random.setstate((python["version"], tuple(python["internal"].tolist()), python["gauss"]))
    np.random.set_state(  # noqa: NPY002
        (legacy["name"], legacy["keys"], legacy["place"], legacy["has_gauss"], legacy["cached"])
    )
    torch.set_rng_state(torch.from_numpy(state["torch"]))
