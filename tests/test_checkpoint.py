from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

import unix_exp
from unix_exp.run.checkpoint import SEALED, load_weights, save_state
from unix_exp.run.continuing import checked_state
from unix_exp.run.folder import RunFolder
from unix_exp.types import Mistake


def other(name: str = "resnet8") -> torch.nn.Module:
    torch.manual_seed(1)
    return unix_exp.model(name, num_classes=10)


WRAPPINGS = {
    "bare": lambda state: state,
    "model": lambda state: {"model": state, "epoch": 3},
    "state_dict": lambda state: {"state_dict": state},
    "module.": lambda state: {"model": {f"module.{key}": value for key, value in state.items()}},
}


@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_every_wrapping_of_the_field_loads(wrapping: str, tmp_path: Path) -> None:
    source, target = other(), unix_exp.model("resnet8", num_classes=10)
    torch.save(WRAPPINGS[wrapping](source.state_dict()), tmp_path / "teacher.pth")
    load_weights(target, tmp_path / "teacher.pth", "resnet8")
    assert all(torch.equal(value, target.state_dict()[key]) for key, value in source.state_dict().items())


def test_safetensors_load_too(tmp_path: Path) -> None:
    source, target = other(), unix_exp.model("resnet8", num_classes=10)
    save_file(source.state_dict(), tmp_path / "teacher.safetensors")
    load_weights(target, tmp_path / "teacher.safetensors", "resnet8")
    assert torch.equal(source.fc.weight, target.fc.weight)


def test_both_names_of_mobilenets_classifier_load(tmp_path: Path) -> None:
    source, target = other("mobilenetv2"), unix_exp.model("mobilenetv2", num_classes=10)
    state = {key.replace("classifier.", "classifier.0."): value for key, value in source.state_dict().items()}
    assert state.keys() != source.state_dict().keys()
    torch.save({"model": state}, tmp_path / "teacher.pth")
    load_weights(target, tmp_path / "teacher.pth", "mobilenetv2")
    assert torch.equal(source.classifier.weight, target.classifier.weight)


def test_what_differs_is_listed(tmp_path: Path) -> None:
    state = other().state_dict()
    state["extra.weight"] = state.pop("conv1.weight")
    state["fc.bias"] = torch.zeros(7)
    torch.save(state, tmp_path / "teacher.pth")
    with pytest.raises(Mistake) as mistake:
        load_weights(other(), tmp_path / "teacher.pth", "resnet8")
    for part in ("does not fit resnet8", "missing conv1.weight", "unknown extra.weight", "fc.bias [7] instead of [10]"):
        assert part in str(mistake.value)


class Trap:
    def __reduce__(self) -> tuple:
        return os.mkdir, ("sprung",)


def test_a_pickle_is_never_executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"model": Trap()}, tmp_path / "trap.pth")
    with pytest.raises(Mistake, match="holds more than tensors"):
        load_weights(other(), tmp_path / "trap.pth", "resnet8")
    assert not Path("sprung").exists()


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04 a zip cut short"])
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_corrupt_file_is_named(content: bytes, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"teacher{suffix}"
    path.write_bytes(content)
    with pytest.raises(Mistake, match=rf"teacher\{suffix} is damaged"):
        load_weights(other(), path, "resnet8")


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    torch.save({"model": [1, 2]}, tmp_path / "list.pth")
    with pytest.raises(Mistake, match="holds no state_dict"):
        load_weights(other(), tmp_path / "list.pth", "resnet8")


def test_sparse_weights_are_refused(tmp_path: Path) -> None:
    weights = other().state_dict()
    weights["fc.weight"] = weights["fc.weight"].to_sparse()
    torch.save(weights, tmp_path / "sparse.pth")
    with pytest.raises(Mistake, match=r"holds sparse tensors, such as 'fc.weight'"):
        load_weights(other(), tmp_path / "sparse.pth", "resnet8")


@pytest.mark.parametrize("progress", [0.5, None, [], {}])
def test_progress_that_is_none_is_refused(progress: object, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    save_state(folder.checkpoint, {"format": SEALED, "progress": progress})
    with pytest.raises(Mistake, match="was written by another version"):
        checked_state(folder, folder.checkpoint)


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    save_state(path, {"epoch": 1})
    with pytest.raises(Exception, match="pickle"):
        save_state(path, {"epoch": lambda: None})
    assert torch.load(path) == {"epoch": 1}
    assert list(tmp_path.iterdir()) == [path]
