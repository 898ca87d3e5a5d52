"""Exports of a run: each answers as the student does, is whole, and can be used with nothing else."""

from __future__ import annotations

import errno
import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper
from PIL import Image

import unix_exp
from unix_exp.data.shapes import Shapes
from unix_exp.deploy import exporting, needed, programs, to_int8, to_onnx
from unix_exp.deploy.check import Comparison
from unix_exp.deploy.images import Images
from unix_exp.deploy.loaded import Loaded, opened
from unix_exp.deploy.with_data import images_of
from unix_exp.export.__main__ import main as export
from unix_exp.models.logits import Logits
from unix_exp.run.description import Description
from unix_exp.run.load import read_result
from unix_exp.run.seal import verify
from unix_exp.types import Mistake

FILES = ("student.onnx", "student.pt2", "student-int8.onnx")


@pytest.fixture
def run(exported_run: Path) -> Path:
    return exported_run


def test_each_file_answers_as_the_student_does(run: Path) -> None:
    student = opened(run)
    assert student.classes == ("blue", "green", "red") and student.kind == "run"
    images = torch.randn(5, 3, 32, 32)
    wanted = student.logits(images)
    for name, near in (("student.onnx", 1e-4), ("student.pt2", 1e-4), ("student-int8.onnx", 0.5)):
        found = opened(run / name, threads=1)
        assert (found.name, found.bytes) == (name, (run / name).stat().st_size)
        assert (found.classes, found.preprocessing) == (student.classes, student.preprocessing)
        assert (found.logits(images) - wanted).abs().max() < near * wanted.abs().max()
        torch.testing.assert_close(found.logits(images[:1]), found.logits(images)[:1], rtol=1e-4, atol=1e-4)


def test_what_was_found_is_recorded(run: Path) -> None:
    kept = json.loads((run / "exports.json").read_text())
    verify(kept)
    assert tuple(kept["files"]) == FILES
    accuracy = json.loads((run / "result.json").read_text())["last"]["top1"]
    for name, one in kept["files"].items():
        assert one["student"] == accuracy and one["checked_on"] == 12
        if "int8" not in name:
            assert one["accuracy"] == accuracy and one["agreement"] == 100 and one["largest_difference"] < 1e-5
    assert kept["files"]["student-int8.onnx"]["calibrated_on"] == 20


def test_onnx_has_one_output_and_says_how_to_use_it(run: Path) -> None:
    for name in ("student.onnx", "student-int8.onnx"):
        model = onnx.load(run / name)
        onnx.checker.check_model(model, full_check=True)
        assert [(one.name, one.type.tensor_type.shape.dim[0].dim_param) for one in model.graph.output] == [
            ("logits", "batch")
        ]
        assert model.opset_import[0].version == 18
        assert not {"BatchNormalization"} & {node.op_type for node in model.graph.node}, "folded"
        own = json.loads({one.key: one.value for one in model.metadata_props}["unix_exp"])
        assert (own["classes"], own["run"], own["architecture"]) == (
            ["blue", "green", "red"],
            run.name,
            {"name": "resnet8"},
        )
        assert own["preprocessing"]["resize"] == 37 and own["accuracy"]["top1"] >= 0
    assert {"QuantizeLinear", "DequantizeLinear"} <= {node.op_type for node in model.graph.node}
    assert (run / "student-int8.onnx").stat().st_size < 0.5 * (run / "student.onnx").stat().st_size


def test_nothing_in_a_file_names_this_machine(run: Path) -> None:
    for name in FILES:
        content = (run / name).read_bytes()
        assert b"site-packages" not in content and str(Path.cwd()).encode() not in content, name


def test_the_same_again_writes_nothing(run: Path, beside: Any) -> None:
    before = {name: (run / name).stat().st_mtime_ns for name in FILES}
    again = beside(export, run, "--images", 20)
    assert again.code == 0 and "writing" not in again.out and "student-int8.onnx" in again.out
    assert before == {name: (run / name).stat().st_mtime_ns for name in FILES}


def test_what_was_compared_on_fewer_images_is_compared_again() -> None:
    asked = exporting.Asked(("pt2",))
    known = asked.of("pt2", "weights") | {"checked_on": 6, "test_images": 12}
    for check, met in ((None, False), (7, False), (6, True), (1, True)):
        assert exporting.Asked(("pt2",), check=check).is_met(known, "pt2", "weights") is met
    assert asked.is_met(known | {"checked_on": 12}, "pt2", "weights")
    assert not asked.is_met(known | {"checked_on": 12}, "pt2", "others") and not asked.is_met(None, "pt2", "weights")


