"""`check_reward_env`: whether a wrapped environment gives the rewards of its model."""

from __future__ import annotations

import copy
import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tsreward.options import Options, option
from tsreward.pipeline.model import RewardModel, StepReward
from tsreward.pipeline.relabel import relabel_as_is
from tsreward.sequences.cost_reader import CostReader
from tsreward.sequences.episodes import Episode
from tsreward.testing.report import CheckReport, NotApplicable, Promise, touched, try_all
from tsreward.wrappers.obs_parts import ObsKey, ObsParts


@dataclass(frozen=True)
class EnvironmentOptions(Options):
    """How long the environment is tried."""

    steps: int = 200
    """Steps in all."""
    cut: int = 7
    """The first episode is reset after so many steps, in the middle where it is longer."""
    seed: int = option(0, low=0)
    """Of the first reset and of the actions."""


@dataclass
class Played:
    """One episode: what `reset` and every `step` returned."""

    reset: Any
    steps: list[Any] = field(default_factory=list)

    @property
    def ended(self) -> bool:
        """Whether the environment ended it."""
        return bool(self.steps and (self.steps[-1][2] or self.steps[-1][3]))

    def column(self, key: str) -> list[Any]:
        """Return what the infos of its steps hold under a key."""
        return [step[4][key] for step in self.steps]


@dataclass
class EnvironmentCase:
    """An environment under test."""

    env: Any
    model: RewardModel
    options: EnvironmentOptions
    obs_key: ObsKey | None = None
    costs: CostReader = field(default_factory=CostReader)

    @cached_property
    def parts(self) -> ObsParts:
        """Picks what the model looks at."""
        return ObsParts("check_reward_env", self.env.observation_space, self.obs_key)

    @cached_property
    def played(self) -> list[Played]:
        """The episodes that were played, each of at least one step."""
        return self.play()

    def play(self) -> list[Played]:
        """Act at random from the first seed on."""
        options, env = self.options, self.env
        env.action_space.seed(options.seed)
        episodes = [Played(_kept(env.reset(seed=options.seed)))]
        for _ in range(options.steps):
            now = episodes[-1]
            if now.ended or (len(episodes) == 1 and len(now.steps) == options.cut):
                episodes.append(now := Played(_kept(env.reset())))
            now.steps.append(_kept(env.step(env.action_space.sample())))
        return episodes

    @cached_property
    def wanted(self) -> list[StepReward]:
        """What the model gives for the same observations and rewards in bulk."""
        return relabel_as_is(self.model, [self._episode(played) for played in self.played])

    @cached_property
    def drawn(self) -> list[str]:
        """The global generators whose state playing changed."""
        return touched(self.play)

    @cached_property
    def changed(self) -> list[str]:
        """The tensors of the model that playing changed."""
        before = copy.deepcopy(self.model.state_dict())
        self.play()
        after: dict[str, Tensor] = self.model.state_dict()
        return [name for name, value in before.items() if not value.equal(after[name])]

    def _episode(self, played: Played) -> Episode:
        obs = np.stack([self.parts.of_one(seen) for seen in (played.reset[0], *(step[0] for step in played.steps))])
        return Episode(obs, np.array(played.column("original_reward"), dtype=np.float64))


def _kept(given: Any) -> Any:
    """Return a copy: some environments write into the arrays that they gave before."""
    return copy.deepcopy(given)


_COLUMNS = {"score": "anomaly_score", "p_value": "anomaly_p_value", "is_anomaly": "is_anomaly"}


def _resets(case: EnvironmentCase) -> str | None:
    given = case.env.reset(seed=case.options.seed)
    if isinstance(given, tuple) and len(given) == 2 and isinstance(given[1], dict):
        return None
    return f"reset returned {type(given).__name__}, wanted (observation, info)."


def _steps(case: EnvironmentCase) -> str | None:
    case.env.reset(seed=case.options.seed)
    given = case.env.step(case.env.action_space.sample())
    if isinstance(given, tuple) and len(given) == 5 and isinstance(given[4], dict):
        return None
    return "step did not return (observation, reward, terminated, truncated, info)."


def _shape(case: EnvironmentCase) -> str | None:
    obs, wanted = case.parts.of_one(case.played[0].reset[0]), case.model.obs_shape
    found = case.model.shape_read(obs.shape, obs.dtype.kind == "f")
    return None if found == wanted else f"The model reads {wanted}, observations are {found}."


