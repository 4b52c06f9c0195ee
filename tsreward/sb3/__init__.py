"""Agents of Stable-Baselines3: trained on learned rewards, run and recorded."""

from tsreward.errors import missing_extra

try:
    import stable_baselines3 as _  # noqa: F401
except ImportError as error:
    raise missing_extra("stable_baselines3", "sb3") from error

from tsreward.sb3.callback import LearnedRewardCallback
from tsreward.sb3.checkpoints import Checkpoints
from tsreward.sb3.drq import DrQ
from tsreward.sb3.evaluation import eval_env
from tsreward.sb3.ppo_lagrangian import PPOLagrangian
from tsreward.sb3.recording import EpisodeRecorder
from tsreward.sb3.replay_buffer import LearnedReplayBuffer
from tsreward.sb3.returns import LearnedReturnsCallback
from tsreward.sb3.reward_watch import RewardWatch, WatchOptions
from tsreward.sb3.saved_agent import LoadedAgent, load_agent, save_agent
from tsreward.sb3.training import (
    AgentOptions,
    Films,
    TrainedAgent,
    TrainingOutputs,
    roll_out,
    train_agent,
    train_further,
)
from tsreward.sb3.vec_env import LearnedRewardVecEnv

__all__ = [
    "AgentOptions",
    "Checkpoints",
    "DrQ",
    "EpisodeRecorder",
    "Films",
    "LearnedReplayBuffer",
    "LearnedReturnsCallback",
    "LearnedRewardCallback",
    "LearnedRewardVecEnv",
    "LoadedAgent",
    "PPOLagrangian",
    "RewardWatch",
    "TrainedAgent",
    "TrainingOutputs",
    "WatchOptions",
    "eval_env",
    "load_agent",
    "roll_out",
    "save_agent",
    "train_agent",
    "train_further",
]
