"""Files of observations as episodes."""
