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
from tsreward.wrappers.sb3_bulk import BulkRewardVecEnv

_HARMLESS = (VecCheckNan, VecFrameStack, VecTransposeImage, VecVideoRecorder)
"""They leave rewards alone and do not look at them."""


def outer_normaliser(env: VecEnv, bulk: BulkRewardVecEnv) -> VecNormalize | None:
    """Return the VecNormalize between an algorithm's `env` and `bulk`, or None where there is none.

    Raises:
        ProtocolError: `bulk` is not inside `env`, there are two VecNormalize, or a wrapper that would miss the learned
            rewards.
    """
    found: VecNormalize | None = None
    outer: VecEnv | None = env
    while outer is not bulk:
        if isinstance(outer, BulkRewardVecEnv) or not isinstance(outer, VecEnvWrapper):
            raise ProtocolError(
                "The algorithm's environment is not the BulkRewardVecEnv that its callback was given, nor round it: "
                "give the callback the one that the algorithm trains on."
            )
        if isinstance(outer, VecNormalize) and found is None:
            found = outer
        elif not isinstance(outer, _HARMLESS):
            raise ProtocolError(
                f"{type(outer).__name__} stands outside of BulkRewardVecEnv and would see the environment's rewards "
                f"instead of the learned ones: put it inside, or use LearnedRewardVecEnv."
            )
        outer = outer.venv
    return found
