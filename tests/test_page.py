"""The report's page and charts, as a real browser shows them."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pages
import pytest
from browser import Seen
from pages import contrast, luminance

from unix_exp.plots.charts import standalone
from unix_exp.report.blocks import Cell, Figures, Section, Table, csv_of, figures_in
from unix_exp.report.markdown import markdown
from unix_exp.report.page import page

TITLE = f"Distillation {pages.SCRIPT}"
NARROW, WIDE = 400, 1400


@pytest.fixture(scope="module")
def html() -> str:
    return page(TITLE, f"A lead & {pages.QUOTES}", pages.sections())


@pytest.fixture(scope="module")
def seen(browser: Any, html: str, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The sample page by width and scheme, opened once each."""
    path = tmp_path_factory.mktemp("page") / "index.html"
    path.write_text(html)
    opened: dict[tuple[int, str], Seen] = {}

    def show(width: int, scheme: str = "light") -> Seen:
        if (width, scheme) not in opened:
            opened[width, scheme] = Seen(browser, path, width, scheme)
        return opened[width, scheme]

    return show


BOTH = pytest.mark.parametrize("width", [NARROW, WIDE])


@BOTH
def test_the_page_loads_without_errors_or_requests(seen: Any, width: int) -> None:
    assert seen(width).complaints == []
    assert [url for url in seen(width).requests if not url.startswith("data:")] == [seen(width).url]


@BOTH
def test_every_figure_is_drawn_and_its_marks_lie_inside_its_plot(seen: Any, width: int) -> None:
    charts = seen(width).ask("""
        return all('svg.chart').map(chart => ({
            name: name(chart), size: box(chart), plot: box(chart.querySelector('.plot')),
            marks: all('.mark, .line, .band, .whisker, .front, .paper, .mark-cells', chart)
                .filter(mark => !mark.closest('.entry')).map(box),
        }));""")
    assert [chart["name"] for chart in charts] == [figure.anchor for figure in figures_in(pages.sections())]
    for chart in charts:
        left, top, right, bottom = chart["size"]
        assert right - left > 300 and bottom - top > 200, chart["name"]
        assert bool(chart["marks"]) == (chart["name"] != "none"), chart["name"]
        plot = chart["plot"]
        for mark in chart["marks"]:
            outside = max(plot[0] - mark[0], plot[1] - mark[1], mark[2] - plot[2], mark[3] - plot[3])
            assert outside < 6, f"{chart['name']}: a mark leaves the plot by {outside} px"


def test_every_point_and_every_shade_is_drawn(seen: Any) -> None:
    counted = seen(WIDE).ask("""
        const count = (figure, selector) => all('#' + figure + ' ' + selector).length;
        return [count('fig-5a', '.point'), count('fig-1', '.point .paper'), count('fig-1', '.whisker'),
                count('fig-6', '.mark-cells'), count('fig-4a', '.line[stroke-dasharray]')];""")
    points, published, whiskers, shades, dashed = counted
    assert (points, published, whiskers, dashed) == (200, 12, 12, 2 + 2)  # two curves, and their samples
    assert shades == 16


def test_every_rule_shows_its_name(seen: Any) -> None:
    named = seen(WIDE).ask("""
        const texts = (figure, kind) => all('#' + figure + ' ' + kind).map(e => e.textContent);
        return ['fig-1', 'learning-epoch'].map(f => [texts(f, '.rule title'), texts(f, '.name')]);""")
    assert [len(rules) for rules, _ in named] == [1, 3]
    for rules, names in named:
        assert set(rules) <= set(names)


@BOTH
def test_every_table_has_its_rows(seen: Any, width: int) -> None:
    found = seen(width).ask("""
        return all('table').map(table => all('tbody tr', table).map(row => all('th, td', row).map(c => c.textContent)));
    """)
    tables = [block for section in pages.sections() for block in section.blocks if isinstance(block, Table)]
    assert len(found) == len(tables) == 2
    for rows, table in zip(found, tables, strict=True):
        assert len(rows) == len(table.rows)
        assert {len(row) for row in rows} <= {1, len(table.head)}  # 1: a heading between rows
    assert found[1][0] == [pages.SCRIPT, "1.0", pages.QUOTES]


@BOTH
def test_the_page_never_scrolls_sideways(seen: Any, width: int) -> None:
    assert seen(width).ask("return document.documentElement.scrollWidth;") <= width
    beyond = seen(width).ask("""
        return all('body *').filter(e => !e.closest('.window') && box(e)[2] > innerWidth + 0.5)
            .map(e => e.tagName + ' ' + e.className);""")
    assert beyond == []


def test_a_wide_table_scrolls_in_its_window_and_keeps_its_first_column(seen: Any) -> None:
    before, after, moved = seen(NARROW).ask("""
        const pane = document.querySelector('.window'), row = all('tbody tr', pane)[1];
        const before = box(row.children[0])[0], other = box(row.children[3])[0];
        pane.scrollLeft = 200;
        const found = [before, box(row.children[0])[0], other - box(row.children[3])[0]];
        pane.scrollLeft = 0;
        return found;""")
    assert before == after and moved == 200


def test_text_in_charts_is_readable_on_a_phone(seen: Any) -> None:
    sizes = seen(NARROW).ask("""
        return all('svg.chart').flatMap(chart => {
            const scale = chart.getBoundingClientRect().width / chart.viewBox.baseVal.width;
            return all('text', chart).map(text => parseFloat(getComputedStyle(text).fontSize) * scale);
        });""")
    assert min(sizes) >= 10


