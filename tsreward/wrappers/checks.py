"""What all adapters check before the first step."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import gymnasium

from tsreward.encoders.frame_layout import FrameLayout
from tsreward.encoders.frames import FrameEncoder
from tsreward.encoders.picture_shapes import picture_remedy
from tsreward.errors import DataError, NotFittedError, ProtocolError, ShapeError
from tsreward.pipeline.model import RewardModel


def check_model(
    who: str, model: RewardModel, space: gymnasium.Space[Any], frames: FrameLayout | None = None, env: Any = None
) -> None:
    """Check that a model can read the observations of one environment.

    Args:
        who: reads them.
        model: a fitted model.
        space: of one observation.
        frames: how frames stand in it.
        env: the environment, whose wrappers tell a layout of frames that is not declared.

    Raises:
        ShapeError: `space` is not a Box of the shape that the model was made for, or not of the layout.
        DataError: the Box holds other values than the layout declares.
        NotFittedError: the model is not fitted.
    """
    check_fitted(who, model)
    wanted = model.obs_shape
    if not isinstance(space, gymnasium.spaces.Box):
        raise ShapeError(
            f"{who} reads Box observations {wanted}, got {space}: put gymnasium.wrappers.FlattenObservation round "
            f"the single environment, and fit the model on what that gives."
        )
    if frames is not None:
        check_values(who, frames, space)
    shape = model.shape_read(space.shape, space.dtype.kind == "f", frames)  # type: ignore[union-attr]
    if shape != wanted:
        scaled = isinstance(model.encoder, FrameEncoder) and is_scaled(space)
        remedy = picture_remedy(wanted, shape, scaled, stacked_frames(env)) or (
            "fit a model on this environment, or put the same observation wrappers round it that the model was fitted "
            "with"
        )
        raise ShapeError(
            f"{who}: the environment gives observations {space.shape}{_as_frames(frames, shape)} but the model reads "
            f"{wanted}: {remedy}."
        )


def _as_frames(frames: FrameLayout | None, shape: tuple[int, ...]) -> str:
    return "" if frames is None else f", with {frames!r} frames {shape},"


def is_scaled(space: gymnasium.spaces.Box) -> bool:
    """Tell whether a Box holds numbers from 0 to 1, of two axes or more, as scaled frames are."""
    within = space.dtype.kind == "f" and len(space.shape) > 1  # type: ignore[union-attr]
    return within and float(space.low.min()) == 0 and float(space.high.max()) == 1


def check_values(who: str, frames: FrameLayout, space: gymnasium.spaces.Box) -> None:
    """Check that a Box can hold the values that a layout declares.

    Raises:
        DataError: it cannot.
    """
    kind = space.dtype.kind  # type: ignore[union-attr]
    if frames.scaled and kind != "f":
        raise DataError(f"{who}: {frames!r} declares numbers from 0 to 1, got {space.dtype}: leave out scaled.")
    if not frames.scaled and is_scaled(space):
        right = replace(frames, scaled=True)
        raise DataError(f"{who}: the environment gives {space.dtype} from 0 to 1, not bytes: {right.remedy}.")


def stacked_frames(env: Any) -> int | None:
    """Return how many frames the wrappers of an environment stack in one observation, or None where none does."""
    while env is not None:
        stack = getattr(env, "n_stack", None) or vars(env).get("stack_size")  # VecFrameStack; FrameStackObservation
        if stack is None and hasattr(env, "stacked_obs"):
            stack = getattr(env.stacked_obs, "n_stack", None)
        if isinstance(stack, int) and stack > 1:
            return stack
        env = vars(env).get("venv") or vars(env).get("env") or next(iter(vars(env).get("envs", ())), None)
    return None


def check_fitted(who: str, model: RewardModel) -> None:
    """Check that a model has learned all that rewards need.

    Raises:
        NotFittedError: it is not fitted.
    """
    if not bool(model.scorer.fitted) or not int(model.calibration.count):
        raise NotFittedError(f"{who} got a model that is not fitted: call model.fit(...) or load a fitted one first.")


def check_driven(who: str, model: RewardModel, driven: bool) -> None:
    """Check that a reward mode that moves while an agent trains is moved by somebody.

    Raises:
        ProtocolError: nobody does.
    """
    if model.mode.moves_while_training and not driven:
        raise ProtocolError(f"{who} got a model whose {still_remedy(model)}")


def still_remedy(model: RewardModel) -> str:
    """Say what a mode that nobody moves would do, and what to do about it."""
    now = getattr(model.mode, "multiplier", None)
    stays = "" if now is None else f", so its multiplier stays {float(now):g}"
    return (
        f"{type(model.mode).__name__} nothing moves{stays}: train with LearnedRewardVecEnv and LearnedRewardCallback; "
        f"give it a multiplier that stays, model.mode = model.mode.fixed(1.0); or say driven=True where a loop of your "
        f"own calls model.mode.update."
    )
