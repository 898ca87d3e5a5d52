"""The two large image sets of the paper in miniature: their layouts and the commands of docs/scaling.md."""

from __future__ import annotations

import json
from pathlib import Path

from common import Command, only
from pictures import paint_imagenet, paint_tiny_imagenet
from test_torchrun import torchrun

SMALL = ("recipe.epochs=1", "teacher_recipe.epochs=1", "teacher_recipe.batch=4", "logger=none")


def results(runs: str = "runs") -> list[dict[str, object]]:
    return [json.loads(path.read_text()) for path in Path(runs).glob("*/result.json")]


def test_imagenet_is_one_command_and_a_sweep_of_two_processes_speaks_once(
    forked: Path, tmp_path: Path, command: Command
) -> None:
    """Streamed, KD with labels, two processes; a job of the sweep that cannot be done does not stop the next."""
    images = paint_imagenet(tmp_path / "images", train=4)
    two = torchrun(
        2, "sweep=table4", "experiment=kd_label_imagenet", "seed=0", f"dataset.path={images}", "dataset.size=32",
        "dataset.workers=0", "teacher.pretrained=false", "recipe.batch=1000,4", *SMALL,
    )  # fmt: skip
    out, err = two.communicate(timeout=240)
    assert two.returncode != 0, "a job failed"
    (failed,) = (line for line in err.splitlines() if line.startswith("failed: job "))
    assert failed.startswith("failed: job 1 (") and "recipe.batch is 1000" in failed
    assert err.count("error: recipe.batch is 1000") == 1
    assert out.count("\nresnet18_shufflenet_v2_x0_5  kd_label_imagenet") == 1, "one table, of what is done"
    assert not list(Path("runs/.sweeps").glob("*"))
    (one,) = results()
    assert str(one["hardware"]).startswith("2 x ")
    settings = one["settings"]
    assert settings["criterion"] == {"kd": {"weight": 0.9, "tau": 4.0}, "ce": {"weight": 1.0}}  # type: ignore[index]


def test_tinyimagenet_is_one_command(tmp_path: Path, command: Command) -> None:
    images = paint_tiny_imagenet(tmp_path / "data" / "tiny-imagenet-200")
    assert images == tmp_path / "data" / "tiny-imagenet-200", "where the command looks for it"
    words = ("dataset=tinyimagenet", "pair=resnet32x4_shufflev1", "experiment=unix")
    said = command(*words, *SMALL, "recipe.batch=4", "teacher=resnet8")
    assert said.code == 0, said.err
    (one,) = results()
    settings = one["settings"]
    assert settings["sampler"]["alpha"] == 0.2 and settings["sampler"]["k"] == 3  # type: ignore[index]
    assert only(Path("teachers"), "resnet8-tinyimagenet-*").is_dir()