def _inside(case: EnvironmentCase) -> str | None:
    space = case.env.observation_space
    for played in case.played:
        for obs in (played.reset[0], *(step[0] for step in played.steps)):
            if not space.contains(obs):
                return f"An observation is not in {space}."
    return None


def _floats(case: EnvironmentCase) -> str | None:
    for _, _, step in _all_steps(case):
        if not isinstance(step[1], float) or not math.isfinite(step[1]):
            return f"A reward is {step[1]!r} of {type(step[1]).__name__}, wanted a finite float."
    return None


def _flags(case: EnvironmentCase) -> str | None:
    for _, _, step in _all_steps(case):
        if not all(isinstance(step[place], (bool, np.bool_)) for place in (2, 3)):
            return f"terminated and truncated are {step[2]!r} and {step[3]!r}, wanted bools."
    return None


def _key(case: EnvironmentCase, key: str) -> str | None:
    for index, position, step in _all_steps(case):
        if key not in step[4]:
            return f"Episode {index}, step {position}: info has no '{key}', it has {', '.join(step[4]) or 'nothing'}."
        if not math.isfinite(float(step[4][key])):
            return f"Episode {index}, step {position}: info['{key}'] is {step[4][key]}."
    return None


def _alike(case: EnvironmentCase, part: str) -> str | None:
    return next((wrong for index in range(len(case.played)) if (wrong := _differs(case, part, index))), None)


def _differs(case: EnvironmentCase, part: str, index: int, last: bool = False) -> str | None:
    """Compare one episode, or its last step, with what the model gives in bulk."""
    wanted = getattr(case.wanted[index], part).tolist()
    found = _found(case.played[index], part)
    for step in range(len(wanted) - 1 if last else 0, len(wanted)):
        if float(found[step]) != float(wanted[step]):
            return f"Episode {index}, step {step}: {part} {found[step]}, wanted {wanted[step]}."
    return None


def _found(played: Played, part: str) -> list[float]:
    return [step[1] for step in played.steps] if part == "reward" else played.column(_COLUMNS[part])


def _after_reset(case: EnvironmentCase) -> str | None:
    if len(case.played) < 2:
        raise NotApplicable(f"no episode ended within {case.options.steps} steps")
    return next((wrong for index in range(1, len(case.played)) if (wrong := _differs(case, "score", index))), None)


def _last_step(case: EnvironmentCase) -> str | None:
    ended = [index for index, played in enumerate(case.played) if played.ended]
    if not ended:
        raise NotApplicable(f"no episode ended within {case.options.steps} steps")
    return next((wrong for index in ended if (wrong := _differs(case, "reward", index, last=True))), None)


def _threshold(case: EnvironmentCase) -> str | None:
    threshold = float(case.model.mode.threshold)
    for index, position, step in _all_steps(case):
        if bool(step[4]["is_anomaly"]) != (float(step[4]["anomaly_score"]) > threshold):
            return (
                f"Episode {index}, step {position}: is_anomaly is {step[4]['is_anomaly']} at a score of "
                f"{step[4]['anomaly_score']}, and the threshold is {threshold}."
            )
    return None


def _lowered(case: EnvironmentCase) -> str | None:
    mode = case.model.mode
    if mode.replaces:
        raise NotApplicable("the learned reward takes the place of the environment's")
    flagged = [(index, position, step) for index, position, step in _all_steps(case) if bool(step[4]["is_anomaly"])]
    if not flagged:
        raise NotApplicable(f"no step of {case.options.steps} was flagged")
    paid = torch.tensor([float(step[4]["original_reward"]) for _, _, step in flagged], dtype=torch.float64)
    calm = mode(torch.full(paid.shape, -torch.inf), torch.ones(paid.shape), paid)
    for (index, position, step), otherwise in zip(flagged, calm.tolist(), strict=True):
        if float(step[1]) >= otherwise:
            return f"Episode {index}, step {position}: flagged, and paid {step[1]} as if it were not."
    return None


def _same_seed(case: EnvironmentCase) -> str | None:
    again = case.play()
    rewards = [[step[1] for played in episodes for step in played.steps] for episodes in (case.played, again)]
    return None if rewards[0] == rewards[1] else "The same seed and the same actions gave other rewards."


def _model_unchanged(case: EnvironmentCase) -> str | None:
    return f"Acting changed {', '.join(case.changed[:5])} of the model." if case.changed else None


def _costs(case: EnvironmentCase) -> str | None:
    for index, position, step in _all_steps(case):
        case.costs.read(step[4], f"Episode {index}, step {position},")
    if not case.costs.found:
        raise NotApplicable(f"costs: {case.costs.summary()}")
    return None


