"""Tables and figures of a report inside another page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from common import Command
from made_runs import made

from unix_exp.report import __main__ as command

TABLE, FIGURE = "arms-cifar100-vgg13-vgg8", "compute-cifar100-vgg13-vgg8"
END = "<!-- end of report -->"


@pytest.fixture
def report(typed: Callable[..., Command]) -> Command:
    return typed(command.main)


def test_marked_parts_are_written_anew_and_nothing_else(report: Command) -> None:
    made(Path("runs"), "kd", top1=71.25)
    Path("pages").mkdir()
    page = Path("pages/page.md")
    page.write_text(f"before\n\n<!-- report: {TABLE} -->\nold\n{END}\n\nbetween\n<!-- report: {FIGURE} -->{END}\nafter")
    assert report("runs", "--markdown", "docs/results.md", "--fill", "pages/page.md").code == 0
    text = page.read_text()
    head, table, middle, figure, end = (part.strip() for line in [text.replace(END, "\n<!--")] for part in
                                        line.replace("-->", "<!--").split("<!--") if "report:" not in part)  # fmt: skip
    assert (head, middle, end) == ("before", "between", "after")
    assert "71.25" in table and "old" not in text
    assert f"](../docs/results/{FIGURE}.svg)" in figure and (page.parent / f"../docs/results/{FIGURE}.svg").exists()
    assert report("runs", "--markdown", "docs/results.md", "--fill", "pages/page.md").code == 0
    assert page.read_text() == text


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("nothing", "has no part to fill"),
        (f"<!-- report: {TABLE} -->", "is never closed"),
        (f"<!-- report: {TABLE} --><!-- report: {FIGURE} -->{END}", "is never closed"),
        (f"<!-- report: {TABLE}x -->{END}", f"did you mean '{TABLE}'"),
    ],
)
def test_a_page_that_cannot_be_filled_stays_as_it_is(report: Command, text: str, complaint: str) -> None:
    made(Path("runs"), "kd")
    Path("page.md").write_text(text)
    outcome = report("runs", "--markdown", "results.md", "--fill", "page.md")
    assert outcome.code == 2 and complaint in outcome.err and "Traceback" not in outcome.err
    assert Path("page.md").read_text() == text and not Path("results.md").exists()


def test_a_page_is_filled_beside_markdown_only(report: Command) -> None:
    made(Path("runs"), "kd")
    assert "--fill needs --markdown" in report("runs", "--fill", "page.md").err
