"""Small fitted models for the reliability checks."""

import torch

from tsreward.encoders.identity import Identity
from tsreward.model import RewardModel
from tsreward.rewards.base import RewardMode
from tsreward.rewards.penalty import Penalty
from tsreward.scorers.deep_svdd import DeepSVDD, DeepSVDDOptions
from tsreward.training import TrainOptions
