"""The report: its groups, figures and tables, and that names from runs are shown as text."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from browser import Seen
from common import Command
from made_runs import changed, made, table

from unix_exp.report import __main__ as command
from unix_exp.report.arms import groups
from unix_exp.report.runs import read


@pytest.fixture
def report(typed: Callable[..., Command]) -> Command:
    """Type `python -m unix_exp.report WORDS` in an empty folder."""
    return typed(command.main)


def test_names_from_runs_are_shown_as_text(report: Command) -> None:
    folder = made(Path("runs"), "unix")
    text = (folder / "result.json").read_text().replace('"method": "unix"', '"method": "<script>alert(1)</script>"')
    (folder / "result.json").write_text(text)
    report("runs")
    for file in [Path("report/index.html"), *Path("report/runs").iterdir()]:
        page = file.read_text()
        assert page.count("<script") == 1, "the page's own"
        assert "&lt;script&gt;alert(1)" in page
    assert "<script" not in Path("report/report.md").read_text().replace("`<script", "")


def test_the_same_runs_give_the_same_bytes(report: Command) -> None:
    for method in ("kd", "random", "unix"):
        for seed in (0, 1):
            made(Path("runs"), method, seed=seed)
    report("runs", "--out", "one")
    report("runs", "--out", "two")
    names = sorted(path.relative_to("one") for path in Path("one").rglob("*") if path.is_file())
    assert len(names) > 10
    assert all((Path("one") / name).read_bytes() == (Path("two") / name).read_bytes() for name in names)


def test_a_sweep_of_ones_own_gets_a_table_and_a_plot(report: Command) -> None:
    for w in (1, 3, 10, 30):
        for seed in (0, 1):
            made(Path("runs"), "unix", seed=seed, w=w, top1=70 + w / 10)
    report("runs")
    arms = table("arms-cifar100-vgg13-vgg8")
    assert [one["method"] for one in arms] == ["unix w=1", "unix w=10", "unix w=3", "unix w=30"]
    assert any("over-sampler-w" in path.name for path in Path("report/figures").iterdir())


def test_ablations_that_share_a_folder_keep_their_figures(report: Command) -> None:
    for k in (16, 32, 64):
        for method in ("unix", "random"):
            made(Path("runs"), method, k=k)
    for w in (1, 3, 30, 1000):
        made(Path("runs"), "unix", w=w)
    report("runs")
    names = {path.stem for path in Path("report/figures").glob("over-*")}
    assert names == {"over-sampler-k-cifar100-vgg13-vgg8", "over-sampler-w-cifar100-vgg13-vgg8"}
    over_k = Path("report/figures/over-sampler-k-cifar100-vgg13-vgg8.svg").read_text()
    assert "UNIX" in over_k and "Random" in over_k, "one chart, so that they compare"


def test_a_class_without_test_images_has_no_accuracy_and_no_mark(report: Command) -> None:
    folder = made(Path("runs"), "unix")
    lines = [json.loads(line) for line in (folder / "analysis.jsonl").read_text().splitlines()]
    for line in lines:
        line["accuracy_per_class"][3] = None
    (folder / "analysis.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert report("runs").code == 0
    drawing = Path("report/figures/drawn-cifar100-vgg13-vgg8.svg").read_text()
    assert "class 2" in drawing
    assert "class 3" not in drawing


def test_classes_that_are_all_drawn_alike_make_no_map_but_a_sentence(report: Command) -> None:
    made(Path("runs"), "unix")
    folder = made(Path("runs"), "kd")
    record = {"drawn_per_class": [5] * 10, "accuracy_per_class": [50.0] * 10}
    lines = [{"epoch": epoch, **record} for epoch in range(1, 241)]
    (folder / "analysis.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert report("runs").code == 0
    assert [path.stem for path in Path("report/figures").glob("map-*")] == ["map-unix-cifar100-vgg13-vgg8"]
    assert "all classes are drawn alike: kd." in Path("report/report.md").read_text()


def test_names_with_the_same_slug_get_files_of_their_own(report: Command) -> None:
    for number, title in enumerate(("花", "鳥", "my data", "my-data")):
        folder = made(Path("runs"), "unix", seed=number, dataset="folder")
        changed(folder, settings__dataset__title=title, dataset=title)
    assert report("runs").code == 0
    assert len(list(Path("report/tables").glob("arms-*.csv"))) == 4


def test_other_images_of_the_same_name_are_another_group(report: Command) -> None:
    for seed, images in enumerate(("aaaaaaaa", "bbbbbbbb")):
        changed(made(Path("runs"), "unix", seed=seed), fingerprint=images)
    report("runs")
    assert len(list(Path("report/tables").glob("arms-*.csv"))) == 2
    assert "on cifar100 (images aaaaaaaa)" in Path("report/index.html").read_text()


def test_students_alone_join_the_pairs_they_belong_to(tmp_path: Path) -> None:
    made(tmp_path, "kd")
    path = made(tmp_path, "unix", seed=1)
    result = json.loads((path / "result.json").read_text())
    result |= {"teacher": None, "pair": "vgg8", "method": "scratch"}
    result["settings"]["distiller"]["name"] = "supervised"
    result["cost"]["percent_of_kd"] = None
    (path / "result.json").write_text(json.dumps(result))
    (group,) = groups(read([tmp_path])[0])
    assert [arm.family for arm in group.arms] == ["KD", "from scratch"]


def test_shares_of_kd_are_shown_only_for_arms_of_one_length(report: Command) -> None:
    made(Path("runs"), "kd")
    made(Path("runs"), "unix")
    report("runs")
    figure = Path("report/figures/compute-cifar100-vgg13-vgg8.svg")
    assert "% of conventional KD" in figure.read_text()
    made(Path("runs"), "random", schedule=2)
    report("runs")
    assert "compute, GFLOPs" in figure.read_text()


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("nowhere",), "nowhere is not a folder"),
        (("empty",), "no finished run in empty"),
        (("runs", "--out", "file/below"), "cannot write to file/below"),
    ],
)
def test_a_mistake_is_one_line(report: Command, words: tuple[str, ...], complaint: str) -> None:
    made(Path("runs"), "unix")
    Path("empty").mkdir()
    Path("file").write_text("")
    outcome = report(*words)
    assert outcome.code == 2
    assert complaint in outcome.err
    assert "Traceback" not in outcome.err


@pytest.mark.parametrize("width", [400, 1400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_browser_shows_every_table_and_draws_every_figure(
    report: Command, browser: Any, width: int, scheme: str
) -> None:
    for pair in (("resnet32x4", "shufflev2"), ("resnet32x4", "resnet8x4")):
        for method in ("kd", "random", "unix"):
            for seed in (0, 1):
                made(Path("runs"), method, pair, seed, top1=70 + seed)
    (Path("runs") / "holiday").mkdir()
    report("runs")
    seen = Seen(browser, Path("report/index.html").absolute(), width, scheme)
    shown = seen.ask("""
        return {
            captions: all('figure.table > figcaption').map(caption => caption.textContent),
            empty: all('svg.chart').filter(chart => !all('.mark, .line, .mark-cells', chart).length).map(name),
            small: all('svg.chart').filter(chart => chart.getBoundingClientRect().height < 150).map(name),
            charts: all('svg.chart').length,
            wide: document.documentElement.scrollWidth,
        };""")
    assert seen.complaints == []
    assert [url for url in seen.requests if not url.startswith("data:")] == [seen.url]
    for number in range(1, 9):
        assert any(caption.startswith(f"Table {number}: ") for caption in shown["captions"])
    assert shown["charts"] == len(list(Path("report/figures").iterdir())) > 15
    assert shown["empty"] == shown["small"] == []
    assert shown["wide"] <= width