@BOTH
def test_no_two_words_of_a_chart_overlap_and_none_is_cut(seen: Any, width: int) -> None:
    charts = seen(width).ask("""
        const kinds = ['.x-tick', '.y-tick', '.bar-tick', '.entry', '.title, .x-tick, .bar-tick, .entry', '.name'];
        return all('svg.chart').map(chart => ({name: name(chart), size: box(chart), words: all('text', chart).map(box),
            kinds: kinds.map(kind => all(kind, chart).map(box))}));""")
    for chart in charts:
        left, top, right, bottom = chart["size"]
        for word in chart["words"]:
            assert left - 1 <= word[0] and word[2] <= right + 1, f"{chart['name']}: cut at a side"
            assert top - 1 <= word[1] and word[3] <= bottom + 1, f"{chart['name']}: cut above or below"
        for kind in chart["kinds"]:
            for index, one in enumerate(kind):
                for other in kind[index + 1 :]:
                    apart = (one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] + 1.5
                             or other[3] <= one[1] + 1.5)  # fmt: skip
                    assert apart, f"{chart['name']}: {one} on {other}"


def test_hostile_names_are_text(seen: Any) -> None:
    scripts, images, title, text, handlers = seen(WIDE).ask("""
        return [all('script').length, all('img, image, iframe').length, document.title, document.body.textContent,
                all('*').flatMap(e => e.getAttributeNames()).filter(a => a.startsWith('on')).length];""")
    assert (scripts, images, handlers) == (1, 0, 0), "the page's own script and nothing else"
    assert title == TITLE
    assert pages.SCRIPT in text and pages.QUOTES in text
    assert "\x1b" not in text and "�" in text


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_and_marks_stand_out_in_light_and_in_dark(seen: Any, scheme: str) -> None:
    texts, marks, ground = seen(WIDE, scheme).ask("""
        const ground = e => { for (; e; e = e.parentElement) {
            const colour = getComputedStyle(e).backgroundColor;
            if (colour !== 'rgba(0, 0, 0, 0)') return colour; } return 'rgb(255, 255, 255)'; };
        const texts = all('h1, h2, p, a, th, td, li, figcaption, strong, summary').map(
            e => [getComputedStyle(e).color, ground(e), e.className]);
        const words = all('svg.chart text').map(e => [getComputedStyle(e).fill, ground(e), e.classList.value]);
        const marks = all('.mark, .line, .paper, .whisker, .front, .rule, .frame').map(
            e => [getComputedStyle(e).stroke, ground(e), e.closest('figure').id]);
        return [[...texts, ...words], marks, ground(document.body)];""")
    assert (luminance(ground) > 0.5) == (scheme == "light")
    for text, behind, what in texts:
        assert contrast(text, behind) >= 4.5, what
    for mark, behind, what in marks:
        assert contrast(mark, behind) >= 3, what


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_figures_file_shows_the_same_chart(browser: Any, tmp_path: Path, scheme: str) -> None:
    path = tmp_path / "figure.svg"
    path.write_text(standalone(pages.hostile()))
    alone = Seen(browser, path, WIDE, scheme)
    size, font, ground = alone.ask("""
        const chart = document.documentElement;
        return [box(chart), getComputedStyle(chart.querySelector('text')).fontSize,
                getComputedStyle(chart).backgroundColor];""")
    assert alone.complaints == [] and alone.requests == [alone.url]
    assert size[2] - size[0] == 420 and font == "11.5px"
    assert (luminance(ground) > 0.5) == (scheme == "light")


def test_missing_cells_say_that_they_were_not_run(seen: Any) -> None:
    cells = seen(WIDE).ask("return all('.missing').map(c => [c.textContent, c.firstChild.title]);")
    assert cells and set(map(tuple, cells)) == {("—", "not run yet")}


def test_the_same_input_gives_the_same_bytes(html: str) -> None:
    assert page(TITLE, f"A lead & {pages.QUOTES}", pages.sections()) == html


def test_every_figure_is_well_formed_alone() -> None:
    for figure in figures_in(pages.sections()):
        root = ElementTree.fromstring(standalone(figure.chart))
        assert root.find("{http://www.w3.org/2000/svg}title") is not None, figure.anchor
        assert root.get("role") == "img"


def test_markdown_holds_the_same_and_nothing_that_github_would_interpret() -> None:
    text = markdown(TITLE, "lead", pages.sections())
    fence = re.search(r"^(`{4,})sh\n.*?^\1$\n", text, re.MULTILINE | re.DOTALL)  # longer than the one inside
    assert fence and "```" in fence[0] and "<script>" in fence[0]
    text = text.replace(fence[0], "")
    assert "<" not in text
    for figure in figures_in(pages.sections()):
        assert f"(figures/{figure.anchor}.svg)" in text
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert len(rows) == 2 + 20 + 2 + 3
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {12 + 1, 3 + 1}


def test_a_spreadsheet_gets_every_cell_and_nothing_for_what_is_missing() -> None:
    rows = list(csv.reader(io.StringIO(csv_of(pages.results()))))
    assert rows[0][:4] == ["group", "pair", "method", "top-1 %: ours"]
    assert len(rows) == 1 + 16 and rows[1][0] == pages.PAIRS[0] and rows[1][-1] == ""
    assert list(csv.reader(io.StringIO(csv_of(Table("c", ["a,b"], [[Cell('1"')]]))))) == [["a,b"], ['1"']]


def test_an_anchor_is_used_once() -> None:
    figure = next(figures_in(pages.sections()))
    with pytest.raises(AssertionError, match="used twice"):
        page("t", "", [Section("s", "s", [Figures([figure, figure])])])
