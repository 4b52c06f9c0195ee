"""Anomaly detection in logs: detectors, thresholds, data sets, metrics and the benchmark."""
