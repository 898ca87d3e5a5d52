"""The charts that report and bench draw: their lines, maps, fronts, ticks and numbers."""

from __future__ import annotations

import itertools
import math
import random
import re

import pytest
from pages import luminance

from unix_exp.plots.axes import frame
from unix_exp.plots.charts import Front, Line, Point, heatmap, lines, scatter
from unix_exp.plots.labels import Names
from unix_exp.plots.markers import Style
from unix_exp.plots.scatter import best
from unix_exp.plots.style import ramp
from unix_exp.plots.svg import Scale, decades, numbers, ticks


def test_a_heat_map_of_240_epochs_stays_small_even_of_noise() -> None:
    rng = random.Random(0)
    noise = [[rng.random() for _ in range(100)] for _ in range(240)]
    assert len(heatmap(noise, "class", "epoch", "noise", title="noise")) < 100_000


def test_a_heat_map_paints_each_cell_in_its_shade_with_the_first_row_lowest() -> None:
    chart = heatmap([[0.0, 1.0], [None, 0.0]], "class", "epoch", "value", title="cells")
    paths = dict(re.findall(r'class="mark-cells h(\d+)" d="([^"]*)"', chart))
    assert paths == {"0": "m0.5 1v1m1 -2v1", "15": "m1.5 1v1"}


def test_shades_go_from_dark_to_bright() -> None:
    levels = [luminance(" ".join(str(int(colour[at : at + 2], 16)) for at in (1, 3, 5))) for colour in ramp()]
    assert levels == sorted(levels) and len(set(levels)) == 16


def test_a_gap_breaks_a_line() -> None:
    chart = lines([Line("one", range(5), [1.0, 2.0, None, float("nan"), 4.0])], "epoch", "%", title="gap")
    path = re.search(r'class="line" d="([^"]*)"', chart)[1]  # type: ignore[index]
    assert path.count("M") == 2 and path.count("L") == 1
    assert path.endswith("h0"), "a value between gaps is a dot"


def test_the_front_holds_the_points_that_no_other_beats() -> None:
    points = [Point(x, y, "a") for x, y in ((1, 1), (2, 3), (2, 2), (3, 2.5), (4, 4), (float("nan"), 9))]
    assert [(point.x, point.y) for point in best(points)] == [(1, 1), (2, 3), (4, 4)]
    assert 'class="front"' in scatter(points, "x", "y", title="t", fronts=[Front("best", points)])


def test_a_series_has_the_style_that_is_given_in_every_chart_and_no_other_has_it() -> None:
    known = {"KD": Style(0, 0), "UNIX": Style(5, 5), "UNIX, stored": Style(5, 5, open=True)}
    points = [Point(1, 1, name) for name in ("new", *known)]
    curves = [Line(name, [1, 2], [1, 2]) for name in ("new", *known)]
    for chart in (scatter(points, "x", "y", title="t", styles=known), lines(curves, "x", "y", title="t", styles=known)):
        assert re.findall(r'class="(?:point|curve) (s\d m\d+o?)"', chart) == ["s1 m1", "s0 m0", "s5 m5", "s5 m5o"]


@pytest.mark.parametrize(("low", "high"), [(0, 1), (74.9, 75.1), (-3, 1e9), (1, 240), (0, 1e-7), (-0.5, 99.5)])
@pytest.mark.parametrize("most", [1, 3, 8])
def test_ticks_are_few_round_and_inside(low: float, high: float, most: int) -> None:
    found = ticks(low, high, most)
    assert len(found) <= most
    assert all(low - 1e-12 <= tick <= high * (1 + 1e-12) for tick in found)
    assert len(set(numbers(found))) == len(found)
    assert most < 3 or found


@pytest.mark.parametrize(("low", "high"), [(0.02, 0.9), (3, 4), (18, 105), (1, 1e4), (1e-9, 1e12)])
@pytest.mark.parametrize("most", [2, 4, 9])
def test_ticks_over_decades_are_few_round_and_inside(low: float, high: float, most: int) -> None:
    scale = Scale(low, high, 0.0, 400.0, log=True)
    found = scale.ticks(most)
    assert len(found) <= most and all(low * (1 - 1e-9) <= tick <= high * (1 + 1e-9) for tick in found)
    labels = scale.numbers(found)
    assert len(set(labels)) == len(labels)
    places = [scale(low * (high / low) ** part) for part in (0.2, 0.4, 0.6)]
    assert places[1] - places[0] == pytest.approx(places[2] - places[1])


