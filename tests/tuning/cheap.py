"""An objective that is evaluated at once, in a module that its processes can import."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tsreward.errors import DataError
from tsreward.tuning.objective import Direction, Objective, Outcome, Report
from tsreward.tuning.space import Categorical, Float, Int, Setting, Space

SPACE = Space(
    1,
    {
        "shape": Categorical(("square", "absolute"), "square"),
        "place": Float(-4.0, 4.0, 3.0),
        "width": Float(0.1, 10.0, 1.0, log=True, when=("shape", "square")),
        "count": Int(1, 8, 8),
    },
)


@dataclass(frozen=True)
class Cheap(Objective):
    """The distance to place 1, reported in a few steps; and, where there are `several` objectives, the count."""

    space: Space = SPACE
    several: bool = False
    seconds: float = 0.0
    breaks: str = ""
    deaths: str = ""
    """A folder: the first two processes that come here leave a file in it and are killed half-way."""
    limit: float | None = None
    name: str = "cheap"

    @property
    def directions(self) -> dict[str, Direction]:
        count: dict[str, Direction] = {"count": "maximize"} if self.several else {}
        return {"distance": "minimize", **count}

    @property
    def steps(self) -> int:
        return 4

    def settings(self) -> dict[str, Any]:
        return {"several": self.several, "limit": self.limit}

    def evaluate(self, setting: Setting, report: Report) -> Outcome:
        place, count = float(str(setting["place"])), int(str(setting["count"]))
        if self.breaks == "always" or (self.breaks == "count" and count < 3):
            raise DataError("The count is too small: take a larger one.")
        if self.breaks == "bug":
            raise ZeroDivisionError("a bug")
        if self.breaks == "dies":
            os.kill(os.getpid(), 9)
        distance = abs(place - 1) ** (2 if setting["shape"] == "square" else 1)
        for step in range(self.steps):
            time.sleep(self.seconds / self.steps)
            report(step, distance + 1 / (step + 1))
            if self.deaths and len(list(Path(self.deaths).iterdir())) < 2:
                Path(self.deaths, str(os.getpid())).touch()
                os.kill(os.getpid(), 9)
        values = (distance, float(count)) if self.several else (distance,)
        limits = {} if self.limit is None else {"count": count - self.limit}
        return Outcome(values, limits, {"seconds": self.seconds})

    def config(self, setting: Setting) -> dict[str, dict[str, Any]]:
        return {"fit": {"window": setting["count"]}}
