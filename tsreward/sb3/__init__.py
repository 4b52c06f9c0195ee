"""Agents of Stable-Baselines3: trained, run and recorded."""

from tsreward.errors import missing_extra
from tsreward.sb3.active_rewards import ActiveRewards
from tsreward.sb3.active_rollouts import ActiveRollouts
from tsreward.sb3.recording import EpisodeRecorder
from tsreward.sb3.replay_buffer import WindowReplayBuffer
from tsreward.sb3.replay_rewards import ReplayRewards
from tsreward.sb3.rollout_rewards import RolloutRewards
from tsreward.sb3.training import AgentOptions, TrainedAgent, roll_out, train_agent

try:
    import stable_baselines3 as _  # noqa: F401
except ImportError as error:
    raise missing_extra("stable_baselines3", "sb3") from error


__all__ = [
    "ActiveRewards",
    "ActiveRollouts",
    "AgentOptions",
    "EpisodeRecorder",
    "ReplayRewards",
    "RolloutRewards",
    "TrainedAgent",
    "WindowReplayBuffer",
    "roll_out",
    "train_agent",
]
