"""A goal video out of a model of videos: drawn from its first frame on, the likeliest of several."""

from __future__ import annotations

import numpy as np
import torch

from tsreward.encoders.vq import VQTokenizer
from tsreward.errors import OptionError, ShapeError
from tsreward.functional.tensors import as_tensor
from tsreward.pipeline.model import RewardModel
from tsreward.scorers.video_likelihood import VideoLikelihood


@torch.inference_mode()
def imagine_video(
    model: RewardModel, first: np.ndarray, steps: int, samples: int = 8, seed: int = 0, temperature: float = 1.0
) -> tuple[np.ndarray, float]:
    """Return a video [steps + 1, H, W, C] (uint8) that begins with a frame, and its −log-likelihood in nats a frame.

    Args:
        model: a fitted model of a `VQTokenizer` and a `VideoLikelihood` without classes.
        first: the first frame [H, W, C] (uint8).
        steps: frames that are drawn after it, `model.frame_skip` steps of the environment apart.
        samples: videos that are drawn; the likeliest is returned.
        seed: every random number follows from it.
        temperature: below 1 keeps to what is likely; 0 takes the likeliest token.

    Raises:
        OptionError: another model, or fewer than 1 step or sample.
        ShapeError: a frame of another shape than the model's.
        NotFittedError: the model is not fitted.
    """
    encoder, scorer = model.encoder, model.scorer
    if not isinstance(encoder, VQTokenizer) or not isinstance(scorer, VideoLikelihood) or scorer.options.classes:
        raise OptionError(
            f"imagine_video draws from a VideoLikelihood without classes over a VQTokenizer, got "
            f"{type(scorer).__name__} over {type(encoder).__name__}."
        )
    if steps < 1 or samples < 1:
        raise OptionError(f"imagine_video needs steps >= 1 and samples >= 1, got {steps} and {samples}.")
    if first.shape != model.obs_shape:
        raise ShapeError(f"imagine_video expects a frame {list(model.obs_shape)}, got {list(first.shape)}.")
    start = model.encode(as_tensor(first[None])).float()
    windows = start[:, None].expand(samples, model.window, -1).clone()
    drawn, nats = [start.expand(samples, -1)], torch.zeros(samples, dtype=torch.float64)
    for step in range(steps):
        following = scorer.sample(windows, seed * steps + step, temperature)
        windows = torch.cat([windows[:, 1:], following[:, None]], 1)
        nats += model.score_windows(windows).double()
        drawn.append(following)
    best = int(nats.argmin())
    return encoder.decode(torch.stack(drawn, 1)[best]).numpy(), float(nats[best]) / steps
