"""Names of the reward modes, for the command line and for loading files; Python code passes classes."""

from tsreward.rewards.base import RewardMode
from tsreward.rewards.lagrangian import Lagrangian
from tsreward.rewards.likeness import Likeness
from tsreward.rewards.penalty import Penalty

MODES: dict[str, type[RewardMode]] = {"penalty": Penalty, "lagrangian": Lagrangian, "likeness": Likeness}
"""`MODES[name](MODES[name].Options(**values))` builds a reward mode from a file's names and values."""
