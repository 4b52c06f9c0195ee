"""Adapters: they find the last observation of every step, and leave the computing to `RewardStream`."""
