"""Detectors × series × seeds: run, kept in one file each, and summed up."""
