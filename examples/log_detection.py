"""Anomalies in server logs: fit on earlier rows, score later ones, put a threshold, and see what it is worth.

python examples/log_detection.py
"""

import tsreward
from tsreward.detection import metrics
from tsreward.detection.datasets.synthetic import smd_like


def main(names: tuple[str, ...] = ("z_norm", "pca", "ridge_var", "ensemble")) -> dict[str, float]:
    """Return the VUS-PR of each detector on a synthetic machine of 12 channels."""
    task = smd_like(seed=0, count=1)[0]  # or one of tsreward.load_smd("ServerMachineDataset")
    values = {}
    for name in names:
        detector = tsreward.make_detector(name, false_alarm_rate=0.01).fit(task.train)
        scores = detector.decision_function(task.test)
        flags = detector.predict(task.test)
        values[name] = metrics.vus_pr(task.test.labels, scores, window=metrics.vus_window(task.test))
        found = metrics.event_recall(task.test.labels, flags)
        print(f"{name:10} VUS-PR {values[name]:.3f}, {found:.0%} of the events found, {flags.mean():.1%} flagged")
    return values


if __name__ == "__main__":
    main()
