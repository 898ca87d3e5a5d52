"""Weights that a network begins with: of a file, a run's folder or a publisher, for these classes or for others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from common import Command, Said, only
from own import SHORT, file_of, kept, trained
from safetensors.torch import load_file

import unix_exp
from unix_exp.types import Mistake

STILL = ("recipe.lr=1e-12", "recipe.weight_decay=0", "sampler=everything")  # what a run began with is what it ends with


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def resnet8(classes: int, seed: int = 9) -> torch.nn.Module:
    torch.manual_seed(seed)
    return unix_exp.model("resnet8", num_classes=classes)


def folder_of(said: Said) -> Path:
    assert said.code == 0, said.err
    return Path(said.lines[-1].rpartition("; ")[2])


def result_in(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "result.json").read_text())
    return found


@pytest.mark.usefixtures("taught")
def test_a_student_begins_with_the_weights_of_a_file(command: Command) -> None:
    begun = resnet8(24)
    folder = folder_of(command(*SHORT, *STILL, f"student.checkpoint={file_of(begun, 'begun.pth')}"))
    torch.testing.assert_close(load_file(folder / "student.safetensors")["conv1.weight"], begun.conv1.weight.detach())
    torch.testing.assert_close(load_file(folder / "student.safetensors")["fc.weight"], begun.fc.weight.detach())
    assert result_in(folder)["networks"]["student"]["source"] == "FromFile"


@pytest.mark.usefixtures("taught")
def test_the_content_of_the_file_makes_the_run_and_not_its_path(command: Command) -> None:
    plain = folder_of(command(*SHORT))
    first = folder_of(command(*SHORT, f"student.checkpoint={file_of(resnet8(24), 'one.pth')}"))
    Path("one.pth").rename("moved.pth")
    said = command(*SHORT, "student.checkpoint=moved.pth")
    assert f"{first} is finished" in said.out
    second = folder_of(command(*SHORT, f"student.checkpoint={file_of(resnet8(24, seed=8), 'moved.pth')}"))
    assert len({plain, first, second}) == 3


@pytest.mark.usefixtures("taught")
def test_a_run_s_folder_is_its_student(command: Command) -> None:
    first = folder_of(command(*SHORT))
    second = folder_of(command(*SHORT, *STILL, f"student.checkpoint={first}"))
    ours, theirs = (load_file(folder / "student.safetensors")["conv1.weight"] for folder in (second, first))
    torch.testing.assert_close(ours, theirs)
    third = folder_of(command(*SHORT, *STILL, "seed=1", f"teacher.checkpoint={first}"))
    assert result_in(third)["teacher"]["top1"] == result_in(first)["last"]["top1"]


@pytest.mark.usefixtures("taught")
def test_a_student_s_file_for_other_classes_keeps_all_but_the_classifier_and_says_so(command: Command) -> None:
    begun = resnet8(10)
    said = command(*SHORT, *STILL, f"student.checkpoint={file_of(begun, 'ten.pth')}")
    folder = folder_of(said)
    (line,) = [line for line in said.lines if "its classifier is fresh" in line]
    assert line == (
        "student resnet8 begins from ten.pth, which was trained for 10 classes and the data has 24: "
        "its classifier is fresh, all other weights are kept"
    )
    weights = load_file(folder / "student.safetensors")
    torch.testing.assert_close(weights["layer3.0.conv2.weight"], begun.layer3[0].conv2.weight.detach())
    assert weights["fc.weight"].shape == (24, 64)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("student.checkpoint=nowhere.pth",), "student.checkpoint nowhere.pth does not exist; give the path of a"),
        (("student.checkpoint=auto",), "student.checkpoint is 'auto'; give the path of a checkpoint to begin from"),
        (("student.checkpoint=average",), "student.checkpoint is 'average'; give the path of a checkpoint to begin"),
        (("student.checkpoint=longer.pth",), "checkpoint longer.pth does not fit resnet8: unknown layer1.1.conv1"),
        (("student.checkpoint=broken.pth",), "checkpoint broken.pth is damaged"),
        (("student.checkpoint=empty",), "student.checkpoint empty is a folder without student.safetensors"),
        (("+student.seed=3",), "student.seed is no setting of a student; its first weights are drawn from the run's"),
        (("+student.decay=0.9",), "student.decay is no setting of a student"),
        (("teacher.decay=0.9",), "teacher.decay is for teacher.checkpoint=average alone"),
    ],
)
def test_a_beginning_that_cannot_be_is_refused_in_one_line(
    words: tuple[str, ...], complaint: str, command: Command
) -> None:
    Path("empty").mkdir()
    Path("broken.pth").write_bytes(b"half a file")
    file_of(unix_exp.model("resnet14", num_classes=24), "longer.pth")
    said = command(*SHORT, *words)
    assert said.code == 2
    assert len(said.err.splitlines()) == 1, said.err
    assert complaint in said.err
    assert not Path("runs").exists() and not Path("teachers").exists()


def test_a_teacher_s_file_for_other_classes_is_fine_tuned_first_in_the_same_command(command: Command) -> None:
    begun = resnet8(10)
    words = (*SHORT, "teacher_recipe.lr=1e-12", "teacher_recipe.weight_decay=0",
             f"teacher.checkpoint={file_of(begun, 'ten.pth')}")  # fmt: skip
    said = command(*words)
    folder = folder_of(said)
    (line,) = [line for line in said.lines if "its classifier is fresh" in line]
    assert "begins from ten.pth, which was trained for 10 classes and the data has 24" in line
    made = only(Path("teachers"), "*-s*")
    tuned = load_file(made / "student.safetensors")
    torch.testing.assert_close(tuned["conv1.weight"], begun.conv1.weight.detach())
    assert tuned["fc.weight"].shape == (24, 64)
    teacher = result_in(folder)["teacher"]
    assert (teacher["source"], teacher["top1"]) == ("FromStore", result_in(made)["last"]["top1"])
    assert "training it first" not in command(*words, "seed=1").out, "fine-tuned once"
    plain = folder_of(command(*words[:-1]))
    assert result_in(plain)["teacher"]["identity"] != teacher["identity"], "a teacher from scratch is another"
    assert len(list(Path("teachers").glob("*-s*"))) == 2


def published(monkeypatch: pytest.MonkeyPatch, arch: str) -> dict[str, torch.Tensor]:
    """Weights for 1000 classes that torchvision seems to fetch."""
    torchvision = pytest.importorskip("torchvision")
    torch.manual_seed(5)
    weights: dict[str, torch.Tensor] = torchvision.models.get_model(arch).state_dict()
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", lambda *args, **kwargs: dict(weights))
    return weights


def test_a_published_student_for_other_classes_gets_a_fresh_classifier_and_says_so(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    public = published(monkeypatch, "squeezenet1_1")
    said = command(
        *SHORT, *STILL, "dataset.side=32", "student=torchvision", "student.arch=squeezenet1_1",
        "student.pretrained=true", "distiller=supervised", "criterion=ce",
    )  # fmt: skip
    weights = load_file(folder_of(said) / "student.safetensors")
    (line,) = [line for line in said.lines if "its classifier is fresh" in line]
    assert "student squeezenet1_1 begins from published weights for 1000 classes and the data has 24" in line
    torch.testing.assert_close(weights["features.0.weight"], public["features.0.weight"])
    assert weights["classifier.1.weight"].shape[0] == 24


@pytest.mark.parametrize("kind", ["torchvision", "timm"])
def test_a_published_teacher_for_other_classes_is_fine_tuned_first_in_the_same_command(
    kind: str, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    arch, first = {"torchvision": ("squeezenet1_1", "features.0.weight"), "timm": ("resnet10t", "conv1.0.weight")}[kind]
    if kind == "torchvision":
        public = published(monkeypatch, arch)
    else:
        timm = pytest.importorskip("timm")
        create = timm.create_model
        torch.manual_seed(5)
        public = create(arch).state_dict()

        def fetch(arch: str, pretrained: bool = False, num_classes: int = 1000) -> Any:
            network = create(arch, num_classes=num_classes)
            if pretrained:
                fitting = {key: one for key, one in public.items() if one.shape == network.state_dict()[key].shape}
                network.load_state_dict(fitting, strict=False)
            return network

        monkeypatch.setattr(timm, "create_model", fetch)
    said = command(
        *SHORT, "dataset.side=32", f"teacher={kind}", f"teacher.arch={arch}", "teacher.pretrained=true",
        "teacher_recipe.lr=1e-12", "teacher_recipe.weight_decay=0",
    )  # fmt: skip
    folder = folder_of(said)
    (line,) = [line for line in said.lines if "its classifier is fresh" in line]
    assert f"{arch} begins from published weights for 1000 classes and the data has 24" in line
    made = only(Path("teachers"), "*-s*")
    torch.testing.assert_close(load_file(made / "student.safetensors")[first], public[first])
    assert result_in(folder)["teacher"]["top1"] == result_in(made)["last"]["top1"]


@pytest.mark.usefixtures("taught")
def test_a_checkpoint_of_the_first_format_is_refused_in_one_line(command: Command) -> None:
    trained("recipe.epochs=2", stop=1)
    checkpoint = only(Path("runs")) / "checkpoint.pt"
    state = torch.load(checkpoint)
    old = {"progress": state["progress"], "student": kept()["method"], "optimiser": state["optimiser"]}
    torch.save(old, checkpoint)
    said = command(*SHORT, "recipe.epochs=2")
    assert (said.code, len(said.err.splitlines())) == (2, 1)
    assert f"checkpoint {checkpoint} was written by another version of unix_exp" in said.err
    assert said.err.endswith(f"; delete {checkpoint} to begin this run again\n")
    checkpoint.unlink()
    assert command(*SHORT, "recipe.epochs=2").code == 0


@pytest.mark.usefixtures("taught")
@pytest.mark.parametrize("spoil", ["part", "shape", "optimiser"])
def test_a_checkpoint_of_another_method_is_refused_in_one_line(spoil: str) -> None:
    trained("recipe.epochs=2", stop=1)
    checkpoint = only(Path("runs")) / "checkpoint.pt"
    state = torch.load(checkpoint)
    if spoil == "part":
        state["method"]["head.weight"] = torch.zeros(3)
    elif spoil == "shape":
        state["method"]["student.fc.bias"] = torch.zeros(3)
    else:
        state["optimiser"]["state"][0]["momentum_buffer"] = torch.zeros(3)
    torch.save(state, checkpoint)
    with pytest.raises(Mistake, match=r"; delete runs/\S+/checkpoint\.pt to begin this run again$") as refused:
        trained("recipe.epochs=2")
    assert "\n" not in str(refused.value)
