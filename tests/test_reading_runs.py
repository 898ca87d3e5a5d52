"""Which folders a report reads as runs, which it skips, and that a damaged record harms no other."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from browser import Seen
from common import Command
from made_runs import changed, made

from unix_exp.report import __main__ as command


@pytest.fixture
def report(typed: Callable[..., Command]) -> Command:
    """Type `python -m unix_exp.report WORDS` in an empty folder."""
    return typed(command.main)


def test_folders_without_a_finished_run_are_listed_and_skipped(report: Command) -> None:
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
    outcome = report("runs")
    assert outcome.code == 0
    assert "1 run ->" in outcome.out
    for words in ("unfinished, 3 epochs recorded", "result.json is damaged", "not a run: it holds none of",
                  "it failed: the loss is nan in epoch 2", "runs/holiday"):  # fmt: skip
        assert words in outcome.err, words
    assert outcome.err.count("skipped ") == 6
    assert "6 folders skipped" in Path("report/index.html").read_text()


def test_a_line_cut_short_by_a_kill_is_left_out(report: Command) -> None:
    folder = made(Path("runs"), "unix")
    for name in ("metrics.jsonl", "analysis.jsonl"):
        with (folder / name).open("ab") as file:
            file.write(b'\xff{"epoch": 4, "test/t')
    assert report("runs").code == 0


DAMAGE: dict[str, Any] = {
    "teacher": {"top1": 1}, "settings__sampler": "unix", "settings": [1], "settings__criterion": None,
    "settings__runtime": "auto", "settings__recipe": {"batch": 64}, "settings__recipe__batch": "64",
    "settings__dataset": {"root": "data"}, "cost__percent_of_kd": None, "last__top1": 10**400, "last__top5": None,
    "best__top1": float("nan"), "cost__gflops__total_gflops": float("inf"), "command": ["no", "text"],
    "cost__once": {"teacher": {"gflops": "much"}}, "networks": {"holdout": "vgg8"}, "plugins": ["mine"],
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGE)
def test_one_damaged_run_is_skipped_and_harms_no_other(report: Command, name: str) -> None:
    made(Path("runs"), "unix", seed=0)
    changed(made(Path("runs"), "unix", seed=1), **{name: DAMAGE[name]})
    outcome = report("runs")
    assert outcome.code == 0, outcome.err
    assert "1 run ->" in outcome.out
    assert "damaged" in outcome.err


@pytest.mark.parametrize(
    "line", ['{"epoch": 4, "test/top1": NaN}', '{"epoch": 4, "test/top1": Infinity}', "[" * 99999, "[]"]
)
def test_a_malformed_line_does_not_stop_the_report(report: Command, line: str) -> None:
    for seed in (0, 1):
        folder = made(Path("runs"), "unix", seed=seed)
        for name in ("metrics.jsonl", "analysis.jsonl"):
            with (folder / name).open("a") as file:
                file.write(line + "\n")
    assert report("runs").code == 0


@pytest.mark.parametrize("drawn", ['"text"', "3", "[null]", '["x"]', "[1, 2]"])
def test_malformed_counts_do_not_stop_the_report(report: Command, drawn: str) -> None:
    made(Path("runs"), "random")
    folder = made(Path("runs"), "unix")
    with (folder / "analysis.jsonl").open("a") as file:
        file.write(f'{{"epoch": 241, "drawn_per_class": {drawn}, "accuracy_per_class": [50.0]}}\n')
    assert report("runs").code == 0


def test_links_are_not_followed(report: Command) -> None:
    folder = made(Path("runs"), "unix")
    for name in ("loop", "again"):
        (Path("runs") / name).symlink_to(".")
    (Path("runs") / "a_latest").symlink_to(folder.name)
    outcome = report("runs")
    assert outcome.out.startswith("1 run ->")
    assert outcome.err == ""


def test_a_report_inside_the_runs_is_not_read_as_a_run(report: Command) -> None:
    made(Path("runs"), "unix")
    report("runs", "--out", "runs/report")
    assert report("runs", "--out", "runs/report").err == ""


@pytest.mark.parametrize("count", [200, pytest.param(1000, marks=pytest.mark.long)])
def test_many_runs_take_seconds_and_no_torch(tmp_path: Path, browser: Any, count: int) -> None:
    pairs = [("vgg13", "vgg8"), ("resnet32x4", "shufflev2"), ("resnet32x4", "resnet8x4"), ("resnet50", "vgg8")]
    for pair in pairs:
        for method in ("kd", "unix"):
            for seed in range(count // 8):
                last = made(tmp_path / "runs", method, pair, seed, epochs=40, analysed=seed < 4)
    (last / "looks.json").write_text("[]")  # which the page of this run alone reads, in whatever process makes it
    words = "import sys; sys.argv = ['report', 'runs']; from unix_exp.report.__main__ import main; main(); " \
            "assert not {'torch', 'wandb', 'hydra'} & set(sys.modules)"  # fmt: skip
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    outcome = subprocess.run([sys.executable, "-c", words], cwd=tmp_path, capture_output=True, text=True)
    assert outcome.returncode == 0, outcome.stderr
    assert f"{count:,} runs" in outcome.stdout
    assert f"not whole {last.relative_to(tmp_path)}: looks.json" in outcome.stderr
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    # Seconds of one core: 8 for a thousand on a quiet machine, and twice as many where others share cores and caches.
    assert after.ru_utime - before.ru_utime < 2 + 0.013 * count
    start = time.monotonic()
    page = Seen(browser, tmp_path / "report/index.html", width=400)
    assert time.monotonic() - start < 10, "about one second where nothing else runs"
    seeds, cells, pane = page.ask("""
        const rows = all('#answer-table tr'), links = all('#answer-table .seeds');
        return [links.map(one => [one.scrollWidth, one.clientWidth]), rows.map(row => all('th, td', row).map(box)),
                box(document.querySelector('#answer-table .window'))];""")
    assert seeds and all(needed <= room for needed, room in seeds), "links to many seeds lie over no other column"
    assert all(right <= pane[2] for row in cells for _, _, right, _ in row), "nor do they push one out"
