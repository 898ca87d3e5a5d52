"""A student's file says all that using it needs, and a network sees images as its weights want them."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest
import torch
from common import SIDE, Command, only
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

import unix_exp
from unix_exp.data.preprocessing import Preprocessing
from unix_exp.models.own_input import Normalised, published_input, see_as_trained
from unix_exp.run.description import Description, described
from unix_exp.run.seal import verify
from unix_exp.types import Mistake

GIVEN, OWN = Normalised((0.5, 0.4, 0.3), (0.2, 0.3, 0.4)), Normalised((0.1, 0.2, 0.3), (1.0, 0.5, 0.25))
ONE = Description({"name": "x"}, ("a", "b"), Preprocessing(8, 9, "bicubic", (0.1, 0.2, 0.3), (1.0, 0.5, 0.25)))


def normalised(pixels: torch.Tensor, by: Normalised) -> torch.Tensor:
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in by)
    return (pixels - mean) / std


def test_a_network_sees_images_in_its_own_normalisation() -> None:
    pixels, network = torch.rand(2, 3, 4, 4), nn.Conv2d(3, 2, 3, padding=1)
    wanted = network(normalised(pixels, OWN))
    state = network.state_dict()
    assert see_as_trained(network, GIVEN, OWN) == OWN
    for one in (network, copy.deepcopy(network), copy.deepcopy(network).double().float()):
        torch.testing.assert_close(one(normalised(pixels, GIVEN)), wanted)
    assert network.state_dict().keys() == state.keys()


def test_without_a_wish_it_sees_what_it_is_given_and_else_what_its_publisher_says() -> None:
    pixels, network = torch.rand(2, 3, 4, 4), nn.Conv2d(3, 2, 3)
    plain = network(pixels)
    assert see_as_trained(network, GIVEN) == GIVEN and torch.equal(network(pixels), plain)
    published_input(network, *OWN)
    assert see_as_trained(network, GIVEN) == OWN
    assert not torch.allclose(network(pixels), plain)


@pytest.mark.usefixtures("finished")
def test_a_run_says_how_to_use_its_student(tiny: Command) -> None:
    run, teacher = only(Path("runs")), only(Path("teachers"), "*-s*")
    written = json.loads((run / "student.json").read_text())
    verify(written)
    with safe_open(run / "student.safetensors", "pt") as file:
        assert json.loads(file.metadata()["unix_exp"]) == {key: one for key, one in written.items() if key != "check"}
    assert written["run"] == run.name and written["architecture"] == {"name": "resnet8"}
    result = json.loads((run / "result.json").read_text())
    assert written["accuracy"] == result["last"]
    for role, logits in (("student", False), ("teacher", True)):
        network = unix_exp.load(run, role, logits)
        assert network.classes[:2] == ("level stripes", "upright stripes") and len(network.classes) == 24
        assert network.preprocess == Preprocessing(SIDE, SIDE, "bicubic", (0.5,) * 3, (0.25,) * 3)

    # The same teacher under other names, in another order, and as a file that says nothing.
    file, weights = teacher / "student.safetensors", load_file(teacher / "student.safetensors")
    own = described(file)
    assert own is not None
    for name, classes in (("renamed", ("lines", *own.classes[1:])), ("mixed", own.classes[::-1])):
        other = Description(own.architecture, classes, own.preprocessing)
        save_file(weights, f"{name}.safetensors", other.metadata())
    save_file(weights, "silent.safetensors")
    said = tiny("teacher.checkpoint=renamed.safetensors")
    assert said.code == 0 and "what the teacher calls 'lines' is 'level stripes' in this data" in said.out
    said = tiny("teacher.checkpoint=mixed.safetensors")
    assert said.code == 2 and "the teacher's classes are the data's in another order" in said.err
    assert tiny("teacher.checkpoint=silent.safetensors").code == 0
    assert described(Path("silent.safetensors")) is None


def test_a_teacher_that_saw_other_contrasts_answers_as_its_own_images_ask(tiny: Command) -> None:
    """Dividing by half the deviation doubles what the network sees, and halving its first weights undoes that."""
    words = ("dataset.test_count=240", "teacher_recipe.epochs=2", "dataset.train_count=240")
    assert tiny(*words).code == 0
    file = only(Path("teachers"), "*-s*") / "student.safetensors"
    own, weights = described(file), load_file(file)
    assert own is not None and own.preprocessing is not None
    sharper = own.preprocessing._replace(std=(0.125,) * 3)
    halved = weights | {"conv1.weight": weights["conv1.weight"] / 2}
    save_file(halved, "sharper.safetensors", Description(own.architecture, own.classes, sharper).metadata())
    save_file(halved, "silent.safetensors")
    for name in ("sharper", "silent"):
        assert tiny(*words, f"teacher.checkpoint={name}.safetensors", f"method={name}").code == 0
    results = [json.loads(path.read_text()) for path in Path("runs").glob("*/result.json")]
    found = {one["method"]: (one["teacher"]["top1"], one["teacher"]["top5"], one["last"]) for one in results}
    assert found["sharper"] == found["unix"] != found["silent"]


@pytest.mark.parametrize(
    "spoiled",
    [
        "{",
        '{"classes": []}',
        '{"classes": ["a"], "architecture": 3}',
        "[1]",
        '{"classes": ["a"], "architecture": {"name": "x"}, "preprocessing": null, "accuracy": 3}',
    ],
)
def test_damaged_metadata_is_named(tmp_path: Path, spoiled: str) -> None:
    save_file({"weight": torch.zeros(1)}, tmp_path / "x.safetensors", {"unix_exp": spoiled})
    with pytest.raises(Mistake, match="metadata of .* is damaged"):
        described(tmp_path / "x.safetensors")


def test_a_description_comes_back(tmp_path: Path) -> None:
    save_file({"weight": torch.zeros(1)}, tmp_path / "x.safetensors", ONE.metadata())
    assert described(tmp_path / "x.safetensors") == ONE
