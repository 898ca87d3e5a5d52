"""Weights that are trained already: where they come from, and what is said of recipes that are not for them."""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from common import TINY, Command, only
from safetensors.torch import load_file, save_file

from unix_exp.models import published
from unix_exp.registry import models
from unix_exp.run.load import built
from unix_exp.run.remarks import recipes_for_trained_weights
from unix_exp.types import Mistake

REACHABLE = published.reachable  # tests replace it
ARCHS = {"timm": "resnet10t", "torchvision": "squeezenet1_1"}
FIRST = {"timm": "conv1.0.weight", "torchvision": "features.0.weight"}
every_publisher = pytest.mark.parametrize("kind", ARCHS)


def public(kind: str) -> dict[str, torch.Tensor]:
    torch.manual_seed(5)
    return dict(models[kind](arch=ARCHS[kind], num_classes=1000).state_dict())


@every_publisher
def test_without_a_network_one_line_says_at_once_which_file_to_get(
    kind: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(*given: Any, **named: Any) -> Any:
        raise OSError("network is unreachable")

    monkeypatch.setattr(published, "reachable", REACHABLE)
    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    models[kind](arch="resnet18")  # what is imported first takes long
    began = time.perf_counter()
    with pytest.raises(Mistake) as refused:
        models[kind](arch="resnet18", pretrained=True)
    assert time.perf_counter() - began < 5
    file = {"timm": "model.safetensors", "torchvision": "resnet18-f37072fd.pth"}[kind]
    assert f"the pretrained weights of {kind} resnet18 are not on this machine" in str(refused.value)
    assert f"get {file} elsewhere, from https://" in str(refused.value)
    assert "teacher.checkpoint=PATH" in str(refused.value)


def test_a_publisher_that_never_answers_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(published, "SECONDS", 0.05)
    monkeypatch.setattr(published, "answers", lambda url: time.sleep(30))
    began = time.perf_counter()
    assert not REACHABLE("https://example.org/weights")
    assert time.perf_counter() - began < 5


def test_whoever_answers_is_reachable_and_a_proxy_that_cannot_ask_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    codes = {"https://example.org/": 404, "https://example.com/": 503}

    def answer(asked: Any, timeout: float) -> Any:
        raise published.urllib.error.HTTPError(asked.full_url, codes[asked.full_url], "no", None, None)  # type: ignore[arg-type]

    monkeypatch.setattr(published.urllib.request, "urlopen", answer)
    assert REACHABLE("https://example.org/a/file.pth")
    assert not REACHABLE("https://example.com/a/file.pth")


@every_publisher
def test_weights_on_this_machine_need_no_network(kind: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(published, "reachable", lambda url: False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    weights = public(kind)
    if kind == "timm":
        monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda repository, name, revision: str(file))
        file = tmp_path / "model.safetensors"
        save_file(weights, file)
    else:
        torchvision = pytest.importorskip("torchvision")
        file = tmp_path / "hub" / "checkpoints" / Path(torchvision.models.SqueezeNet1_1_Weights.DEFAULT.url).name
        file.parent.mkdir(parents=True)
        torch.save(weights, file)
        monkeypatch.setattr("torch.hub.download_url_to_file", None)
    network = models[kind](arch=ARCHS[kind], pretrained=True, num_classes=10)
    assert torch.equal(network.state_dict()[FIRST[kind]], weights[FIRST[kind]])
    assert network.own_input is not None
    monkeypatch.setattr(published, "reachable", None)  # a finished run's teacher is built again and fetches nothing
    settings = {"name": kind, "arch": ARCHS[kind], "pretrained": True}
    assert built(settings, "teacher", 10).own_input == network.own_input


@every_publisher
def test_a_file_of_published_weights_makes_a_teacher_for_other_classes(
    kind: str, command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Without a network; pretrained=true may stay, and says how the publisher normalised."""
    monkeypatch.setattr(published, "reachable", lambda url: False)
    weights = public(kind)
    file = tmp_path / "published.safetensors"
    save_file(weights, file)
    short = (
        "dataset.train_count=24",
        "dataset.test_count=24",
        "dataset.side=32",
        f"teacher={kind}",
        f"teacher.arch={ARCHS[kind]}",
    )
    said = command(
        *TINY, *short, "teacher.pretrained=true", f"teacher.checkpoint={file}", "recipe@teacher_recipe=finetune",
        "teacher_recipe.epochs=2", "teacher_recipe.batch=16", "teacher_recipe.lr=1e-12",
        "recipe.freeze_batch_norm=true", "recipe.optimiser=adamw", "recipe.momentum=0.5",
    )  # fmt: skip
    assert said.code == 0, said.err
    (line,) = [line for line in said.lines if "its classifier is fresh" in line]
    assert f"begins from {file}, which was trained for 1000 classes and the data has 24" in line
    made = only(Path("teachers"), "*-s*")
    torch.testing.assert_close(load_file(made / "student.safetensors")[FIRST[kind]], weights[FIRST[kind]])
    assert json.loads((made / "result.json").read_text())["settings"]["recipe"]["optimiser"] == "adamw"
    assert not [line for line in said.lines if "schedule for fresh" in line], "this recipe is for it"
    assert [line for line in said.lines if "keeps the statistics of fresh weights" in line], "of the student"
    idle = [line.partition(":")[0] for line in said.lines if "another optimiser's setting" in line]
    assert idle == ["recipe.momentum changes nothing", "recipe.nesterov changes nothing"], "one typed, one of the file"


def test_trained_weights_with_a_schedule_for_fresh_ones_are_remarked_on_once(
    command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert recipes_for_trained_weights() == ["finetune"]
    weights = public("torchvision")
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", lambda *given, **named: weights)
    both = [f"{role}{end}" for role in ("teacher", "student") for end in ("=torchvision", ".arch=squeezenet1_1")]
    words = (*TINY, "dataset.train_count=24", "dataset.test_count=24", "dataset.side=32", *both)
    said = command(*words, "teacher.pretrained=true", "student.pretrained=true")
    assert said.code == 0, said.err
    first, second = [line for line in said.lines if "schedule for fresh" in line]
    assert first.startswith("teacher squeezenet1_1 begins from trained weights, and teacher_recipe is a schedule for")
    assert first.endswith("(1 epoch, learning rate 0.05); for fine-tuning there is recipe@teacher_recipe=finetune")
    assert second.startswith("student squeezenet1_1 begins from") and second.endswith("there is recipe=finetune")
