"""The report: what of a pile of folders it reads, what it says of it, and that it says nothing else."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from browser import Seen
from conftest import Command
from made_runs import changed, made

from unix_exp.report import __main__ as command
from unix_exp.report.arms import groups
from unix_exp.report.runs import read
from unix_exp.report.stats import Summary, student_t_quantile, student_t_tails, welch

Report = Command


@pytest.fixture
def report(typed: Callable[..., Command]) -> Report:
    """Type `python -m unix_exp.report WORDS` in an empty folder."""
    return typed(command.main)


def table(name: str) -> list[dict[str, str]]:
    with Path(f"report/tables/{name}.csv").open() as file:
        return list(csv.DictReader(file))


def row(name: str, group: str, method: str) -> dict[str, str]:
    return next(one for one in table(name) if one["group"] == group and one["method"] == method)


def test_a_cell_is_mean_spread_and_number_beside_the_papers(report: Report) -> None:
    for seed, top1 in enumerate((73.0, 74.0, 74.5)):
        made(Path("runs"), "unix", seed=seed, top1=top1)
    assert report("runs").code == 0
    cell = row("table2", "vgg13 → vgg8", "UNIX k=48")
    assert cell["top-1 %: ours"] == "73.83 ± 0.76 (3)"  # (73 + 74 + 74.5) / 3 and the root of 0.58333
    assert cell["top-1 %: paper"] == "73.56"
    assert cell["top-1 %: difference"] == "+0.27"
    assert cell["compute, % of KD: ours"] == "95.00"
    assert cell["compute, % of KD: paper"] == "95.10"


def test_what_was_not_run_is_missing_and_never_zero(report: Report) -> None:
    made(Path("runs"), "unix")
    report("runs")
    missing = row("table2", "vgg13 → vgg8", "KD")
    assert missing["top-1 %: ours"] == missing["top-1 %: difference"] == missing["compute, % of KD: ours"] == ""
    assert missing["top-1 %: paper"] == "73.50"
    page = Path("report/index.html").read_text()
    assert "not run yet" in page
    assert ">0.00<" not in page


def test_every_table_is_there_as_soon_as_one_run_belongs_to_it(report: Report) -> None:
    made(Path("runs"), "unix")
    report("runs")
    page = Path("report/index.html").read_text()
    for number in range(1, 9):
        assert f"Table {number}: " in page


def test_other_data_or_another_schedule_is_never_compared_with_the_paper(report: Report) -> None:
    made(Path("runs"), "unix", dataset="shapes", schedule=1)
    report("runs")
    page = Path("report/index.html").read_text()
    assert "dataset shapes instead of cifar100, epochs 1 instead of 240" in page
    cell = row("table2", "vgg13 → vgg8", "UNIX k=48")
    assert cell["top-1 %: ours"]
    assert not cell["top-1 %: difference"]


def test_a_run_on_one_of_the_papers_data_sets_is_in_no_table_of_another(report: Report) -> None:
    made(Path("runs"), "unix", ("resnet32x4", "shufflev2"))
    report("runs")
    assert row("table1", "resnet32x4 → shufflev2", "UNIX k=48")["top-1 %: ours"]
    assert not row("table6", "resnet32x4 → shufflev2", "UNIX")["top-1 %: ours"]


def test_runs_of_other_settings_are_not_averaged_into_a_cell(report: Report) -> None:
    for seed in (0, 1):
        made(Path("runs"), "unix", seed=seed, top1=73.0)
    odd = made(Path("runs"), "unix", seed=2, top1=10.0)
    result = json.loads((odd / "result.json").read_text())
    result["settings"]["recipe"]["lr"] = 5.0
    (odd / "result.json").write_text(json.dumps(result))
    report("runs")
    assert row("table2", "vgg13 → vgg8", "UNIX k=48")["top-1 %: ours"] == "73.00 ± 0.00 (2)"
    assert (
        "vgg13_vgg8: 1 runs with another teacher or other settings are left out"
        in Path("report/index.html").read_text()
    )


def test_a_row_is_recognised_by_what_a_run_did_and_not_by_its_name(report: Report) -> None:
    folder = made(Path("runs"), "unix", k=36)
    result = json.loads((folder / "result.json").read_text())
    result["method"] = result["settings"]["method"] = "my_own_name"
    (folder / "result.json").write_text(json.dumps(result))
    made(Path("runs"), "unix", k=37, seed=1)
    report("runs")
    assert row("table2", "vgg13 → vgg8", "UNIX k=36")["top-1 %: ours"] == "73.50 (1)"
    assert all(not one["top-1 %: ours"] for one in table("table2") if one["method"] == "UNIX k=48"), "37 is no row"


def test_folders_that_tell_nothing_are_named_and_skipped(report: Report) -> None:
    runs = Path("runs")
    made(runs, "unix")
    (made(runs, "kd") / "result.json").unlink()
    (made(runs, "random") / "result.json").write_text('{"identity": "ab')
    half = made(runs, "random", seed=1)
    result = json.loads((half / "result.json").read_text())
    del result["cost"]["gflops"]
    (half / "result.json").write_text(json.dumps(result))
    (made(runs, "kd", seed=1) / "result.json").write_text("[]")
    (runs / "holiday").mkdir()
    (runs / "holiday/photo.jpg").write_bytes(b"\xff\xd8")
    strange = made(runs, "kd", seed=2)
    (strange / "result.json").unlink()
    (strange / "failure.txt").write_text("the loss is nan in epoch 2\n")
    said = report("runs")
    assert said.code == 0
    assert "1 runs ->" in said.out
    for words in ("unfinished, 3 epochs recorded", "result.json is damaged", "no run: it holds none of",
                  "it failed: the loss is nan in epoch 2", "runs/holiday"):  # fmt: skip
        assert words in said.err, words
    assert said.err.count("skipped ") == 6
    assert "6 folders skipped" in Path("report/index.html").read_text()


def test_a_line_that_a_kill_cut_short_is_left_out(report: Report) -> None:
    folder = made(Path("runs"), "unix")
    for name in ("metrics.jsonl", "analysis.jsonl"):
        with (folder / name).open("ab") as file:
            file.write(b'\xff{"epoch": 4, "test/t')
    assert report("runs").code == 0


def test_a_class_without_test_images_has_no_accuracy_and_no_mark(report: Report) -> None:
    folder = made(Path("runs"), "unix")
    lines = [json.loads(line) for line in (folder / "analysis.jsonl").read_text().splitlines()]
    for line in lines:
        line["accuracy_per_class"][3] = None
    (folder / "analysis.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert report("runs").code == 0
    drawing = Path("report/figures/drawn-cifar100-vgg13-vgg8.svg").read_text()
    assert "class 2" in drawing
    assert "class 3" not in drawing


def test_names_from_runs_are_text_and_nothing_else(report: Report) -> None:
    folder = made(Path("runs"), "unix")
    text = (folder / "result.json").read_text().replace('"method": "unix"', '"method": "<script>alert(1)</script>"')
    (folder / "result.json").write_text(text)
    report("runs")
    page = Path("report/index.html").read_text()
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "<script" not in Path("report/report.md").read_text().replace("`<script", "")


def test_the_same_runs_give_the_same_bytes(report: Report) -> None:
    for method in ("kd", "random", "unix"):
        for seed in (0, 1):
            made(Path("runs"), method, seed=seed)
    report("runs", "--out", "one")
    report("runs", "--out", "two")
    names = sorted(path.relative_to("one") for path in Path("one").rglob("*") if path.is_file())
    assert len(names) > 10
    assert all((Path("one") / name).read_bytes() == (Path("two") / name).read_bytes() for name in names)


def test_a_sweep_of_ones_own_gets_a_table_and_a_plot(report: Report) -> None:
    for w in (1, 3, 10, 30):
        for seed in (0, 1):
            made(Path("runs"), "unix", seed=seed, w=w, top1=70 + w / 10)
    report("runs")
    arms = table("arms-cifar100-vgg13-vgg8")
    assert [one["method"] for one in arms] == ["unix w=1", "unix w=10", "unix w=3", "unix w=30"]
    assert any("over-sampler-w" in path.name for path in Path("report/figures").iterdir())


def test_a_thousand_runs_take_seconds_and_no_torch(tmp_path: Path) -> None:
    pairs = [("vgg13", "vgg8"), ("resnet32x4", "shufflev2"), ("resnet32x4", "resnet8x4"), ("resnet50", "vgg8")]
    for pair in pairs:
        for method in ("kd", "unix"):
            for seed in range(125):
                made(tmp_path / "runs", method, pair, seed, epochs=40, analysed=seed < 4)
    words = "import sys; sys.argv = ['report', 'runs']; from unix_exp.report.__main__ import main; main(); " \
            "assert not {'torch', 'wandb', 'hydra'} & set(sys.modules)"  # fmt: skip
    started = time.monotonic()
    said = subprocess.run([sys.executable, "-c", words], cwd=tmp_path, capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    assert "1000 runs" in said.stdout
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("width", [400, 1400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_browser_shows_every_table_and_draws_every_figure(
    report: Report, browser: Any, width: int, scheme: str
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


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("nowhere",), "nowhere is no folder"),
        (("empty",), "no finished run in empty"),
        (("runs", "--out", "file/below"), "cannot write to file/below"),
    ],
)
def test_a_mistake_is_one_line(report: Report, words: tuple[str, ...], complaint: str) -> None:
    made(Path("runs"), "unix")
    Path("empty").mkdir()
    Path("file").write_text("")
    said = report(*words)
    assert said.code == 2
    assert complaint in said.err
    assert "Traceback" not in said.err


DEVIATING = {
    "settings__recipe__weight_decay": 0.1, "settings__recipe__nesterov": True, "settings__dataset__augment": False,
    "settings__runtime__precision": "bf16", "settings__recipe__milestones": [10, 20, 30],
}  # fmt: skip


@pytest.mark.parametrize("name", DEVIATING)
def test_what_deviates_from_the_papers_recipe_is_said_and_not_compared(report: Report, name: str) -> None:
    made(Path("runs"), "unix")
    changed(made(Path("runs"), "unix", seed=1), **{name: DEVIATING[name]})
    assert report("runs").code == 0, "two settings of one table stand side by side"
    page = Path("report/index.html").read_text()
    assert f"{name.split('__')[-1]} {str(DEVIATING[name]).strip('[]')} instead of" in page
    assert row("table2", "vgg13 → vgg8", "UNIX k=48")["top-1 %: difference"], "the paper's setting comes first"
    assert not row("table2-2", "vgg13 → vgg8", "UNIX k=48")["top-1 %: difference"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"settings__recipe__lr": 5.0}, "lr 5 instead of 0.05"),
        ({"teacher__source": "FromStore", "settings__teacher_recipe": {"epochs": 1, "batch": 64}},
         "its teacher&#39;s epochs 1 instead of 240"),
    ],
)  # fmt: skip
def test_a_column_with_another_rate_or_teacher_is_not_compared(report: Report, changes: dict, words: str) -> None:
    changed(made(Path("runs"), "unix"), **changes)
    report("runs")
    assert words in Path("report/index.html").read_text().replace("&#x27;", "&#39;").replace("'", "&#39;")
    assert not row("table2", "vgg13 → vgg8", "UNIX k=48")["top-1 %: difference"]


def test_runs_too_short_for_the_paper_stand_without_its_diamonds(report: Report) -> None:
    made(Path("runs"), "unix")
    report("runs")
    figure = Path("report/figures/compute-cifar100-vgg13-vgg8.svg")
    assert figure.read_text().count("paper, UNIX k=48") == 1
    made(Path("short"), "unix", schedule=2)
    report("short")
    assert "paper, UNIX" not in figure.read_text()


def test_a_column_has_one_teacher(report: Report) -> None:
    """UNIX with a good teacher must not be held against KD with a bad one."""
    for seed in range(4):
        changed(made(Path("runs"), "kd", seed=seed, top1=70 + seed / 10), teacher__identity="good")
    for seed in range(2):
        changed(made(Path("runs"), "unix", seed=seed, top1=70 + seed / 10), teacher__identity="good")
    for seed in range(2, 5):
        changed(made(Path("runs"), "unix", seed=seed, top1=60 + seed / 10), teacher__identity="bad")
    report("runs")
    assert row("table2", "vgg13 → vgg8", "UNIX k=48")["top-1 %: ours"] == "70.05 ± 0.07 (2)"
    (test,) = table("table2-welch")
    assert test["runs"] == "2 and 4"


DAMAGE: dict[str, Any] = {
    "teacher": {"top1": 1}, "settings__sampler": "unix", "settings": [1], "settings__criterion": None,
    "settings__runtime": "auto", "settings__recipe": {"batch": 64}, "settings__recipe__batch": "64",
    "settings__dataset": {"root": "data"}, "cost__percent_of_kd": None, "last__top1": 10**400, "last__top5": None,
    "best__top1": float("nan"), "cost__gflops__total_gflops": float("inf"),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGE)
def test_one_damaged_run_is_skipped_and_spoils_no_other(report: Report, name: str) -> None:
    made(Path("runs"), "unix", seed=0)
    changed(made(Path("runs"), "unix", seed=1), **{name: DAMAGE[name]})
    said = report("runs")
    assert said.code == 0, said.err
    assert "1 runs ->" in said.out
    assert "damaged" in said.err


@pytest.mark.parametrize(
    "line", ['{"epoch": 4, "test/top1": NaN}', '{"epoch": 4, "test/top1": Infinity}', "[" * 99999, "[]"]
)
def test_a_strange_record_is_no_reason_to_fail(report: Report, line: str) -> None:
    for seed in (0, 1):
        folder = made(Path("runs"), "unix", seed=seed)
        for name in ("metrics.jsonl", "analysis.jsonl"):
            with (folder / name).open("a") as file:
                file.write(line + "\n")
    assert report("runs").code == 0


@pytest.mark.parametrize("drawn", ['"text"', "3", "[null]", '["x"]', "[1, 2]"])
def test_strange_counts_are_no_reason_to_fail(report: Report, drawn: str) -> None:
    made(Path("runs"), "random")
    folder = made(Path("runs"), "unix")
    with (folder / "analysis.jsonl").open("a") as file:
        file.write(f'{{"epoch": 241, "drawn_per_class": {drawn}, "accuracy_per_class": [50.0]}}\n')
    assert report("runs").code == 0


def test_classes_that_are_all_drawn_alike_make_a_map_of_one_colour(report: Report) -> None:
    folder = made(Path("runs"), "kd")
    lines = [{"epoch": epoch, "drawn_per_class": [5, 5], "accuracy_per_class": [50.0, 60.0]} for epoch in range(1, 241)]
    (folder / "analysis.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert report("runs").code == 0


def test_names_that_an_address_spells_alike_stay_apart(report: Report) -> None:
    for number, title in enumerate(("花", "鳥", "my data", "my-data")):
        folder = made(Path("runs"), "unix", seed=number, dataset="folder")
        changed(folder, settings__dataset__title=title, dataset=title)
    assert report("runs").code == 0
    assert len(list(Path("report/tables").glob("arms-*.csv"))) == 4


def test_other_images_of_the_same_name_are_another_group(report: Report) -> None:
    for seed, images in enumerate(("aaaaaaaa", "bbbbbbbb")):
        changed(made(Path("runs"), "unix", seed=seed), fingerprint=images)
    report("runs")
    assert len(list(Path("report/tables").glob("arms-*.csv"))) == 2
    assert "on cifar100 (images aaaaaaaa)" in Path("report/index.html").read_text()


def test_links_are_not_followed(report: Report) -> None:
    folder = made(Path("runs"), "unix")
    for name in ("loop", "again"):
        (Path("runs") / name).symlink_to(".")
    (Path("runs") / "a_latest").symlink_to(folder.name)
    said = report("runs")
    assert said.out.startswith("1 runs ->")
    assert said.err == ""


def test_a_report_inside_the_runs_is_no_run(report: Report) -> None:
    made(Path("runs"), "unix")
    report("runs", "--out", "runs/report")
    assert report("runs", "--out", "runs/report").err == ""


def test_ablations_that_share_a_folder_keep_their_figures(report: Report) -> None:
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


def test_students_alone_are_of_the_same_recipe(report: Report) -> None:
    made(Path("runs"), "kd")
    for seed, lr in enumerate((0.05, 0.05, 5.0)):
        folder = changed(
            made(Path("runs"), "kd", seed=seed + 1, top1=60.0 + seed), teacher=None, pair="vgg8", method="scratch",
            settings__distiller={"name": "supervised"}, settings__criterion={"ce": {"weight": 1.0}},
            settings__recipe__lr=lr, cost__percent_of_kd=None,
        )  # fmt: skip
        assert folder.exists()
    report("runs")
    assert row("table8", "vgg13 → vgg8", "student alone")["top-1 %: ours"] == ""
    assert row("table2", "vgg13 → vgg8", "student alone")["top-1 %: ours"] == "60.50 ± 0.71 (2)"


def test_shares_of_kd_compare_only_what_is_as_long(report: Report) -> None:
    made(Path("runs"), "kd")
    made(Path("runs"), "unix")
    report("runs")
    figure = Path("report/figures/compute-cifar100-vgg13-vgg8.svg")
    assert "% of conventional KD" in figure.read_text()
    made(Path("runs"), "random", schedule=2)
    report("runs")
    assert "compute, GFLOPs" in figure.read_text()


def test_students_alone_stand_beside_the_pairs_they_belong_to(tmp_path: Path) -> None:
    made(tmp_path, "kd")
    path = made(tmp_path, "unix", seed=1)
    result = json.loads((path / "result.json").read_text())
    result |= {"teacher": None, "pair": "vgg8", "method": "scratch"}
    result["settings"]["distiller"]["name"] = "supervised"
    result["cost"]["percent_of_kd"] = None
    (path / "result.json").write_text(json.dumps(result))
    (group,) = groups(read([tmp_path])[0])
    assert [arm.family for arm in group.arms] == ["KD", "from scratch"]


def test_one_value_has_no_spread() -> None:
    assert str(Summary.of([75.0])) == "75.00 (1)"
    assert Summary.of([]) is None


def test_students_t_agrees_with_printed_tables() -> None:
    for freedom, t in ((1, 12.706), (4, 2.776), (10, 2.228), (30, 2.042)):  # two-sided 5 %, any statistics book
        assert student_t_tails(t, freedom) == pytest.approx(0.05, abs=5e-5)
        assert student_t_quantile(0.05, freedom) == pytest.approx(t, abs=6e-4)


def test_welch_needs_two_of_each_and_a_spread() -> None:
    assert welch([1.0], [1.0, 2.0]) is None
    assert welch([1.0, 1.0], [2.0, 2.0]) is None
    test = welch([27.5, 21.0, 19.0, 23.6, 17.0, 17.9], [27.1, 22.0, 20.8, 23.4, 23.4, 23.5, 25.8, 22.0])
    # By hand: means 21 and 23.5, variances 15.804 and 4.18, so t = -2.5 / sqrt(2.634 + 0.5225), 6.97 degrees.
    assert test is not None
    assert test.difference == pytest.approx(-2.5)
    assert test.p == pytest.approx(0.2021, abs=5e-4)
    low, high = test.interval
    assert low < 0 < high
    assert (low + high) / 2 == pytest.approx(-2.5)
