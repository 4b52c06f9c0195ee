"""Slow and obvious twins of the fast functions."""

import numpy as np


def sliding_windows(trajectory: np.ndarray, window: int, frame_skip: int = 1) -> np.ndarray:
    """Return [T, K, *obs]: for every step the window that ends there, the first step repeated on the left."""
    windows = []
    for last in range(len(trajectory)):
        rows = [max(0, last - back * frame_skip) for back in range(window)]
        windows.append([trajectory[row] for row in reversed(rows)])
    return np.array(windows)


def nearest_distances(rows: np.ndarray, bank: np.ndarray, neighbours: int) -> np.ndarray:
    """Return [B, neighbours]: the smallest Euclidean distances of every row to the bank, in rising order."""
    return np.array([sorted(np.linalg.norm(bank - row, axis=1))[:neighbours] for row in rows])


def squared_mahalanobis(rows: np.ndarray, mean: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """Return (x − μ)ᵀ Σ⁻¹ (x − μ) for every row."""
    inverse = np.linalg.inv(covariance)
    return np.array([(row - mean) @ inverse @ (row - mean) for row in rows])


def ridge_regression(inputs: np.ndarray, targets: np.ndarray, ridge: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the weight and the free bias of argmin Σ ‖y − x W − b‖² + ridge · ‖W‖²."""
    columns = inputs.shape[1]
    ones, zeros = np.ones((len(inputs), 1)), np.zeros((columns, 1))
    # The penalty is one more row per weight: √ridge · W = 0.
    left = np.block([[inputs, ones], [np.sqrt(ridge) * np.eye(columns), zeros]])
    right = np.vstack([targets, np.zeros((columns, targets.shape[1]))])
    solution = np.linalg.lstsq(left, right, rcond=None)[0]
    return solution[:-1], solution[-1]


def weighted_component_distance(rows: np.ndarray, directions: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Return Σᵢ ‖x − vᵢ‖ / ρᵢ for unit vectors vᵢ (rows of `directions`) with shares ρᵢ of the variance."""
    return np.array(
        [sum(np.linalg.norm(row - v) / share for v, share in zip(directions, shares, strict=True)) for row in rows]
    )
