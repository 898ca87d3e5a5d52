"""Each run has a page of its own, whatever its folder is called, and the page shows what the run recorded."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from common import Command
from hypothesis import given, settings
from hypothesis import strategies as st
from made_looks import looking
from made_runs import changed, made

from unix_exp.report import __main__ as command
from unix_exp.report.every_run import Place
from unix_exp.report.page_of_run import page_name
from unix_exp.report.run_settings import ABSENT, varied


@pytest.fixture
def report(typed: Callable[..., Command]) -> Command:
    """Type `python -m unix_exp.report WORDS` in an empty folder."""
    return typed(command.main)


def pages() -> dict[str, str]:
    return {path.name: path.read_text() for path in Path("report/runs").iterdir()}


def test_every_run_has_a_page_and_no_link_leads_nowhere(report: Command) -> None:
    names = ("花", "a b", "x..", "x.html", "a" * 200, "<img src=x>", "A", "a")
    for number, name in enumerate(names):
        made(Path("runs"), seed=number).rename(Path("runs") / name)
    changed(made(Path("runs"), "kd"), method="teacher", teacher=None)
    changed(made(Path("runs"), "kd", seed=1), identity="../../x")
    for number, place in enumerate(("one", "other")):
        made(Path("runs") / place, seed=20 + number).rename(Path("runs") / place / "same-0123456789ab")
    assert report("runs").out.startswith("12 runs")
    found = pages()
    assert len({name.lower() for name in found}) == 12, "on a disk that takes A for a, too"
    for place in [Path("report/index.html"), *Path("report/runs").iterdir()]:
        for address in re.findall(r'<a href="([^"#]+)', place.read_text()):
            assert (place.parent / address).is_file(), address
    table = Path("report/index.html").read_text().split('id="every-run-table"')[1]
    assert set(re.findall(r'<a href="runs/([^"]+)"', table)) == found.keys()


@settings(max_examples=100, deadline=None)
@given(st.text(min_size=1).filter(lambda one: "/" not in one and "\0" not in one), st.text(), st.text())
def test_a_page_s_name_is_a_plain_file_s_and_the_identity_s_own(folder: str, one: str, other: str) -> None:
    name = page_name(Path("runs") / folder, one)
    assert re.fullmatch(r"\w[\w.-]*", name, re.ASCII) and len(name) < 180
    assert (name == page_name(Path("runs") / folder, other)) == (one == other)


def test_a_page_shows_what_the_run_recorded(report: Command) -> None:
    run = looking(made(Path("runs"), "unix", seed=3))
    line = "python -m unix_exp.train teacher=vgg13 student=vgg8 sampler=unix seed=3"
    changed(run, command=line, cost__gflops__scout_gflops=1e5, cost__gflops__teacher_gflops=1.5e5, commit="abc123")
    made(Path("runs"), "unix", seed=3, k=24)
    made(Path("runs"), "unix", seed=4)
    report("runs")
    page = pages()[f"{run.name}.html"]
    for words in (
        "vgg13 → vgg8 on cifar100: unix k=48, seed 3</h1>", f"<pre tabindex=\"0\">{line} runs=DIR</pre>", "abc123",
        "apple</span></th><td><span>maple_tree", "7 % boy", "bowl &amp; &lt;cup&gt;, 9 times",
        "Each class, the hardest first", "data:image/png;base64,", "95.0 % of KD", "Accuracy by epoch", "seed 4</a>",
    ):  # fmt: skip
        assert words in page, words
    rows = dict(re.findall(r'<th scope="row"><span>([^<]*)</span></th><td class="strong"><span>([^<]*)', page))
    assert rows == {"sampler.k": "48"}, "the setting in which the runs of the pair differ, apart from the seed"
    costs = re.findall(r'<span>([^<]*)</span></th><td class="number"><span>([\d,.]+)</span></td>'
                       r'<td class="number"><span>([\d.]+)', page)  # fmt: skip
    assert ("teacher, forward", "150,000.0", "52.6") in costs


def test_a_run_without_records_of_its_images_says_so_in_each_part(report: Command) -> None:
    run = made(Path("runs"), analysed=False)
    (run / "metrics.jsonl").unlink()
    report("runs")
    page = pages()[f"{run.name}.html"]
    said = {title: re.findall(r"<p>([^<]*not recorded)", part)
            for title, part in re.findall(r"<h2>(.*?)</h2>(.*?)</section>", page)}  # fmt: skip
    assert said["Classes"] == ["Which classes it confuses was not recorded", "Accuracy by class was not recorded"]
    assert said["Images"] == ["Which images it kept, left out or mixed was not recorded"]
    assert page.count("not recorded") == 3 and "No epoch was recorded." in page
    assert "<svg" not in page and "<img" not in page


def test_records_that_are_not_whole_are_named_on_the_run_s_page_and_in_the_report(report: Command) -> None:
    for seed in range(12):
        made(Path("runs"), "unix", seed=seed, k=seed + 8)  # more arms than the curves show
    odd = next(Path("runs").glob("*-s5-*"))
    changed(odd, files={"looks.json": "0" * 64})
    outcome = report("runs")
    assert outcome.err.strip() == f"not whole {odd}: looks.json is missing"
    assert "looks.json is missing" in pages()[f"{odd.name}.html"]
    assert "looks.json is missing" in Path("report/index.html").read_text()


def test_fewer_pages_are_made_where_fewer_are_asked_for(report: Command) -> None:
    for seed in range(3):
        made(Path("runs"), seed=seed)
    assert report("runs", "--run-pages", "2").code == 0
    html = Path("report/index.html").read_text()
    assert len(pages()) == 2 and "The first 2 runs have pages; --run-pages 3" in html
    assert len(set(re.findall(r'<a href="runs/[^"]+"', html))) == 2
    report("runs", "--run-pages", "0", "--out", "other")
    assert not Path("other/runs").exists()


def test_a_document_has_no_table_of_runs_and_no_pages(report: Command) -> None:
    made(Path("runs"))
    report("runs", "--markdown", "results.md")
    assert "Every run" not in Path("results.md").read_text() and not Path("results/runs").exists()


def test_settings_that_differ_are_found_with_their_values() -> None:
    runs = [{"a": "1", "b": "x", "seed": "0"}, {"a": "2", "b": "x", "seed": "1"}, {"a": "2", "b": "x", "c": "y"}]
    assert varied(runs) == {"a": ["2", "1"], "c": [ABSENT, "y"]}
    assert varied(runs[:1]) == {}


def test_a_run_s_page_costs_milliseconds(tmp_path: Path) -> None:
    """In rows that are written, not in seconds: the settings that all runs share are written once."""
    from unix_exp.report.page import plain_row
    from unix_exp.report.run_page import pages
    from unix_exp.report.runs import read

    for seed in range(30):
        made(tmp_path, "unix", seed=seed, analysed=False)
    runs, _ = read([tmp_path])
    plain_row.cache_clear()
    made_pages = pages([Place(run, None, None, None) for run in runs], 30)
    assert len(made_pages) == 30
    assert plain_row.cache_info().misses < 30 * 9, "costs, provenance and a few more of each, of 60 rows"
    assert not any(name in run.__dict__ for run in runs for name in ("epochs", "analysis", "looks")), "or memory fills"
