"""From a folder of JPEG files, and published weights in a file, to exports that ONNX Runtime computes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import timm
import torch
from common import Command, only
from PIL import Image
from safetensors.torch import save_file

import unix_exp
from unix_exp.data.shapes import FIGURES, draw
from unix_exp.export.__main__ import main as export

CLASSES = 10
WORDS = (
    "experiment=kd", "dataset=folder", "dataset.path=photos", "dataset.val=0.1", "dataset.workers=0", "logger=none",
    "teacher=timm", "teacher.arch=test_resnet", "teacher.checkpoint=big.safetensors", "runtime.analysis=false",
    "student=timm", "student.arch=test_efficientnet", "recipe=smoke", "recipe.lr=0.02",
    "recipe@teacher_recipe=finetune", "teacher_recipe.epochs=1", "teacher_recipe.warmup_epochs=0",
)  # fmt: skip


def photos(folder: Path, size: int, each: int) -> None:
    images = draw(each * len(FIGURES), 0)
    names = [name.replace(" ", "-") for name in FIGURES][:CLASSES]
    for number, (pixels, label) in enumerate(zip(images.pixels, images.labels.tolist(), strict=True)):
        if label < CLASSES:
            path = folder / names[label] / f"{number}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels.numpy()).resize((size, size), Image.Resampling.BICUBIC).save(path)


@pytest.mark.parametrize(
    ("size", "each", "chosen_on"), [(96, 24, 20), pytest.param(224, 12, 10, marks=pytest.mark.long)]
)
def test_the_whole_way(command: Command, typed: Callable[..., Command], size: int, each: int, chosen_on: int) -> None:
    photos(Path("photos"), size, each)
    torch.manual_seed(0)
    save_file(timm.create_model("test_resnet", num_classes=1000).state_dict(), "big.safetensors")
    said = command(*WORDS)
    assert said.code == 0, said.err
    assert "trained for 1000 classes and the data has 10: its classifier is fresh" in said.out
    run = only(Path("runs"))
    result = json.loads((run / "result.json").read_text())
    assert result["val"]["images"] == chosen_on and len(result["test_per_class"]) == CLASSES

    assert typed(export)(str(run), "--images", "32").code == 0
    student = unix_exp.load(run, logits=True)
    assert student.preprocess.size == size
    tested = sorted(Path("photos").glob("*/*.jpg"))[:: each // 4]
    images = torch.stack([student.preprocess(path) for path in tested])
    labels = np.array([student.classes.index(path.parent.name) for path in tested])
    with torch.inference_mode():
        own = student(images).numpy()
    exported = {one["format"]: one for one in json.loads((run / "exports.json").read_text())["files"].values()}
    for name, kind, apart in (("student.onnx", "onnx", 0.5), ("student-int8.onnx", "int8", 25)):
        session = onnxruntime.InferenceSession(str(run / name))
        (output,) = session.get_outputs()
        (logits,) = session.run(None, {session.get_inputs()[0].name: images.numpy()})
        right, wanted = ((one.argmax(1) == labels).mean() * 100 for one in (logits, own))
        assert output.name == "logits" and abs(right - wanted) <= apart
        assert abs(exported[kind]["accuracy"] - result["last"]["top1"]) <= apart
