"""What all data becomes: episodes, series, windows, probes."""
