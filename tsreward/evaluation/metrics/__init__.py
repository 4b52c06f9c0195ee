"""Detection metrics in numpy: functions `metric(labels [T], scores [T])` or `metric(labels [T], predictions [T])`."""

from tsreward.evaluation.metrics.affiliation import affiliation_f1, affiliation_precision, affiliation_recall
from tsreward.evaluation.metrics.events import event_f1, event_precision, event_recall
from tsreward.evaluation.metrics.point_adjusted import oracle_point_adjusted_f1, point_adjusted_f1
from tsreward.evaluation.metrics.pointwise import f1, oracle_f1, precision, recall
from tsreward.evaluation.metrics.ranges import range_f1, range_precision, range_recall
from tsreward.evaluation.metrics.ranking import average_precision, roc_auc
from tsreward.evaluation.metrics.videos import macro_auc, micro_auc
from tsreward.evaluation.metrics.volume import VUS, vus, vus_pr, vus_roc
from tsreward.evaluation.metrics.window import vus_window

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
    "macro_auc",
    "micro_auc",
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
