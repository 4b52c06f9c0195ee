"""Ten ways to get the time of a log wrong, and what becomes of each.

Stamps are in order, of one unit and one zone. Gaps and irregular steps are told, and refused only with --time-step.
"""

from __future__ import annotations

from tests.reliability.malformed import FIT, ROWS, SCORE, Malformed, Unusual, log

TIMED = f"{SCORE} --time t"
STEPPED = f"{TIMED} --time-step 10"
MARKED = f"{TIMED} --label-intervals other.csv"


def timed(*stamps: object) -> str:
    """Return a log with a column t of time stamps."""
    return log("".join(f"{stamp},{number},2\n" for number, stamp in enumerate(stamps)), "t,a,b")


def _values(count: int) -> list[list[float]]:
    return [[number, 2] for number in range(count)]


TEN = timed(*range(100, 200, 10))

TIMES: dict[str, Malformed | Unusual] = {
    "31 not in order": Malformed(timed(1, 2, 4, 3), "row 4 of time column 't' is 1 before the row above: sort", TIMED),
    "31 text not in order": Malformed(
        timed("2020-01-02", "2020-01-01T23:00"), "row 2 of time column 't' is 3600 s before the row above", TIMED
    ),
    "32 duplicate stamps": Malformed(timed(1, 2, 2), "row 3 of time column 't' repeats the stamp of the row", TIMED),
    "33 two zones": Malformed(
        timed("2020-01-01 00:00Z", "2020-01-01 02:00+01:00"),
        r"row 2 of time column 't' must be ISO 8601 text in zone \+00:00, .* found '2020-01-01 02:00\+01:00'",
        TIMED,
    ),
    "33 zone that is missing": Malformed(
        timed("2020-01-01 00:00", "2020-01-01 00:01Z"), "row 2 .* must be ISO 8601 text without a zone", TIMED
    ),
    "34 clock set back": Malformed(
        timed("2020-10-25 02:00", "2020-10-25 02:59", "2020-10-25 02:00"),
        "row 3 of time column 't' .* if the clock was set back from summer time, name its --time-zone",
        TIMED,
    ),
    "35 seconds, then milliseconds": Malformed(
        timed(1600000000, 1600000001, 1600000002000),
        "row 3 of time column 't' is 1600000002000 after 1600000001, so its unit changes: write all stamps in one unit",
        TIMED,
    ),
    "35 nanoseconds, then seconds": Malformed(
        timed(1600000000000000000, 1600000000000000001, 1600000002), "row 3 .* so its unit changes", TIMED
    ),
    "35 numbers, then text": Malformed(timed(1, "2020-01-01"), "row 2 .* must be a number, found '2020-01-01'", TIMED),
    "36 gap is told": Unusual(
        timed(0, 1, 2, 9, 10), _values(5), TIMED, "with gaps: 1, other irregular steps: 0, the first at row 4"
    ),
    "36 gap against --time-step": Malformed(
        timed(0, 10, 50), "row 3 of time column 't' comes 40 after the row above, but --time-step asks for 10", STEPPED
    ),
    "37 NaT": Malformed(timed("2020-01-01", "NaT"), "row 2 of time column 't' must be ISO .* found 'NaT'", TIMED),
    "37 no stamp": Malformed(timed("", "2020-01-01"), "row 1 .* must be a number or ISO 8601 .* found nothing", TIMED),
    "37 day that does not exist": Malformed(
        timed("2020-02-29", "2020-02-30"), "row 2 .* must be a date that exists, found '2020-02-30'", TIMED
    ),
    "37 day or month first": Malformed(timed("01/02/2020"), "row 1 .* number or ISO 8601 text such as 2020", TIMED),
    "38 year 9999": Unusual(
        timed("1815-06-18", "2020-01-01", "9999-12-31 23:59:59.999999999"), _values(3), TIMED, "usually steps by"
    ),
    "38 before 1970": Unusual(timed(-20, -10, 0, 10), _values(4), STEPPED),
    "38 beyond 64 bits": Malformed(timed(1, 10**19), "row 2 of time column 't' must be a number, found '1000", TIMED),
    "39 irregular step is told": Unusual(
        timed(0, 10, 20, 29, 40), _values(5), TIMED, "gaps: 0, other irregular steps: 2, the first at row 4"
    ),
    "39 irregular step against --time-step": Malformed(
        timed(0, 10, 19), "row 3 of time column 't' comes 9 after the row above, but --time-step asks for 10", STEPPED
    ),
    "40 interval ends before it starts": Malformed(
        TEN, "other.csv: row 2, the interval from 5 to 4, ends before it starts", MARKED, "start,end\n100,110\n5,4"
    ),
    "40 interval in another notation": Malformed(
        TEN, "other.csv: row 1 of column 'start' must be a number", MARKED, "start,end\n2020-01-01,2020-01-02\n"
    ),
    "40 intervals without time": Malformed(
        log(ROWS),
        "--label-intervals is about time stamps: name their column with --time",
        f"{SCORE} --label-intervals other.csv",
        "start,end\n1,2\n",
    ),
    "time that is not named": Malformed(
        timed("2020-01-01 00:00", "2020-01-01 00:01"),
        "row 1 of column 't' .* found '2020-01-01 00:00': name the column of time stamps with --time",
        FIT,
    ),
}
