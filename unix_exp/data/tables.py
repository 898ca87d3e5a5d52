"""Tables that anyone may have written, CSV or parquet: columns by name and where each row stands, or one line."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Sequence
from io import StringIO
from typing import Any, NamedTuple

from unix_exp.data.opening import content, shown
from unix_exp.types import Mistake
from unix_exp.words import as_line, first_line, listed, nearest

MOST_BYTES = 2**28  # of a list of images; one of ten million paths is shorter
MOST_UNPACKED = 2**30  # of parquet, which is compressed
MOST_COLUMNS = 10_000
LONGEST, MOST_LINES = 2**20, 1000  # characters of a line, lines of a row
SEPARATORS = ",;\t"


class Table(NamedTuple):
    name: str  # the file's, in messages
    columns: tuple[str, ...]
    rows: Sequence[Sequence[Any]]
    lines: Sequence[int]  # where each row is: its line, or its number where a file has no lines
    line: str  # what that is called

    def where(self, row: int) -> str:
        return f"{self.line} {self.lines[row]} of '{self.name}'"

    def column(self, what: str, usual: Sequence[str], wanted: str | None) -> int | None:
        """The number of a column: the one that is wanted, or the first that has a usual name."""
        if wanted is not None:
            if wanted not in self.columns:
                hint = nearest(wanted, map(as_line, self.columns))
                raise Mistake(f"dataset.columns.{what} is '{wanted}', but '{self.name}' has no such column; {hint}")
            return self.columns.index(wanted)
        lower = [name.lower() for name in self.columns]
        return next((lower.index(name) for name in usual if name in lower), None)

    def needed(self, what: str, usual: Sequence[str], wanted: str | None) -> int:
        if (found := self.column(what, usual, wanted)) is None:
            there = listed([as_line(name) for name in self.columns])
            raise Mistake(
                f"'{self.name}' has the columns {there}; for the {what} name one {' or '.join(usual[:4])}, or set "
                f"'dataset.columns={{{what}: NAME}}'"
            )
        return found


def table_of(path: str) -> Table:
    name = shown(path)
    if not os.path.isfile(path):
        raise Mistake(f"dataset.path is '{name}'; there is no such file")
    if os.path.getsize(path) > MOST_BYTES:
        raise Mistake(f"'{name}' has more than {MOST_BYTES:,} bytes; a list of images holds paths and labels alone")
    return of_parquet(path, name) if path.lower().endswith((".parquet", ".pq")) else of_csv(path, name)


def of_csv(path: str, name: str) -> Table:
    data, _ = content(path)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Mistake(f"line {line} of '{name}' is no text in UTF-8; save it as CSV in UTF-8") from None
    if (nul := text.find("\0")) >= 0:
        line = text.count("\n", 0, nul) + 1
        raise Mistake(f"line {line} of '{name}' has a character that is no text; save it as CSV in UTF-8")
    head = text.partition("\n")[0][:4096]
    rows: list[list[str]] = []
    lines: list[int] = []
    columns: tuple[str, ...] | None = None
    line = 1  # where a row begins: one in quotes may go on for several

    def short(text: str) -> Iterator[str]:
        for number, one in enumerate(StringIO(text, newline=""), 1):
            if len(one) > LONGEST or number - line > MOST_LINES:
                raise csv.Error("it does not end; is a quote left open?")
            yield one

    reader = csv.reader(short(text), delimiter=max(SEPARATORS, key=head.count), strict=True)
    try:
        for row in reader:
            if columns is None:
                columns = tuple(cell.strip() for cell in row)
                check_columns(columns, name)
            elif row:
                if len(row) != len(columns):
                    raise Mistake(f"line {line} of '{name}' has {len(row)} values for {len(columns)} columns")
                rows.append(row)
                lines.append(line)
            line = reader.line_num + 1
    except csv.Error as error:
        raise Mistake(f"line {line} of '{name}' can't be read as CSV ({first_line(error)})") from None
    if columns is None or not rows:
        raise Mistake(f"'{name}' has no rows; a list has a line of column names and a line for each image")
    return Table(name, columns, rows, lines, "line")


def of_parquet(path: str, name: str) -> Table:
    try:
        from pyarrow import parquet
    except ImportError:
        raise Mistake("a parquet file needs pyarrow; pip install 'unix_exp[data]', or save the list as CSV") from None
    try:
        groups = parquet.read_metadata(path)
        if sum(groups.row_group(number).total_byte_size for number in range(groups.num_row_groups)) > MOST_UNPACKED:
            raise Mistake(f"'{name}' unpacks to more than {MOST_UNPACKED:,} bytes; a list holds paths and labels alone")
        read = parquet.read_table(path)
        columns = tuple(map(str, read.column_names))
        check_columns(columns, name)
        plain = [column.to_pylist() for column in read.columns]
    except Mistake:
        raise
    except Exception as error:  # of a damaged file anything
        raise Mistake(f"'{name}' can't be read as parquet ({as_line(first_line(error))[:200]})") from None
    if not plain or not plain[0]:
        raise Mistake(f"'{name}' has no rows; a list has a row for each image")
    rows = list(zip(*plain, strict=True))
    return Table(name, columns, rows, range(1, len(rows) + 1), "row")


def check_columns(columns: Sequence[str], name: str) -> None:
    if len(columns) > MOST_COLUMNS:
        raise Mistake(f"'{name}' has {len(columns):,} columns; a list of images has two or three")
    lower = [one.lower() for one in columns]
    if len(set(lower)) < len(lower):
        twice = next(one for one in columns if lower.count(one.lower()) > 1)
        raise Mistake(f"'{name}' has two columns called '{as_line(twice)[:100]}'; rename one")
