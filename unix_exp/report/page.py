"""The report as one HTML page without requests, light or dark as the reader's system is.

page(title, lead, sections, links) -> str    sections and their blocks are those of unix_exp.report.blocks
whole(title, header, sections, links, parts) -> str    the same below any header, with these parts of the script

Everything shows without the script, which sorts, filters and says what a point is.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import lru_cache
from itertools import groupby, zip_longest
from typing import NamedTuple

from unix_exp.plots.markup import Markup, data, tag
from unix_exp.plots.style import CHART, PAGE
from unix_exp.report.blocks import (
    MISSING,
    RUNS,
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
    cell_of,
    cells_of,
    check_anchors,
)
from unix_exp.report.script import OF_REPORTS, policy, script, style

MOST_SEEDS = 12  # whose pages a row links to; the table of all runs has the others
TALL = 40  # rows, of which more are scrolled through in their window


class Links(NamedTuple):
    """The runs that have pages, and what leads to the folder of these."""

    pages: Collection[str] = ()
    base: str = "runs/"


def page(title: str, lead: str, sections: Sequence[Section], links: Links | None = None) -> str:
    lines = (tag("p", text) for text in Text(lead).paragraphs)
    header = tag("header", tag("h1", title), *lines, contents(sections, folded=True))
    return whole(title, header, sections, links or Links(), OF_REPORTS)


def contents(sections: Sequence[Section], folded: bool = False) -> Markup:
    links = tag("ul", *(tag("li", tag("a", section.title, href=f"#{section.anchor}")) for section in sections))
    shown = tag("details", tag("summary", "Contents"), links) if folded else links
    return tag("nav", shown, aria_label="Contents") if sections else Markup()


def whole(title: str, header: Markup, sections: Sequence[Section], links: Links, parts: tuple[str, ...]) -> str:
    check_anchors(sections)
    code = script(parts)
    head = tag(
        "head",
        Markup(f'<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{policy(code)}">'),
        Markup('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        Markup('<meta name="color-scheme" content="light dark"><link rel="icon" href="data:,">'),
        tag("title", title),
        tag("style", Markup(PAGE + CHART), style()),
    )
    main = tag("main", header, *(section_of(section, links) for section in sections))
    return f"<!DOCTYPE html>\n{tag('html', head, tag('body', main, tag('script', code)), lang='en')}\n"


def section_of(section: Section, links: Links) -> Markup:
    kind, blocks = "opens" if section.opens else None, (drawn(one, links) for one in section.blocks)
    return tag("section", tag("h2", section.title), *blocks, id=section.anchor, class_=kind)


def drawn(block: Block, links: Links) -> Markup:
    if isinstance(block, Text):
        return tag("div", *(tag("p", text) for text in block.paragraphs), class_="text")
    if isinstance(block, Table):
        return table_of(block, links)
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


def table_of(table: Table, links: Links) -> Markup:
    """A table in a box of its own: a wide table scrolls inside it and the page never does."""
    columns = table.columns
    head = tag("thead", *group_row(columns), tag("tr", *(
        tag("th", column.title, scope="col", title=column.hint or None, class_=alignment(table.texts, number))
        for number, column in enumerate(columns)
    )))  # fmt: skip
    body = tag("tbody", *(row_of(row, table, links) for row in table.rows))
    kind = "window tall" if len(table.rows) > TALL else "window"
    box = tag("div", tag("table", head, body), class_=kind, tabindex=0, role="region", aria_label=table.caption)
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


def row_of(row: Row, table: Table, links: Links) -> Markup:
    if isinstance(row, Heading):
        heading = tag("th", tag("span", row.title), colspan=len(table.columns), scope="rowgroup")
        return tag("tr", heading, class_="group")
    if not isinstance(row, Entry):
        return plain_row(tuple(row), table.texts)
    about = dict(row.about)
    there = runs_with_pages(about.get("seed", ""), about.pop(RUNS, ""), links)
    cells = [cell_in(cell, number, table.texts, () if number else there) for number, cell in enumerate(cells_of(row))]
    return tag("tr", *cells, **data(about))


@lru_cache(maxsize=2**13)
def plain_row(row: tuple[str | Cell, ...], texts: int) -> Markup:
    """Kept, because the pages of a thousand runs say the same in most rows of their settings."""
    return tag("tr", *(cell_in(cell_of(cell), number, texts) for number, cell in enumerate(row)))


def runs_with_pages(seeds: str, names: str, links: Links) -> list[tuple[str, str]]:
    """Seeds and addresses, for those runs of a row that have a page."""
    return [
        (seed, f"{links.base}{name}.html")
        for seed, name in zip_longest(seeds.split(" "), names.split(" "), fillvalue="")
        if name in links.pages
    ]


def cell_in(cell: Cell, column: int, texts: int, runs: Sequence[tuple[str, str]] = ()) -> Markup:
    kinds = " ".join(filter(None, (alignment(texts, column), "strong" * cell.strong, "missing" * (cell == MISSING))))
    text = tag("a", cell.text, href=runs[0][1]) if len(runs) == 1 else cell.text
    aside = [" ", tag("small", cell.aside)] if cell.aside else []
    seeds = [" ", seeds_of(runs)] if len(runs) > 1 else []
    content = tag("span", text, *aside, *seeds, title=cell.hint or None)
    return tag("td" if column else "th", content, class_=kinds or None, scope=None if column else "row")


def seeds_of(runs: Sequence[tuple[str, str]]) -> Markup:
    """A link to the page of each seed."""
    shown = [tag("a", seed, href=address) for seed, address in runs[:MOST_SEEDS]]
    more = [f" and {len(runs) - MOST_SEEDS} more"] if len(runs) > MOST_SEEDS else []
    return tag("small", "seeds", *(part for one in shown for part in (" ", one)), *more, class_="seeds")


def alignment(texts: int, column: int) -> str | None:
    return None if column < texts else "number"
