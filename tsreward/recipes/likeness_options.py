"""What can be chosen about a reward learned from an expert's observations."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Literal

from tsreward.data.video.repair import PictureRepair
from tsreward.encoders.base import ENCODERS, EncoderOptions
from tsreward.encoders.frames import RECTANGLES, FrameOptions, Rectangle
from tsreward.encoders.pixel_pca import PixelPCAOptions
from tsreward.errors import OptionError
from tsreward.options import Options, option
from tsreward.rewards.likeness import Likeness, LikenessOptions, Transform
from tsreward.scorers.presets import scorer_preset

Negative = Literal["random", "failures", "half_trained", "probes"]
Bonus = Literal["none", "rnd", "disagreement"]


@dataclass(frozen=True)
class ExpertLikenessOptions(Options):
    """Where the expert comes from, and how its likeness becomes a reward."""

    env: str = "dmc/cartpole-swingup"
    """Environment of the agent, e.g. dmc/walker-walk or atari/Boxing:ram,stack=2,scaled."""
    demos: Path | None = None
    """The expert's episodes: a file of tsreward collect or save_episodes, a table, HDF5, a LeRobot folder, minari:ID,
    or frames: a video, an NPZ file, a folder of videos or of pictures. None trains an expert on the environment's
    reward first."""
    skill: str = "expert"
    """Whose episodes are the expert's, in a file of graded episodes."""
    num_demos: int = option(24, low=1)
    """Episodes of the expert that are used at most."""
    min_return_fraction: float = option(0.0, high=1)
    """Leave out episodes of the expert that reach less than this fraction of the way from random actions to the median;
    failures among them teach failing. 0 keeps all, anything else needs rewards in the file."""
    scorer: str = "least_squares_sad"
    """A preset or a scorer, as tsreward fit --help lists them; only scorers with a loss on negatives, such as
    least_squares_sad, deep_sad and discriminator, can be active."""
    learning: Literal["active", "frozen"] = "active"
    """active: the scorer goes on learning while the agent trains, with the agent's windows as negatives. frozen: it is
    fitted once."""
    transform: Transform = "least_squares"
    """How a score becomes a reward; least_squares is for least_squares_sad and discriminator, odds for active deep_sad,
    auto for frozen scorers, with its scale from blind policies."""
    clip_low: float | None = option(None, high=1)
    """Quantile of the expert's scores below which scores are raised to it, so that no step is more like the expert than
    these; None does not clip."""
    clip_high: float | None = option(None, high=1)
    """Quantile of the expert's scores above which scores are lowered to it; None does not clip."""
    negatives: tuple[Negative, ...] = ()
    """Further negatives. random: of random actions. failures: episodes that reach less than a tenth of what the
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
    obs_key: tuple[str, ...] = ()
    """What the reward looks at where the observation is a Dict or a Tuple: keys, a/b for one inside another, whose
    parts stand side by side; my_module:state_of is a function of your own, which gets one observation. Without any, it
    looks at all parts. The agent sees all."""
    video_skip: int = 1
    """Every video_skip-th frame of the expert's videos is one decision of the agent."""
    expert_rate: float | None = option(None, above=0)
    """Frames per second of the expert's films, where the files say it wrong or not at all. Every video_skip-th frame
    must be a decision: a rate that says otherwise is warned of."""
    expert_return: float | None = option(None, low=-inf)
    """True return of an episode of the expert, where the demonstrations have no rewards, as videos have none: what the
    agent reaches is then told as a fraction of it. Nothing is learned from it."""
    repair: PictureRepair = PictureRepair()  # noqa: RUF009 - frozen
    encoder: str = "pixel_pca"
    """What turns frames into features: pixel_pca, conv, clip, or an encoder of another package. It is fitted on frames
    of the expert and of random actions, where it learns anything."""
    side: int = option(16, high=128)
    """Height and width that pixel_pca shrinks frames to. In finer ones a small movement is a large step, and the way to
    the expert harder to find; coarser ones may hide what matters."""
    components: int = 16
    """Features that pixel_pca makes of a frame."""
    masks: tuple[Rectangle, ...] = option((), low=0, wanted=RECTANGLES)
    """Rectangles (top, left, bottom, right) of these frames that the reward does not see, such as score boards."""
    clip_source: str | None = None
    """Folder or name on the hub of the CLIP, for the encoder clip."""
    evaluations: int = 10
    """Episodes that evaluate the trained agent, by the environment's reward."""
    judge: bool = True
    """Say at the end whether the reward led the agent to behaviour like the expert's, or is exploited, from these
    episodes."""

    def check(self) -> None:
        scorer_preset(self.scorer).build(self.window)
        self.likeness()
        self.encoder_options()
        if self.obs_key and self.frames is not None:
            self.refuse("obs_key", "empty with frames", "frames are drawn beside the observation")
        if (self.encoder == "clip") != (self.clip_source is not None):
            raise OptionError(
                "The encoder clip needs clip_source, the folder or the name of a CLIP, and no other encoder does."
            )

    def encoder_options(self) -> EncoderOptions:
        """Return the options of the encoder.

        Raises:
            OptionError: there is no such encoder, or it blanks no masks.
        """
        if self.encoder == "pixel_pca":
            return PixelPCAOptions(dim=self.components, side=self.side, masks=self.masks)
        own = ENCODERS[self.encoder].Options
        if issubclass(own, FrameOptions):
            return own(masks=self.masks)
        if self.masks:
            self.refuse("masks", f"empty for the encoder '{self.encoder}'", "it cannot blank them")
        return own()

    def likeness(self) -> Likeness:
        """Return the reward mode, which is not fitted yet."""
        return Likeness(LikenessOptions(transform=self.transform, clip_low=self.clip_low, clip_high=self.clip_high))