def _random_state(case: EnvironmentCase) -> str | None:
    return f"Acting changed the state of {', '.join(case.drawn)}." if case.drawn else None


def _spec(case: EnvironmentCase) -> str | None:
    base = getattr(case.env, "unwrapped", None)
    if base is None:
        return "The environment has no `unwrapped`."
    return None if case.env.action_space == base.action_space else "The actions are not those of the inner environment."


def _all_steps(case: EnvironmentCase) -> Iterator[tuple[int, int, tuple]]:
    for index, played in enumerate(case.played):
        for position, step in enumerate(played.steps):
            yield index, position, step


_INFO = "Add it to a copy of the info in every step: {**info, ...}."
_STATE = "Call stream.start(obs) in every reset, and stream.step(obs, reward) once in every step."
_SAME = "Take reward, score, p_value and flag from one call of RewardStream.step, unchanged."
ENVIRONMENT_PROMISES: tuple[Promise, ...] = (
    Promise("reset returns two", _resets, "Return (observation, info) from reset, as Gymnasium does."),
    Promise("step returns five", _steps, "Return (observation, reward, terminated, truncated, info) from step."),
    Promise(
        "observations have the model's shape", _shape, "Fit a model on this environment, or wrap it as it was then."
    ),
    Promise(
        "observations are in their space", _inside, "Declare observation_space with the shape, limits and dtype given."
    ),
    Promise("rewards are finite floats", _floats, "Return float(reward): earned.reward.item()."),
    Promise("ends are bools", _flags, "Return bool(terminated) and bool(truncated)."),
    *(
        Promise(f"info has {key}", partial(_key, key=key), _INFO)
        for key in ("original_reward", "anomaly_score", "anomaly_p_value", "is_anomaly")
    ),
    *(
        Promise(f"the {part} is the model's", partial(_alike, part=part), _SAME)
        for part in ("reward", "score", "p_value", "is_anomaly")
    ),
    Promise("is_anomaly is score above threshold", _threshold, _SAME),
    Promise(
        "flagged steps are paid less",
        _lowered,
        "A Lagrangian's multiplier begins at 0: train with LearnedRewardCallback, which moves it, or fit with "
        "--reward.multiplier; give a penalty a weight above 0.",
    ),
    Promise("windows begin anew at a reset", _after_reset, _STATE),
    Promise(
        "the last step is paid for the true last observation", _last_step, "Score the observation before autoreset."
    ),
    Promise(
        "the same seed gives the same rewards", _same_seed, "Draw nothing in the wrapper, and start anew in reset."
    ),
    Promise("the model is not changed", _model_unchanged, "Give the model to environments only when it is fitted."),
    Promise(
        "the global random numbers are left alone", _random_state, "Draw from env.np_random or generators of your own."
    ),
    Promise(
        "costs are numbers",
        _costs,
        "Say with CostOptions (--cost-key, --cost-reduce, ...) where the cost is and what becomes of several numbers.",
    ),
    Promise("actions go through", _spec, "Derive the wrapper from gymnasium.Wrapper, and change the reward alone."),
)


def check_reward_env(
    env: object,
    model: RewardModel,
    options: EnvironmentOptions = EnvironmentOptions(),
    only: Collection[str] | None = None,
    obs_key: ObsKey | None = None,
    costs: CostReader | None = None,
    expected_failed_checks: Mapping[str, str] | None = None,
) -> CheckReport:
    """Act at random in a Gymnasium environment whose wrapper gives the rewards of `model`, and compare with `relabel`.

    Args:
        env: one environment, wrapped by `tsreward.wrappers.LearnedReward` or by a wrapper of your own that keeps the
            environment's reward in `info["original_reward"]`, the score in `anomaly_score`, its p-value in
            `anomaly_p_value` and the flag in `is_anomaly`. It is reset at the end of episodes, and once in the middle
            of one, and is not closed.
        model: the model whose rewards it gives.
        options: how long to act, and how.
        only: names of the checks that are made; None makes all.
        obs_key: what the model looks at where the observation is a Dict or a Tuple, as the wrapper was given it.
        costs: reads the costs of the steps, and knows afterwards where they were found.
        expected_failed_checks: names of checks that may fail, each with the reason.

    Raises:
        OptionError: `only` or `expected_failed_checks` has an unknown name, or a reason is empty.
    """
    case = EnvironmentCase(env, model, options, obs_key, CostReader() if costs is None else costs)
    return try_all(type(env).__name__, case, ENVIRONMENT_PROMISES, only, expected_failed_checks)
