"""Exported files are used with nothing else; damaged ones, and those of others, are refused in one line."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import onnx
import pytest
import torch
from exported import COLOURS
from onnx import TensorProto, helper
from PIL import Image
from safetensors.torch import save_file

import unix_exp
from unix_exp.deploy.loaded import opened
from unix_exp.predict.__main__ import main as predict
from unix_exp.run.checkpoint import save_weights
from unix_exp.run.description import Description
from unix_exp.types import Mistake

FILES = ("student.onnx", "student.pt2", "student-int8.onnx")


@pytest.fixture
def run(exported_run: Path) -> Path:
    return exported_run


def test_predict_needs_the_file_alone(run: Path, beside: Any, tmp_path: Path) -> None:
    images = run.parent.parent / "images" / "test"
    found = {}
    for name in ("", "student.safetensors", *FILES):
        alone = run
        if name:
            alone = Path(shutil.copy(run / name, tmp_path / name))
        answer = beside(predict, alone, images, "--json", "--top", 2, "--batch", 5)
        assert (answer.code, answer.err) == (0, "")
        found[name] = [json.loads(line) for line in answer.lines]
    assert [one["path"] for one in found[""]] == sorted(map(str, images.rglob("*.*")))
    firsts = {name: [one["predictions"][0] for one in lines] for name, lines in found.items()}
    for name in ("student.safetensors", "student.onnx", "student.pt2"):
        for one, other in zip(firsts[""], firsts[name], strict=True):
            assert one["class"] == other["class"] and abs(one["probability"] - other["probability"]) < 1e-4
    near = [abs(a["probability"] - b["probability"]) < 0.1 for a, b in zip(firsts[""], firsts[FILES[2]], strict=True)]
    assert sum(near) >= 10


def test_images_that_cannot_be_read_are_named_and_passed_over(run: Path, beside: Any, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in ("a.png", "in/b.JPG"):
        Image.new("RGB", (40, 50), (200, 0, 0)).save(tmp_path / name)
    (tmp_path / "broken.png").write_bytes(b"no image")
    found = beside(predict, run / "student.onnx", tmp_path / "broken.png", tmp_path / "*.png", tmp_path / "in")
    assert found.code == 1 and len(found.lines) == 2
    assert "broken.png' can't be read as an image" in found.err and found.err.count("\n") == 1
    assert found.lines[0].split()[0].endswith("a.png") and found.lines[0].count("%") == 3
    (tmp_path / "empty").mkdir()
    for word in ("gone.png", "*.gif", "empty"):
        found = beside(predict, run / "student.onnx", tmp_path / word)
        assert found.code == 2 and found.out == "" and word in found.err and found.err.count("\n") == 1


@pytest.mark.parametrize("name", [*FILES, "student.safetensors"])
def test_a_file_that_was_changed_is_noticed(copied: Path, name: str, tmp_path: Path) -> None:
    """Also where it lies alone: by its own hash."""
    whole = bytearray((copied / name).read_bytes())
    for place in (len(whole) // 2, len(whole) // 3):
        spoiled = bytes(whole[:place]) + bytes([whole[place] ^ 1]) + bytes(whole[place + 1 :])
        (copied / name).write_bytes(spoiled)
        with pytest.raises(Mistake, match="student"):
            opened(copied if name == "student.safetensors" else copied / name)
        if name != "student.safetensors":
            (tmp_path / name).write_bytes(spoiled)
            with pytest.raises(Mistake, match="export it again"):
                opened(tmp_path / name)
    for length in (0, 10, len(whole) // 2, len(whole) - 1):
        (tmp_path / name).write_bytes(whole[:length])
        with pytest.raises(Mistake) as error:
            opened(tmp_path / name)
        assert "\n" not in str(error.value)


def test_files_of_others_are_refused_in_one_line(copied: Path, tmp_path: Path, beside: Any) -> None:
    image, logits = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3]) for name in ("x", "logits"))
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["logits"])], "g", [image], [logits])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.save(model, tmp_path / "foreign.onnx")
    torch.save({"a": torch.zeros(1)}, tmp_path / "foreign.pt2")
    (tmp_path / "foreign.h5").write_bytes(b"")
    save_file({"a": torch.zeros(1)}, tmp_path / "bare.safetensors")
    shutil.copy(copied / "student.onnx", tmp_path / "emptied.onnx")
    emptied = onnx.load(tmp_path / "emptied.onnx")
    helper.set_model_props(emptied, {"unix_exp": '{"classes": []}'})
    onnx.save(emptied, tmp_path / "emptied.onnx")
    for name, why in (
        ("foreign.onnx", "has no metadata 'unix_exp'"), ("foreign.pt2", "cannot be opened by torch.export"),
        ("foreign.h5", "is of no known kind"),
        ("bare.safetensors", "says no classes"), ("emptied.onnx", "is damaged"), ("gone.onnx", "does not exist"),
    ):  # fmt: skip
        found = beside(predict, tmp_path / name, "images/test")
        assert found.code == 2 and why in found.err and found.err.count("\n") == 1
    (copied / "exports.json").write_text((copied / "exports.json").read_text().replace("18", "19", 1))
    with pytest.raises(Mistake, match=r"exports.json is damaged"):
        opened(copied / "student.onnx")


def blocks() -> dict[str, str]:
    """The lines of docs/deploy.md, by the first package that they import."""
    page = (Path(__file__).parents[1] / "docs" / "deploy.md").read_text()
    found = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    return {code.split()[1]: code for code in found}


@pytest.mark.parametrize(("library", "arch"), [("timm", "test_resnet"), ("torchvision", "shufflenet_v2_x0_5")])
def test_weights_load_where_their_architecture_comes_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library: str, arch: str
) -> None:
    ours = unix_exp.model(library, num_classes=3, arch=arch).eval()
    own = Description({"name": library, "arch": arch}, ("a", "b", "c"), None)
    save_weights(tmp_path / "student.safetensors", ours, own.metadata())
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(blocks()[library].replace("resnet18", arch), names)
    images = torch.randn(2, 3, 64, 64)
    torch.testing.assert_close(names["student"].eval()(images), ours(images).logits)
    torch.testing.assert_close(opened("student.safetensors").logits(images), ours(images).logits.detach())


def test_the_files_are_used_as_the_page_says(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    inside = run.parent.parent / "made" / "inside" / "student.onnx"
    for file in (inside, run / "student.pt2"):
        shutil.copy(file, tmp_path)
    shutil.copy(run.parent.parent / "images" / "test" / "red" / "1.jpg", tmp_path / "photo.jpg")
    monkeypatch.chdir(tmp_path)
    exec(blocks()["json"], {})
    exec(blocks()["unix_exp"].replace("runs/...", str(run)), {})
    first, second = capsys.readouterr().out.split()
    assert first == second and first in COLOURS
    names: dict[str, Any] = {}
    exec(blocks()["torch"], names)
    images = torch.randn(3, 3, 32, 32)
    torch.testing.assert_close(names["student"](images), opened(run).logits(images), rtol=1e-4, atol=1e-4)
