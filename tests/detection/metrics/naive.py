"""Slow and obvious twins of the metrics, row by row from their definitions."""

import itertools

import numpy as np


def runs(marks: np.ndarray) -> list[range]:
    """Return the rows of every run of marked rows."""
    rows = [row for row in range(len(marks)) if marks[row]]
    found: list[range] = []
    for row in rows:
        if found and found[-1].stop == row:
            found[-1] = range(found[-1].start, row + 1)
        else:
            found.append(range(row, row + 1))
    return found


def vus(labels: np.ndarray, scores: np.ndarray, window: int) -> tuple[float, float]:
    """Return VUS-PR and VUS-ROC, one buffer width and one threshold at a time."""
    total, falling = len(labels), sorted(scores, reverse=True)
    thresholds = [falling[int(place)] for place in np.linspace(0, total - 1, 250)]
    anomalies = runs(labels)
    areas = []
    for width in range(window + 1):
        half = width // 2
        weight = np.zeros(total)
        for row, anomaly in itertools.product(range(total), anomalies):
            distance = max(anomaly.start - row, row - anomaly.stop + 1, 0)
            if distance == 0:
                weight[row] = 1
            elif distance <= half:
                weight[row] = min(1, weight[row] + np.sqrt(1 - distance / width))
        zones: list[list[int]] = []
        for anomaly in anomalies:
            start, stop = max(anomaly.start - half, 0), min(anomaly.stop + half, total)
            if zones and anomaly.start - half < zones[-1][1]:
                zones[-1][1] = stop
            else:
                zones.append([start, stop])
        curve, points = [(0.0, 0.0, 1.0)], {}
        for threshold in thresholds:
            if threshold in points:  # few rows have few thresholds, which come many times
                curve.append(points[threshold])
                continue
            flagged = scores >= threshold
            true = (weight * flagged).sum()
            positives = labels.sum() + (weight * flagged)[labels == 0].sum() / 2
            found = sum(flagged[start:stop].any() for start, stop in zones) / len(zones)
            fall_out = (flagged.sum() - true) / (total - positives)
            points[threshold] = (min(true / positives, 1) * found, fall_out, true / flagged.sum())
            curve.append(points[threshold])
        pr = sum((b[0] - a[0]) * b[2] for a, b in itertools.pairwise(curve))
        curve.append((1.0, 1.0, 0.0))
        areas.append((pr, sum((b[1] - a[1]) * (a[0] + b[0]) / 2 for a, b in itertools.pairwise(curve))))
    pr, roc = np.mean(areas, axis=0)
    return pr, roc


def range_recall(labels: np.ndarray, predictions: np.ndarray, alpha: float, bias: str, cardinality: str) -> float:
    """Return range recall as Tatbul et al. write it; range precision is the same with the two swapped and alpha 0."""
    values = []
    for real in runs(labels):
        size = len(real)
        place = {row: number for number, row in enumerate(real, 1)}
        weight = {
            "flat": lambda i: 1,
            "front": lambda i, size=size: size - i + 1,
            "back": lambda i: i,
            "middle": lambda i, size=size: i if i <= size / 2 else size - i + 1,
        }[bias]
        met = [run for run in runs(predictions) if set(run) & set(real)]
        overlap = sum(weight(place[row]) for run in met for row in run if row in place)
        overlap /= sum(weight(i) for i in range(1, size + 1))
        factor = 1 / len(met) if met and cardinality == "reciprocal" else 1
        values.append(alpha * bool(met) + (1 - alpha) * factor * overlap)
    return float(np.mean(values)) if values else 0.0


def affiliation(labels: np.ndarray, predictions: np.ndarray) -> tuple[float, float]:
    """Return affiliation precision and recall, their integrals as sums over the middles of cells.

    Events and predictions begin and end at rows, zones at halves of rows, and what is nearest changes at quarters: what
    is integrated is linear in every eighth of a row, where the value in the middle is the mean.
    """
    cells, events = 16, runs(labels)
    time = (np.arange(len(labels) * cells) + 0.5) / cells
    fine = np.repeat(predictions, cells).astype(bool)
    borders = [0.0, *((a.stop + b.start) / 2 for a, b in itertools.pairwise(events)), float(len(labels))]
    precisions, recalls = [], []
    for event, left, right in zip(events, borders[:-1], borders[1:], strict=True):
        in_zone = (time > left) & (time < right)
        predicted, inside = time[in_zone & fine], time[(time > event.start) & (time < event.stop)]
        if len(predicted) == 0:
            recalls.append(0.0)
            continue
        kept = []
        for point in predicted:
            near = max(event.start - point, point - event.stop, 0)
            further = max(event.start - left - near, 0) + max(right - event.stop - near, 0)
            kept.append(1 if near == 0 else further / (right - left))
        precisions.append(np.mean(kept))
        starts = [max(run.start, left) for run in runs(predictions) if run.start < right and run.stop > left]
        stops = [min(run.stop, right) for run in runs(predictions) if run.start < right and run.stop > left]
        kept = []
        for point in inside:
            near = min(max(a - point, point - b, 0) for a, b in zip(starts, stops, strict=True))
            kept.append((max(point - near - left, 0) + max(right - point - near, 0)) / (right - left))
        recalls.append(np.mean(kept))
    return (float(np.mean(precisions)) if precisions else 0.0), float(np.mean(recalls))


def event_counts(labels: np.ndarray, predictions: np.ndarray) -> tuple[int, int, int]:
    """Return found events, all events and false events."""
    events = runs(labels)
    found = sum(any(predictions[row] for row in event) for event in events)
    false = sum(not any(labels[row] for row in run) for run in runs(predictions))
    return found, len(events), false


def adjusted(labels: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    """Return the predictions with every event that has a predicted row predicted entirely."""
    result = np.array(predictions, bool)
    for event in runs(labels):
        if any(predictions[row] for row in event):
            result[list(event)] = True
    return result


def f1(labels: np.ndarray, predictions: np.ndarray) -> float:
    """Return F1 from the counts of true and false rows."""
    true = sum(bool(a and b) for a, b in zip(labels, predictions, strict=True))
    false = sum(bool(a) != bool(b) for a, b in zip(labels, predictions, strict=True))
    return 2 * true / (2 * true + false)
