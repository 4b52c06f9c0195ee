"""Detectors of whole series: a window scorer with alignment and smoothing, or a foreign detector."""
