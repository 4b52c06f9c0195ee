"""Methods end to end."""
