"""The loaders by the names the command line knows them by."""

from collections.abc import Callable
from pathlib import Path

from tsreward.detection.datasets.asd import load_asd
from tsreward.detection.datasets.nab import load_nab
from tsreward.detection.datasets.own_tables import load_tables
from tsreward.detection.datasets.smd import load_smd
from tsreward.detection.datasets.telemanom import load_telemanom
from tsreward.detection.datasets.tsb_ad import load_tsb_ad
from tsreward.detection.datasets.wadi import load_wadi
from tsreward.detection.datasets.yahoo import load_yahoo
from tsreward.sequences.series import DetectionTask

FORMATS: dict[str, Callable[[Path], list[DetectionTask]]] = {
    "smd": load_smd,
    "yahoo": load_yahoo,
    "wadi": load_wadi,
    "nab": load_nab,
    "telemanom": load_telemanom,
    "asd": load_asd,
    "tsb-ad": load_tsb_ad,
    "csv": load_tables,
    "parquet": load_tables,
}
