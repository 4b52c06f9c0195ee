"""From observations to features [B, D], each frame once."""
