"""Networks by role beside the student: trained with it, frozen, or its own moving average."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from common import SIDE, TINY, only
from own import check_that_it_resumes, kept, register, same, trained

import unix_exp
from unix_exp.cost.network import gflops
from unix_exp.distillers.distiller import Distiller, Kind, Parts
from unix_exp.registry import distillers, samplers
from unix_exp.run.classifiers import fresh_classifier
from unix_exp.types import Batch, Losses, Mistake, Scout


class Mutual(Distiller):
    """Two networks learn from the labels and from each other (Zhang et al. 2018)."""

    networks: ClassVar[dict[str, Kind]] = {"peer": "trained"}

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self.train()

    def forward(self, batch: Batch, stage: str = "train") -> Losses:
        batch = self.sampler(batch, self.look)
        student, peer = self.study(batch), self.peer(batch.images)
        ours, theirs = student.logits.log_softmax(1), peer.logits.log_softmax(1)
        apart = (ours.exp() * (ours - theirs)).sum(1).mean()
        labels = -(batch.targets * (ours + theirs)).sum(1).mean()
        return Losses({"labels": labels, "apart": apart}, batch.index)


@pytest.fixture(autouse=True)
def mutual(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    register(monkeypatch, distillers, mutual=Mutual)


MUTUAL = ("distiller=mutual", "sampler=everything", "criterion=ce", "+model@networks.peer=resnet14", "recipe.epochs=2")


def result(runs: str = "runs") -> dict[str, Any]:
    found: dict[str, Any] = json.loads((only(Path(runs), "*-s*") / "result.json").read_text())
    return found


def test_a_trained_peer_learns_and_is_in_the_checkpoint() -> None:
    trained(*MUTUAL, stop=1)
    first = kept()["method"]
    trained(*MUTUAL)
    last = kept()["method"]
    assert {name.partition(".")[0] for name in last} == {"student", "peer"}
    for role in ("student", "peer"):
        assert not torch.equal(first[f"{role}.conv1.weight"], last[f"{role}.conv1.weight"])
    assert not Path("teachers").exists(), "nothing is trained beforehand"
    assert result()["networks"]["peer"]["kind"] == "trained"


def test_a_trained_peer_is_paid_for_forward_and_backward() -> None:
    record = trained(*MUTUAL, stop=1)[0]
    student, peer = (48 * gflops(unix_exp.model(name, num_classes=24), SIDE) for name in ("resnet8", "resnet14"))
    assert record.values["cost/student_forward_gflops"] == pytest.approx(student)
    assert record.values["cost/other_gflops"] == pytest.approx(peer)
    assert record.values["cost/backward_gflops"] == pytest.approx(student + peer)
    assert record.values["cost/total_gflops"] == pytest.approx(2 * (student + peer))
    assert record.values["cost/total_gflops_backward_2"] == pytest.approx(3 * (student + peer))
    assert "cost/percent_of_kd" not in record.values


def test_a_run_with_a_peer_resumes_bit_for_bit() -> None:
    check_that_it_resumes(*MUTUAL, after=(1,))


def test_another_peer_is_another_run() -> None:
    for words in (MUTUAL, (*MUTUAL[:3], "recipe.epochs=2"), (*MUTUAL, "+networks.peer.seed=7")):
        run = unix_exp.fit(*TINY, *words)
        next(run)
        run.close()
    assert len(list(Path("runs").glob("*-s0-*"))) == 3


def test_a_peer_of_the_student_s_architecture_begins_apart() -> None:
    trained(*MUTUAL[:3], "recipe.lr=1e-12", stop=1)
    state = kept()["method"]
    assert not torch.allclose(state["student.conv1.weight"], state["peer.conv1.weight"], atol=1e-3)


class Three(Mutual):
    networks: ClassVar[dict[str, Kind]] = {"peer": "trained", "other": "trained"}


def test_two_peers_of_one_architecture_begin_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch, distillers, three=Three)
    trained("distiller=three", *MUTUAL[1:3], "recipe.lr=1e-12", stop=1)
    state = kept()["method"]
    assert not torch.allclose(state["other.conv1.weight"], state["peer.conv1.weight"], atol=1e-3)


class Looking:
    networks: ClassVar[tuple[str, ...]] = ("peer",)

    def __call__(self, batch: Batch, scout: Scout) -> Batch:
        scout(batch.images, who="peer")
        return batch


def test_a_peer_that_the_sampler_looks_at_still_learns(monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch, samplers, looking=Looking)
    words = (MUTUAL[0], "sampler=looking", *MUTUAL[2:])
    first = trained(*words, stop=1) and kept()["method"]["peer.conv1.weight"]
    assert trained(*words) and not torch.equal(first, kept()["method"]["peer.conv1.weight"])
    assert result()["networks"]["peer"]["kind"] == "trained"


class Online(Mutual):
    networks: ClassVar[dict[str, Kind]] = {"teacher": "trained"}

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self.peer = self.teacher


def test_another_teacher_that_learns_with_the_student_is_another_run(monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch, distillers, online=Online)
    for teacher in ("teacher=resnet14", "teacher=resnet20", "teacher.seed=3"):
        run = unix_exp.fit(*TINY, "distiller=online", *MUTUAL[1:3], "recipe.epochs=1", teacher)
        next(run)
        run.close()
    assert len({folder.name.rpartition("-")[2] for folder in Path("runs").glob("*-s0-*")}) == 3


class Followed(Mutual):
    networks: ClassVar[dict[str, Kind]] = {"peer": "frozen"}


def test_a_decay_that_repeats_the_default_is_the_same_run(monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch, distillers, followed=Followed)
    own = ("+model@networks.peer=resnet8", "+networks.peer.checkpoint=average")
    for decay in ((), ("+networks.peer.decay=0.999",)):
        trained("distiller=followed", *MUTUAL[1:3], *own, *decay, stop=1)
    assert len(list(Path("runs").glob("*-s0-*"))) == 1


AVERAGED = ("teacher.checkpoint=average", "teacher.decay=0.75", "sampler=everything", "recipe.epochs=2")


def test_an_average_begins_as_the_student_and_follows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    methods: list[Any] = []
    states: list[dict[str, torch.Tensor]] = []
    follow = Distiller.stepped

    def note(self: Distiller) -> None:
        real = not next(self.student.parameters()).is_meta
        if real and not methods:
            methods.append(self)
            states.append({name: weight.clone() for name, weight in self.teacher.named_parameters()})
        follow(self)
        if real:
            states.append({name: weight.detach().clone() for name, weight in self.student.named_parameters()})

    monkeypatch.setattr(Distiller, "stepped", note)
    trained(*AVERAGED)
    (method,) = methods
    begun, *after = states
    assert len(after) == 6
    for name, weight in method.teacher.named_parameters():
        expected = begun[name]
        for student in after:
            expected = 0.75 * expected + 0.25 * student[name]
        torch.testing.assert_close(weight, expected, atol=1e-6, rtol=1e-5)
    assert not any(weight.requires_grad for weight in method.teacher.parameters())
    for name, buffer in method.teacher.named_buffers():
        assert torch.equal(buffer, method.student.get_buffer(name))
    assert not Path("teachers").exists()
    assert result()["networks"]["teacher"]["decay"] == 0.75


def test_an_average_begins_with_the_student_s_weights() -> None:
    trained(*AVERAGED[:1], "sampler=everything", "recipe.lr=1e-12", stop=1)
    state = kept()["method"]
    assert torch.allclose(state["student.conv1.weight"], state["teacher.conv1.weight"], atol=1e-6)


def test_an_average_is_in_the_checkpoint_and_resumes_bit_for_bit() -> None:
    check_that_it_resumes(*AVERAGED, after=(1,))
    state = kept("broken1")["method"]
    assert not same(state["student.conv1.weight"], state["teacher.conv1.weight"])


def test_another_decay_is_another_run() -> None:
    for decay in (0.75, 0.9):
        trained(*AVERAGED[:1], f"teacher.decay={decay}", stop=1)
    assert len(list(Path("runs").glob("*-s0-*"))) == 2


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("teacher=resnet14",), r"^teacher\.checkpoint=average needs the student's own architecture"),
        (("teacher.decay=1.0",), r"^teacher\.decay is 1\.0; choose a number from 0 on, below 1"),
        (("teacher.decay=slow",), r"^teacher\.decay is 'slow'; choose a number"),
    ],
)
def test_an_average_that_cannot_be_is_refused_in_one_line(words: tuple[str, ...], complaint: str) -> None:
    with pytest.raises(Mistake, match=complaint):
        unix_exp.fit(*TINY, "student=resnet8", AVERAGED[0], *words)


def test_a_network_that_begins_fresh_has_no_published_classes() -> None:
    chosen = {"name": "timm", "arch": "resnet18", "pretrained": False}
    assert fresh_classifier("student", chosen, 10) is None
    told = fresh_classifier("student", chosen | {"pretrained": True}, 10)
    assert told is not None and "1000 classes and the data has 10: its classifier is fresh" in told
    assert fresh_classifier("student", chosen | {"pretrained": True}, 1000) is None
