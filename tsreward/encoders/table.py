"""Names of the encoders, for the command line and for loading files; Python code passes classes."""

from tsreward.encoders.base import Encoder
from tsreward.encoders.identity import Identity
from tsreward.encoders.sorted_lidar import SortedLidar

ENCODERS: dict[str, type[Encoder]] = {"identity": Identity, "sorted_lidar": SortedLidar}
"""`ENCODERS[name](obs_shape, ENCODERS[name].Options(**values))` builds an encoder from a file's names and values."""
