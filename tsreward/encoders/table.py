"""Names of the encoders, for the command line and for loading files; Python code passes classes."""

from tsreward.encoders.base import Encoder, Identity
from tsreward.encoders.clip import CLIPEncoder
from tsreward.encoders.conv import ConvEncoder
from tsreward.encoders.pixel_pca import PixelPCA
from tsreward.encoders.sorted_lidar import SortedLidar

ENCODERS: dict[str, type[Encoder]] = {
    "clip": CLIPEncoder,
    "conv": ConvEncoder,
    "identity": Identity,
    "pixel_pca": PixelPCA,
    "sorted_lidar": SortedLidar,
}
"""`ENCODERS[name](obs_shape, ENCODERS[name].Options(**values))` builds an encoder from a file's names and values."""
