"""What the report's page does with its script, what it shows without, and that nothing else can run in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import Seen
from made_runs import changed, made

from unix_exp.plots.charts import Line, lines
from unix_exp.report.__main__ import write
from unix_exp.report.blocks import MISSING, Figure, Heading, Section, Table
from unix_exp.report.page import page

HOSTILE = "<script>document.title='taken'</script>"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two pairs, three methods, two seeds; one method is called by a name that no page should execute."""
    place = tmp_path_factory.mktemp("desk")
    for pair in (("vgg13", "vgg8"), ("resnet32x4", "shufflev2")):
        for method in ("kd", "random", "unix"):
            for seed in (0, 1):
                run = made(place / "runs", method, pair, seed, top1=70 + seed + (method == "unix"), analysed=seed == 0)
                if method == "random" and seed:
                    changed(run, method=HOSTILE)
    write([place / "runs"], place / "report")
    return place / "report"


@pytest.mark.parametrize("width", [400, 800, 1400])
def test_a_run_s_page_never_scrolls_sideways(browser: Any, report: Path, width: int) -> None:
    seen = Seen(browser, min((report / "runs").iterdir()), width, "dark")
    wide, small = seen.ask("""
        return [document.documentElement.scrollWidth,
                all('.facts dd').filter(one => one.getBoundingClientRect().right > innerWidth).length];""")
    assert wide <= width and small == 0
    assert seen.complaints == []
    seen.context.close()


@pytest.fixture
def seen(browser: Any, report: Path) -> Iterator[Seen]:
    found = Seen(browser, report / "index.html", 1400)
    yield found
    assert found.complaints == [] and found.page.title() != "taken"
    assert all(url.startswith((report.as_uri(), "data:")) for url in found.requests)
    found.context.close()


ROWS = "return all('#every-run-table tbody tr').filter(row => row.offsetParent).map(row => row.textContent);"


def test_a_filter_leaves_the_rows_points_and_sections_that_it_names(seen: Seen) -> None:
    before = seen.ask(ROWS)
    seen.page.select_option("select[name=pair]", "vgg13_vgg8")
    seen.page.select_option("select[name=method]", "unix")
    seen.page.select_option("select[name=seed]", "1")
    left = seen.ask(ROWS)
    assert len(before) == 12 and len(left) == 1 and left[0].startswith("unix")
    points, sections, said = seen.ask("""
        return [all('.point[data-method]').filter(one => one.getClientRects().length).map(one => one.dataset.method),
                all('main > section').filter(one => one.getClientRects().length).map(one => one.id),
                document.querySelector('.filter output').value];""")
    assert points and set(points) == {"unix"}
    assert "every-run" in sections
    assert said == "1 of 12 runs; what is of several at once is hidden"
    seen.page.click(".filter button[type=reset]")
    seen.page.wait_for_function("!document.querySelector('.filter output').value")
    assert seen.ask(ROWS) == before


@pytest.mark.parametrize("field", ["method", "text"])
def test_a_filter_hides_the_names_legends_and_fronts_of_what_it_hides(seen: Seen, field: str) -> None:
    """And what is of several methods at once: the paper's marks, tables without a row for each."""
    shown = """
        const there = one => one.getClientRects().length > 0, words = one => one.textContent;
        const charts = all('svg.chart').filter(there);
        return {names: [...new Set(charts.flatMap(one => all('text.name', one)).filter(there).map(words))],
                legend: [...new Set(charts.flatMap(one => all('.entry', one)).filter(there).map(words))],
                fronts: all('.front, .paper').filter(there).length, bands: all('.band').filter(there).length,
                rows: all('section:not(.opens) tbody tr:not(.group, [data-method])').filter(there).length,
                commands: all('figure.code').filter(there).length};"""
    before = seen.ask(shown)
    assert len(before["legend"]) > 3 and before["fronts"] > 1 and before["rows"] and before["bands"] > 2
    if field == "method":
        seen.page.select_option("select[name=method]", "kd")
    else:
        seen.page.fill("input[name=text]", "kd")
    left = seen.ask(shown)
    assert "kd" in left["names"] and not {"unix", "random"} & set(left["names"])
    assert left["legend"] and not [one for one in left["legend"] if "KD" not in one and "kd" not in one]
    assert 0 < left["bands"] < before["bands"]
    assert left["fronts"] == left["rows"] == left["commands"] == 0
    seen.page.click(".filter button[type=reset]")
    seen.page.wait_for_function("!document.querySelector('.filter output').value")
    assert seen.ask(shown) == before


def test_a_text_finds_rows(seen: Seen) -> None:
    seen.page.fill("input[name=text]", "RAND")
    left = seen.ask(ROWS)
    assert len(left) == 4 and all(row.startswith("random") for row in left)


def test_every_run_leads_to_its_page_and_back(seen: Seen, report: Path) -> None:
    links = seen.ask("return all('#every-run-table a').map(link => link.href);")
    pages = {path.as_uri() for path in (report / "runs").iterdir()}
    assert set(links) == pages and len(links) == 12
    arms = seen.ask("return all('#arms table a').map(link => link.href);")
    assert set(arms) <= pages and len(arms) >= 12
    seen.page.click("#every-run-table a")
    seen.page.wait_for_selector(".facts")
    assert seen.ask("return all('h1, dt, h2').map(one => one.textContent);")[:2] == [
        "resnet32x4 → shufflev2 on cifar100: kd, seed 0", "top-1",
    ]  # fmt: skip
    seen.page.click(".kin a")
    seen.page.wait_for_function("document.querySelector('h1').textContent.endsWith('seed 1')")
    seen.page.click(".trail a")
    seen.page.wait_for_selector("#every-run-table")


