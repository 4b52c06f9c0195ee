"""From observations to rewards: the model, the reward stream, relabelling, and learning from an agent's windows."""
