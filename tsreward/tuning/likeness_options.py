"""What agents are trained when a likeness to an expert is tuned."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tsreward.agents.options import AgentOptions
from tsreward.encoders.frames import Rectangle
from tsreward.errors import OptionError
from tsreward.recipes.expert_likeness import DEFAULT_AGENT
from tsreward.recipes.likeness_options import ExpertLikenessOptions


@dataclass(frozen=True)
class LikenessTuning:
    """What agents are trained, and whom they are to be like."""

    expert: Path
    """File of tsreward collect with the expert's episodes; graded ones, where failures are to be bad windows."""
    env: str = "dmc/cartpole-swingup"
    """Environment of the agents; its reward judges them, and they never see it."""
    skill: str = "expert"
    """Whose episodes are the expert's, in a file of graded episodes."""
    experts: int = 24
    """Episodes of the expert that are used at most."""
    least_share: float = 0.0
    """Leave out episodes of the expert that reach less than this share of the way from random actions to the median."""
    frames: int | None = None
    """Height and width of frames that the reward looks at, in place of what the agent observes; None looks at that."""
    encoder: Literal["pixel_pca", "conv"] = "pixel_pca"
    """What turns frames into features."""
    side: int = ExpertLikenessOptions.side
    """Height and width that pixel_pca shrinks frames to."""
    components: int = ExpertLikenessOptions.components
    """Features that pixel_pca makes of a frame."""
    masks: tuple[Rectangle, ...] = ()
    """Rectangles (top, left, bottom, right) of these frames that the reward does not see, such as score boards."""
    evaluations: int = 10
    """Episodes that judge each trained agent."""
    seeds: int = 2
    """Agents of every trial, with the seeds 0, 1, ...; their returns are averaged."""
    agent: AgentOptions = field(default_factory=lambda: DEFAULT_AGENT)
    """How they are trained; their seeds are those above."""

    def __post_init__(self) -> None:
        if self.seeds < 1:
            raise OptionError(f"LikenessTuning.seeds must be at least 1, got {self.seeds}.")
