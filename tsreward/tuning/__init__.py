"""Studies that search for the setting of a reward or a detector, with Optuna."""
