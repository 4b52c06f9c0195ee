"""Thirty malformed CSV files, and what becomes of each: the words of the refusal, or the numbers that are read.

A log has two sensors, a and b. What is ambiguous or cannot be meant is refused; what has one meaning, however unusual,
is read. Rows are counted from 1, without the header and blank lines; lines as an editor counts them.
"""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

Make = Callable[[Path], object]
ROWS = "".join(f"{number},{number * number % 7}\n" for number in range(1, 9))
"""Eight good rows."""
VALUES = [[number, number * number % 7] for number in range(1, 9)]
SCORE = "score log.csv --model MODEL --out OUT/s.csv"
FIT = "fit --data log.csv --out OUT/m --scorer mahalanobis --reward likeness --window 3"
EVALUATE = "evaluate --data log.csv --model MODEL"


@dataclass(frozen=True)
class Malformed:
    """A log that a command refuses with a message."""

    log: str | bytes | Make
    message: str
    command: str = SCORE
    other: str = ""
    """What other.csv holds."""
    meanwhile: Make | None = None
    """What happens to the log when its first rows have been scored."""


@dataclass(frozen=True)
class Unusual:
    """A log that is read."""

    log: str | bytes | Make
    values: list[list[float]]
    command: str = SCORE
    remark: str = ""
    """A warning on stderr."""
    meanwhile: Make | None = None


def log(rows: str, header: str = "a,b") -> str:
    """Return the text of a log."""
    return f"{header}\n{rows}"


def _long_line(path: Path) -> None:
    path.write_bytes(b"a,b\n1,2\n" + b"1," * 50_000_000)


def _late_text(path: Path) -> None:
    path.write_bytes(b"a,b\n" + b"0.25,1.5\n" * 999_999 + b"0.25,offline\n")


def _cut_gzip(path: Path) -> None:
    path.with_name("log.csv.gz").write_bytes(gzip.compress(os.urandom(999).hex().encode() * 9)[:-40])


def _append(path: Path) -> None:
    with path.open("a") as file:
        file.write("9,9\n")


def _rewrite(path: Path) -> None:
    path.write_text(path.read_text().replace("1", "3"))
    os.utime(path, ns=(0, 0))


WIDE = ",".join(f"c{number}" for number in range(100_000))

