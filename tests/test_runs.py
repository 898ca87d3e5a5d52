"""Runs from beginning to end: what they leave behind, and that an interruption leaves no trace."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from common import TINY, Command, only
from omegaconf import OmegaConf
from safetensors.torch import load_file

import unix_exp
from unix_exp import config
from unix_exp.data.resident import Resident
from unix_exp.types import Batch


def results(folder: str = "runs") -> dict:
    return json.loads((only(Path(folder), "*-s*") / "result.json").read_text())


@pytest.mark.usefixtures("taught")
def test_a_run_leaves_its_whole_record(tiny: Command) -> None:
    words = ("student=wrn_16_1", "recipe.epochs=2", "sampler.k=10")  # another network than the teacher
    said = tiny(*words)
    assert said.code == 0, said.err
    run = only(Path("runs"))
    assert run.name.startswith("resnet8_wrn_16_1-shapes-unix-s0-")
    assert json.loads((run / "student.json").read_text())["architecture"] == {"name": "wrn_16_1"}
    assert {path.name for path in run.iterdir() if not path.name.startswith(".")} == {
        "config.yaml", "metrics.jsonl", "analysis.jsonl", "result.json", "checkpoint.pt", "student.safetensors",
        "student.json", "looks.json",
    }  # fmt: skip
    assert OmegaConf.load(run / "config.yaml").sampler.k == 10
    assert results()["settings"] == OmegaConf.load(run / "config.yaml"), "a report needs no YAML"
    records = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [record["epoch"] for record in records] == [1, 2]
    parts = ("scout", "teacher", "student_forward", "backward")
    for record in records:
        assert record["cost/total_gflops"] == pytest.approx(sum(record[f"cost/{part}_gflops"] for part in parts))
        assert record["time/images_per_second"] > 0
    assert records[1]["cost/total_gflops"] == pytest.approx(2 * records[0]["cost/total_gflops"])
    result = results()
    assert result["last"]["top1"] == records[1]["test/top1"]
    assert result["best"]["top1"] == max(record["test/top1"] for record in records)
    assert result["cost"]["images_per_step"] == {"given": 16, "scouted": 16, "learned": 10, "taught": 10}
    assert (
        result["cost"]["percent_of_kd_backward_2"]
        != result["cost"]["percent_of_kd"]
        == records[1]["cost/percent_of_kd"]
    )
    assert result["teacher"]["top1"] == results("teachers")["last"]["top1"]
    assert result["command"] == shlex.join(["python", "-m", "unix_exp.train", *TINY, *words])
    student = unix_exp.model("wrn_16_1", num_classes=24)
    student.load_state_dict(load_file(run / "student.safetensors"))


def test_a_pipe_reads_one_aligned_line_per_epoch(tiny: Command) -> None:
    lines = tiny("recipe.epochs=3", "experiment=scratch").lines
    title = next(number for number, line in enumerate(lines) if line.lstrip().startswith("epoch "))
    epochs = lines[title + 1 : title + 4]
    assert [line.split()[0] for line in epochs] == ["1/3", "2/3", "3/3"]
    assert len({len(line) for line in (lines[title], *epochs)}) == 1


@pytest.mark.usefixtures("taught")
def test_waiting_for_images_is_said_once_where_it_limits(tiny: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "waiting for images" not in tiny("recipe.epochs=2").out
    epoch = Resident._epoch

    def slowly(self: Resident, *words: Any) -> Iterator[Batch]:
        for one in epoch(self, *words):
            time.sleep(0.5)
            yield one

    monkeypatch.setattr(Resident, "_epoch", slowly)
    said = tiny("recipe.epochs=2", "seed=1")
    assert said.out.count("of this epoch was spent waiting for images") == 1
    last = json.loads((only(Path("runs"), "*-s1-*") / "metrics.jsonl").read_text().splitlines()[-1])
    assert 20 < last["time/waited_for_images_percent"] < 100, "66 where nothing else runs, less on a busy machine"


@pytest.mark.usefixtures("finished")
def test_the_same_command_again_reports_and_repeats_nothing(tiny: Command) -> None:
    before = (only(Path("runs")) / "result.json").stat().st_mtime_ns
    said = tiny()
    assert said.code == 0
    assert len(said.lines) == 1
    assert "is finished: test" in said.lines[0]
    assert (only(Path("runs")) / "result.json").stat().st_mtime_ns == before


@pytest.mark.usefixtures("finished")
def test_another_seed_is_another_run_of_the_same_teacher(tiny: Command) -> None:
    said = tiny("seed=1")
    assert "training it first" not in said.out
    assert len(list(Path("runs").glob("*-s*"))) == 2
    assert len(list(Path("teachers").glob("*-s*"))) == 1


@pytest.mark.usefixtures("finished")
def test_what_does_not_change_the_result_does_not_change_the_run(tiny: Command) -> None:
    assert (
        "is finished" in tiny("runtime.checkpoint_every=5", "runtime.capture=false", "sampler.k=12").out
    )  # 12 is the default, of 16
    assert "is finished" not in tiny("sampler.k=11").out


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(only(folder, "*-s*") / "student.safetensors")


@pytest.mark.usefixtures("finished")
def test_a_damaged_checkpoint_of_a_run_is_said(tiny: Command) -> None:
    run = only(Path("runs"))
    (run / "result.json").unlink()
    (run / "checkpoint.pt").write_bytes(b"half a file")
    said = tiny()
    assert said.code == 2
    assert "checkpoint.pt" in said.err
    assert "to begin this run again" in said.err


@pytest.mark.usefixtures("finished")
def test_a_run_that_ended_before_its_result_was_written_is_finished_from_its_records(tiny: Command) -> None:
    run = only(Path("runs"))
    before = json.loads((run / "result.json").read_text())
    (run / "result.json").unlink()
    assert tiny().code == 0
    after = json.loads((run / "result.json").read_text())
    assert after["last"] == before["last"]
    assert after["cost"] == before["cost"]


def test_two_runs_that_need_a_teacher_train_it_once(forked: Path, tmp_path: Path) -> None:
    tiny = [*TINY, "teacher_recipe.epochs=6", "runtime.threads=1"]  # two processes on two cores
    words = [sys.executable, "-W", "ignore", "-m", "unix_exp.train", *tiny]
    here = {**os.environ, "PYTHONPATH": str(Path(unix_exp.__file__).parents[1])}
    pair = [
        subprocess.Popen([*words, f"seed={seed}"], cwd=tmp_path, env=here, stdout=subprocess.PIPE, text=True)
        for seed in (1, 2)
    ]
    said = [process.communicate()[0] for process in pair]
    assert [process.returncode for process in pair] == [0, 0]
    assert sum(" 6/6 " in text for text in said) == 1, "one trained it"
    assert len(list((tmp_path / "runs").glob("*-s*"))) == 2


@pytest.mark.usefixtures("finished")
def test_a_second_process_at_the_same_run_is_refused(tiny: Command) -> None:
    run = only(Path("runs"))
    (run / "result.json").unlink()
    from filelock import FileLock

    with FileLock(run / ".lock"):
        said = tiny()
    assert said.code == 2
    assert f"another process is at work in {run}" in said.err


def test_a_teacher_of_ones_own_is_measured_first(tiny: Command) -> None:
    torch.manual_seed(3)
    torch.save({"state_dict": unix_exp.model("resnet8", num_classes=24).state_dict()}, "mine.pth")
    said = tiny("teacher.checkpoint=mine.pth")
    assert said.code == 0, said.err
    assert "training it first" not in said.out
    teacher = results()["teacher"]
    assert f"resnet8 ({teacher['top1']:.2f} %) -> resnet8" in said.out
    assert not list(Path("teachers").glob("*-s*"))


def test_a_teacher_of_another_architecture_is_refused(tiny: Command) -> None:
    torch.save(unix_exp.model("resnet14", num_classes=24).state_dict(), "longer.pth")
    said = tiny("teacher.checkpoint=longer.pth")
    assert said.code == 2
    assert len(said.err.splitlines()) == 1
    assert "checkpoint longer.pth does not fit resnet8: unknown layer1.1.conv1" in said.err
    assert not Path("runs").exists() and not Path("teachers").exists()


def test_an_exploding_run_says_so(tiny: Command) -> None:
    said = tiny("experiment=scratch", "recipe.lr=1000", "recipe.weight_decay=1", "recipe.epochs=4")
    assert said.code == 2
    assert "lower recipe.lr" in said.err
    assert only(Path("runs")).joinpath("failure.txt").exists()


def test_a_teacher_that_another_process_finishes_meanwhile_is_loaded(
    tiny: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the check and the training the store may fill: the student must not learn from random weights."""
    from unix_exp.run import plan
    from unix_exp.run.perform import perform

    trial = plan.tried

    def finish_the_teacher_first(settings: dict, *rest: object) -> object:
        monkeypatch.setattr(plan, "tried", trial)
        whole = OmegaConf.create({**settings, "runs": "runs"})
        perform(config.of_teacher(whole))
        return trial(settings, *rest)

    monkeypatch.setattr(plan, "tried", finish_the_teacher_first)
    assert tiny().code == 0
    assert results()["teacher"]["top5"] == results("teachers")["last"]["top5"]
    assert len(list(Path("teachers/.accuracy").glob("*.json"))) == 2, "as it is, and as it is frozen"