def test_a_point_says_what_it_is_when_it_is_near_and_by_the_arrow_keys(seen: Seen) -> None:
    box = seen.ask("return box(document.querySelector('.point[data-method=kd] .mark'));")
    seen.page.mouse.move((box[0] + box[2]) / 2 + 5, (box[1] + box[3]) / 2)
    said, doubled = seen.ask("""
        const tip = document.querySelector('.tip.on');
        return [tip && tip.textContent, document.querySelectorAll('.over > title').length];""")
    assert said.startswith("KD: kd") and "test accuracy" in said
    assert doubled == 0, "or the browser shows its own beside it"
    seen.page.mouse.move(2, 2)
    assert seen.ask("return all('.tip.on, .over');") == [] and seen.ask("return all('.point > title').length;") > 0
    seen.page.focus("svg.chart")
    seen.page.keyboard.press("ArrowRight")
    one = seen.ask("return document.querySelector('.tip.on').textContent;")
    seen.page.keyboard.press("ArrowRight")
    assert seen.ask("return document.querySelector('.tip.on').textContent;") != one
    seen.page.keyboard.press("Escape")
    assert seen.ask("return document.querySelector('.tip.on');") is None


def test_a_line_says_its_numbers_and_a_grey_one_comes_to_the_front(browser: Any, tmp_path: Path) -> None:
    curves = [Line(f"line {number}", [1, 10, 100], [number / 100, number / 100 + 0.006, number / 100])
              for number in range(10)]  # fmt: skip
    chart = lines(curves, "GFLOPs", "accuracy, %", title="t", log_x=True)
    path = tmp_path / "index.html"
    path.write_text(page("t", "l", [Section("s", "s", [Figure(chart, "c", "f")])]))
    seen = Seen(browser, path, 800)
    box = seen.ask("return box(all('.curve.grey .line').at(-1));")  # of line 9, the highest
    seen.page.mouse.move((box[0] + box[2]) / 2 + 3, box[1] + 4)
    said, last, colours = seen.ask("""
        const over = document.querySelector('.over');
        return [document.querySelector('.tip').textContent, over === over.parentNode.lastElementChild,
                [getComputedStyle(over).color, getComputedStyle(document.body).color]];""")
    assert said == "line 9\naccuracy, %: 0.1\nGFLOPs: 10", "two decimals of 0.096"
    assert last and colours[0] == colours[1]
    seen.page.mouse.move(1, 1)
    assert seen.ask("return all('.curve').map(one => one.textContent)[0];") == "line 8", "put back where it was"
    assert seen.complaints == []
    seen.context.close()


def test_a_point_leads_to_the_page_of_its_run(seen: Seen) -> None:
    box = seen.ask("return box(document.querySelector('.point[data-method=kd] .mark'));")
    seen.page.mouse.click((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
    seen.page.wait_for_selector(".facts")
    assert "kd, seed 0" in seen.page.title()


def test_no_other_script_could_run_in_the_page(browser: Any, tmp_path: Path) -> None:
    """As if a name had not been escaped: the policy holds where the escaping fails."""
    html = page("t", "l", [Section("s", "s", [Table("t", ["name"], [["a"], ["b"]], "t")])])
    taken = "document.title='taken'"
    path = tmp_path / "index.html"
    path.write_text(html.replace("</main>", f"<script>{taken}</script><img src=data:, onerror={taken}></main>"))
    seen = Seen(browser, path, 800)
    assert seen.page.title() == "t"
    assert len(seen.complaints) == 2 and all("Content Security Policy" in one for one in seen.complaints)
    assert seen.ask("return all('.sort').length;") == 1, "ours did"
    seen.context.close()


def test_without_javascript_everything_shows_and_no_control_does(browser: Any, report: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    shown = context.new_page()
    for file in (report / "index.html", next((report / "runs").iterdir())):
        shown.goto(file.as_uri())
        assert shown.locator("form, select, button").count() == 0
        assert shown.locator("table").count() == shown.locator("table:visible").count() > 0
    shown.goto((report / "index.html").as_uri())
    assert shown.locator("#every-run-table tbody tr:visible").count() == 12
    context.close()


def test_numbers_are_sorted_as_numbers_within_their_headings_and_what_is_missing_comes_last(
    browser: Any, tmp_path: Path
) -> None:
    rows = [Heading("a"), ["k=16", "9.5 ± 0.1 (3)", "1h 02m"], ["k=9", "10.25", "59s"], ["k=100", MISSING, "2d 01h"],
            ["k=1", "\N{MINUS SIGN}3", ""], Heading("b"), ["z", "1,000", "1s"]]  # fmt: skip
    path = tmp_path / "index.html"
    path.write_text(page("t", "l", [Section("s", "s", [Table("t", ["name", "top-1 %", "time"], rows, "t")])]))
    seen = Seen(browser, path, 800)

    def names_by(column: int) -> str:
        seen.page.click(f"thead tr:last-child > :nth-child({column}) button")
        found = seen.ask("return all('tbody tr').map(row => row.cells[0].textContent);")
        assert [found[0], *found[-2:]] == ["a", "b", "z"]
        return " ".join(found[1:-2])

    assert names_by(2) == "k=9 k=16 k=1 k=100", "the largest first"
    assert seen.ask("return all('[aria-sort]').map(head => head.getAttribute('aria-sort'));") == ["descending"]
    assert names_by(2) == "k=1 k=16 k=9 k=100", "the smallest first, and what is missing still last"
    assert names_by(2) == "k=16 k=9 k=100 k=1", "as it was"
    assert names_by(3) == "k=100 k=16 k=9 k=1", "days before hours before seconds"
    assert names_by(1) == "k=1 k=9 k=16 k=100"
    assert seen.complaints == []
    seen.context.close()