CSV: dict[str, Malformed | Unusual] = {
    "01 empty": Malformed("", "log.csv is empty: it needs a header in its first line and rows below it"),
    "01 blank lines alone": Malformed("\n\r\n \n", "log.csv is empty: it needs a header"),
    "02 header only": Malformed("a,b\n", "log.csv has a header but no row below it"),
    "03 one row is scored": Unusual(log("1,2\n"), [[1, 2]]),
    "03 one row is no data to learn from": Malformed(
        log("1,2\n"), "log.csv has a length of 1, less than --window 3", FIT
    ),
    "04 fewer rows than the window are scored": Unusual(log("1,2\n3,4\n"), [[1, 2], [3, 4]]),
    "04 fewer rows than the window to learn from": Malformed(log("1,2\n3,4\n"), "use a shorter window", FIT),
    "05 long row": Malformed(log(f"{ROWS}1,2,3\n"), "row 9 has 3 in place of 2 cells"),
    "05 short row": Malformed(log(f"1,2\n\n3\n{ROWS}"), "row 2 has 1 in place of 2 cells"),
    "05 short row that lacks an ignored cell": Malformed(
        log("1,2,x\n3,4\n", "a,b,host"), "row 2 has 2 in place of 3 cells", f"{SCORE} --ignore host"
    ),
    "05 long first row": Malformed(log("1,2,\n3,4,\n"), "its rows end with a comma, and its header does not"),
    "06 duplicate names": Malformed(log(ROWS, "a,a"), "has two columns 'a': rename one of them"),
    "07 unnamed column": Malformed(
        log("0,1,2\n", ",a,b"), "column 1 has no name in the header, as the index that pandas writes"
    ),
    "08 BOM": Unusual(b"\xef\xbb\xbf" + log(ROWS).encode(), VALUES),
    "09 UTF-16": Malformed(log(ROWS).encode("utf-16"), "log.csv is in UTF-16: save it as UTF-8"),
    "09 UTF-16 without BOM": Malformed(log(ROWS).encode("utf-16-le"), "line 1 holds a NUL byte: it is no text, or in"),
    "10 invalid UTF-8": Malformed(b"a,b\n1,2\n3,\xe9\n", "line 3 is not UTF-8: save the file as UTF-8"),
    "10 UTF-8 that is cut": Malformed("a,b\n1,é".encode()[:-1], "line 2 is not UTF-8"),
    "11 NUL": Malformed(b"a,b\n1,2\n3,\x004\n", "line 3 holds a NUL byte"),
    "12 LF, CR LF and CR mixed": Unusual(b"a,b\r\n1,1\n2,4\r3,2\r\n\r4,2", VALUES[:4]),
    "13 semicolons": Malformed(log("1;2\n", "a;b"), "seems to be separated by ';': tsreward reads commas"),
    "13 tabs": Malformed(log("1\t2\n", "a\tb"), r"seems to be separated by '\\t'"),
    "14 decimal comma": Malformed(
        log("1,5,2,5\n"), "row 1 has 4 in place of 2 cells: .* and write numbers with a decimal point"
    ),
    "14 quoted decimal comma": Malformed(
        log('1,"2,5"\n'), "row 1 of column 'b' must be a finite number, found '2,5': write numbers with a decimal point"
    ),
    "15 thousands separator": Malformed(log('1,2\n"1,234",2\n'), "row 2 of column 'a' .* without thousands separators"),
    "15 underscores": Malformed(log("1_000,2\n"), "row 1 of column 'a' must be a finite number, found '1_000'"),
    "16 line end in quotes": Unusual(
        log('1,2,"up\nand, down"\n"3",4,"say ""hi"""\n', '"a",b,note'), [[1, 2], [3, 4]], f"{SCORE} --ignore note"
    ),
    "16 line end in a quoted number": Malformed(log('1,2\n"1\n2",3\n'), r"row 2 of column 'a' .* found '1\\n2'"),
    "17 unclosed quote": Malformed(
        log(f'1,2\n"3,4\n{ROWS}'), "line 3 has a quote .*, or one that is never closed: put a cell"
    ),
    "17 unclosed quote before another": Malformed(
        log('"1,2\n3,"4"\n'), "line 2 has a quote .*, or one that is never closed"
    ),
    "17 quote inside a cell": Malformed(
        log('1,2,5" pipe\n', "a,b,note"), "line 2 has a quote in the middle of a cell", f"{SCORE} --ignore note"
    ),
    "18 text at row 1,000,000": Malformed(
        _late_text, "row 1000000 of column 'b' must be a finite number, found 'offline': fill or drop the row", FIT
    ),
    "19 integers, then decimals, then truth": Unusual(
        log("1,0\n" * 300 + "1.5,1\n" * 300 + "2,True\n" * 300), [[1, 0]] * 300 + [[1.5, 1]] * 300 + [[2, 1]] * 300
    ),
    "20 column without any number": Malformed(log("1,NaN\n" * 5), "row 1 of column 'b' .* found 'NaN': fill or drop"),
    "20 empty column": Malformed(log("1,\n" * 5), "row 1 of column 'b' must be a finite number, found nothing"),
    "21 NaN run": Malformed(log(ROWS + "nan,2\n" * 6), "row 9 of column 'a' must be a finite number, found 'nan'"),
    "22 inf": Malformed(log("1,2\n1,inf\n"), "row 2 of column 'b' must be a finite number, found 'inf'"),
    "22 -inf": Malformed(log("-inf,2\n"), "row 1 of column 'a' must be a finite number, found '-inf'"),
    "22 1e400": Malformed(log("1,1e400\n"), "row 1 of column 'b' must be a finite number, found '1e400'"),
    "22 beyond float64": Malformed(log("1,2\n1e309,2\n"), "row 2 of column 'a' must be a finite number"),
    "23 NULL": Malformed(log("1,2\n3,NULL\n"), "row 2 of column 'b' must be a finite number, found 'NULL'"),
    "23 N/A": Malformed(log("N/A,2\n3,NULL\n"), "row 1 of column 'a' must be a finite number, found 'N/A'"),
    "23 dash": Malformed(log("1,-\n"), "row 1 of column 'b' must be a finite number, found '-': fill or drop the row"),
    "24 constant column": Unusual(log("1,5\n2,5\n3,5\n"), [[1, 5], [2, 5], [3, 5]]),
    "25 label column missing": Malformed(
        log(ROWS), "log.csv has no column 'attack': it has a, b", f"{SCORE} --label attack"
    ),
    "25 label of -1 and 1": Malformed(
        log("1,2,1\n1,2,-1\n", "a,b,y"),
        r"row 2 of label column 'y' must be 0 \(normal\) or 1 \(anomalous\), found '-1': convert .* --label-map",
        f"{SCORE} --label y",
    ),
    "25 label of counts": Malformed(log("1,2,3\n", "a,b,y"), "row 1 of label column 'y' must be 0", f"{FIT} --label y"),
    "25 labels of one class": Malformed(
        log("1,2,0\n3,4,0\n", "a,b,y"), "log.csv: A metric needs both classes, but all 2 ", f"{EVALUATE} --label y"
    ),
    "26 label length": Malformed(
        log("0\n1\n0\n", "label"),
        "other.csv has 2 scores, but log.csv 3 labels: give one label per score",
        "evaluate --scores other.csv --labels log.csv",
        "score\n1\n2\n",
    ),
    "27 line of 100 MB": Malformed(_long_line, "the record that begins in line 3 is longer than 16 MiB: is this a CSV"),
    "27 header of 100 MB": Malformed(
        lambda path: path.write_bytes(b"x" * 10**8), "the record that begins in line 1 is longer than 16 MiB"
    ),
    "27 quote that is not closed in 16 MiB": Malformed(
        lambda path: path.write_bytes(b'a,b\n1,"' + b"2,3\n" * 25_000_000),
        "line 2 has a quote .*, or one that is never closed",
    ),
    "28 100,000 columns": Malformed(
        f"{WIDE}\n{'1,' * 99_999}1\n", r"reads observations \[2\], but log.csv holds \[100000\]: score data of the kind"
    ),
    "28 100,000 columns, two of which are one": Malformed(f"{WIDE},c7\n{'1,' * 100_000}1\n", "has two columns 'c7'"),
    "28 a million columns": Malformed("x," * 999_999 + "x\n", "has 1,000,000 columns, but at most 200,000 can be read"),
    "29 gzip named .csv": Malformed(
        gzip.compress(log(ROWS).encode()), "log.csv is compressed with gzip: unpack it, or name it .csv.gz"
    ),
    "29 gzip that is cut": Malformed(
        _cut_gzip, "log.csv.gz is no whole gzip file .*: copy it again", SCORE.replace("log.csv", "log.csv.gz")
    ),
    "30 grows": Malformed(log(ROWS), "log.csv grew while it was read .* read a finished copy", meanwhile=_append),
    "30 shrinks": Malformed(log(ROWS), "log.csv shrank while it was read", meanwhile=lambda path: os.truncate(path, 9)),
    "30 is written over": Malformed(log(ROWS), "log.csv was written to while it was read", meanwhile=_rewrite),
    "30 deleted, which an open file survives": Unusual(log(ROWS), VALUES, meanwhile=Path.unlink),
}
