"""The report of the kept results, as a real browser shows it: the answer first, and each method in one style."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from browser import Seen

from unix_exp.report import contents
from unix_exp.report.page import page
from unix_exp.report.runs import read

RESULTS = Path(__file__).parent.parent / "results"
FOLDS = {(1400, "light"): 900, (400, "dark"): 860}  # where the window ends


@pytest.fixture(scope="module")
def seen(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Callable[[int, str], Seen]:
    runs, skipped = read([RESULTS])
    path = tmp_path_factory.mktemp("report") / "index.html"
    made = contents.sections(runs, contents.grouped(runs))
    path.write_text(page(contents.TITLE, contents.lead(runs, skipped), made))
    opened = {(width, scheme): Seen(browser, path, width, scheme) for width, scheme in FOLDS}
    return lambda width, scheme: opened[width, scheme]


BOTH = pytest.mark.parametrize(("width", "scheme"), FOLDS)


@BOTH
def test_the_answer_is_above_the_fold(seen: Callable[[int, str], Seen], width: int, scheme: str) -> None:
    text, rows, cells, wide, pane = seen(width, scheme).ask("""
        const section = document.querySelector('section'), rows = all('.window tr', section);
        return [box(section.querySelector('p')), rows.map(box), all('th, td', rows[1]).map(box),
                document.documentElement.scrollWidth, box(section.querySelector('.window'))];""")
    cells = [cell for cell in cells if cell[0] < cell[2]]  # a narrow page has no time here
    assert 0 < text[1] < text[3] < rows[0][1], "the sentences come first"
    assert 3 < len(rows) <= 10 and rows[-1][3] <= FOLDS[width, scheme], "the table ends above the fold"
    assert len(cells) == (5 if width > 600 else 4), "method, top-1, difference, compute, and time where there is room"
    assert all(cell[2] <= pane[2] for cell in cells), "no column is cut"
    assert wide <= width
    assert seen(width, scheme).complaints == []


@BOTH
def test_a_method_has_one_colour_and_marker_wherever_it_is_drawn(
    seen: Callable[[int, str], Seen], width: int, scheme: str
) -> None:  # fmt: skip
    drawn = seen(width, scheme).ask(r"""
        const corners = mark => mark.getAttribute('d').replace(/^M[-\d.]+ [-\d.]+/, '');
        const shape = mark => corners(mark).replace(/[-\d.]+/g, Math.sign);
        const look = mark => getComputedStyle(mark).stroke + ' ' + mark.classList.contains('open') + ' ' + shape(mark);
        return all('svg.chart [data-family]').flatMap(e => all('.mark', e).slice(0, 1).map(
            mark => [e.dataset.family, look(mark), name(e.closest('svg'))]));""")
    looks: dict[str, dict[str, str]] = {}
    for family, look, figure in drawn:
        looks.setdefault(family, {}).setdefault(look, figure)
    assert len(looks) > 10
    assert {family: found for family, found in looks.items() if len(found) > 1} == {}
    assert len({look for found in looks.values() for look in found}) == len(looks)


def test_every_arm_is_named_in_the_figures_that_compare_arms(seen: Callable[[int, str], Seen]) -> None:
    figures = seen(1400, "light").ask(r"""
        const label = point => { const line = point.querySelector('title').textContent.split('\n')[0];
            return line.includes(': ') ? line.slice(line.indexOf(': ') + 2) : line; };
        const words = text => all('tspan', text).map(e => e.textContent).join(' ');
        return all('[id^=compute-], [id^=time-]').map(figure => [figure.id, all('.point', figure).map(label),
            all('svg text', figure).map(words)]);""")
    assert len(figures) > 5
    for anchor, labels, texts in figures:
        assert labels and set(labels) <= set(texts), anchor