def test_another_runs_file_stays_where_it_is(copied: Path) -> None:
    asked, own = exporting.Asked(("onnx", "pt2")), read_result(copied)["identity"]
    assert exporting.in_the_way(asked, copied, False, own).keys() >= {"student.onnx", "student.pt2"}
    with pytest.raises(Mistake, match=f"student.onnx is of another run, {own}"):
        exporting.in_the_way(asked, copied, False, "another")
    exporting.in_the_way(asked, copied, True, "another")


def test_a_run_that_cannot_be_exported_says_why_in_one_line(copied: Path, beside: Any, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for words, why in (
        ([tmp_path / "empty"], "is not a finished run"),
        ([tmp_path / "gone"], "there is no run folder"),
        ([copied, "--formats", "tflite"], "there is no format 'tflite'"),
        ([copied, "--formats", ","], "names none"),
        ([copied, "--opset", 3], "--opset is 3; choose 18 to"),
        ([copied, "--check", 0], "--check is 0"),
    ):
        found = beside(export, *words)
        assert found.code == 2 and why in found.err and found.err.count("\n") == 1
    for words in ([copied / "result.json"], [copied, "--out", copied / "result.json"]):
        found = beside(export, *words)
        assert found.code == 2 and "result.json" in found.err and "damaged" not in found.err
    (copied / "student.onnx").write_bytes(b"my own")
    found = beside(export, copied)
    assert found.code == 2 and "is not what was exported; move it away" in found.err
    assert (copied / "student.onnx").read_bytes() == b"my own"
    (copied / "student.safetensors").write_bytes(b"x" * 100)
    assert (found := beside(export, copied, "--force")).code == 2 and found.err.count("\n") == 1


class Replacing(exporting.Exporter):
    """Gives another file's content, as a faulty exporter would."""

    def __init__(self, content: bytes, images: Images) -> None:
        self.replaced, self.asked, self.images = content, exporting.Asked(("onnx",)), images

    def content(self, form: str, own: Any) -> bytes:
        return self.replaced


def watch(things: Any, label: str, total: int) -> Any:
    return things


def of_run(run: Path) -> tuple[Loaded, Images]:
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(run.parent.parent)
        student = opened(run)
        return student, Images.of_run(read_result(run), run, student.description, watch, None)


def test_a_file_that_answers_otherwise_is_not_written(run: Path, tmp_path: Path) -> None:
    student, images = of_run(run)
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(run.parent.parent)
        faulty = Replacing((run / "student-int8.onnx").read_bytes(), images)
        with pytest.raises(Mistake, match="student.onnx is not written, as it does not answer as the student"):
            exporting.checked(faulty, "onnx", student, tmp_path, watch)
        right = Replacing((run / "student.onnx").read_bytes(), images)
        content, found = exporting.checked(right, "onnx", student, tmp_path, watch)
    assert content == right.replaced and found.agreement == 100


def test_what_is_refused() -> None:
    same = Comparison(10, 1e-6, 100.0, 0, 50.0, 50.0)
    assert same.refusal(1e-3) is None and same._replace(agreement=90.0).refusal(1e-3) is None, "a tie"
    assert "differs by 0.2 %" in str(same._replace(difference=2e-3).refusal(1e-3))
    assert "2 of 10 first guesses" in str(same._replace(beyond_ties=2).refusal(1e-3))
    assert same._replace(difference=float("nan")).refusal(1e-3) is not None


def test_without_the_packages_of_onnx_the_rest_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    assert exporting.formats_in(None) == ("onnx", "pt2", "int8")
    monkeypatch.setattr(needed, "find_spec", lambda name: None if name == "onnxscript" else name)
    assert exporting.formats_in(None) == ("pt2",)
    with pytest.raises(Mistake, match=r"onnx needs onnxscript; pip install 'unix_exp\[export\]'"):
        exporting.formats_in("pt2, onnx")


def test_a_kill_while_writing_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "student.onnx").write_bytes(b"before")

    def killed(number: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.fsync", killed)
    with pytest.raises(KeyboardInterrupt):
        exporting.write(tmp_path / "student.onnx", b"half")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"before"]


