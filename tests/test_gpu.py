"""What only a GPU can show: the step as one CUDA graph, and an epoch in which the host never waits for it."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path

import pytest
import torch
from common import Command, Small

import unix_exp
from unix_exp.criteria.kd import KD
from unix_exp.criteria.weighted import Weighted
from unix_exp.data.shapes import Shapes
from unix_exp.distillers.distiller import Parts
from unix_exp.distillers.offline import Offline
from unix_exp.engine.analysis import Analysis
from unix_exp.engine.cuda_graph import CapturedStep
from unix_exp.engine.evaluate import evaluate
from unix_exp.engine.loop import unwatched
from unix_exp.engine.optimiser import optimiser_of
from unix_exp.engine.optimiser_state import load_optimiser_state, optimiser_state, set_lr
from unix_exp.engine.recording import replay_equals_eager, waiting_is_an_error
from unix_exp.engine.runtime import Runtime
from unix_exp.engine.step import Between, Means, Step
from unix_exp.recipe import Recipe
from unix_exp.samplers.selection import shuffled, take
from unix_exp.types import Batch, Losses, Sampler, Scout

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")

DEVICE = "cuda"
SAMPLERS = ("unix", "everything", "random", "uncertain", "mixup", "cutmix", "nonadaptive")
RECIPE = Recipe(epochs=4, batch=16, lr=0.05, milestones=[2])


@pytest.fixture(autouse=True)
def exact(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No TF32 and no choice of kernels by timing them, so that the same step gives the same numbers."""
    for name, value in (("allow_tf32", False), ("benchmark", False), ("deterministic", True)):
        monkeypatch.setattr(torch.backends.cudnn, name, value)
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    yield
    torch.set_float32_matmul_precision(before)


@pytest.fixture(scope="module")
def data() -> Shapes:
    drawn = Shapes(train_count=192, test_count=96)
    drawn.load(DEVICE)
    return drawn


def made(
    kind: type[Step], data: Shapes, sampler: Sampler | None = None, small: bool = False, **settings: object
) -> tuple[Step, Analysis]:
    """A step on the GPU whose sampler is counted, at the beginning of a run."""
    torch.manual_seed(0)
    classes = len(data.classes)
    student, teacher = (
        (Small(), Small())
        if small
        else (unix_exp.model("resnet8", num_classes=classes), unix_exp.model("resnet14", num_classes=classes))
    )
    runtime = Runtime(device=DEVICE, **settings)
    networks, kd = {"student": student, "teacher": teacher}, Weighted({"kd": KD()}, {"kd": 1.0})
    method = runtime.settled(Offline(Parts(networks, sampler or unix_exp.sampler("unix"), kd, runtime.scouting)))
    analysis = Analysis(method, data, runtime)
    weights = [weight for weight in method.parameters() if weight.requires_grad]
    return kind(method, optimiser_of(RECIPE, weights), runtime, tally=analysis.tally), analysis


def run(step: Callable[[Batch], Losses], data: Shapes, seed: int, steps: int) -> list[float]:
    """Some steps of an epoch, and their losses."""
    torch.manual_seed(seed + 1)
    terms = [step(batch).terms["kd"] for batch in islice(data.train_batches(16, seed), steps)]
    return [float(term) for term in terms]


def assert_alike(step: Step, other: Step) -> None:
    """Weights and statistics within rounding, counts exactly."""
    ours, theirs = step.method.state_dict(), other.method.state_dict()
    torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4)
    assert torch.equal(step.tally.draws, other.tally.draws)
    assert torch.equal(step.tally.labels, other.tally.labels)


def assert_captured(step: Step) -> None:
    assert isinstance(step, CapturedStep)
    assert step.recording is not None


@pytest.mark.parametrize("name", SAMPLERS)
def test_the_captured_step_is_the_eager_step(data: Shapes, name: str) -> None:
    """Also with an evaluation and another learning rate in between; the same seed draws the same random numbers."""
    (eager, _), (captured, _) = (made(kind, data, unix_exp.sampler(name)) for kind in (Step, CapturedStep))
    for epoch in range(2):
        losses, tops = [], []
        for step in (eager, captured):
            set_lr(step.optimiser, RECIPE.lr_at(epoch))
            step.method.train()
            losses.append(run(step, data, seed=epoch, steps=5))
            tops.append(evaluate(step.method.student, data, 16, step.runtime, unwatched).top5)
        assert losses[0] == pytest.approx(losses[1], rel=1e-3)
        assert tops[0] == pytest.approx(tops[1], abs=3)
    assert_captured(captured)
    assert_alike(captured, eager)
    assert captured.tally.draws.sum() == 10 * (16 if name == "everything" else 12)


