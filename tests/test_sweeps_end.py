"""The table at the end of a sweep: what was swept has a column, and several seeds are one row."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from made_runs import changed, made

from unix_exp.cli.outcomes import Outcomes
from unix_exp.report.swept import settings_in
from unix_exp.report.table import table


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def words_of(folders: list[Path], *always: str) -> list[str]:
    """As the jobs of a grid over method, seed and k were typed."""
    found = []
    for folder in folders:
        result = json.loads((folder / "result.json").read_text())
        k = [f"sampler.k={one}"] if (one := result["settings"]["sampler"].get("k")) else []
        found.append(" ".join([f"experiment={result['method']}", *k, f"seed={result['seed']}", *always]))
    return found


def test_what_was_swept_has_a_column() -> None:
    folders = [made(Path("runs"), "unix", k=k, top1=70 + k / 10) for k in (8, 16)]
    head, *rows = table(folders, words_of(folders, "recipe.epochs=3")).splitlines()
    assert head.split()[:4] == ["pair", "method", "sampler.k", "seed"]
    assert [row.split()[:6] for row in rows] == [
        ["vgg13_vgg8", "unix", "8", "0", "74.00", "70.80"], ["vgg13_vgg8", "unix", "16", "0", "74.00", "71.60"],
    ]  # fmt: skip
    assert "seeds" not in head


def test_methods_and_pairs_need_no_column_more() -> None:
    folders = [made(Path("runs"), method) for method in ("kd", "random", "unix")]
    folders.append(made(Path("runs"), "kd", pair=("resnet32x4", "shufflev2")))
    words = [f"experiment={one.name.split('-')[2]} pair={one.name.split('-')[0]} fail_fast=true" for one in folders]
    lines = table(folders, words).splitlines()
    assert lines[0].split()[:3] == ["pair", "method", "seed"] and len(lines) == 5
    assert table(folders) == "\n".join(lines), "as without words"


def test_several_seeds_are_one_row_with_their_spread() -> None:
    folders = [made(Path("runs"), "kd", seed=seed, top1=70.0 + 2 * seed) for seed in (0, 1, 2)]
    folders += [made(Path("runs"), "unix", k=k, seed=seed, top1=60.0) for k in (8, 16) for seed in (0, 1)]
    folders.append(made(Path("runs"), "random"))
    changed(folders[1], time__train_seconds=7200.0)
    head, *lines = table(folders, words_of(folders)).splitlines()
    assert head.split()[:5] == ["pair", "method", "sampler.k", "seeds", "teacher"]
    rows = [line.split() for line in lines[:4]]
    assert rows[0] == ["vgg13_vgg8", "kd", "-", "3", "74.00", "72.00", "+-", "2.00", "72.20", "+-", "2.00", "100.0",
                       "1h", "20m"]  # fmt: skip
    assert [row[1:8] for row in rows[1:3]] == [["unix", k, "2", "74.00", "60.00", "+-", "0.00"] for k in ("8", "16")]
    assert rows[3][1:7] == ["random", "48", "1", "74.00", "73.50", "73.70"]
    assert {line.index(".00 +-") for line in lines[:3]} == {lines[3].index(".50 ")}, "figures stand below each other"
    assert lines[-1] == "student % and best %: mean +- standard deviation over seeds."


def test_a_sweep_ends_with_it(capsys: pytest.CaptureFixture[str]) -> None:
    outcomes = Outcomes(Path("sweep.jsonl"))
    folders = [made(Path("runs"), "unix", k=k) for k in (8, 16)]
    for job, (folder, words) in enumerate(zip([*folders, folders[0]], [*words_of(folders), "k=9"], strict=True)):
        outcomes.note_done(job, words, folder)
    assert outcomes.conclude() == 0
    lines = capsys.readouterr().out.strip().splitlines()
    assert [line.split()[2] for line in lines] == ["sampler.k", "8", "16"], "two jobs that are one run are one row"


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("sampler.k=8 seed=0", {"sampler.k": "8", "seed": "0"}),
        ("criterion=[kd, at] +sampler.w=1", {"criterion": "[kd, at]", "sampler.w": "1"}),
        ("~assistant model@networks.peer=resnet8", {"~assistant": "-", "model@networks.peer": "resnet8"}),
        ("", {}),
    ],
)
def test_words_are_read_as_they_were_typed(words: str, found: dict[str, str]) -> None:
    assert settings_in(words) == found
