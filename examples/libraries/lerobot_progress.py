"""Progress and success of every frame of a LeRobot dataset, in a file beside it that LeRobot's tools read.

    python examples/libraries/lerobot_progress.py FOLDER MODEL

The model is a likeness in [0, 1] that was fitted on the ends of demonstrations, so that it tells how near the goal a
window is. LeRobot weights frames by it (RA-BC) where it finds the file: `--use_rabc=true` of version 0.4 (Python 3.11).
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd

import tsreward


def write_progress(folder: Path, model: tsreward.RewardModel) -> Path:
    """Write sarm_progress.parquet with a row for every frame, and return its path.

    `progress_sparse` is the likeness of the window that ends at the frame, and `success` whether nothing is strange
    about it. The rest of the dataset stays as it is.
    """
    if model.mode.limits != (0.0, 1.0):
        raise tsreward.OptionError(f"Progress lies between 0 and 1, and {type(model.mode).__name__} pays otherwise.")
    tables, first = [], 0
    for number, episode in enumerate(tsreward.read_episodes(folder)):
        obs = np.concatenate([episode.obs[:1], episode.obs])  # a window ends at the first frame, too
        earned = tsreward.relabel(model, tsreward.Episode(obs, columns=episode.columns))
        count = len(episode.obs)
        columns = {
            "index": first + np.arange(count),
            "episode_index": np.full(count, number),
            "frame_index": np.arange(count),
            "progress_sparse": earned.reward.float().numpy(),
            "success": ~earned.is_anomaly.numpy(),
        }
        tables.append(pd.DataFrame(columns))
        first += count
    path = folder / "sarm_progress.parquet"
    pd.concat(tables).to_parquet(path, index=False)
    return path


if __name__ == "__main__":
    print(write_progress(Path(sys.argv[1]), tsreward.load(sys.argv[2])))
