"""One colour and one marker for each method, in all figures of a report and in all reports."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from unix_exp import paper
from unix_exp.paper import families
from unix_exp.plots.style import LIGHT
from unix_exp.report import contents
from unix_exp.report.blocks import Section, figures_in
from unix_exp.report.runs import read
from unix_exp.report.styles import of_families

RESULTS = Path(__file__).parent.parent / "results"
DRAWN = re.compile(r'<g class="(?:point|curve) (s\d m\d+o?)"([^>]*)>')
ENTRY = re.compile(r'<g class="entry"[^>]*><g transform="[^"]*"><g class="(s\d m\d+o?)">.*?</g></g><text>(.*?)</text>')


@pytest.fixture(scope="module")
def made() -> list[Section]:
    runs, _ = read([RESULTS])
    return contents.sections(runs, contents.grouped(runs))


def legends(made: list[Section]) -> Iterator[tuple[str, str]]:
    """What each entry says of each legend of methods and arms, and in which style."""
    for figure in figures_in(made):
        if not figure.anchor.startswith(("learned-", "spread-")):  # parts of one arm, in its style
            for style, text in ENTRY.findall(figure.chart):
                yield " ".join(re.findall(r"<tspan[^>]*>(.*?)</tspan>", text)), style


def test_a_method_has_one_style_in_all_figures_and_a_style_is_of_one_method(made: list[Section]) -> None:
    styles: dict[str, set[str]] = {}
    for figure in figures_in(made):
        for kind, attributes in DRAWN.findall(figure.chart):
            if family := re.search(r'data-family="([^"]*)"', attributes):
                styles.setdefault(family[1], set()).add(kind)
    assert len(styles) > 10
    assert {family: kinds for family, kinds in styles.items() if len(kinds) > 1} == {}
    assert len(set().union(*styles.values())) == len(styles)


def test_what_a_legend_names_looks_alike_in_all_figures(made: list[Section]) -> None:
    styles: dict[str, set[str]] = {}
    for name, style in legends(made):
        styles.setdefault(name, set()).add(style)
    assert len(styles) > 30
    assert {name: found for name, found in styles.items() if len(found) > 1} == {}


def test_every_arm_is_named_beside_its_mark_or_below_the_plot(made: list[Section]) -> None:
    figures = [figure for figure in figures_in(made) if figure.anchor.startswith(("compute-", "time-"))]
    assert len(figures) > 5
    for figure in figures:
        texts = re.findall(r"<text.*?</text>", figure.chart)
        written = {" ".join(re.findall(r"<tspan[^>]*>(.*?)</tspan>", text)) for text in texts}
        points = re.findall(r'<g class="point[^>]*><title>(.*?)\n', figure.chart)
        labels = {label.partition(": ")[2] or label for label in points}
        assert labels <= written, f"{figure.anchor} lacks {labels - written}"


def test_the_papers_methods_look_alike_in_every_report_and_as_in_the_dashboards() -> None:
    names = families.in_order()
    few, many = of_families([]), of_families([f"method {number}" for number in range(40)] + ["KD+label", "A method"])
    assert [few[name] for name in names] == [many[name] for name in names]
    assert few["UNIX+AT"] == many["UNIX+AT"] and few["KD, stored"] == many["KD, stored"]
    colours = paper.published()["colours"]
    for sampler, name in paper.published()["families"].items():
        assert LIGHT["series"][few[name].colour] == colours[sampler], name


def test_relatives_share_a_colour_and_strangers_no_style() -> None:
    found = of_families(
        ["KD+label", "KD, stored", "other", "other+label", *(f"method {number}" for number in range(12))]
    )
    assert found["KD"].colour == found["KD+label"].colour == found["KD, stored"].colour
    assert found["other"].colour == found["other+label"].colour
    assert found["KD"].shape != found["KD+label"].shape and found["KD, stored"].open
    assert len({style.kind for style in found.values()}) == len(found)
