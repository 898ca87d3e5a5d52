"""Other ways to teach: by each other, by one's own average, from clean images and by several teachers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from assembled import Case, first_batch, training
from common import SHORT, SIDE, only
from own import forward_of, kept, located, register, result, same, trained, trial
from torch import Tensor
from torch.nn import functional as F

import unix_exp
from unix_exp.cost.network import gflops
from unix_exp.criteria.logits import precise
from unix_exp.distillers.ensemble import mean_of_predictions
from unix_exp.engine.loop import Training
from unix_exp.registry import criteria, datasets
from unix_exp.run import remarks
from unix_exp.samplers.everything import Everything
from unix_exp.types import Batch, Losses, Mistake


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def one_step(case: Case) -> tuple[Training, Batch, Losses]:
    run = training(case)
    batch = first_batch(run)
    return run, batch, run.method.train()(batch)


def apart(student: Tensor, teacher: Tensor) -> Tensor:
    """KL(teacher || student) from its definition."""
    return (teacher.softmax(1) * (teacher.log_softmax(1) - student.log_softmax(1))).sum(1).mean()


MUTUAL = Case("dml", "everything", ("kd", "ce"))


def test_each_of_two_learns_from_the_other_and_from_the_labels() -> None:
    run, batch, losses = one_step(MUTUAL)
    student, peer = (run.method.get_submodule(role)(batch.images).logits for role in ("student", "peer"))
    expected = {
        "kd": 16 * apart(student / 4, peer / 4),
        "ce": F.cross_entropy(student, batch.targets),
        "peer_kd": 16 * apart(peer / 4, student / 4),
        "peer_ce": F.cross_entropy(peer, batch.targets),
    }
    assert losses.terms.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(losses.terms[name], value, msg=name)


def test_no_gradient_reaches_the_network_that_teaches() -> None:
    run, _, losses = one_step(MUTUAL)
    for name, term in losses.terms.items():
        learns, teaches = ("peer", "student") if name.startswith("peer_") else ("student", "peer")
        of_learner = torch.autograd.grad(term, run.method.get_submodule(learns).stem.weight, retain_graph=True)[0]
        of_teacher = torch.autograd.grad(
            term, run.method.get_submodule(teaches).stem.weight, retain_graph=True, allow_unused=True
        )[0]
        assert of_learner.any() and of_teacher is None, name


PEERS = ("experiment=dml", "+model@networks.peer=resnet14")


def test_a_peer_is_paid_for_forward_and_backward_and_its_accuracy_is_recorded() -> None:
    record = trained(*PEERS)[0]
    student, peer = forward_of("resnet8", "resnet14")
    assert record.values["cost/total_gflops"] == pytest.approx(48 * 2 * (student + peer))
    assert record.values["cost/total_gflops_backward_2"] == pytest.approx(48 * 3 * (student + peer))
    found = result()
    assert (found["student"], found["teacher"], found["method"]) == ("resnet8", None, "dml")
    method = kept()["method"]
    peer_of_run = unix_exp.model("resnet14", num_classes=24).eval()
    peer_of_run.load_state_dict({key[5:]: one for key, one in method.items() if key.startswith("peer.")})
    right = total = 0
    data = datasets.make("shapes", {"train_count": 48, "test_count": 48, "side": SIDE})
    data.load("cpu")
    for images, labels in data.test_batches(48):
        right += int((peer_of_run(images).logits.argmax(1) == labels).sum())
        total += len(labels)
    assert found["networks"]["peer"]["top1"] == pytest.approx(100 * right / total)
    weights = unix_exp.load(only(Path("runs"), "*-s0-*")).state_dict()
    assert all(torch.equal(one, method[f"student.{key}"]) for key, one in weights.items()), "the student is exported"


def test_a_criterion_that_is_sized_by_a_teacher_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    class Sized:
        def __init__(self, facts: Any) -> None:
            self.width = facts.shapes["teacher"].embedding.shape[1]

    networks = {role: unix_exp.model("resnet8", num_classes=10) for role in ("student", "peer")}
    register(monkeypatch, criteria, sized=Sized)
    with pytest.raises(Mistake, match="sized by the teacher's output, and this method has no teacher; choose"):
        trial(networks, distiller="dml", criterion={"sized": {}})


def test_the_moving_average_is_the_teacher_and_costs_what_a_teacher_costs() -> None:
    record = trained("experiment=ema", "teacher.decay=0.5")[-1]
    (student,) = forward_of("resnet8")
    assert record.values["cost/total_gflops"] == pytest.approx(48 * 3 * student)
    assert record.values["cost/percent_of_kd"] == pytest.approx(100)
    found = result()
    assert (found["pair"], found["method"]) == ("resnet8_resnet8", "ema")
    assert found["networks"]["teacher"] | {"identity": 0, "hash": 0} == {
        "name": "resnet8", "kind": "frozen", "source": "Average", "decay": 0.5, "identity": 0, "hash": 0,
    }  # fmt: skip
    assert not Path("teachers").exists(), "nothing is trained beforehand"


CLEAN = Case("clean_teacher", "mixup", ("kd",), (("k", 16),))


def test_the_teacher_sees_clean_images_and_its_answers_are_mixed_like_them() -> None:
    run = training(CLEAN)
    seen: dict[str, Batch] = {}
    batch = first_batch(run)
    mixing = run.method.sampler

    def noting(given: Batch, scout: Any) -> Batch:
        seen["given"], seen["made"] = given, mixing(given, scout)
        return seen["made"]

    run.method.sampler = noting
    shown: list[Tensor] = []
    run.method.get_submodule("teacher").register_forward_hook(lambda module, given, output: shown.append(given[0]))
    losses = run.method.train()(batch)
    assert len(shown) == 1 and torch.equal(shown[0], batch.images)
    made = seen["made"]
    assert made.answers is not None and not torch.equal(made.images, batch.images)
    # A mixed image is a lambda of two clean ones, and so is what is said of it; lambda is read off the images.
    clean = run.method.get_submodule("teacher")(batch.images).logits
    for row in range(4):
        first = int((batch.index == made.index[row]).nonzero()[0])
        pairs = [(other, lam(made.images[row], batch.images[first], batch.images[other])) for other in range(16)]
        second, (share, _) = min(pairs, key=lambda pair: float(pair[1][1]))
        expected = (1 - share) * clean[first] + share * clean[second]
        torch.testing.assert_close(made.answers.logits[row], expected, atol=1e-4, rtol=1e-4)
    student = run.method.student(made.images).logits
    torch.testing.assert_close(losses.terms["kd"], 16 * apart(student / 4, made.answers.logits / 4))


def lam(mixed: Tensor, one: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    """The partner's share that explains a mixed image best, and how far it is from explaining it."""
    along = (other - one).flatten()
    share = ((mixed - one).flatten() @ along) / (along @ along).clamp_min(1e-12)
    return share, (mixed - one - share * (other - one)).square().sum()


