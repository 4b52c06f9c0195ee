"""Tuning a likeness to an expert: the true return of the agents that are trained on it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from tsreward.data.columns import DataColumns
from tsreward.data.sources import digest
from tsreward.encoders.frames import RECTANGLES, Rectangle
from tsreward.errors import DataError
from tsreward.options import Options, option
from tsreward.pipeline.active import ActiveLearnerOptions
from tsreward.recipes.likeness import DEFAULT_AGENT, run
from tsreward.recipes.likeness_options import ExpertLikenessOptions
from tsreward.sb3.algorithms import AgentOptions
from tsreward.sb3.environment_checks import check_budget, check_environment
from tsreward.tuning.objective import Direction, Objective, Outcome, Report
from tsreward.tuning.search_spaces import search_space
from tsreward.tuning.space import Setting, Space
from tsreward.wrappers.obs_parts import named_obs_key


@dataclass(frozen=True)
class LikenessTuning(Options):
    """What agents are trained, and the demonstrations that they are to be like."""

    demos: Path
    """The expert's episodes: a file of tsreward collect, graded where failures are to be negatives, or anything else
    that tsreward train --demos reads."""
    env: str = "dmc/cartpole-swingup"
    """Environment of the agents; they are evaluated by its reward, and never see it."""
    skill: str = "expert"
    """Whose episodes are the expert's, in a file of graded episodes."""
    num_demos: int = 24
    """Episodes of the expert that are used at most."""
    min_return_fraction: float = option(0.0, high=1)
    """Leave out episodes of the expert that reach less than this fraction of the way from random actions to the
    median."""
    frames: int | None = None
    """Height and width of frames that the reward looks at, in place of what the agent observes; None looks at that."""
    obs_key: tuple[str, ...] = ()
    """What the reward looks at where the observation is a Dict or a Tuple: keys, a/b for one inside another, whose
    parts stand side by side; my_module:state_of is a function of your own. Without any, it looks at all parts. The
    agents see all."""
    encoder: str = "pixel_pca"
    """What turns frames into features: pixel_pca, conv, or an encoder of another package."""
    side: int = ExpertLikenessOptions.side
    """Height and width that pixel_pca shrinks frames to."""
    components: int = ExpertLikenessOptions.components
    """Features that pixel_pca makes of a frame."""
    masks: tuple[Rectangle, ...] = option((), low=0, wanted=RECTANGLES)
    """Rectangles (top, left, bottom, right) of these frames that the reward does not see, such as score boards."""
    columns: DataColumns = field(default_factory=DataColumns)
    """What the columns or arrays of the demonstrations are."""
    evaluations: int = 10
    """Episodes that evaluate each trained agent."""
    seeds: int = 2
    """Agents of every trial, with the seeds 0, 1, ...; their returns are averaged."""
    agent: AgentOptions = field(default_factory=lambda: DEFAULT_AGENT)
    """How they are trained; their seeds are those above."""


_TRANSFORMS = {"least_squares_sad": "least_squares", "deep_sad": "odds", "discriminator": "least_squares"}
"""The reward that suits a scorer which goes on learning; a frozen one takes auto."""


@dataclass(frozen=True)
class LikenessObjective(Objective):
    """Mean true return of agents that are rewarded for being like the expert, and by nothing else."""

    options: LikenessTuning
    space: Space = field(default_factory=lambda: search_space("likeness"))
    name: str = "likeness"

    @property
    def directions(self) -> dict[str, Direction]:
        return {"return": "maximize"}

    @property
    def steps(self) -> int:
        return self.options.seeds

    def settings(self) -> dict[str, Any]:
        agent = asdict(self.options.agent) | {"seed": None}
        return asdict(self.options) | {"demos": self._digest(), "agent": agent}

    def check(self) -> None:
        key = named_obs_key(self.options.obs_key)
        check_environment(self.options.env, self.options.agent.algorithm, obs_key=key)
        check_budget(self.options.env, self.options.agent)
        self._digest()

    def evaluate(self, setting: Setting, report: Report) -> Outcome:
        recipe, active = self.recipe(setting), self.active(setting)
        returns, expert = [], None
        for seed in range(self.options.seeds):
            result = run(recipe, replace(self.options.agent, seed=seed), active, columns=self.options.columns)
            returns.append(float(result.returns.mean()))
            expert = result.expert_return
            report(seed, float(np.mean(returns)))
        return Outcome((float(np.mean(returns)),), details={"returns": returns, "expert_return": expert})

    def config(self, setting: Setting) -> dict[str, dict[str, Any]]:
        recipe, default = asdict(self.recipe(setting)), asdict(ExpertLikenessOptions())
        searched = ("env", "scorer", "learning", "transform", "window", "bonus", "bonus_weight")
        told = {name: value for name, value in recipe.items() if name in searched or value != default[name]}
        if "masks" in told:
            told["masks"] = [side for mask in told["masks"] for side in mask]  # as on a command line
        agent = {
            name: value
            for name, value in asdict(self.options.agent).items()
            if name != "seed" and value != getattr(DEFAULT_AGENT, name)
        }
        active = {name: value for name, value in setting.items() if name.startswith("active.")}
        columns = _columns(self.options)
        train = {"reward": "likeness", **told, **columns, "demos": str(self.options.demos), **agent, **active}
        return {"train": train}

    def recipe(self, setting: Setting) -> ExpertLikenessOptions:
        """Return the recipe that a setting stands for.

        Raises:
            OptionError: an option of it cannot have its value.
        """
        frozen, given = setting["learning"] == "frozen", self.options
        scorer = str(setting.get("scorer", "deep_sad"))
        negatives = str(setting["negatives"])
        chosen: dict[str, Any] = {
            "scorer": scorer,
            "learning": setting["learning"],
            "transform": "auto" if frozen else _TRANSFORMS[scorer],
            "window": setting["window"],
            "clip_low": setting.get("clip_low"),
            "clip_high": setting.get("clip_high"),
            "negatives": () if negatives == "none" else tuple(negatives.split("+")),
            "bonus": setting["bonus"],
            "bonus_weight": setting.get("bonus_weight", ExpertLikenessOptions.bonus_weight),
        }
        seen = ("frames", "obs_key", "encoder", "side", "components", "masks")
        shared = ("env", "demos", "skill", "num_demos", "min_return_fraction", *seen, "evaluations")
        return ExpertLikenessOptions(**{name: getattr(given, name) for name in shared}, **chosen)

    @staticmethod
    def active(setting: Setting) -> ActiveLearnerOptions:
        """Return how the scorer of a setting goes on learning."""
        prefix = "active."
        given: dict[str, Any] = {
            name.removeprefix(prefix): value for name, value in setting.items() if name.startswith(prefix)
        }
        return ActiveLearnerOptions(**given)

    def _digest(self) -> str:
        try:
            return digest(self.options.demos)[:16]
        except DataError as error:
            raise DataError(
                f"Cannot read {self.options.demos}: {error} Collect an expert's episodes first, with tsreward collect "
                f"--agent graded."
            ) from error


def _columns(options: LikenessTuning) -> dict[str, Any]:
    """Return what is said of the columns of the demonstrations, as a file of options holds it."""
    said = options.columns.to_json()
    return {"reward-column" if name == "reward" else name: said[name] for name in options.columns.changed()}
