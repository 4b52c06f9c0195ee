"""`check_reward_env`: whether a wrapped environment gives the rewards of its model."""

from __future__ import annotations

from collections.abc import Collection

from tsreward.model import RewardModel
from tsreward.testing.environment_case import EnvironmentCase, EnvironmentOptions
from tsreward.testing.environment_promises import ENVIRONMENT_PROMISES
from tsreward.testing.report import CheckReport, try_all


def check_reward_env(
    env: object,
    model: RewardModel,
    options: EnvironmentOptions = EnvironmentOptions(),  # noqa: B008 - frozen
    only: Collection[str] | None = None,
) -> CheckReport:
    """Act at random in a Gymnasium environment whose wrapper gives the rewards of `model`, and compare with `relabel`.

    `env` is one environment, wrapped by `tsreward.wrappers.LearnedReward` or by a wrapper of your own that keeps the
    environment's reward in `info["original_reward"]`, the score in `anomaly_score`, its tail probability in
    `anomaly_tail` and the flag in `is_anomaly`. It is reset at the end of episodes, and once in the middle of one. It
    is not closed. `only` names the checks that are made.

    Raises:
        OptionError: `only` has an unknown name.
    """
    return try_all(type(env).__name__, EnvironmentCase(env, model, options), ENVIRONMENT_PROMISES, only)
