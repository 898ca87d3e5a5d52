"""The captured step does what the eager one does; a stand-in for the GPU's recording shows it on the CPU."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from conftest import Command, Small
from torch import Tensor

import unix_exp
from unix_exp.criteria.weighted import Weighted
from unix_exp.distillers.offline import Offline
from unix_exp.engine import cuda_graph as captured
from unix_exp.engine.analysis import Analysis
from unix_exp.engine.cuda_graph import CapturedStep
from unix_exp.engine.loop import Means, Step
from unix_exp.engine.recipe import Recipe, optimiser_state, set_lr
from unix_exp.engine.recording import Recording
from unix_exp.engine.runtime import Runtime
from unix_exp.run.checkpoint import read_state, save_state
from unix_exp.types import Batch, Mistake, Terms

CPU = Runtime(device="cpu")
DATA = SimpleNamespace(train_count=64, classes=tuple("abcdefghij"))
RECIPE = Recipe(epochs=4, batch=16, lr=0.05, milestones=[2])


class Tape:
    """As a CUDA graph does: try, record, then do it again on the same tensors and into the same ones."""

    def __init__(self) -> None:
        self.replays = 0

    def __call__(self, work: partial[Terms], device: torch.device) -> Recording[Terms]:
        work()
        terms = work()
        (group,) = work.func.__self__.optimiser.param_groups
        frozen = dict(group)  # a number is repeated as it was, a tensor is read anew

        def replay() -> None:
            self.replays += 1
            now = dict(group)
            group.update(frozen)
            for name, term in work().items():
                terms[name].copy_(term)
            group.update(now)

        return Recording(replay, terms)


@pytest.fixture
def tape(monkeypatch: pytest.MonkeyPatch) -> Tape:
    made = Tape()
    monkeypatch.setattr(captured, "record", made)
    return made


def batches(sizes: tuple[int, ...] = (16,) * 6) -> Iterator[Batch]:
    for number, size in enumerate(sizes):
        chance = torch.Generator().manual_seed(number)
        images = torch.randn(size, 3, 8, 8, generator=chance).to(memory_format=torch.channels_last)
        index = torch.randperm(64, generator=chance)[:size]
        yield Batch(images, torch.eye(10)[index % 10], index)


def made(kind: type[Step], runtime: Runtime = CPU, sampler: str = "unix") -> Step:
    """A step whose sampler is counted, at the beginning of a run."""
    torch.manual_seed(0)
    objective = Weighted({"kd": unix_exp.criterion("kd"), "ce": unix_exp.criterion("ce")}, {"kd": 0.9, "ce": 0.1})
    distiller = Offline(Small(), Small(), unix_exp.sampler(sampler), objective)
    Analysis(distiller, DATA, runtime)
    return kind(
        distiller, RECIPE.optimiser(weight for weight in distiller.parameters() if weight.requires_grad), runtime
    )


def everything(step: Step) -> dict[str, Tensor]:
    """All that the next step depends on, momentum that isn't there yet being zero."""
    held = {**dict(step.distiller.named_parameters()), **dict(step.distiller.named_buffers())}
    for place, weight in enumerate(step.optimiser.param_groups[0]["params"]):
        held[f"momentum {place}"] = step.optimiser.state[weight].get("momentum_buffer", torch.zeros_like(weight))
    return {name: value.detach().clone() for name, value in (held | {"chance": torch.get_rng_state()}).items()}


def alike(some: dict[str, Tensor], others: dict[str, Tensor]) -> bool:
    return some.keys() == others.keys() and all(torch.equal(some[name], others[name]) for name in some)


def run(step: Step, sizes: tuple[int, ...] = (16,) * 6) -> list[dict[str, float]]:
    """An epoch with a learning rate of its own for each batch; its losses."""
    torch.manual_seed(1)
    told = []
    for epoch, batch in enumerate(batches(sizes)):
        set_lr(step.optimiser, RECIPE.lr_at(epoch))
        told.append(step(batch))
    return [{name: float(term) for name, term in terms.items()} for terms in told]  # read when all is done


