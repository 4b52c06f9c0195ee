"""Window scorers: [B, K, D] -> [B], higher is more anomalous."""
