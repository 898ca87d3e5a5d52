"""The captured step does what the eager one does; a stand-in for the GPU's recording shows it on the CPU."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from common import Command, Small
from tape import Tape
from torch import Tensor

import unix_exp
from unix_exp.criteria.ce import CE
from unix_exp.criteria.kd import KD
from unix_exp.criteria.weighted import Weighted
from unix_exp.distillers.distiller import Parts
from unix_exp.distillers.offline import Offline
from unix_exp.engine import cuda_graph as captured
from unix_exp.engine.cuda_graph import CapturedStep
from unix_exp.engine.optimiser import optimiser_of
from unix_exp.engine.optimiser_state import load_optimiser_state, optimiser_state, set_lr
from unix_exp.engine.recording import Recording
from unix_exp.engine.runtime import Runtime
from unix_exp.engine.step import Means, Step
from unix_exp.engine.tally import Tally
from unix_exp.recipe import Recipe
from unix_exp.run.checkpoint import read_state, save_state
from unix_exp.types import Batch, Losses, Mistake

CPU = Runtime(device="cpu")
RECIPE = Recipe(epochs=4, batch=16, lr=0.05, milestones=[2])


@pytest.fixture
def tape(monkeypatch: pytest.MonkeyPatch) -> Tape:
    made = Tape()
    monkeypatch.setattr(captured, "record", made)
    return made


def batches(sizes: tuple[int, ...] = (16,) * 6) -> Iterator[Batch]:
    for number, size in enumerate(sizes):
        randomness = torch.Generator().manual_seed(number)
        images = torch.randn(size, 3, 8, 8, generator=randomness).to(memory_format=torch.channels_last)
        index = torch.randperm(64, generator=randomness)[:size]
        yield Batch(images, torch.eye(10)[index % 10], index)


class Valued(Offline):
    """Also gives a value to log, and one for each image."""

    def forward(self, batch: Batch, stage: str = "train") -> Losses:
        batch = self.sampler(batch, self.look)
        teacher, student = self.ask(batch), self.study(batch)
        unlike = (student.logits - teacher.logits).abs().mean(dim=1).detach()
        terms = self.criterion(student, teacher, batch)
        return Losses(terms, batch.index, {"unlike": unlike.mean()}, {"unlike": unlike})


def made(kind: type[Step], runtime: Runtime = CPU, sampler: str = "unix") -> Step:
    """A step whose images are counted, at the beginning of a run; its teacher follows the student."""
    torch.manual_seed(0)
    objective = Weighted({"kd": KD(), "ce": CE()}, {"kd": 0.9, "ce": 0.1})
    networks = {"student": Small(), "teacher": Small()}
    method = Valued(Parts(networks, unix_exp.sampler(sampler), objective, averages={"teacher": 0.9}))
    optimiser = optimiser_of(RECIPE, (weight for weight in method.parameters() if weight.requires_grad))
    return kind(method, optimiser, runtime, tally=Tally(64, ["unlike"]))


def everything(step: Step) -> dict[str, Tensor]:
    """All that the next step depends on, and all that is counted."""
    held = {**dict(step.method.named_parameters()), **dict(step.method.named_buffers())}
    held |= {f"tally {name}": buffer for name, buffer in step.tally.named_buffers()}
    for number, weight in enumerate(step.optimiser.param_groups[0]["params"]):
        held[f"momentum {number}"] = step.optimiser.state[weight]["momentum_buffer"]
    held["random state"] = torch.get_rng_state()
    return {name: value.detach().clone() for name, value in held.items()}


def alike(some: dict[str, Tensor], others: dict[str, Tensor]) -> bool:
    return some.keys() == others.keys() and all(
        torch.equal(some[name].nan_to_num(-1), others[name].nan_to_num(-1)) for name in some
    )


def run(step: Step, sizes: tuple[int, ...] = (16,) * 6) -> list[dict[str, float]]:
    """An epoch with a learning rate of its own for each batch; its losses."""
    torch.manual_seed(1)
    losses = []
    for epoch, batch in enumerate(batches(sizes)):
        set_lr(step.optimiser, RECIPE.lr_at(epoch))
        losses.append(step(batch))
    # Read when all is done.
    return [{name: float(value) for name, value in (one.terms | one.values).items()} for one in losses]


@pytest.mark.parametrize("sampler", ["unix", "everything", "random", "uncertain", "mixup", "nonadaptive"])
def test_a_captured_run_is_the_eager_run_bit_for_bit(tape: Tape, sampler: str) -> None:
    eager, replayed = made(Step, sampler=sampler), made(CapturedStep, sampler=sampler)
    assert run(eager) == run(replayed)
    assert tape.replays == 6 + 1, "the second batch is also compared with an eager step"
    assert alike(everything(eager), everything(replayed))
    assert replayed.tally.draws.sum() == 6 * (16 if sampler == "everything" else 12)
    assert replayed.tally.values()["unlike"].isfinite().sum() == (replayed.tally.draws > 0).sum()


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
    step = made(CapturedStep)
    found = [step(batch) for batch in batches()]
    for name, values in (
        ("train/kd", [float(losses.terms["kd"]) for losses in found]),
        ("method/unlike", [float(losses.values["unlike"]) for losses in found]),
    ):
        assert len(set(values)) == len(values)
        means = Means()
        for losses in found:
            means.add(losses)
        assert means.read()[name] == pytest.approx(sum(values) / len(values))


def test_a_batch_of_another_shape_is_done_eagerly(tape: Tape) -> None:
    sizes = (16, 16, 10, 16, 10)
    eager, replayed = made(Step), made(CapturedStep)
    assert run(eager, sizes) == run(replayed, sizes)
    assert tape.replays == 3 + 1
    assert alike(everything(eager), everything(replayed))


def test_the_callers_batch_is_left_alone(tape: Tape) -> None:
    step, (first, second) = made(CapturedStep), batches((16, 16))
    before = copy.deepcopy(first)
    step(first)
    step(second)
    assert all(torch.equal(tensor, value) for tensor, value in zip(first[:3], before[:3], strict=True))


def refuse(work: Callable[[], Losses], device: torch.device) -> Recording[Losses]:
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
    state = {"method": begun.method.state(), "optimiser": optimiser_state(begun.optimiser)}
    assert isinstance(state["optimiser"]["param_groups"][0]["lr"], float)
    save_state(tmp_path / "checkpoint.pt", state)

    continued, state = made(then), read_state(tmp_path / "checkpoint.pt")
    continued.method.load_state(state["method"])
    load_optimiser_state(continued.optimiser, state["optimiser"])
    run(continued)
    ours, theirs = ({k: v for k, v in everything(step).items() if "tally" not in k} for step in (continued, unbroken))
    assert alike(ours, theirs)


def test_capturing_is_for_gpus(command: Command) -> None:
    assert not Runtime(device="cpu").captures
    with pytest.raises(Mistake, match=r"runtime\.capture is true, which needs a GPU, but this runs on cpu"):
        Runtime(device="cpu", capture=True)
    said = command("runtime.device=cpu", "runtime.capture=yes_please")
    assert said.code == 2
    assert "runtime.capture is 'yes_please'; it must be one of auto" in said.err
