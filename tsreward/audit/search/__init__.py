"""Search for behaviour that a reward pays and that is not what was meant."""
