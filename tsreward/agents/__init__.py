"""Agents of Stable-Baselines3: trained, run and recorded."""

from tsreward.errors import missing_extra

try:
    import stable_baselines3 as _  # noqa: F401
except ImportError as error:
    raise missing_extra("stable_baselines3", "sb3") from error

from tsreward.agents.active_rewards import ActiveRewards
from tsreward.agents.active_rollouts import ActiveRollouts
from tsreward.agents.recording import EpisodeRecorder
from tsreward.agents.replay_rewards import ReplayRewards
from tsreward.agents.rollout_rewards import RolloutRewards
from tsreward.agents.training import AgentOptions, TrainedAgent, roll_out, train_agent
from tsreward.agents.window_replay import WindowReplayBuffer

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
