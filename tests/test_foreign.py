"""Files that anyone may have written: read, or refused in one line, within the time and memory of a small file."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from common import Command
from made_runs import changed, made, table

from unix_exp.report import __main__ as command
from unix_exp.report.blocks import inert
from unix_exp.run.commands import words_of
from unix_exp.run.folder import RunFolder
from unix_exp.run.foreign import json_of, text_of, yaml_of

NO_FILE: dict[str, Callable[[Path], object]] = {
    "a folder": Path.mkdir, "a pipe": os.mkfifo, "a link to itself": lambda path: path.symlink_to(path.name),
    "an endless device": lambda path: path.symlink_to("/dev/zero"), "nothing": lambda path: None,
    "a file without end": lambda path: os.truncate(os.open(path, os.O_CREAT | os.O_WRONLY), 2**40),
}  # fmt: skip


@pytest.mark.parametrize("kind", NO_FILE)
def test_what_is_no_file_is_an_error_at_once(kind: str, tmp_path: Path) -> None:
    NO_FILE[kind](tmp_path / "file")
    for read in (text_of, json_of, yaml_of):
        with pytest.raises(OSError, match=r"\w"):
            read(tmp_path / "file")


@pytest.mark.parametrize("content", [b"[" * 100_000, b'{"a":' * 100_000, b"", b"\xff\xfe", b'{"a": 1', b"9" * 5000])
def test_what_is_no_json_is_an_error(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(ValueError, match=r"\w"):
        json_of(tmp_path / "file")


BOMB = "a: &a [x, x]\n" + "".join(f"{chr(98 + n)}: &{chr(98 + n)} [{f'*{chr(97 + n)}, ' * 9}]\n" for n in range(20))


@pytest.mark.parametrize("content", ["[" * 20_000, BOMB, "a: &a [*a]", "a: [", "!!python/object/apply:os.getcwd []"])
def test_what_is_no_plain_yaml_is_an_error(content: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text(content)
    with pytest.raises(ValueError, match=r"\w") as refused:
        yaml_of(tmp_path / "file")
    assert "\n" not in str(refused.value)


def test_settings_are_read_as_training_writes_them(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.write_config({"recipe": {"milestones": [0.5, 0.5], "lr": 0.1}, "plugins": [], "method": None})
    assert yaml_of(folder.config) == {"recipe": {"milestones": [0.5, 0.5], "lr": 0.1}, "plugins": [], "method": None}


@pytest.fixture
def report(typed: Callable[..., Command]) -> Command:
    return typed(command.main)


@pytest.mark.parametrize("kind", NO_FILE)
@pytest.mark.parametrize(
    "name", ["result.json", "metrics.jsonl", "analysis.jsonl", "probes/agreement.json", "measured.json"]
)
def test_a_report_of_other_runs_is_made_whatever_stands_in_place_of_a_file(
    report: Command, name: str, kind: str
) -> None:
    made(Path("runs"), "unix")
    path = made(Path("runs"), "kd") / name
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    NO_FILE[kind](path)
    outcome = report("runs")
    assert outcome.code == 0, outcome.err
    said = outcome.err.splitlines()
    assert len(said) == (name == "result.json") or (name.endswith("jsonl") and said[0].endswith("holds no epoch"))
    assert len(said) <= 1


def test_a_record_that_the_report_cannot_show_is_one_line_and_the_rest_is_shown(report: Command) -> None:
    made(Path("runs"), "unix")
    odd = changed(made(Path("runs"), "kd"), networks=[1], versions=3, settings__criterion={"kd": None}, seed=[0])
    outcome = report("runs")
    assert outcome.code == 0 and outcome.out.startswith("1 run ")
    assert outcome.err.startswith(f"skipped {odd}: ") and "damaged" in outcome.err
    assert len(outcome.err.splitlines()) == 1


def test_no_formula_reaches_a_spreadsheet(report: Command) -> None:
    changed(made(Path("runs"), "unix"), method="=cmd|'/C calc'!A0", commit="@SUM(A1)", hardware="-1+cmd|x")
    assert report("runs").code == 0
    cells = [cell for path in Path("report/tables").glob("*.csv") for one in table(path.stem) for cell in one.values()]
    assert any(cell.startswith("'=cmd") for cell in cells) and any(cell.startswith("'@SUM") for cell in cells)
    assert not any(cell.startswith(("=", "@", "-1+c")) for cell in cells)


@pytest.mark.parametrize(
    "cell", ["-1.25", "+0.46", "-0.31 to +1.20", "-3.0 ± 0.1 (4)", "unix", "—", "1e-3", "-12,345 %"]
)
def test_figures_stay_what_they_are_in_a_spreadsheet(cell: str) -> None:
    assert inert(cell) == cell


@pytest.mark.parametrize(
    "words", ["--config-dir /tmp/x sampler=a", "hydra.searchpath=[file:///tmp]", "+hydra.callbacks.x._target_=os.abort",
              "--experimental-rerun=x", "-m hydra/launcher=x", "a", "$(reboot)=1", "--cfg=job"],
)  # fmt: skip
def test_a_command_that_does_more_than_choose_settings_is_not_offered(words: str) -> None:
    assert words_of(f"python -m unix_exp.train {words}") is None


def test_our_own_commands_are_offered() -> None:
    words = "python -m unix_exp.train teacher=vgg13 +sampler.k=4 ~criterion 'criterion=[a,b]' +model@networks.b=vgg8 -m"
    assert words_of(words) == [*words.replace("'", "").split()]


def test_a_terminal_is_not_commanded_by_a_record(report: Command) -> None:
    made(Path("runs"), "unix")
    strange = made(Path("runs"), "kd")
    (strange / "result.json").unlink()
    (strange / "failure.txt").write_text("\x1b[2J\x1b]0;title\x07 it failed\n")
    outcome = report("runs")
    assert "it failed" in outcome.err and "\x1b" not in outcome.err and "\x07" not in outcome.err


def test_a_result_of_any_shape_is_refused_in_training(tmp_path: Path) -> None:
    from unix_exp.types import Mistake

    for content in ("[" * 10**5, '{"last": {}}', "[]", "3", '{"identity": 1e400}', '"x"', "null"):
        (tmp_path / "result.json").write_text(content)
        with pytest.raises(Mistake, match="is damaged"):
            RunFolder(tmp_path).result()
    full = dict.fromkeys(("last", "best", "cost", "time", "steps"), 1)
    (tmp_path / "result.json").write_text(json.dumps(full))
    with pytest.raises(Mistake, match="is damaged"):
        RunFolder(tmp_path, "abc").result()


@pytest.mark.parametrize(
    ("order", "said"),
    [((1, 3), "no epoch 2"), ((1, 1, 2, 3), "has epoch 1 more than once"), ((3, 2, 1), "epochs out of order")],
)
def test_gaps_and_repetitions_in_a_run_s_epochs_are_said(report: Command, order: tuple[int, ...], said: str) -> None:
    made(Path("runs"), "kd")
    folder = made(Path("runs"), "unix")
    lines = (folder / "metrics.jsonl").read_text().splitlines(keepends=True)
    (folder / "metrics.jsonl").write_text("".join(lines[epoch - 1] for epoch in order))
    outcome = report("runs")
    assert outcome.code == 0
    assert outcome.err.startswith(f"not whole {folder}: ") and said in outcome.err
    assert said in Path("report/index.html").read_text()
