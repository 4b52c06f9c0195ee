"""Detection metrics in numpy: functions `metric(labels [T], scores [T])` or `metric(labels [T], predictions [T])`."""

from tsreward.detection.metrics.affiliation import affiliation_f1, affiliation_precision, affiliation_recall
from tsreward.detection.metrics.blame import hit_rate, ndcg
from tsreward.detection.metrics.pointwise import (
    f1,
    oracle_f1,
    oracle_point_adjusted_f1,
    point_adjusted_f1,
    precision,
    recall,
)
from tsreward.detection.metrics.ranges import (
    event_f1,
    event_precision,
    event_recall,
    range_f1,
    range_precision,
    range_recall,
)
from tsreward.detection.metrics.ranking import average_precision, macro_auc, micro_auc, roc_auc
from tsreward.detection.metrics.volume import VUS, vus, vus_pr, vus_roc, vus_window

__all__ = [
    "VUS",
    "affiliation_f1",
    "affiliation_precision",
    "affiliation_recall",
    "average_precision",
    "event_f1",
    "event_precision",
    "event_recall",
    "f1",
    "hit_rate",
    "macro_auc",
    "micro_auc",
    "ndcg",
    "oracle_f1",
    "oracle_point_adjusted_f1",
    "point_adjusted_f1",
    "precision",
    "range_f1",
    "range_precision",
    "range_recall",
    "recall",
    "roc_auc",
    "vus",
    "vus_pr",
    "vus_roc",
    "vus_window",
]
