"""Small data with a known answer, for the tests of scorers: what `tsreward.testing` checks with."""

from tsreward.testing.worlds import all_windows, broken, hazard, separation, waves

__all__ = ["all_windows", "broken", "hazard", "separation", "waves"]
