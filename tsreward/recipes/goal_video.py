"""Goal videos out of a model of videos: drawn from their first frame on, the likeliest first."""

from __future__ import annotations

import numpy as np
import torch

from tsreward.encoders.vq import VQTokenizer
from tsreward.errors import OptionError, ShapeError
from tsreward.functional.tensors import as_tensor
from tsreward.pipeline.model import RewardModel
from tsreward.scorers.video_likelihood import VideoLikelihood


def imagine_video(
    model: RewardModel,
    first: np.ndarray,
    steps: int,
    samples: int = 8,
    seed: int = 0,
    temperature: float = 1.0,
    task: int | None = None,
) -> tuple[np.ndarray, float]:
    """Return the likeliest of `imagine_videos` [steps + 1, H, W, C] (uint8), and its −log-likelihood in nats a frame.

    Args and errors are those of `imagine_videos`.
    """
    videos, nats = imagine_videos(model, first, steps, samples, seed, temperature, task)
    return videos[0], float(nats[0])


@torch.inference_mode()
def imagine_videos(
    model: RewardModel,
    first: np.ndarray,
    steps: int,
    samples: int = 8,
    seed: int = 0,
    temperature: float = 1.0,
    task: int | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return videos [samples, steps + 1, H, W, C] (uint8) that begin with a frame, the likeliest first, and their nats.

    The second part [samples] is −log-likelihood in nats a frame, as the model scores what it has drawn.

    Args:
        model: a fitted model of a `VQTokenizer` and a `VideoLikelihood`.
        first: the first frame [H, W, C] (uint8).
        steps: frames that are drawn after it, `model.frame_skip` steps of the environment apart.
        samples: videos that are drawn.
        seed: every random number follows from it.
        temperature: below 1 keeps to what is likely; 0 takes the likeliest token.
        task: the class whose videos are drawn, of a model with `VideoLikelihoodOptions.classes`; None is the one that
            its encoder adds.

    Raises:
        OptionError: another model, fewer than 1 step or sample, or a task that the model does not know.
        ShapeError: a frame of another shape than the model's.
        NotFittedError: the model is not fitted.
    """
    encoder, scorer = model.encoder, model.scorer
    if not isinstance(encoder, VQTokenizer) or not isinstance(scorer, VideoLikelihood):
        raise OptionError(
            f"imagine_video draws from a VideoLikelihood over a VQTokenizer, got {type(scorer).__name__} over "
            f"{type(encoder).__name__}."
        )
    if steps < 1 or samples < 1:
        raise OptionError(f"imagine_video needs steps >= 1 and samples >= 1, got {steps} and {samples}.")
    if first.shape != model.obs_shape:
        raise ShapeError(f"imagine_video expects a frame {list(model.obs_shape)}, got {list(first.shape)}.")
    if task is not None:
        classes = scorer.options.classes
        if not 0 <= task < classes:
            known = f"0 to {classes - 1}" if classes else "none: it was fitted without classes"
            raise OptionError(f"imagine_video got task {task}, and the tasks of the model are {known}.")
        encoder = encoder.for_task(task)
    start = encoder(as_tensor(first[None])).float()
    windows = start[:, None].expand(samples, model.window, -1).clone()
    drawn, nats = [start.expand(samples, -1)], torch.zeros(samples, dtype=torch.float64)
    for step in range(steps):
        following = scorer.sample(windows, seed * steps + step, temperature)
        windows = torch.cat([windows[:, 1:], following[:, None]], 1)
        nats += model.score_windows(windows).double()
        drawn.append(following)
    order = nats.argsort(stable=True)
    tokens = torch.stack(drawn, 1)[order]
    frames = encoder.decode(tokens.flatten(0, 1)).unflatten(0, tokens.shape[:2])
    return frames.numpy(), (nats[order] / steps).numpy()