def test_an_axis_that_spans_decades_is_asked_for_by_its_values() -> None:
    assert decades([1.0, 20.0]) and not decades([1.0, 19.0]) and not decades([0.0, 100.0]) and not decades([])
    costs = [Point(10.0**power, power, "a") for power in range(5)]
    chart = scatter(costs, "x", "y", title="t", log_x=True)
    assert re.findall(r'x-tick"[^>]*><tspan[^>]*>(.*?)<', chart) == [
        "1",
        "3",
        "10",
        "30",
        "100",
        "300",
        "1000",
        "3000",
        "10\u202f000",
    ]
    places = [
        float(x) for x in re.findall(r'class="point[^>]*><title>.*?</title><path d="M([\d.]+) ', chart, re.DOTALL)
    ]
    steps = [after - before for before, after in itertools.pairwise(places)]
    assert max(steps) - min(steps) < 0.3, "every power of ten takes as much room"


def test_every_name_is_beside_its_point_or_below_the_plot_under_its_number() -> None:
    rng = random.Random(1)
    crowd = [Point(rng.gauss(0, 1), rng.gauss(0, 1), "a", f"a name of some length {number}", named=True)
             for number in range(20)]  # fmt: skip
    crowd += [Point(9, 9, "a", "a name that is far too long to be written beside its point " * 3, named=True)]
    chart = scatter(crowd, "x", "y", title="t")
    texts = [" ".join(re.findall(r"<tspan[^>]*>(.*?)</tspan>", text)) for text in re.findall(r"<text.*?</text>", chart)]
    shown = [texts.count(" ".join(point.label.split())) for point in crowd]
    assert set(shown) <= {0, 1} and shown.count(0) <= 2
    assert (f"{shown.count(0)} mark" in " ".join(texts)) == (0 in shown), "what has no room at all is counted"
    beside = re.findall(r'<text class="halo name"><tspan[^>]*>(\d+)</tspan>', chart)
    listed = re.findall(
        r'<g class="entry"[^>]*><g transform="[^"]*"><text class="quiet"[^>]*><tspan[^>]*>(\d+)<', chart
    )
    assert sorted(beside) == sorted(listed) != []


@pytest.mark.parametrize("seed", range(20))
def test_a_line_to_a_name_and_the_name_lie_on_no_mark(seed: int) -> None:
    rng = random.Random(seed)
    plot = frame((0, 1), (0, 1), "x", "y", height=400)
    names, (left, top, right, bottom) = Names(plot), plot.box
    x, y = (left + right) / 2, (top + bottom) / 2
    for _ in range(25):
        far, angle = rng.uniform(9, 110), rng.uniform(0, 2 * math.pi)
        names.avoid(x + far * math.cos(angle), y + far * math.sin(angle), 4)
    marks = list(names.marks)
    drawn = names.led_to(x, y, "a name")
    assert drawn is not None
    begin_x, begin_y, end_x, end_y = map(float, re.findall(r"[-\d.]+", re.search(r'd="([^"]*)"', str(drawn))[1]))
    for step in range(11):
        at_x, at_y = begin_x + (end_x - begin_x) * step / 10, begin_y + (end_y - begin_y) * step / 10
        assert not any(mark.left < at_x < mark.right and mark.top < at_y < mark.bottom for mark in marks)
    assert not any(names.names[-1].meets(mark) for mark in marks)


def test_where_names_are_too_many_the_chart_says_how_many_it_lacks() -> None:
    crowd = [Point(number % 7, number % 5, "a", f"arm {number}", named=True) for number in range(100)]
    crowd.append(Point(9, 9, "a", "the best", named=True))
    chart = scatter(crowd, "x", "y", title="t", fronts=[Front("best", crowd)])
    shown = set(re.findall(r'class="halo name"><tspan[^>]*>(.*?)</tspan>', chart))
    assert "the best" in shown and len(shown) <= 24
    assert f"{101 - len(shown)} marks have no name here" in chart


def test_eight_lines_are_coloured_and_the_rest_is_grey_and_counted() -> None:
    chart = lines([Line(f"arm {number}", [1, 2], [number, number]) for number in range(20)], "x", "y", title="t")
    assert len(re.findall(r'class="curve s\d', chart)) == 8
    grey = re.findall(r'<g class="curve grey"[^>]*><title>(.*?)</title>', chart)
    assert grey == [f"arm {number}" for number in range(8, 20)]
    assert "12 more, named when pointed at" in chart


def test_percentages_are_said_with_two_decimals_as_in_the_tables() -> None:
    point = Point(1234.5678, 53.0712, "a", error=0.09866)
    assert "accuracy, %: 53.07 ± 0.10\nGFLOPs: 1235<" in scatter([point], "GFLOPs", "accuracy, %", title="t")
    assert "loss: 53.07 ± 0.09866\n% of KD: 1234.57<" in scatter([point], "% of KD", "loss", title="t")


def test_numbers_have_as_many_decimals_as_they_need() -> None:
    assert numbers([0, 2.5, 5]) == ["0.0", "2.5", "5.0"]
    assert numbers([-1, 0, 1]) == ["\N{MINUS SIGN}1", "0", "1"]
    assert numbers([10000, 12500]) == ["10\u202f000", "12\u202f500"]
    assert numbers([0, 5e8, 1e9]) == ["0", "0.5·10⁹", "1.0·10⁹"]