@pytest.mark.parametrize("scout_mode", ["train", "frozen", "eval"])
def test_every_way_of_scouting_is_captured(data: Shapes, scout_mode: str) -> None:
    (eager, _), (captured, _) = (
        made(kind, data, unix_exp.sampler("unix", scout_mode=scout_mode)) for kind in (Step, CapturedStep)
    )
    assert run(eager, data, seed=0, steps=5) == pytest.approx(run(captured, data, seed=0, steps=5), rel=1e-3)
    assert_captured(captured)
    assert_alike(captured, eager)


def test_the_seed_decides_what_a_replay_draws(data: Shapes) -> None:
    step, _ = made(CapturedStep, data)
    set_lr(step.optimiser, 0.0)  # the weights stay, so a loss depends on images and random numbers alone
    first, again, other = (run(step, data, seed, steps=3) for seed in (1, 1, 2))
    assert first == pytest.approx(again, rel=1e-4)
    assert first != pytest.approx(other, rel=1e-2)
    one = next(data.train_batches(16, 0))
    drawn = [float(step(one).terms["kd"]) for _ in range(4)]
    assert max(drawn) - min(drawn) > 1e-3 * max(drawn), "each replay draws anew"
    assert_captured(step)


@pytest.mark.parametrize("kind", [Step, CapturedStep])
@pytest.mark.parametrize("name", SAMPLERS)
def test_an_epoch_waits_for_nothing_but_its_end(data: Shapes, name: str, kind: type[Step]) -> None:
    step, analysis = made(kind, data, unix_exp.sampler(name))
    run(step, data, seed=0, steps=1)  # compiles, records, allocates
    observed, means = analysis.around(step), Means()
    with waiting_is_an_error():
        torch.manual_seed(2)
        set_lr(step.optimiser, 0.01)
        for batch in data.train_batches(16, seed=1):
            means.add(observed(batch))
    assert means.count == 12
    assert means.read()["train/kd"] > 0
    values, arrays = analysis.finish_epoch(None)
    assert values["analysis/student_entropy_kept"] > 0
    assert sum(arrays["drawn_per_class"]) == 13 * (16 if name == "everything" else 12)


def test_a_continued_run_equals_an_unbroken_one(data: Shapes) -> None:
    unbroken, _ = made(CapturedStep, data)
    expected = [run(unbroken, data, seed, steps=5) for seed in (0, 1)][1]

    begun, _ = made(CapturedStep, data)
    run(begun, data, seed=0, steps=5)
    continued, _ = made(CapturedStep, data)
    continued.method.load_state(begun.method.state())
    load_optimiser_state(continued.optimiser, optimiser_state(begun.optimiser))
    set_lr(continued.optimiser, RECIPE.lr)
    assert run(continued, data, seed=1, steps=5) == pytest.approx(expected, rel=1e-3)
    ours, theirs = continued.method.state_dict(), unbroken.method.state_dict()
    torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("precision", ["precision", "scout_precision"])
@pytest.mark.parametrize("name", SAMPLERS)
def test_bf16_stays_finite_when_captured(data: Shapes, name: str, precision: str) -> None:
    step, _ = made(CapturedStep, data, unix_exp.sampler(name), **{precision: "bf16"})
    losses = run(step, data, seed=0, steps=12)
    assert_captured(step)
    assert all(torch.isfinite(torch.tensor(losses)))
    assert all(torch.isfinite(weight).all() for weight in step.method.student.parameters())


def test_a_compiled_step_is_captured_too(data: Shapes) -> None:
    torch._dynamo.reset()
    step, _ = made(CapturedStep, data, small=True, compile=True)
    ten = Batch(torch.randn(16, 3, 32, 32), torch.eye(10)[torch.arange(16) % 10], torch.arange(16))
    batch = Batch(*(tensor.to(DEVICE) for tensor in ten[:3]))
    before = step.method.student.fc.weight.detach().clone()
    assert all(torch.isfinite(step(batch).terms["kd"]) for _ in range(3))
    assert_captured(step)
    assert not torch.equal(before, step.method.student.fc.weight)


