"""The loaders by the names the command line knows them by."""

from collections.abc import Callable
from pathlib import Path

from tsreward.data.logs.asd import load_asd
from tsreward.data.logs.nab import load_nab
from tsreward.data.logs.smd import load_smd
from tsreward.data.logs.tables import load_tables
from tsreward.data.logs.telemanom import load_telemanom
from tsreward.data.logs.tsb_ad import load_tsb_ad
from tsreward.data.logs.wadi import load_wadi
from tsreward.data.logs.yahoo import load_yahoo
from tsreward.series import DetectionTask

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
