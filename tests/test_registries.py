"""What every method must do, asked of all that are registered and of examples/: a new one needs no new test."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple, TypeAlias

import assembled
import pytest
import torch
from assembled import (
    CPU,
    RECIPE,
    Case,
    LessNoise,
    Tiny,
    cases,
    criteria_of_cases,
    first_batch,
    networks_of,
    on_meta,
    plugged_in,
    settings_of,
    trial_of,
    with_one_sampler,
    without_criteria,
)
from products import Products
from states import differences, timeless, untimed
from tape import Tape
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils._pytree import tree_leaves

from unix_exp.cost.on_meta import AtOnce
from unix_exp.cost.operations import Operations
from unix_exp.cost.rules import CONVOLUTION, POOLING, PRODUCT
from unix_exp.distillers.clock import Clock
from unix_exp.engine import cuda_graph
from unix_exp.engine.cuda_graph import CapturedStep
from unix_exp.engine.loop import Training, train
from unix_exp.engine.runtime import Runtime
from unix_exp.engine.step import Step
from unix_exp.engine.tally import Tally
from unix_exp.run.assemble import Shapes, assemble, facts_of
from unix_exp.run.checkpoint import read_state, save_state
from unix_exp.run.continuing import load_state, state_of
from unix_exp.types import Batch, Losses, Output, Record

__all__ = ["plugged_in"]  # a fixture, for the whole file

training = partial(assembled.training, images=LessNoise)
every_method = pytest.mark.parametrize("case", cases(), ids=str)
# For what does not depend on how many images a criterion is given.
every_part = pytest.mark.parametrize("case", with_one_sampler(), ids=str)


@every_method
@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_losses_and_gradients_are_finite(case: Case, precision: Any) -> None:
    run = training(case, Runtime(device="cpu", precision=precision))
    run.method.train()
    for stage in run.stages:
        step = run.stage_step(stage)
        losses = step(first_batch(run))
        assert all(tensor.isfinite().all() for tensor in tree_leaves(losses))
        gradients = {name: one.grad for name, one in run.method.named_parameters() if one.requires_grad}
        assert all(gradient.isfinite().all() for gradient in gradients.values() if gradient is not None)
        of_student = [gradient for name, gradient in gradients.items() if name.startswith("student.")]
        assert any(gradient is not None and gradient.any() for gradient in of_student), "the student learns"


@pytest.mark.parametrize("case", without_criteria(), ids=str)
def test_a_step_compiles_as_one_graph(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """With more settings it would take minutes, and says nothing new."""
    monkeypatch.setattr(assembled, "Tiny", Bare)
    monkeypatch.setattr(assembled, "trial_of", trial_of.__wrapped__)
    run = training(case)
    run.method.train()
    for stage in run.stages:
        torch._dynamo.reset()
        compiled = torch.compile(run.method, fullgraph=True, backend="eager")
        losses: Losses = compiled(first_batch(run), stage.name)
        assert losses.terms.keys() and all(term.isfinite() for term in losses.terms.values())


@pytest.mark.parametrize("name", criteria_of_cases())
def test_a_criterion_compiles_as_one_graph(name: str) -> None:
    """On what two networks said: tracing these as well takes most of a second, and is done above."""
    run = training(Case("offline", "everything", (name,)))
    batch = first_batch(run)
    outputs = [run.method.get_submodule(role)(batch.images) for role in ("student", "teacher")]
    torch._dynamo.reset()
    terms = torch.compile(run.method.criterion, fullgraph=True, backend="eager")(*outputs, batch)
    assert terms.keys() and all(term.isfinite() for term in terms.values())


@every_part
def test_a_whole_step_runs_without_values(case: Case) -> None:
    """Forward, backward and update on the meta device: nothing in a step may read a value."""
    method, batch = on_meta_device(case), some_batch()
    tally = Tally(LessNoise.train_count, trial_of(case, LessNoise).per_image).to("meta")
    for stage in method.stages(RECIPE):
        weights = [weight for weight in method.parameters() if weight.requires_grad]
        optimiser = torch.optim.SGD(weights, lr=stage.recipe.lr, momentum=0.9)  # fused, it refuses this device
        step = Step(method, optimiser, CPU, stage.name, tally)
        with AtOnce():
            losses = step(batch)
        assert all(tensor.is_meta for tensor in tree_leaves(losses))
        assert any(weight.grad is not None for weight in weights)


Said: TypeAlias = tuple[int, dict[str, Any], Any]


class Whole(NamedTuple):
    """A run that was trained to its end at once."""

    run: Training
    told: list[Said]
    checkpoints: Path


def said_of(record: Record) -> Said:
    return record.epoch, untimed(record.values), record.arrays


@pytest.fixture(scope="module")
def whole_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Case], Whole]:
    @cache
    def whole_of(case: Case) -> Whole:
        whole = Whole(training(case), [], tmp_path_factory.mktemp("whole"))
        for record in train(whole.run):
            whole.told.append(said_of(record))
            save_state(whole.checkpoints / f"{record.epoch}.pt", state_of(whole.run))
        return whole

    return whole_of


@every_method
def test_a_run_continued_after_any_epoch_ends_the_same_bit_for_bit(
    case: Case, whole_of: Callable[[Case], Whole]
) -> None:
    """With every state that there is: momenta, memories, averages, heads, values by image, and in every stage."""
    whole, told, checkpoints = whole_of(case)
    assert len(told) == 2 * len(whole.stages)
    for done in range(1, len(told)):
        rest = training(case)
        kept = checkpoints / f"{done}.pt"
        load_state(rest, read_state(kept), SimpleNamespace(checkpoint=kept))  # type: ignore[arg-type]
        assert [said_of(record) for record in train(rest)] == told[done:]
        assert differences(timeless(state_of(whole)), timeless(state_of(rest))) == []


@every_part
def test_a_captured_run_is_the_eager_run_bit_for_bit(
    case: Case, whole_of: Callable[[Case], Whole], monkeypatch: pytest.MonkeyPatch
) -> None:
    eager, told, _ = whole_of(case)
    tape, notes = Tape(), list[str]()
    monkeypatch.setattr(cuda_graph, "record", tape)
    captured = training(case, say=notes.append)
    monkeypatch.setattr(Runtime, "captures", property(lambda runtime: runtime is captured.runtime))
    captured.runtime = Runtime(device="cpu", threads=torch.get_num_threads())
    assert [said_of(record) for record in train(captured)] == told
    assert isinstance(captured.step, CapturedStep)
    assert not isinstance(eager.step, CapturedStep)
    states = [timeless(state_of(run)) for run in (captured, eager)]
    for state in states:
        del state["optimiser"]["param_groups"][0]["lr"]  # rounded to float32 in a recording, and set in every epoch
    assert differences(*states) == []
    assert not [note for note in notes if "captured" in note]
    assert tape.replays >= sum(captured.progress.steps.values())


@every_part
def test_every_convolution_and_matrix_product_is_in_the_price(case: Case) -> None:
    """Adapters and heads too, against a count by the functions that a step calls instead of what they execute."""
    batch = some_batch()
    for stage in on_meta_device(case).stages(RECIPE):
        method = on_meta_device(case)
        with AtOnce(), Products() as independent:
            method(batch, stage.name)
        assert independent.macs > 0
        with AtOnce(), Operations({role: getattr(method, role) for role in method.roles}) as counted:
            method(batch, stage.name)
        kinds = (CONVOLUTION, PRODUCT)
        assert independent.macs == sum(counted.total(kind=kind) for kind in kinds)

        ledger = trial_of(case, LessNoise).ledger
        cost = ledger.stages[stage.name].step
        assert ledger.unpriced == ()
        forward = cost.scout + cost.teaching + cost.forward + cost.other
        pooled = counted.total("method", kind=POOLING)  # a loss's pooling is free by convention
        assert forward == pytest.approx((counted.total() - pooled) / 1e9)
        assert cost.backward <= forward


class Bare(Tiny):
    """One convolution and one norm: the compiler's time grows with every layer."""

    def __init__(self, width: int, num_classes: int = 10) -> None:
        super().__init__(width, num_classes)
        self.norm, self.stages = nn.BatchNorm2d(width), nn.ModuleList()

    def forward(self, images: Tensor) -> Output:
        first = self.norm(self.stem(images)).relu()
        second = F.max_pool2d(first, 2).repeat(1, 2, 1, 1)  # as wide as a network's
        third = F.max_pool2d(second, 2)
        embedding = third.mean((2, 3))
        return Output(self.classify(embedding), (first, second, third, embedding), embedding)


@cache
def some_batch() -> Batch:
    data = LessNoise()
    data.load("cpu")
    return on_meta(next(iter(data.train_batches(RECIPE.batch, seed=3))))


def on_meta_device(case: Case) -> Any:
    data = LessNoise()
    shadows = {role: network.to("meta") for role, network in networks_of(case).items()}
    clock = Clock().to("meta")
    facts = facts_of(data, RECIPE.batch, RECIPE.epochs, Shapes(shadows, RECIPE.batch, data.size), clock)
    averages = {"teacher": 0.9} if case.average else {}
    return assemble(settings_of(case), shadows, facts, averages=averages).train()


def test_the_comparison_of_states_sees_a_single_bit() -> None:
    state = {"a": {"b": torch.ones(3)}, "c": 1}
    assert differences(state, {"a": {"b": torch.ones(3)}, "c": 1}) == []
    assert len(differences(state, {"a": {"b": torch.tensor([1.0, 1.0, 1.0 + 2**-23])}, "c": 1})) == 1
    assert len(differences(state, {"a": {}, "c": 1})) == 1
