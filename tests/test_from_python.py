"""The command and its results from Python."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from common import SIDE, TINY, Command, only
from own import SHORT, file_of, trained, untimed
from safetensors.torch import load_file, save_file
from torch import nn

import unix_exp
from unix_exp.data.shapes import Shapes
from unix_exp.types import Mistake, Record


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def finished(*words: str) -> Path:
    trained(*words)
    return only(Path("runs"), "*-s0-*")


def result(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / "result.json").read_text())
    return found


@torch.no_grad()
def accuracy(network: nn.Module, logits: bool = False) -> float:
    data = Shapes(train_count=48, test_count=48, side=SIDE)
    data.load("cpu")
    ((images, labels),) = data.test_batches(48)
    answers = network(images) if logits else network(images).logits
    return 100 * float((answers.argmax(1) == labels).float().mean())


def test_a_finished_run_s_student_comes_back_with_its_accuracy() -> None:
    run = finished("recipe.epochs=4")
    student = unix_exp.load(run)
    assert not student.training
    assert accuracy(student) == pytest.approx(result(run)["last"]["top1"])
    output = student(torch.zeros(2, 3, 32, 32))
    assert output.features[-1] is output.embedding
    weights = load_file(run / "student.safetensors")
    assert all(torch.equal(value, weights[name]) for name, value in student.state_dict().items())


def test_it_comes_back_from_its_folder_alone(tmp_path: Path) -> None:
    run = finished("recipe.epochs=2")
    (tmp_path / "elsewhere").mkdir()
    moved = run.rename(tmp_path / "elsewhere" / "renamed")
    assert accuracy(unix_exp.load(str(moved))) == pytest.approx(result(moved)["last"]["top1"])


def test_a_run_of_an_older_version_comes_back_though_its_record_names_no_classes() -> None:
    run = finished()
    record = result(run)
    del record["classes"], record["weights"], record["check"]
    (run / "result.json").write_text(json.dumps(record))
    assert accuracy(unix_exp.load(run)) == pytest.approx(record["last"]["top1"])


def test_weights_that_were_changed_since_are_not_given_back() -> None:
    run = finished()
    weights = load_file(run / "student.safetensors")
    save_file(weights | {"fc.bias": weights["fc.bias"] + 1}, run / "student.safetensors")
    with pytest.raises(Mistake, match=r"student\.safetensors is not the student of .* any more"):
        unix_exp.load(run)


def test_logits_make_it_a_plain_network() -> None:
    run = finished()
    plain, images = unix_exp.load(run, logits=True), torch.randn(2, 3, 32, 32)
    assert isinstance(plain, nn.Module) and not plain.training
    assert torch.equal(plain(images), unix_exp.load(run)(images).logits)
    assert accuracy(plain, logits=True) == pytest.approx(result(run)["last"]["top1"])


def test_its_teacher_comes_back_from_the_store_and_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    run = finished("teacher_recipe.epochs=3")
    assert accuracy(unix_exp.load(run, role="teacher")) == pytest.approx(result(run)["teacher"]["top1"])
    run = run.absolute()
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path / "notebooks")
    assert accuracy(unix_exp.load(run, role="teacher")) == pytest.approx(result(run)["teacher"]["top1"])

    torch.manual_seed(4)
    file = file_of(unix_exp.model("resnet8", num_classes=24), "mine.pth")
    run = finished(f"teacher.checkpoint={file}")
    assert accuracy(unix_exp.load(run, role="teacher")) == pytest.approx(result(run)["teacher"]["top1"])
    Path(file).unlink()
    with pytest.raises(Mistake, match=r"^teacher\.checkpoint mine\.pth does not exist"):
        unix_exp.load(run, role="teacher")


def test_what_cannot_be_loaded_is_said_in_one_line() -> None:
    run = finished("recipe.epochs=2")

    def refused(*arguments: Any, **named: Any) -> str:
        with pytest.raises(Mistake) as mistake:
            unix_exp.load(*arguments, **named)
        assert "\n" not in str(mistake.value)
        return str(mistake.value)

    assert refused("nowhere") == "there is no run folder nowhere"
    assert refused(run, role="techer") == f"{run} has no network 'techer'; did you mean 'teacher'?"
    (only(Path("teachers"), "*-s*") / "student.safetensors").unlink()
    assert "student.safetensors does not exist" in refused(run, role="teacher")
    weights = load_file(run / "student.safetensors")
    save_file({name: one for name, one in weights.items() if name != "fc.bias"}, run / "student.safetensors")
    assert "does not fit resnet8: missing fc.bias" in refused(run)
    (run / "student.safetensors").unlink()
    assert refused(run) == f"{run}/student.safetensors does not exist; the run's folder is not whole"
    for damage in ("{", "[]", '{"settings": {}}', "", '"text"'):
        (run / "result.json").write_text(damage)
        assert refused(run).startswith(f"{run}/result.json is damaged")
    (run / "result.json").unlink()
    assert refused(run).startswith(f"{run} is not a finished run: it has no result.json; ")


def test_a_run_without_a_teacher_has_none_to_load() -> None:
    run = finished("distiller=supervised", "criterion=ce", "sampler=everything")
    with pytest.raises(Mistake, match=rf"^{run} has no network 'teacher'"):
        unix_exp.load(run, role="teacher")


def test_an_average_of_the_student_is_in_no_file() -> None:
    run = finished("teacher.checkpoint=average", "sampler=everything")
    with pytest.raises(Mistake, match=r"is in no file: it came from Average"):
        unix_exp.load(run, role="teacher")


def records_in(run: Path) -> list[dict[str, Any]]:
    return [untimed(json.loads(line)) for line in (run / "metrics.jsonl").read_text().splitlines()]


def as_line(record: Record) -> dict[str, Any]:
    return untimed({"epoch": record.epoch, **record.values})


def test_fit_is_the_command(command: Command) -> None:
    words = (*SHORT, "recipe.epochs=3")
    from_python = list(unix_exp.fit(*words))
    run = only(Path("runs"))
    assert [as_line(record) for record in from_python] == records_in(run)
    assert [record.arrays for record in from_python] == [
        {key: value for key, value in json.loads(line).items() if key != "epoch"}
        for line in (run / "analysis.jsonl").read_text().splitlines()
    ]
    assert result(run)["command"].split()[-1] == "recipe.epochs=3"
    assert command(*words, "runs=typed").code == 0
    typed = only(Path("typed"))
    assert typed.name == run.name
    assert records_in(typed) == records_in(run)
    weights = [load_file(folder / "student.safetensors") for folder in (run, typed)]
    assert all(torch.equal(value, weights[1][name]) for name, value in weights[0].items())
    assert "is finished" in command(*words).out


def test_fit_continues_what_the_command_began_and_reports_what_is_finished(command: Command) -> None:
    words = (*SHORT, "recipe.epochs=3")
    begun = trained("recipe.epochs=3", stop=1)
    continued = list(unix_exp.fit(*words))
    assert [record.epoch for record in (*begun, *continued)] == [1, 2, 3]
    before = (only(Path("runs")) / "result.json").stat().st_mtime_ns
    again = list(unix_exp.fit(*words))
    assert [as_line(record) for record in again] == [as_line(record) for record in (*begun, *continued)]
    assert [record.arrays for record in again] == [record.arrays for record in (*begun, *continued)]
    assert (only(Path("runs")) / "result.json").stat().st_mtime_ns == before


def test_the_outcome_of_fit_is_the_folder_and_the_result() -> None:
    outcomes = []

    def keeping(run: Generator[Record, None, Any]) -> Iterator[Record]:
        outcomes.append((yield from run))

    for _ in range(2):  # of a run that is done, and of one that is reported
        list(keeping(unix_exp.fit(*SHORT)))
    run = only(Path("runs"))
    assert [outcome.folder for outcome in outcomes] == [run, run]
    assert [outcome.result for outcome in outcomes] == [result(run), result(run)]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("samplre=unix",), "there is no setting 'samplre'; did you mean 'sampler'"),
        (("sampler=unixx",), "sampler 'unixx' does not exist; did you mean 'unix'"),
        (("recipe.lr=-1",), "recipe.lr is -1; choose a number above 0"),
        (("recipe.batch=500",), "recipe.batch is 500, but the dataset has 48 training images"),
        (("sampler.k=99",), "sampler.k is 99; choose 1 to 16, the batch size"),
        (("sampler.k=[1",), "cannot read 'sampler.k=[1'; write key=value"),
        (("teacher.checkpoint=nowhere.pth",), "teacher.checkpoint nowhere.pth does not exist"),
        (("plugins=nowhere.py",), "nowhere.py"),
    ],
)
def test_a_mistake_is_raised_at_once_before_anything_is_made(
    words: tuple[str, ...], complaint: str, tmp_path: Path
) -> None:
    with pytest.raises(Mistake) as mistake:
        unix_exp.fit(*TINY, *words)  # called, and no record asked for
    assert complaint in str(mistake.value)
    assert "\n" not in str(mistake.value)
    assert not list(tmp_path.iterdir())


PLUGIN = """
from unix_exp.registry import samplers
from unix_exp.samplers.selection import take
import torch

@samplers.register("first_of_test")
class First:
    def __init__(self, k: int = 4) -> None:
        self.k = k

    def __call__(self, batch, scout):
        return take(batch, torch.arange(self.k, device=batch.index.device))
"""


def test_fit_names_a_run_by_what_it_does_and_merges_no_samplers(capsys: pytest.CaptureFixture[str]) -> None:
    run = finished("experiment=unix", "sampler=random")
    assert "-random-" in run.name
    assert "this run is named after its parts and not 'unix'" in capsys.readouterr().out
    with pytest.raises(Mistake, match=r"^sampler takes one choice"):
        unix_exp.fit(*SHORT, "sampler=[unix,random]")


def test_fit_takes_plug_ins() -> None:
    Path("own_sampler_of_test.py").write_text(PLUGIN)
    (record,) = unix_exp.fit(*SHORT, "plugins=own_sampler_of_test.py", "sampler=first_of_test", "sampler.k=6")
    assert sum(record.arrays["drawn_per_class"]) == 6 * 3
