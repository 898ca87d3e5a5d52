"""A run's networks in use: what is measured is what one would compute by hand, and the report shows it."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_onnx
import torch
from common import SIDE, TINY, Command, only
from PIL import Image

import unix_exp
from unix_exp.cost.network import gflops
from unix_exp.deploy.entrants import of_export, prepared
from unix_exp.deploy.judged import Judged, judged_in_parts, wilson
from unix_exp.deploy.known import measured_of
from unix_exp.deploy.records import exports_of
from unix_exp.deploy.with_data import RunAndData
from unix_exp.measure import measuring
from unix_exp.measure.__main__ import main
from unix_exp.models.own_input import Normalised, see_as_trained
from unix_exp.registry import datasets
from unix_exp.report.__main__ import main as report
from unix_exp.report.deployed import three_digits
from unix_exp.run.description import Description, described
from unix_exp.run.measured import read_measured
from unix_exp.run.seal import checked
from unix_exp.sinks.console import Console

QUICK = ("--no-latency", "--images", "30")


@contextlib.contextmanager
def inside(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a run was made and measured, what it printed beside it."""
    folder = tmp_path_factory.mktemp("measured")
    words = ["--json", "--batches", "1,3", "--repeats", "3", "--threads", "1"]
    with inside(folder), pytest.MonkeyPatch.context() as patch, (folder / "printed.json").open("w") as printed:
        list(unix_exp.fit(*TINY))
        patch.setattr("sys.argv", ["measure", str(only(Path("runs"))), *words])
        patch.setattr("sys.stdout", printed)
        main()
    return folder


@pytest.fixture
def measure(made: Path, typed: Callable[..., Command], tmp_path: Path) -> Command:
    """Type `python -m unix_exp.measure WORDS` in a folder that holds a copy of the run."""
    for name in ("runs", "teachers"):
        shutil.copytree(made / name, tmp_path / name)
    return typed(main)


def by_hand(run: Path, role: str) -> tuple[torch.Tensor, torch.Tensor]:
    data = datasets.make("shapes", {"train_count": 96, "test_count": 48, "side": SIDE})
    data.load("cpu")
    network = unix_exp.load(run, role, logits=True)
    ((images, labels),) = data.test_batches(48)
    with torch.no_grad():
        return network(images).argmax(dim=1), labels


def test_the_figures_are_those_that_one_computes_by_hand(made: Path) -> None:
    with inside(made):
        run, teacher_run = only(Path("runs")), only(Path("teachers"), "*-s*")
        guesses = {role: by_hand(run, role) for role in ("teacher", "student")}
        networks = {role: unix_exp.load(run, role) for role in guesses}
        files = {role: folder / "student.safetensors" for role, folder in (("student", run), ("teacher", teacher_run))}
        sizes = {role: file.stat().st_size for role, file in files.items()}
        result = json.loads((run / "result.json").read_text())
        found = read_measured(run, result)
    assert json.loads((made / "printed.json").read_text()) == [found] == [checked(found)]
    assert (found["test_images"], found["test_count"], found["threads"]) == (48, 48, 1)
    for one in found["networks"]:
        role = one["name"]
        guessed, labels = guesses[role]
        assert (one["top1"], one["top1_low"], one["top1_high"]) == wilson(int((guessed == labels).sum()), 48)
        assert one["agreement"] == pytest.approx(100 * float((guessed == guesses["teacher"][0]).float().mean()))
        assert one["parameters"] == sum(parameter.numel() for parameter in networks[role].parameters())
        assert (one["gflops"], one["bytes"], one["device"]) == (gflops(networks[role], SIDE), sizes[role], "cpu")
        for batch in ("1", "3"):
            latency = one["latency_ms"][batch]
            assert 0 < latency["p10"] <= latency["median"] <= latency["p90"] and latency["n"] == 3
            assert one["images_per_second"][batch] == pytest.approx(1000 * int(batch) / latency["median"])
        assert 4 * one["parameters"] < one["peak_bytes"]["1"] <= one["peak_bytes"]["3"] < 150 * 2**20
    teacher, student = found["networks"]
    assert (teacher["name"], student["name"], teacher["agreement"]) == ("teacher", "student", 100)
    assert student["top1"] == pytest.approx(result["last"]["top1"])
    assert teacher["top1"] == pytest.approx(result["teacher"]["top1"])


def test_the_report_shows_what_was_measured_and_says_what_it_cannot_show(measure: Command, typed: Any) -> None:
    run = only(Path("runs"))
    found = json.loads((run / "measured.json").read_text())
    show = typed(report)
    assert show("runs").code == 0
    page, rows = Path("report/report.md").read_text(), Path("report/tables/in-use-table.csv").read_text().splitlines()
    assert "## Networks in use" in page and "48 test images" in page
    assert len(rows) == 3
    for row, one in zip(rows[1:], found["networks"], strict=True):
        assert f",{one['name']},{one['architecture']},{one['top1']:.2f} (" in row
        assert f'"{one["parameters"]:,}"' in row and f"{three_digits(one['latency_ms']['3']['median'])} (" in row
    for spoiled in ({**found, "threads": 7}, checked({**found, "identity": "other"}), {"networks": 3}, [], "{"):
        (run / "measured.json").write_text(spoiled if isinstance(spoiled, str) else json.dumps(spoiled))
        assert show("runs").code == 0
        page = Path("report/report.md").read_text()
        assert "Measurements that cannot be shown" in page and "measure the run again" in page
        assert "Teachers, students and exported files" not in page


