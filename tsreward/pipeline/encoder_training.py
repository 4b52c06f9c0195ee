"""A convolutional encoder that is trained together with a scorer, and stays as it is from then on."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from tsreward.encoders.conv import ConvEncoder
from tsreward.errors import DataError, OptionError
from tsreward.pipeline.model import RewardModel, Windows
from tsreward.scorers.gradient import GradientScorer
from tsreward.sequences.windows import WindowSet
from tsreward.training import Report, TrainOptions, train

DEFAULT = TrainOptions(epochs=5, batch_size=64, learning_rate=3e-4, windows_per_epoch=5_000)


def train_encoder(
    model: RewardModel,
    normal: Windows,
    negative: Windows,
    options: TrainOptions = DEFAULT,
    report: Report | None = None,
) -> None:
    """Train the weights of the model's `ConvEncoder` with its scorer's loss, before `model.fit`.

    `normal` and `negative` are windows over frames, or episodes [T, *obs]. A copy of the scorer learns beside the
    encoder and is thrown away: `model.fit` then fits the scorer to features that no longer change, so every frame is
    still encoded once. There is no training without negatives, because a loss on good ones alone is least where all
    frames have the same features (Ruff et al. 2018, section 3.3).

    Raises:
        OptionError: another encoder than ConvEncoder, or a scorer without a loss to differentiate.
        DataError: no windows, or a loss that is not finite.
        ShapeError: frames of another shape.

    >>> from tsreward.encoders.conv import ConvOptions
    >>> from tsreward.rewards.likeness import Likeness
    >>> from tsreward.scorers.deep_svdd import DeepSVDD
    >>> model = RewardModel(DeepSVDD(2), Likeness(), ConvEncoder((8, 8, 1), ConvOptions(dim=8, channels=(4,))))
    >>> dark = [torch.randint(0, 90, (20, 8, 8, 1), dtype=torch.uint8) for _ in range(4)]
    >>> light = [255 - frames for frames in dark]
    >>> brief = TrainOptions(epochs=1, windows_per_epoch=64)
    >>> train_encoder(model, dark, light, brief)
    >>> model = model.fit(dark, light, options=brief)
    """
    encoder, scorer = model.encoder, copy.deepcopy(model.scorer)
    if not isinstance(encoder, ConvEncoder):
        raise OptionError(f"train_encoder trains a ConvEncoder, and the model has {type(encoder).__name__}: fit that.")
    if not isinstance(scorer, GradientScorer):
        raise OptionError(
            f"train_encoder needs a scorer with a loss to differentiate, got {type(scorer).__name__}: use DeepSVDD, "
            f"Discriminator, TransformerAE or LSTMVAE."
        )
    good, bad = _windows(model, normal), _windows(model, negative)
    if len(good) == 0 or len(bad) == 0:
        raise DataError(
            f"train_encoder needs normal windows and negatives, got {len(good)} and {len(bad)}: record some."
        )
    scorer.begin(model.features(good), options.seed)
    joint = _Joint(encoder, scorer)
    held = [part.split(options.held_out, options.seed) if part.episodes > 1 else (part, part) for part in (good, bad)]
    train(joint, joint.loss, held[0], held[1], options, report)
    joint.to("cpu").store()


class _Joint(nn.Module):
    """An encoder whose weights learn, and a scorer of its features."""

    def __init__(self, encoder: ConvEncoder, scorer: GradientScorer) -> None:
        super().__init__()
        self.encoder, self.scorer = encoder, scorer
        self.weights = nn.ParameterDict({name: buffer.clone() for name, buffer in encoder.named_buffers()})

    def loss(self, normal: Tensor, negative: Tensor | None, noise: torch.Generator) -> Tensor:
        assert negative is not None
        return self.scorer.objective(self._features(normal), self._features(negative), noise)

    def store(self) -> None:
        """Let the encoder have what was learned."""
        with torch.no_grad():
            for name, weight in self.weights.items():
                self.encoder.get_buffer(name).copy_(weight)

    def _features(self, windows: Tensor) -> Tensor:
        """Return standardised features [B, K, D] of frames [B, K, *obs]."""
        features = self.encoder.differentiable(windows.flatten(0, 1), dict(self.weights.items()))
        return self.scorer.standardise(features.unflatten(0, windows.shape[:2]))


def _windows(model: RewardModel, windows: Windows) -> WindowSet:
    return (
        windows if isinstance(windows, WindowSet) else WindowSet.from_episodes(windows, model.window, model.frame_skip)
    )