@pytest.mark.usefixtures("taught")
def test_a_method_name_does_not_make_another_run(tiny: Command) -> None:
    tiny("sampler=everything")
    assert "is finished" in tiny("experiment=kd").out


@pytest.mark.usefixtures("taught")
def test_a_whole_number_and_its_decimal_form_are_one_setting(tiny: Command) -> None:
    tiny("sampler.w=10.0", "sampler.alpha=1.0")
    assert "is finished" in tiny("sampler.w=10", "sampler.alpha=1").out


@pytest.mark.usefixtures("taught")
def test_a_whole_number_serves_wherever_a_decimal_does(tiny: Command) -> None:
    said = tiny("sampler.alpha=2", "sampler.w=3", "sampler.b=4", "criterion.kd.tau=2", "recipe.weight_decay=0")
    assert said.code == 0, said.err


def test_student_and_teacher_of_one_architecture_begin_apart(tiny: Command) -> None:
    tiny("student=resnet8", "recipe.lr=1e-12", "teacher_recipe.lr=1e-12")
    student, teacher = weights(Path("runs")), weights(Path("teachers"))
    assert not torch.allclose(student["conv1.weight"], teacher["conv1.weight"], atol=1e-3)


@pytest.mark.usefixtures("taught")
def test_a_record_cut_short_is_told_again(tiny: Command) -> None:
    tiny("recipe.epochs=2")
    run = only(Path("runs"))
    (run / "result.json").unlink()
    with (run / "metrics.jsonl").open("ab") as file:
        file.write(b'\xff{"epoch": 3, "train/l')
    assert tiny("recipe.epochs=2").code == 0
    assert [json.loads(line)["epoch"] for line in (run / "metrics.jsonl").read_text().splitlines()] == [1, 2]


@pytest.mark.usefixtures("finished")
def test_a_teacher_whose_weights_are_gone_is_said(tiny: Command) -> None:
    (only(Path("teachers"), "*-s*") / "student.safetensors").unlink()
    said = tiny("seed=1")
    assert said.code == 2
    assert "is gone; delete teachers/" in said.err
