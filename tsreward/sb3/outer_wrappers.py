"""What stands between an algorithm and the environments whose rewards come later."""

from __future__ import annotations

from stable_baselines3.common.vec_env import (
    VecCheckNan,
    VecEnv,
    VecEnvWrapper,
    VecFrameStack,
    VecNormalize,
    VecTransposeImage,
    VecVideoRecorder,
)

from tsreward.errors import ProtocolError
from tsreward.sb3.bulk_vec_env import BulkRewardVecEnv
from tsreward.sb3.feature_vec_env import FeatureVecEnv

_HARMLESS = (VecCheckNan, VecFrameStack, VecTransposeImage, VecVideoRecorder)
"""They leave rewards alone and do not look at them."""


def outer_normaliser(env: VecEnv, noting: BulkRewardVecEnv | FeatureVecEnv) -> VecNormalize | None:
    """Return the VecNormalize between an algorithm's `env` and `noting`, or None where there is none.

    Raises:
        ProtocolError: `noting` is not inside `env`, there are two VecNormalize, or a wrapper that would miss the
            learned rewards.
    """
    name = type(noting).__name__
    found: VecNormalize | None = None
    outer: VecEnv | None = env
    while outer is not noting:
        if isinstance(outer, (BulkRewardVecEnv, FeatureVecEnv)) or not isinstance(outer, VecEnvWrapper):
            raise ProtocolError(
                f"The algorithm's environment is not the {name} that its callback was given, nor round it: give the "
                f"callback the one that the algorithm trains on."
            )
        if isinstance(outer, VecNormalize) and found is None:
            found = outer
        elif not isinstance(outer, _HARMLESS):
            raise ProtocolError(
                f"{type(outer).__name__} stands outside of {name} and would see the environment's rewards instead of "
                f"the learned ones: put it inside, or use LearnedRewardVecEnv."
            )
        outer = outer.venv
    return found
