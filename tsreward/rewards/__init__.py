"""Calibration, reward modes and exploration bonuses."""