def test_the_whole_batch_is_shown_to_a_clean_teacher_and_counted() -> None:
    for sampler, learned in (({"name": "mixup", "k": 12}, 12), ({"name": "everything"}, 16)):
        ledger = trial(distiller="clean_teacher", sampler=sampler).ledger
        assert (ledger.first.images.taught, ledger.first.images.learned) == (16, learned)
        network = gflops(unix_exp.model("resnet8", num_classes=10), 32)
        assert ledger.first.total() == pytest.approx((16 + 2 * learned) * network)


def test_without_mixing_a_clean_teacher_is_a_teacher() -> None:
    plain, clean = (one_step(Case(name, "everything", ("kd", "ce")))[2].terms for name in ("offline", "clean_teacher"))
    assert same(dict(plain), dict(clean))


def test_on_stored_answers_a_clean_teacher_is_plain_distillation() -> None:
    run, batch, _ = one_step(CLEAN._replace(sampler="everything", chosen=()))
    assert isinstance(run.method.sampler, Everything)
    answers = run.method.ask(batch)
    run.method.get_submodule("teacher").register_forward_hook(lambda *_: pytest.fail("the teacher is asked"))
    assert run.method(batch._replace(answers=answers)).terms["kd"] >= 0


TOGETHER = Case("ensemble", "everything", ("kd", "ce"))


def set_equal(run: Training) -> None:
    method = run.method
    method.get_submodule("teacher_2").load_state_dict(method.get_submodule("teacher").state_dict())