def test_a_teacher_that_is_gone_is_a_line_and_the_rest_is_measured(measure: Command) -> None:
    shutil.rmtree("teachers")
    run = only(Path("runs"))
    said = measure(str(run), *QUICK)
    assert said.code == 0, said.err
    assert "30 of 48 test images" in said.out and "the teacher is not measured: " in said.out
    found = json.loads((run / "measured.json").read_text())
    (student,) = found["networks"]
    assert (found["test_images"], student["agreement"], found["batches"]) == (30, None, [])
    assert "latency_ms" not in student and "peak_bytes" not in student
    row = next(line.split() for line in said.lines if line.startswith("student"))
    assert row[1:3] == [student["architecture"], f"{student['top1']:.2f}"]


def test_the_card_is_of_this_run_and_its_code_works(measure: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    run = only(Path("runs"))
    text = (run / "README.md").read_text()
    guesses, labels = by_hand(run, "student")
    names = unix_exp.load(run).classes
    for number, name in enumerate(names):
        right, count = int(((guesses == labels) & (labels == number)).sum()), int((labels == number).sum())
        found = wilson(right, count)
        assert f"| {name} | {found.share:.1f} | {found.low:.1f} to {found.high:.1f} | {count} |" in text
    found = json.loads((run / "measured.json").read_text())
    assert f"guesses what its teacher guesses for {found['networks'][1]['agreement']:.2f} %" in text
    assert (
        f"{three_digits(found['networks'][1]['latency_ms']['3']['median'])} (" in text
        and "48 training images, 48 test" in text
    )
    code = text.partition("```python\n")[2].partition("```")[0]
    assert run.name in code
    Image.new("RGB", (50, 40), "red").save("runs/image.jpg")
    monkeypatch.chdir("runs")
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(code, {})
    assert printed.getvalue().strip() in names


def test_exports_are_measured_beside_the_student(measure: Command) -> None:
    run = only(Path("runs"))
    own = described(run / "student.safetensors")
    assert own is not None
    weights = np.random.default_rng(0).normal(size=(3, 24))
    tiny_onnx.put(run, "student.onnx", own, weights)
    tiny_onnx.put(run, "student-pixels.onnx", own, weights / 63.75, pixels=True)  # the same, but for a constant
    tiny_onnx.put(run, "broken.onnx", own, weights)
    (run / "broken.onnx").write_bytes(b"broken")
    said = measure(str(run), "--no-latency")
    assert said.code == 0, said.err
    assert "broken.onnx is not measured: " in said.out
    _, student, plain, pixels = json.loads((run / "measured.json").read_text())["networks"]
    assert [plain["name"], pixels["name"]] == ["student.onnx", "student-pixels.onnx"]
    data = datasets.make("shapes", {"train_count": 96, "test_count": 48, "side": SIDE})
    data.load("cpu")
    ((images, labels),) = data.test_batches(48)
    for one, means in ((plain, images.mean((2, 3))), (pixels, images.mean((2, 3)) + 2)):
        guesses = (means @ torch.from_numpy(weights).float()).argmax(dim=1)
        assert one["top1"] == wilson(int((guesses == labels).sum()), 48).share
        agreeing = (guesses == by_hand(run, "teacher")[0]).float().mean()
        assert one["agreement"] == pytest.approx(100 * float(agreeing))
        assert one["bytes"] == (run / one["name"]).stat().st_size
        assert (one["parameters"], one["gflops"]) == (student["parameters"], student["gflops"])
    text = (run / "README.md").read_text()
    assert "| student.onnx | no |" in text and f"| {pixels['name']} | itself |" in text and "| 12.5 |" in text
    code = text.partition("With ONNX Runtime alone")[2].partition("```python\n")[2].partition("```")[0]
    Image.new("RGB", (50, 40), "red").save(run / "image.jpg")
    found: dict[str, Any] = {}
    with inside(run):
        exec(code, found)
    assert found["logits"].shape == (1, 24)
    tiny_onnx.put(run, "student.onnx", own, -weights)
    known = measured_of(run, json.loads((run / "result.json").read_text()), exports_of(run))
    assert known is not None and [one["name"] for one in known["networks"]] == ["teacher", "student", pixels["name"]]
    (run / "exports.json").write_text("{")
    said = measure(str(run), *QUICK)
    assert said.code == 0 and "no export is measured: " in said.out and "student.onnx  " not in said.out


def test_a_network_is_given_images_in_its_own_normalisation() -> None:
    given, own = Normalised((0.5, 0.4, 0.3), (0.2, 0.3, 0.4)), Normalised((0.1, 0.2, 0.3), (1.0, 0.5, 0.25))
    images, network = torch.rand(2, 3, 4, 4), torch.nn.Conv2d(3, 2, 3)
    found = network(prepared(images, own, given, torch.channels_last, "cpu"))
    see_as_trained(network, given, own)
    torch.testing.assert_close(found, network(images))
    for one, other in ((own, None), (None, given), (given, given)):
        assert torch.equal(prepared(images, one, other, torch.contiguous_format, "cpu"), images)


def test_a_file_that_prepares_images_is_shown_them_as_they_were(tmp_path: Path) -> None:
    """Images of one colour each, which its mean tells, at sizes that only the file itself may scale."""
    for half, count in (("train", 1), ("test", 4)):
        for number, colour in enumerate(("blue", "lime", "red")):
            (tmp_path / half / colour).mkdir(parents=True)
            for one in range(count):
                Image.new("RGB", (20 + one, 30 + number), colour).save(tmp_path / half / colour / f"{one}.png")
    data = datasets.make("folder", {"path": str(tmp_path), "size": 128, "cache": str(tmp_path / "cache"), "workers": 0})
    data.load("cpu")
    own = Description({"name": "x"}, data.classes, data.preprocessing(), version="0")
    assert own.preprocessing is not None and own.preprocessing.resize > own.preprocessing.size
    tiny_onnx.put(tmp_path, "student.onnx", own, np.eye(3)[::-1], pixels=True)
    of = RunAndData(tmp_path, {"student": "x"}, data, torch.device("cpu"), torch.contiguous_format, None)
    one = of_export(of, "student.onnx")
    assert one.pixels and one.originals is not None
    found = judged_in_parts(one.originals(None, Console(1).watch), 3)
    assert found.top1.share == 100 and found.labels.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert judged_in_parts(one.originals(6, Console(1).watch), 3).labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert one.answer(one.prepare(torch.zeros(2, 3, 128, 128))).shape == (2, 3)


def test_what_cannot_be_kept_is_printed_all_the_same(measure: Command) -> None:
    run = only(Path("runs"))
    for name in ("measured.json", "README.md"):
        (run / name).unlink()
        (run / name).mkdir()
    found = measure(str(run), *QUICK)
    assert found.code == 2 and "\nteacher" in found.out and "\nstudent" in found.out
    assert "README.md cannot be" in found.err and found.err.count("\n") == 2
    assert "measured.json cannot be written (Is a directory); what was measured is only printed" in found.err


def test_an_accuracy_that_is_not_the_recorded_one_is_noted() -> None:
    labels = torch.zeros(400, dtype=torch.int64)
    nearly = Judged((torch.arange(400) < 4).long(), labels, 2)  # 99 % right
    result: dict[str, Any] = {"last": {"top1": 99.5}, "teacher": {"top1": 97.5}}
    (said,) = measuring.changed(result, {"student": nearly, "teacher": nearly}, 400)
    assert said.startswith("the teacher is right for 99.00 % of the test images and was for 97.50 % when the run")
    assert not list(measuring.changed(result, {"student": nearly, "teacher": nearly}, 500)), "some images only"
    assert not list(measuring.changed({**result, "teacher": None}, {"student": nearly}, 400))


def test_several_runs_stand_in_one_table(measure: Command) -> None:
    run = only(Path("runs"))
    shutil.copytree(run, "runs/again")
    said = measure(str(run), "runs/again", *QUICK)
    assert said.code == 0, said.err
    rows = [line.split()[:2] for line in said.lines if line.split()[1:2] in (["teacher"], ["student"])]
    assert rows == [[name, role] for name in (run.name, "again") for role in ("teacher", "student")]
    assert Path("runs/again/measured.json").is_file()


def test_a_run_that_cannot_be_measured_is_said_before_others_are(
    measure: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measuring, "prepare", None)  # it would be called for the first
    said = measure(str(only(Path("runs"))), "runs/none", *QUICK)
    assert said.code == 2 and said.err == "error: there is no run folder runs/none\n"


@pytest.mark.parametrize("spoil", ["no folder", "unfinished", "damaged", "other weights", "no number"])
def test_what_cannot_be_measured_is_one_line(measure: Command, spoil: str) -> None:
    run = only(Path("runs"))
    (run / "measured.json").unlink()
    words = {"no folder": ["runs/none"], "no number": [str(run), "--batches", "0"]}.get(spoil, [str(run)])
    if spoil == "unfinished":
        (run / "result.json").unlink()
    if spoil == "damaged":
        (run / "result.json").write_text((run / "result.json").read_text().replace('"seed": 0', '"seed": 1'))
    if spoil == "other weights":
        (run / "student.safetensors").write_bytes((run / "student.safetensors").read_bytes()[:-1] + b"x")
    said = measure(*words, *QUICK)
    assert said.code == 2 and not said.out
    assert spoil == "no number" or (said.err.startswith("error: ") and len(said.err.splitlines()) == 1)
    assert not (run / "measured.json").exists()
