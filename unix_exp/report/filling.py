"""Tables and figures of a report inside another page, such as a README, between two comments that name them:

<!-- report: ANCHOR -->
what stands here is written anew
<!-- end of report -->
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from unix_exp.report.blocks import Block, Figure, Figures, Section, Table
from unix_exp.report.markdown import markdown_of
from unix_exp.types import Mistake
from unix_exp.words import nearest

BEGIN, END = re.compile(r"<!-- report: (\S+) -->"), "<!-- end of report -->"


def filled(page: str, sections: Sequence[Section], figures: str, where: str) -> str:
    """The page with every marked part written anew; `figures` is the folder of figures as seen from the page."""
    known = dict(anchored(sections))
    parts, position = [], 0
    for begin in BEGIN.finditer(page):
        anchor, end = begin[1], page.find(END, begin.end())
        following = BEGIN.search(page, begin.end())
        if end < 0 or (following is not None and following.start() < end):
            raise Mistake(f"{where}: '{begin[0]}' is never closed; write '{END}' after it")
        if anchor not in known:
            raise Mistake(f"{where}: the report has no table or figure '{anchor}'; {nearest(anchor, known)}")
        text = "\n\n".join(markdown_of(known[anchor], figures))
        parts += [page[position : begin.end()], f"\n{text}\n"]
        position = end
    if not parts:
        raise Mistake(f"{where} has no part to fill; mark one with '<!-- report: ANCHOR -->' and '{END}'")
    return "".join([*parts, page[position:]])


def anchored(sections: Sequence[Section]) -> Iterator[tuple[str, Block]]:
    for block in (block for section in sections for block in section.blocks):
        if isinstance(block, (Table, Figure)):
            yield block.anchor, block
        elif isinstance(block, Figures):
            for figure in block.figures:
                yield figure.anchor, figure
