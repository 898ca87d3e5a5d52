"""The blocks that a report is made of, apart from any format: page.py and markdown.py write them.

    Section(title, anchor, blocks, opens=False)    opens: notes on the report come after it
    Text(text)                     paragraphs, an empty line between two
    Table(caption, head, rows, anchor="", texts=1, notes=())
        head: names, or Column(title, group="", hint=""), neighbours of one group sharing a heading above them
        rows: of str, Cell(text, strong=False, hint="", aside="") or MISSING; or Entry(cells, about), such a row with
        what it is about; or Heading(title), a heading between rows
        texts: how many columns hold text, aligned left; all others hold numbers, aligned right
    Figure(chart, caption, anchor), Figures(figures) side by side
    Code(caption, text, language="sh")    lines to be copied as they are
    Notice(title, lines=())        a warning to the reader, such as a list of folders that were skipped

`about` says what a row, a point or a line is of, such as {"pair": "vgg13_vgg8", "method": "kd", "seed": "0 1 2"}: on
the page these are attributes, data-pair="vgg13_vgg8" and so on. Under RUNS it names the pages of the runs, in the order
of the seeds; a row links to them.
Anchors are unique in a report and safe as file names: see `slug`.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from unix_exp.plots.markup import clean


@dataclass(frozen=True)
class Text:
    text: str

    @property
    def paragraphs(self) -> list[str]:
        return [" ".join(part.split()) for part in re.split(r"\n\s*\n", self.text) if part.strip()]


@dataclass(frozen=True)
class Cell:
    """A cell with more than text: bold as the best of its column, with a hint that shows when pointed at, or with an
    aside, smaller, which a narrow page shows below."""

    text: str
    strong: bool = False
    hint: str = ""
    aside: str = ""

    @property
    def whole(self) -> str:
        """Its text and its aside, where there is no room for two sizes."""
        return f"{self.text} {self.aside}".strip()


MISSING = Cell("—", hint="not run yet")
RUNS = "runs"


@dataclass(frozen=True)
class Column:
    title: str
    group: str = ""
    hint: str = ""


@dataclass(frozen=True)
class Heading:
    title: str


@dataclass(frozen=True)
class Entry:
    """A row, and what it is about."""

    cells: Sequence[str | Cell]
    about: Mapping[str, str] = field(default_factory=dict)


Row = Sequence[str | Cell] | Entry | Heading


@dataclass(frozen=True)
class Table:
    caption: str
    head: Sequence[str | Column]
    rows: Sequence[Row]
    anchor: str = ""
    texts: int = 1
    notes: Sequence[str] = ()

    def __post_init__(self) -> None:
        for row in self.rows:
            cells = row.cells if isinstance(row, Entry) else row
            fits = isinstance(cells, Heading) or len(cells) == len(self.head)
            assert fits, f"{row} does not fit the columns {self.head}"

    @property
    def columns(self) -> list[Column]:
        return [column if isinstance(column, Column) else Column(column) for column in self.head]


@dataclass(frozen=True)
class Figure:
    chart: str  # SVG
    caption: str
    anchor: str


@dataclass(frozen=True)
class Figures:
    figures: Sequence[Figure]


@dataclass(frozen=True)
class Notice:
    title: str
    lines: Sequence[str] = ()


@dataclass(frozen=True)
class Code:
    caption: str
    text: str
    language: str = "sh"


Block = Text | Table | Figure | Figures | Code | Notice


@dataclass(frozen=True)
class Section:
    title: str
    anchor: str
    blocks: Sequence[Block]
    opens: bool = False  # the document: notes come after it


def cells_of(row: Sequence[str | Cell] | Entry) -> list[Cell]:
    return [cell_of(one) for one in (row.cells if isinstance(row, Entry) else row)]


def cell_of(value: str | Cell) -> Cell:
    return value if isinstance(value, Cell) else Cell(value)


def figures_in(sections: Sequence[Section]) -> Iterator[Figure]:
    """All figures, to be written as files."""
    for section in sections:
        for block in section.blocks:
            if isinstance(block, Figure):
                yield block
            elif isinstance(block, Figures):
                yield from block.figures


def check_anchors(sections: Sequence[Section]) -> None:
    """Each anchor is a slug and is used once: links lead to it, and a figure's file is named by it."""
    tables = (block.anchor for section in sections for block in section.blocks if isinstance(block, Table))
    found = [*(section.anchor for section in sections), *(figure.anchor for figure in figures_in(sections)),
             *filter(None, tables)]  # fmt: skip
    for anchor in found:
        assert anchor == slug(anchor), f"{anchor!r} is not an anchor; use {slug(anchor)!r}"
        assert found.count(anchor) == 1, f"the anchor {anchor!r} is used twice"


def slug(text: str) -> str:
    """A short name for links and files: lower case letters, digits and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower())[:100].strip("-") or "unnamed"


FIGURES = re.compile(r"[+-]?\d([\d.,±%()+ \N{MINUS SIGN}-]|to|pp|seed|no spread|e[+-]?\d)*")  # such as -0.31 to +1.20


def inert(text: str) -> str:
    """A cell that no spreadsheet takes for a formula: names and commits of runs come from whoever made them."""
    text = " ".join(text.split())
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) and not FIGURES.fullmatch(text) else text


def csv_of(table: Table) -> str:
    """The table for a spreadsheet: a missing cell is empty, and the heading between rows is a column of its own."""
    grouped = any(isinstance(row, Heading) for row in table.rows)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    titles = [f"{column.group}: {column.title}" if column.group else column.title for column in table.columns]
    writer.writerow(map(inert, ["group", *titles] if grouped else titles))
    group = ""
    for row in table.rows:
        if isinstance(row, Heading):
            group = row.title
        else:
            cells = ["" if cell == MISSING else cell.whole for cell in cells_of(row)]
            writer.writerow(map(inert, [group, *cells] if grouped else cells))
    return clean(text.getvalue())
