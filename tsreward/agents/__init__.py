"""Agents of Stable-Baselines3: trained, run and recorded."""

from tsreward.errors import missing_extra

try:
    import stable_baselines3 as stable_baselines3
except ImportError as error:
    raise missing_extra("stable_baselines3", "sb3") from error
