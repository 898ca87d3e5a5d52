"""The report as GitHub's Markdown: `markdown(title, lead, sections)`; figures are links to FIGURES/ANCHOR.svg."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import quote

from unix_exp.plots.markup import clean
from unix_exp.report.blocks import (
    Block,
    Cell,
    Code,
    Figure,
    Heading,
    Notice,
    Section,
    Table,
    Text,
    cells_of,
    check_anchors,
)


def markdown(title: str, lead: str, sections: Sequence[Section], notes: str = "", figures: str = "figures") -> str:
    """`notes`, which is Markdown already, comes after the section that opens the document, before all others."""
    check_anchors(sections)
    opening = [section for section in sections if section.opens]
    rest = [section for section in sections if not section.opens]
    parts = [f"# {plain(title)}", *map(plain, Text(lead).paragraphs), *written(opening, figures)]
    parts += [*filter(None, [notes.strip("\n")]), *written(rest, figures)]
    return "\n\n".join(parts) + "\n"


def written(sections: Sequence[Section], figures: str) -> Iterator[str]:
    for section in sections:
        yield f"## {plain(section.title)}"
        for block in section.blocks:
            yield from markdown_of(block, figures)


def plain(text: str) -> str:
    """Text on one line, escaped so that GitHub interprets nothing in it."""
    escaped = re.sub(r"([\\`*_\[\]|~#$])", r"\\\1", " ".join(clean(text).split()))
    escaped = escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("@", "@\N{WORD JOINER}")
    escaped = escaped.replace("://", ":&#47;&#47;").replace("www.", "www&#46;")  # no text becomes a link
    return re.sub(r"^(\d+)([.)]\s)|^([-+=])", lambda match: (match[1] or "") + "\\" + (match[2] or match[3]), escaped)


def markdown_of(block: Block, figures: str) -> Iterator[str]:
    if isinstance(block, Text):
        yield from map(plain, block.paragraphs)
    elif isinstance(block, Table):
        yield f"**{plain(block.caption)}**"
        yield "\n".join(pipe_table(block))
        yield from map(plain, block.notes)
    elif isinstance(block, Code):
        yield plain(block.caption)
        yield fenced(block.text, block.language)
    elif isinstance(block, Notice):
        yield "\n".join([f"> **{plain(block.title)}**", *(f"> - {plain(line)}" for line in block.lines)])
    else:
        for figure in [block] if isinstance(block, Figure) else block.figures:
            yield f"![{plain(figure.caption)}]({quote(figures)}/{figure.anchor}.svg)"
            yield plain(figure.caption)


def fenced(text: str, language: str) -> str:
    """A code block, its fences longer than any row of backticks inside."""
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{clean(text)}\n{fence}"


def pipe_table(table: Table) -> Iterator[str]:
    titles = [f"{column.group}: {column.title}" if column.group else column.title for column in table.columns]
    yield piped(map(plain, titles))
    yield piped("---" if number < table.texts else "---:" for number in range(len(titles)))
    for row in table.rows:
        if isinstance(row, Heading):
            yield piped([f"**{plain(row.title)}**", *[""] * (len(titles) - 1)])
        else:
            yield piped(map(shown, cells_of(row)))


def piped(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def shown(cell: Cell) -> str:
    text = plain(cell.text)
    return " ".join(filter(None, [f"**{text}**" if cell.strong and text else text, plain(cell.aside)]))