@pytest.mark.parametrize("sampler", ["unix", "everything", "random", "uncertain", "mixup", "nonadaptive"])
def test_a_captured_run_is_the_eager_run_bit_for_bit(tape: Tape, sampler: str) -> None:
    eager, replayed = made(Step, sampler=sampler), made(CapturedStep, sampler=sampler)
    assert run(eager) == run(replayed)
    assert tape.replays == 6
    assert alike(everything(eager), everything(replayed))
    assert replayed.distiller.sampler.draws.sum() == 6 * (16 if sampler == "everything" else 12)


@pytest.mark.parametrize("steps_before", [0, 2])
def test_trying_and_recording_leaves_no_trace(tape: Tape, steps_before: int) -> None:
    step, given = made(CapturedStep), next(batches())
    for batch in batches((16,) * steps_before):
        Step.__call__(step, batch)
    before = everything(step)
    assert step.recorded(given) is not None
    assert alike(everything(step), before)
    assert tape.replays == 0


def test_the_losses_of_a_step_outlive_the_next(tape: Tape) -> None:
    step, means = made(CapturedStep), Means()
    told = [step(batch) for batch in batches()]
    assert len({float(terms["kd"]) for terms in told}) == len(told)
    for terms in told:
        means.add(terms)
    assert means.read()["kd"] == pytest.approx(sum(float(terms["kd"]) for terms in told) / len(told))


def test_a_batch_of_another_shape_is_done_eagerly(tape: Tape) -> None:
    sizes = (16, 16, 10, 16, 10)
    eager, replayed = made(Step), made(CapturedStep)
    assert run(eager, sizes) == run(replayed, sizes)
    assert tape.replays == 3
    assert alike(everything(eager), everything(replayed))


def test_the_callers_batch_is_left_alone(tape: Tape) -> None:
    step, (first, second) = made(CapturedStep), batches((16, 16))
    before = copy.deepcopy(first)
    step(first)
    step(second)
    assert all(torch.equal(tensor, value) for tensor, value in zip(first, before, strict=True))


def refuse(work: Callable[[], Terms], device: torch.device) -> Recording[Terms]:
    work()
    raise RuntimeError("operation not permitted when stream is capturing\nand a long story")


def test_what_cannot_be_captured_is_said_once_and_done_eagerly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(captured, "record", refuse)
    eager, refused, said = made(Step), made(CapturedStep), []
    refused.say = said.append
    assert run(eager) == run(refused)
    assert alike(everything(eager), everything(refused))
    assert said == [
        "the step can't be captured, so it runs eagerly, which takes longer: "
        "operation not permitted when stream is capturing"
    ]


def test_what_must_be_captured_and_cannot_be_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(captured, "record", refuse)
    must = Runtime(device="cpu")
    object.__setattr__(must, "capture", True)  # which a runtime without a GPU refuses
    with pytest.raises(RuntimeError, match="not permitted"):
        run(made(CapturedStep, must))


@pytest.mark.parametrize(("first", "then"), [(CapturedStep, Step), (Step, CapturedStep), (CapturedStep, CapturedStep)])
def test_either_step_continues_what_the_other_began(
    tape: Tape, tmp_path: Path, first: type[Step], then: type[Step]
) -> None:
    unbroken = made(Step)
    run(unbroken)
    run(unbroken)

    begun = made(first)
    run(begun)
    state = {"distiller": begun.distiller.state_dict(), "optimiser": optimiser_state(begun.optimiser)}
    assert isinstance(state["optimiser"]["param_groups"][0]["lr"], float)
    save_state(tmp_path / "checkpoint.pt", state)

    continued, state = made(then), read_state(tmp_path / "checkpoint.pt")
    continued.distiller.load_state_dict(state["distiller"])
    continued.optimiser.load_state_dict(state["optimiser"])
    run(continued)
    ours, theirs = ({k: v for k, v in everything(step).items() if "sampler" not in k} for step in (continued, unbroken))
    assert alike(ours, theirs)


def test_capturing_is_for_gpus(command: Command) -> None:
    assert not Runtime(device="cpu").captures
    with pytest.raises(Mistake, match=r"runtime\.capture is true, which needs a GPU, but this runs on cpu"):
        Runtime(device="cpu", capture=True)
    said = command("runtime.device=cpu", "runtime.capture=yes_please")
    assert said.code == 2
    assert "runtime.capture is 'yes_please'; it must be one of auto" in said.err
