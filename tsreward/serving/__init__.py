"""Detectors behind HTTP, and models as graphs for other programs."""
