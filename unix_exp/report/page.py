"""The report as one HTML page without scripts or requests, light or dark as the reader's system is.

page(title, lead, sections) -> str    sections and their blocks are those of unix_exp.report.blocks
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from unix_exp.plots.markup import Markup, data, tag
from unix_exp.plots.style import CHART, PAGE
from unix_exp.report.blocks import (
    MISSING,
    Block,
    Cell,
    Code,
    Column,
    Entry,
    Figure,
    Figures,
    Heading,
    Notice,
    Row,
    Section,
    Table,
    Text,
    cells_of,
    check_anchors,
)

# The browser fetches and executes nothing, whatever the names of runs contain.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def page(title: str, lead: str, sections: Sequence[Section]) -> str:
    check_anchors(sections)
    head = tag(
        "head",
        Markup(f'<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{POLICY}">'),
        Markup('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        Markup('<meta name="color-scheme" content="light dark"><link rel="icon" href="data:,">'),
        tag("title", title),
        tag("style", Markup(PAGE + CHART)),
    )
    contents = [tag("li", tag("a", section.title, href=f"#{section.anchor}")) for section in sections]
    header = tag("header", tag("h1", title), *(tag("p", text) for text in Text(lead).paragraphs),
                 tag("nav", tag("ul", *contents), aria_label="Contents") if contents else "")  # fmt: skip
    body = tag("body", tag("main", header, *map(section_of, sections)))
    return f"<!DOCTYPE html>\n{tag('html', head, body, lang='en')}\n"


def section_of(section: Section) -> Markup:
    return tag("section", tag("h2", section.title), *map(drawn, section.blocks), id=section.anchor)


def drawn(block: Block) -> Markup:
    if isinstance(block, Text):
        return tag("div", *(tag("p", text) for text in block.paragraphs), class_="text")
    if isinstance(block, Table):
        return table_of(block)
    if isinstance(block, Figure):
        return figure_of(block, "lone")
    if isinstance(block, Figures):
        return tag("div", *map(figure_of, block.figures), class_="figures")
    if isinstance(block, Code):
        return tag("figure", tag("figcaption", block.caption), tag("pre", block.text, tabindex=0), class_="code")
    return notice_of(block)


def figure_of(figure: Figure, kind: str | None = None) -> Markup:
    return tag("figure", Markup(figure.chart), tag("figcaption", figure.caption), id=figure.anchor, class_=kind)


def notice_of(notice: Notice) -> Markup:
    """Long lists are folded until the reader opens them."""
    lines = tag("ul", *(tag("li", line) for line in notice.lines)) if notice.lines else ""
    if len(notice.lines) > 6:
        lines = tag("details", tag("summary", f"{len(notice.lines)} in all"), lines)
    return tag("aside", tag("strong", notice.title), lines, class_="notice")


def table_of(table: Table) -> Markup:
    """A table in a box of its own: a wide table scrolls inside it and the page never does."""
    columns = table.columns
    head = tag("thead", *group_row(columns), tag("tr", *(
        tag("th", column.title, scope="col", title=column.hint or None, class_=alignment(table, number))
        for number, column in enumerate(columns)
    )))  # fmt: skip
    body = tag("tbody", *(row_of(row, table) for row in table.rows))
    box = tag("div", tag("table", head, body), class_="window", tabindex=0, role="region", aria_label=table.caption)
    notes = [tag("p", note, class_="note") for note in table.notes]
    return tag("figure", tag("figcaption", table.caption), box, *notes, class_="table", id=table.anchor or None)


def group_row(columns: Sequence[Column]) -> list[Markup]:
    """The headings that columns share; none where no column has one."""
    if not any(column.group for column in columns):
        return []
    cells: list[Markup] = []
    for title, members in groupby(columns, key=lambda column: column.group):
        count = len(list(members))
        # An empty cell above each column without a heading: the first column stays in view while the others scroll.
        cells += (
            [tag("th", title, colspan=count, scope="colgroup", class_="group")] if title else [tag("td", "")] * count
        )
    return [tag("tr", *cells)]


def row_of(row: Row, table: Table) -> Markup:
    if isinstance(row, Heading):
        heading = tag("th", tag("span", row.title), colspan=len(table.columns), scope="rowgroup")
        return tag("tr", heading, class_="group")
    about = row.about if isinstance(row, Entry) else {}
    return tag("tr", *(cell_in(cell, number, table) for number, cell in enumerate(cells_of(row))), **data(about))


def cell_in(cell: Cell, column: int, table: Table) -> Markup:
    kinds = " ".join(filter(None, (alignment(table, column), "strong" * cell.strong, "missing" * (cell == MISSING))))
    aside = [" ", tag("small", cell.aside)] if cell.aside else []
    content = tag("span", cell.text, *aside, title=cell.hint or None)
    return tag("td" if column else "th", content, class_=kinds or None, scope=None if column else "row")


def alignment(table: Table, column: int) -> str | None:
    return None if column < table.texts else "number"