def test_a_batch_of_another_shape_is_done_eagerly_in_between(data: Shapes) -> None:
    (eager, _), (captured, _) = (made(kind, data) for kind in (Step, CapturedStep))
    losses = []
    for step in (eager, captured):
        torch.manual_seed(0)
        batches = list(islice(data.train_batches(16, 0), 4))
        batches[2] = take(batches[2], torch.arange(8, device=DEVICE))
        losses.append([float(step(batch).terms["kd"]) for batch in batches])
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)
    assert_captured(captured)
    assert_alike(captured, eager)


class Waiting:
    """A sampler of a user's own that reads a value from the GPU."""

    def __init__(self, only_when_captured: bool = False) -> None:
        self.only_when_captured = only_when_captured

    def __call__(self, batch: Batch, scout: Scout) -> Batch:
        if not self.only_when_captured or torch.cuda.is_current_stream_capturing():
            batch.images.sum().item()
        return take(batch, shuffled(batch))


def check_that_it_goes_on_eagerly(data: Shapes, only_when_captured: bool) -> None:
    (eager, _), (refused, _) = (made(kind, data, Waiting(only_when_captured)) for kind in (Step, CapturedStep))
    said: list[str] = []
    refused.say = said.append
    assert run(eager, data, seed=0, steps=5) == pytest.approx(run(refused, data, seed=0, steps=5), rel=1e-3)
    assert refused.recording is None
    assert len(said) == 1, said
    assert "runs eagerly" in said[0]
    assert_alike(refused, eager)


def test_a_sampler_that_waits_runs_eagerly_and_that_is_said(data: Shapes) -> None:
    check_that_it_goes_on_eagerly(data, only_when_captured=False)


def check_that_a_broken_capture_is_cleared_away(data: Shapes) -> None:
    check_that_it_goes_on_eagerly(data, only_when_captured=True)
    torch.cuda.empty_cache()  # fails while the allocator counts a capture as underway
    later, _ = made(CapturedStep, data)
    run(later, data, seed=0, steps=2)
    assert_captured(later)


def test_a_capture_that_breaks_is_survived() -> None:
    """In a process of its own: if PyTorch gets stuck here, the tests that follow would fail too."""
    script = (
        "import test_gpu; data = test_gpu.Shapes(train_count=192, test_count=96); data.load('cuda'); "
        "test_gpu.check_that_a_broken_capture_is_cleared_away(data)"
    )
    here = Path(__file__).parent
    words = [sys.executable, "-c", f"import sys; sys.path[:0] = {[str(here), str(here.parent)]}; {script}"]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


class DrawsOnTheHost:
    """A sampler of a user's own whose random numbers a recording would repeat."""

    def __call__(self, batch: Batch, scout: Scout) -> Batch:
        return batch._replace(images=batch.images * random.uniform(0.2, 1.0))


@pytest.mark.parametrize("found", [True, False])
def test_a_number_drawn_on_the_host_is_found(data: Shapes, found: bool) -> None:
    step, _ = made(CapturedStep, data, DrawsOnTheHost() if found else None)
    batch = next(data.train_batches(16, 0))
    step(batch)
    assert_captured(step)
    device = batch.images.device
    equal = replay_equals_eager(step.recording, partial(Step.__call__, step, step.given), step.written(), device)
    assert equal != found


def test_a_whole_run_is_captured_and_continues(tiny: Command) -> None:
    said = tiny("recipe.epochs=2", "runtime.device=cuda", "runtime.capture=true")
    assert said.code == 0, said.err
    assert "can't be captured" not in said.out


def test_the_time_between_steps_is_the_gpus_own() -> None:
    """The host is far ahead of the GPU, so its own clock would measure nothing."""
    between, cycles = Between(torch.device(DEVICE)), 20_000_000
    begun, ended = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    begun.record()
    for _ in range(3):
        torch.cuda._sleep(cycles)  # images are awaited
        between.mark()
        torch.cuda._sleep(3 * cycles)  # a step
        between.mark()
    ended.record()
    torch.cuda.synchronize()
    assert 0.15 < between.seconds() / (begun.elapsed_time(ended) / 1000) < 0.4
