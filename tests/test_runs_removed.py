"""python -m unix_exp.runs compare and remove: two runs side by side, and runs gone for good."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from common import Command
from filelock import FileLock
from made_runs import changed, made
from test_runs_at_hand import begun

from unix_exp.runs.__main__ import main


@pytest.fixture
def runs(typed: Callable[[Callable[[], None]], Command]) -> Command:
    return typed(main)


def answering(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))


def rows(out: str, title: str) -> list[list[str]]:
    """The lines of a part, from its title to the next empty line, as words."""
    part = out[out.index(title) :].split("\n\n")[0]
    return [line.split() for line in part.splitlines()[1:]]


def test_two_runs_are_compared(runs: Command) -> None:
    one = made(Path("runs"), "kd", top1=70.0, schedule=4)
    other = made(Path("runs"), "unix", top1=71.5, schedule=4, k=40)
    for folder, first in ((one, 10.0), (other, 95.0)):
        line = {
            "epoch": 4,
            "drawn_per_class": [1] * 12,
            "accuracy_per_class": [first, None, *([50.0 + first / 10] * 10)],
        }
        (folder / "analysis.jsonl").write_text(json.dumps(line) + "\n")
    (other / "student.json").write_text(json.dumps({"classes": ["cat", "dog", *map(str, range(10))]}))
    out = runs("compare", "kd", "unix").out
    assert out.startswith(f"A  {one.name}\nB  {other.name}\n\ncomparable: the same images, and as long a training\n")
    assert ["sampler.name", "everything", "unix"] in rows(out, "settings")
    assert ["sampler.k", "-", "40"] in rows(out, "settings")
    assert not [row for row in rows(out, "settings") if row[0].startswith(("recipe", "student", "dataset"))]
    assert ["test", "%", "70.00", "71.50", "+1.50"] in rows(out, "result")
    assert ["compute", "%", "of", "KD", "100.00", "82.50", "-17.50"] in rows(out, "result")
    assert rows(out, "epoch, test %")[-1] == ["3", "70.00", "71.50", "+1.50"]
    per_class = rows(out, "class, of 11")
    assert len(per_class) == 10 and per_class[0] == ["cat", "10.0", "95.0", "+85.0"]
    assert per_class[-1][2:] == ["59.5", "+8.5"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"settings__recipe__epochs": 20}, "another length: 240 epochs of 781 steps and 20 epochs of 9,372 steps"),
        ({"settings__dataset__flip": False}, "other images: cifar100 with flip true and false"),
        ({"dataset": "cub"}, "other images: cifar100 and cub"),
        ({"fingerprint": "3"}, "other images: cifar100 of 2 and 3"),
    ],
)
def test_runs_that_cannot_be_compared_are_said_to_be_so(runs: Command, change: dict, reason: str) -> None:
    changed(made(Path("runs"), "kd"), fingerprint="2")
    changed(made(Path("runs"), "unix"), **change)
    assert f"\nnot comparable: {reason}\n" in runs("compare", "kd", "unix").out


def test_an_unfinished_run_is_compared_as_far_as_it_is(runs: Command) -> None:
    made(Path("runs"), "kd")
    begun(Path("runs"), "a" * 12)
    out = runs("compare", "kd", "aaa").out
    assert "one is unfinished" in out
    assert [row[0] for row in rows(out, "epoch, test %")] == ["1", "2"], "those that both have"


def test_a_run_is_removed_only_when_that_is_agreed_to(runs: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = (made(Path("runs"), "kd", seed=seed) for seed in (0, 1))
    for text in ("", "\n", "n\n", "yess\n"):
        answering(monkeypatch, text)
        said = runs("remove", "kd-s0")
        assert said.out.endswith("[y/N] nothing was removed\n") and one.exists()
    answering(monkeypatch, "y\n")
    said = runs("remove", "kd-s0")
    assert one.name[-12:] in said.out and "remove this run for good (3 files, " in said.out
    assert said.out.endswith("removed 1 run\n")
    assert [path.name for path in Path("runs").iterdir()] == [other.name]


def test_failed_runs_and_those_that_fit_filters_are_removed(runs: Command) -> None:
    kept = [made(Path("runs"), "kd", seed=seed) for seed in (0, 1)]
    begun(Path("runs"), "a" * 12, failure="no\n")
    begun(Path("runs"), "b" * 12)
    made(Path("runs"), "unix")
    assert runs("remove", "--failed", "--yes").out == "removed 1 run\n"
    assert runs("remove", "method=unix", "status=finished,unfinished", "--yes").out == "removed 2 runs\n"
    assert sorted(Path("runs").iterdir()) == sorted(kept)
    said = runs("remove", "--failed", "--yes")
    assert said.code == 2 and "no run fits status=failed; nothing was removed" in said.err
    assert "say which" in runs("remove", "--yes").err
    assert "not both" in runs("remove", "kd-s0", "seed=1", "--yes").err


def test_none_is_removed_where_one_is_being_trained(runs: Command) -> None:
    folders = [begun(Path("runs"), letter * 12) for letter in "ab"]
    with FileLock(folders[1] / ".lock"):
        said = runs("remove", "method=unix", "--yes")
    assert said.code == 2 and f"1 run being trained now: {folders[1].name}; stop it first" in said.err
    assert all((folder / "metrics.jsonl").exists() for folder in folders)


def test_a_teacher_is_removed_by_its_path_or_when_asked_for(runs: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    teacher = changed(made(Path("teachers"), "kd", seed=1000), method="teacher")
    beside = changed(made(Path("runs"), "kd", seed=5), method="teacher")
    networks = {"teacher": {"name": "vgg13", "identity": teacher.name[-12:]}}
    taught = changed(made(Path("runs"), "unix"), networks=networks)
    said = runs("remove", "s1000", "--yes")
    assert said.code == 2 and f"{teacher} is a teacher, which other runs may need" in said.err
    assert "no run fits pair=vgg13_vgg8 seed=5" in runs("remove", "pair=vgg13_vgg8", "seed=5", "--yes").err
    answering(monkeypatch, "n\n")
    assert f"{teacher.name} taught 1 run here: {taught.name}" in runs("remove", str(teacher)).out
    assert teacher.exists() and beside.exists()
    assert runs("remove", "seed=5,1000", "--teachers", "--yes").out == "removed 2 runs\n"
    assert taught.exists()


def test_what_is_no_runs_folder_is_never_removed(runs: Command, tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "config.yaml").write_text("name: my project\n")
    (project / "thesis.tex").touch()
    said = runs("remove", str(project), "--yes")
    assert said.code == 2 and "its records are no run's; remove it yourself" in said.err
    outer = made(Path("runs"), "kd")
    inner = made(outer / "copies", "unix")
    assert "holds other runs, such as" in runs("remove", str(outer), "--yes").err
    link = tmp_path / "link"
    link.symlink_to(inner, target_is_directory=True)
    assert "is a link, and links are not followed" in runs("remove", str(link), "--yes").err
    (inner / ".git").mkdir()
    assert "is a repository" in runs("remove", str(inner), "--yes").err
    assert all(path.exists() for path in (project / "thesis.tex", outer, inner / "result.json", link))


def test_the_folder_that_one_is_in_is_not_removed(runs: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = made(Path("runs"), "kd").absolute()
    monkeypatch.chdir(folder)
    assert "holds the folder that you are in" in runs("remove", ".", "--yes").err
    assert folder.exists()


def test_what_a_link_in_a_run_leads_to_stays(runs: Command, tmp_path: Path) -> None:
    folder = made(Path("runs"), "kd")
    (tmp_path / "data").mkdir()
    (tmp_path / "data/image.png").touch()
    (folder / "data").symlink_to(tmp_path / "data", target_is_directory=True)
    assert runs("remove", "kd", "--yes").code == 0
    assert not folder.exists() and (tmp_path / "data/image.png").exists()