def test_a_full_disk_for_files_of_a_moment_is_one_line() -> None:
    full = r"temporary file .* cannot be written \(No space left on device\); free some space, or set TMPDIR"
    with pytest.raises(Mistake, match=full), to_int8.scratch():
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_other_images_than_the_runs_are_refused(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = read_result(run)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Mistake, match=r"images of .* cannot be used: dataset.path is 'images'; .* with --data PATH"):
        images_of(run, result, "cpu", watch)
    images_of(run, result, "cpu", watch, run.parent.parent / "images")
    shutil.copytree(run.parent.parent / "images", "images")
    images_of(run, result, "cpu", watch)
    shutil.copy("images/test/red/1.jpg", "images/test/red/more.jpg")
    with pytest.raises(Mistake, match="are not those that it was trained and tested on"):
        images_of(run, result, "cpu", watch)


def test_calibration_shows_training_images_without_augmentation(run: Path) -> None:
    _, images = of_run(run)
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(run.parent.parent)
        shown = torch.cat(list(images.training(7)))
        again = torch.cat(list(images.training(7)))
        data: Any = images.data
        plain = data.preprocessing()
        every = torch.stack([plain(data.train.image(row)) for row in range(data.train_count)])
    assert shown.shape == (7, 3, 32, 32) and torch.equal(shown, again)
    assert all((every - one).abs().amax((1, 2, 3)).min() < 1e-5 for one in shown)


def test_few_test_images_are_spread_over_the_classes(run: Path) -> None:
    _, images = of_run(run)
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(run.parent.parent)
        labels = torch.cat([theirs for _, theirs in images.test(6)])
    assert labels.tolist() == [0, 0, 1, 1, 2, 2]


def test_preprocessing_inside(run: Path) -> None:
    """Fifty images of any size: what the file makes of them is what data/preprocessing.py makes of them."""
    file, student = run.parent.parent / "made" / "inside" / "student.onnx", opened(run)
    found = opened(file)
    assert found.prepares and not student.prepares and student.preprocessing is not None
    kept = json.loads((file.parent / "exports.json").read_text())["files"]["student.onnx"]
    assert (kept["preprocessing"], kept["checked_on"]) == ("inside", 6)
    model = onnx.load(file)
    model.graph.output.append(helper.make_tensor_value_info(to_onnx.PREPARED, TensorProto.FLOAT, None))
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    random, std = np.random.default_rng(0), torch.tensor(student.preprocessing.std).view(3, 1, 1)
    differing, images = 0.0, []
    for _ in range(50):
        pixels = random.integers(0, 256, (*random.integers(4, 250, 2), 3), np.uint8)
        images.append(Image.fromarray(pixels))
        (prepared,) = session.run([to_onnx.PREPARED], {"pixels": pixels[None]})
        apart = 255 * (torch.from_numpy(prepared[0]) - student.preprocessing(images[-1])).abs() * std
        assert apart.max() < 1.01
        differing += float((apart > 0.5).double().mean()) / 50
    assert differing < 0.01, "ties"
    wanted = student.logits_of(images)
    assert (found.logits_of(images) - wanted).abs().max() < 0.02 * wanted.abs().max()
    (several,) = session.run(["logits"], {"pixels": np.zeros((3, 41, 40, 3), np.uint8)})
    assert several.shape == (3, 3)


def test_images_are_given_as_the_student_was_trained_on_them() -> None:
    """A student that began from published weights has their mean and standard deviation, and the data its own."""
    data = Shapes(48, 24)
    data.load("cpu")
    own = data.preprocessing()._replace(mean=(0.1, 0.2, 0.3), std=(1.0, 0.5, 0.2))
    images = Images(data, Description({"name": "x"}, data.classes, own))
    (seen, _), *_ = images.test(4)
    wanted = [own(Image.fromarray(data.test_pixels[row].numpy())) for row in (0, 6, 12, 18)]
    torch.testing.assert_close(seen, torch.stack(wanted), rtol=1e-4, atol=1e-4)
    plain = torch.cat([some for some, _ in data.shown_plainly(range(48), 48)])
    shown = torch.cat(list(Images(data, Description({"name": "x"}, data.classes, None)).training(5)))
    assert len(shown) == 5 and all((plain == one).all(3).all(2).all(1).any() for one in shown)
    assert images.test_originals() is None


def test_networks_of_other_libraries_have_one_output() -> None:
    """They have hooks, by which they return features beside their logits in training."""
    network = Logits(unix_exp.model("timm", num_classes=4, arch="test_vit")).eval()
    size = network.network.own_size
    program = programs.program_of(programs.folded(network, size, print), size)
    images = torch.randn(3, 3, size, size)
    assert len(program.graph_signature.user_outputs) == 1
    torch.testing.assert_close(program.module()(images), network(images), rtol=1e-3, atol=1e-4)