@pytest.mark.parametrize("mean", ["predictions", "logits"])
def test_an_ensemble_of_two_equal_teachers_is_one(mean: str) -> None:
    one, several = (training(case) for case in (TOGETHER._replace(distiller="offline"), TOGETHER))
    several.method.mean = mean  # type: ignore[assignment]
    set_equal(several)
    terms = [run.method.train()(first_batch(run)).terms for run in (one, several)]
    for name, value in terms[0].items():
        torch.testing.assert_close(terms[1][name], value, msg=name)


def test_an_ensemble_says_the_mean_of_what_its_teachers_say() -> None:
    run = training(TOGETHER._replace(way=(("teachers", 3),)))
    batch = first_batch(run)
    method = run.method.train()
    each = [method.get_submodule(role)(batch.images).logits for role in ("teacher", "teacher_2", "teacher_3")]
    assert not torch.allclose(each[0], each[1])
    said = method.ask(batch)
    assert said is not None and not said.logits.requires_grad
    torch.testing.assert_close(
        (said.logits / 4).softmax(1), torch.stack([(one / 4).softmax(1) for one in each]).mean(0)
    )
    method.mean = "logits"  # type: ignore[assignment]
    torch.testing.assert_close(method.ask(batch).logits, torch.stack(each).mean(0))  # type: ignore[union-attr]


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_teachers_hundreds_apart_have_a_finite_mean(kind: torch.dtype) -> None:
    said = torch.tensor([[[800.0, 0.0, -800.0]], [[-800.0, 0.0, 800.0]]]).to(kind)
    mean = mean_of_predictions(precise(said), 1.0)
    torch.testing.assert_close(mean.softmax(1), torch.tensor([[0.5, 0.0, 0.5]]))
    assert mean.isfinite().all()


def test_a_teacher_that_is_not_chosen_is_the_first_one_from_the_next_seed() -> None:
    words = ("experiment=ensemble", "teacher=resnet14")
    plain = [("teacher=resnet14", f"teacher.seed={seed}") for seed in (1000, 1001, 1002)]
    chosen, other, *alone = located(
        (*words, "distiller.teachers=3"), (*words, "+model@networks.teacher_2=resnet14"), *plain
    )
    assert [network.role for network in chosen.networks] == ["student", "teacher", "teacher_2", "teacher_3"]
    assert [one.source.identity for one in chosen.networks[1:]] == [one.teacher.source.identity for one in alone]
    assert {one.source.identity for one in other.networks[1:]} == {alone[0].teacher.source.identity}
    assert chosen.identity != other.identity
    assert [line for line in remarks.of_run(other) if "are the same network" in line] == [
        "teacher and teacher_2 are the same network: +networks.teacher_2.seed=N makes another"
    ]
    assert not list(remarks.of_run(chosen))


def test_every_teacher_of_an_ensemble_is_paid_for(taught: None) -> None:
    words = ("experiment=ensemble", "+model@networks.teacher_2=resnet14", "teacher_recipe.epochs=1")
    record = trained(*words)[-1]
    student, second = forward_of("resnet8", "resnet14")
    assert record.values["cost/total_gflops"] == pytest.approx(48 * (2 * student + student + second))
    assert record.values["cost/teacher_gflops"] == pytest.approx(48 * student)
    assert record.values["cost/other_gflops"] == pytest.approx(48 * second)
    assert record.values["cost/percent_of_kd"] == pytest.approx(100 * (3 * student + second) / (3 * student))
    assert set(result()["cost"]["once"]) == {"teacher", "teacher_2"}
    loaded = unix_exp.load(only(Path("runs"), "*-s0-*"), "teacher_2")
    assert sum(one.numel() for one in loaded.parameters()) > 100_000, "a ResNet14"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("answers=stored", "answers.views=1"), "answers are stored of one teacher, and this method asks in a way of"),
        (("criterion=at",), "an ensemble answers with logits alone, and a criterion reads features; choose one on"),
        (("distiller.teachers=many",), "distiller.teachers is 'many'"),
        (("distiller.teachers=1",), "distiller.teachers is 1; choose 2 to 16"),
        (("+model@networks.teacher_3=resnet14",), "networks.teacher_3: this method uses no such network"),
    ],
)
def test_an_ensemble_that_cannot_be_is_refused_in_one_line(words: tuple[str, ...], complaint: str) -> None:
    with pytest.raises(Mistake, match=complaint):
        unix_exp.fit(*SHORT, "experiment=ensemble", *words)
