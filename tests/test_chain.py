"""A chain of teachers: a teacher teaches an assistant, which then teaches the student."""

from __future__ import annotations

from pathlib import Path

import pytest
from common import SHORT
from own import forward_of, located, result, trained

import unix_exp
from unix_exp.config import compose
from unix_exp.run.charged import of_sampler_alone
from unix_exp.run.plan import locate
from unix_exp.types import Mistake


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


CHAIN = ("experiment=takd", "teacher=resnet8", "assistant=resnet14")


def test_an_assistant_is_a_distilled_run_whose_student_teaches() -> None:
    label = "experiment=kd_label"
    chosen, same_run, ordinary, written_out, *changed = located(
        CHAIN,
        (label, "teacher=resnet8", "student=resnet14", "seed=1000"),
        (label, "teacher=resnet8"),
        (label, "teacher=resnet14", "+model@teacher.teacher=resnet8"),
        *((*CHAIN, word) for word in ("teacher.seed=3", "criterion.kd.tau=2", "teacher_recipe.epochs=2")),
    )
    making = locate(chosen.teacher.source.recipe)
    assert making.identity == same_run.identity == chosen.teacher.source.identity
    assert making.folder.path.parent == Path("teachers")
    assert making.teacher.source.identity == ordinary.teacher.source.identity  # type: ignore[union-attr]
    assert chosen.folder.path.name.startswith("resnet8_resnet14_resnet8-shapes-takd-s0-")
    assert written_out.identity == chosen.identity, "teacher.teacher says the same"
    every = [chosen, ordinary, *changed]
    assert len({one.identity for one in every}) == len(every)
    assert len({one.teacher.source.identity for one in every}) == len(every), "the assistants too"


def test_the_assistants_of_a_sweep_share_their_teacher() -> None:
    with compose.hydra_ready():
        first, second = compose.expanded([*CHAIN[:2], "assistant=resnet14,resnet20"])
    found = located(first, second)
    makers = [locate(one.teacher.source.recipe) for one in found]
    assert found[0].identity != found[1].identity and makers[0].identity != makers[1].identity
    assert makers[0].teacher.source.identity == makers[1].teacher.source.identity  # type: ignore[union-attr]


def test_the_assistant_s_training_is_charged_whole_and_beside_the_teacher_s_distillation(taught: None) -> None:
    words = (*CHAIN, "recipe.epochs=2")
    trained(*words, stop=1)
    record = trained(*words)[-1]  # continued
    teacher, assistant = forward_of("resnet8", "resnet14")
    for price, name in ((1, ""), (2, "_backward_2")):
        of_assistant = 2 * 48 * (teacher + (1 + price) * assistant)
        total = of_assistant + 2 * 48 * (assistant + (1 + price) * teacher)  # the student is a ResNet8 too
        assert record.values[f"cost/total_gflops{name}"] == pytest.approx(total)
        plain = 2 * 48 * (teacher + (1 + price) * teacher)
        assert record.values[f"cost/percent_of_kd{name}"] == pytest.approx(100 * total / plain)
    assert record.values["cost/beforehand_gflops"] == pytest.approx(2 * 48 * (teacher + 2 * assistant))
    found = result()
    assert found["cost"]["gflops"]["beforehand_gflops"] == record.values["cost/beforehand_gflops"]
    assert (found["teacher"]["name"], found["networks"]["teacher"]["source"]) == ("resnet14", "FromStore")
    (of_first,) = found["cost"]["once"].items()
    assert of_first[0] == "teacher of teacher" and of_first[1]["gflops"] == pytest.approx(48 * 2 * teacher)
    assert len(list(Path("teachers").glob("*-s1000-*"))) == 2


def test_a_network_that_the_sampler_alone_looks_at_is_charged_too(taught: None) -> None:
    record = trained("experiment=rho", "teacher=resnet8")[-1]
    (one,) = forward_of("resnet8")
    assert record.values["cost/beforehand_gflops"] == pytest.approx(16 * 2 * one), "a step of the half that is held out"
    k, batch = 12, 16  # a step of the run: the rest is another half
    of_run = k * one + (batch + batch) * one + 2 * k * one
    assert record.values["cost/total_gflops"] == pytest.approx(of_run + 16 * 2 * one)
    assert "holdout" not in result()["cost"].get("once", {})


@pytest.mark.parametrize(
    ("distiller", "sampler", "charged"), [("offline", "rho", ["holdout"]), ("supervised", "behind", [])]
)
def test_a_teacher_is_charged_to_nobody_whoever_looks_at_it(distiller: str, sampler: str, charged: list[str]) -> None:
    assert of_sampler_alone({"distiller": {"name": distiller}, "sampler": {"name": sampler}}) == charged


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (
            ("~teacher", "assistant=resnet14"),
            "teacher is not chosen; an assistant learns from a teacher: tea",
        ),
        (
            ("+model@teacher.teacher=resnet8", "teacher.checkpoint=x.pth"),
            "teacher.teacher teaches a teacher that is ma",
        ),
        (("+teacher.teacher=5",), r"teacher.teacher is 5; choose one with \+model@teacher.teacher=NAME"),
        (("+student.teacher=5",), "student.teacher is no setting of a student"),
        ((*CHAIN, "recipe.batch=64"), "recipe.batch is 64, but the dataset has 48 training images"),
    ],
)
def test_a_chain_that_cannot_be_is_refused_in_one_line(words: tuple[str, ...], complaint: str) -> None:
    with pytest.raises(Mistake, match=complaint):
        unix_exp.fit(*SHORT, *words)
