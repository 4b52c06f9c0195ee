"""What can be chosen about a reward learned from an expert's observations."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from tsreward.encoders.frames import Rectangle
from tsreward.encoders.pixel_pca import PixelPCAOptions
from tsreward.errors import OptionError
from tsreward.rewards.likeness import Likeness, LikenessOptions, Shape
from tsreward.scorers.presets import scorer_preset

Negative = Literal["random", "failures", "half_trained", "probes"]
Bonus = Literal["none", "rnd", "disagreement"]


@dataclass(frozen=True)
class ExpertLikenessOptions:
    """Where the expert comes from, and how its likeness becomes a reward."""

    env: str = "dmc/cartpole-swingup"
    """Environment of the agent, e.g. dmc/walker-walk or atari/Boxing:ram,stack=2,scaled."""
    expert: Path | None = None
    """The expert's episodes: a file of tsreward collect or save_episodes, minari:ID, or frames: a video, an NPZ file, a
    folder of videos or of pictures. None trains an expert on the environment's reward first."""
    skill: str = "expert"
    """Whose episodes are the expert's, in a file of graded episodes."""
    experts: int = 24
    """Episodes of the expert that are used at most."""
    least_share: float = 0.0
    """Leave out episodes of the expert that reach less than this share of the way from random actions to the median;
    failures among them teach failing. 0 keeps all, anything else needs rewards in the file."""
    scorer: str = "least_squares_sad"
    """least_squares_sad, deep_sad, discriminator, semi_supervised_ae, or the name of any scorer; only scorers with a
    loss on bad windows can be active."""
    learning: Literal["active", "frozen"] = "active"
    """active: the scorer goes on learning while the agent trains, with the agent's windows as bad ones. frozen: it is
    fitted once."""
    shape: Shape = "least_squares"
    """How a score becomes a reward; least_squares is for least_squares_sad and discriminator, odds for active deep_sad,
    auto for frozen scorers, with its scale from blind policies."""
    clip_low: float | None = None
    """Quantile of the expert's scores below which scores are raised to it, so that no step is more like the expert than
    these; None does not clip."""
    clip_high: float | None = None
    """Quantile of the expert's scores above which scores are lowered to it; None does not clip."""
    negatives: tuple[Negative, ...] = ()
    """Further bad windows. random: of random actions. failures: episodes that reach less than a tenth of what the
    expert does beyond random actions. half_trained: of all skills between. probes: the expert's windows held still,
    played backwards, shuffled and looped."""
    bonus: Bonus = "none"
    """What is added for new observations: rnd (random network distillation) or the disagreement of an ensemble."""
    bonus_weight: float = 0.1
    """Weight of the bonus, whose mean over what was seen is about 1."""
    window: int = 4
    """Steps K in a window."""
    frames: int | None = None
    """Height and width of frames that the reward looks at, in place of what the agent observes; None looks at that."""
    video_skip: int = 1
    """Every video_skip-th frame of the expert's videos is one decision of the agent."""
    video_rate: float | None = None
    """Frames per second that must be left of the expert's videos after that; None takes any."""
    encoder: Literal["pixel_pca", "conv", "clip"] = "pixel_pca"
    """What turns frames into features; pixel_pca is fitted on frames of the expert and of random actions."""
    side: int = 16
    """Height and width that pixel_pca shrinks frames to. In finer ones a small movement is a large step, and the way to
    the expert harder to find; coarser ones may hide what matters."""
    components: int = 16
    """Features that pixel_pca makes of a frame."""
    masks: tuple[Rectangle, ...] = ()
    """Rectangles (top, left, bottom, right) of these frames that the reward does not see, such as score boards."""
    clip_source: str | None = None
    """Folder or name on the hub of the CLIP, for the encoder clip."""
    evaluations: int = 10
    """Episodes that judge the trained agent, by the environment's reward."""

    def __post_init__(self) -> None:
        scorer_preset(self.scorer).build(self.window)
        self.likeness()
        self.pixel_pca()
        for name, known in (
            ("learning", ("active", "frozen")),
            ("bonus", get_args(Bonus)),
            ("encoder", ("pixel_pca", "conv", "clip")),
        ):
            if getattr(self, name) not in known:
                raise OptionError(f"{name} is one of {', '.join(known)}, got '{getattr(self, name)}'.")
        for negative in self.negatives:
            if negative not in get_args(Negative):
                raise OptionError(f"negatives are some of {', '.join(get_args(Negative))}, got '{negative}'.")
        if self.evaluations < 1:
            raise OptionError(f"evaluations must be at least 1, got {self.evaluations}.")
        if self.experts < 2:
            raise OptionError(f"experts must be at least 2, because some are held out, got {self.experts}.")
        if not 0 <= self.least_share <= 1:
            raise OptionError(f"least_share is a share in [0, 1], got {self.least_share}.")
        if self.frames is not None and self.frames < 1:
            raise OptionError(f"frames is a size of 1 pixel or more, got {self.frames}.")
        if self.video_skip < 1:
            raise OptionError(f"video_skip must be at least 1, got {self.video_skip}.")
        if self.bonus_weight < 0:
            raise OptionError(f"bonus_weight must not be negative, got {self.bonus_weight}.")
        if (self.encoder == "clip") != (self.clip_source is not None):
            raise OptionError(
                "The encoder clip needs clip_source, the folder or the name of a CLIP, and no other encoder does."
            )

    def pixel_pca(self) -> PixelPCAOptions:
        """Return the options of the encoder pixel_pca."""
        return PixelPCAOptions(dim=self.components, side=self.side, masks=self.masks)

    def likeness(self) -> Likeness:
        """Return the reward mode, which is not fitted yet."""
        return Likeness(LikenessOptions(shape=self.shape, clip_low=self.clip_low, clip_high=self.clip_high))
