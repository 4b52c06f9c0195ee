"""The LSTM-DQN detector with a dynamic λ and active learning."""
