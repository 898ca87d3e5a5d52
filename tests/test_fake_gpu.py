"""What a GPU would complain about, found without one: tensors left on the CPU, and values that the host reads.

PyTorch's fake tensors have a shape and a device and no values, so any machine can make some "on a GPU". A backward pass
would ask for a driver, so everything here goes forward only.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from assembled import Tiny
from families import smallest_of_each_file
from torch import Tensor, nn
from torch._subclasses.fake_tensor import DataDependentOutputException, DynamicOutputShapeException, FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

import unix_exp
from unix_exp import config
from unix_exp.config import Settings, compose
from unix_exp.data.resident import Images, Resident
from unix_exp.distillers.clock import Clock
from unix_exp.distillers.distiller import Distiller
from unix_exp.engine.analysis import Analysis
from unix_exp.engine.evaluate import counted
from unix_exp.engine.loop import unwatched
from unix_exp.engine.runtime import Runtime
from unix_exp.registry import criteria, distillers, models, samplers
from unix_exp.run.assemble import assemble
from unix_exp.run.extending import extended
from unix_exp.run.networks import declared_roles
from unix_exp.types import Batch, Facts, Scout

CLASSES, BATCH, SIZE = 10, 8, 32


class OnGpu(TorchDispatchMode):
    """No operation inside may read or make a tensor on the CPU: even where that works, the step would wait for a copy.

    Constructing belongs outside: a run constructs on the CPU, and then moves to the GPU what modules register.
    """

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        for leaf in tree_leaves((args, kwargs, result)):
            if isinstance(leaf, Tensor) and leaf.device.type == "cpu":
                raise AssertionError(f"{function} works on a tensor on the CPU, of shape {list(leaf.shape)}")
        return result


@pytest.fixture(autouse=True)
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every tensor of the test is fake, and a GPU seems to be there."""
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with FakeTensorMode(), torch.no_grad():
        yield


@pytest.fixture(scope="module")
def settings() -> Settings:
    words = ("logger=none", "student=resnet8", "teacher=resnet8", f"recipe.batch={BATCH}")
    with compose.hydra_ready():
        return config.resolve(compose.composed(words))


def moved(module: nn.Module) -> nn.Module:
    """As `to("cuda")`, which refuses to replace fake weights: what a module doesn't register stays on the CPU."""
    for part in module.modules():
        for name, weight in part._parameters.items():
            if weight is not None:
                part._parameters[name] = nn.Parameter(weight.detach().to("cuda"), weight.requires_grad)
        for name, buffer in part._buffers.items():
            part._buffers[name] = buffer.to("cuda") if buffer is not None else None
    return module


def batch() -> Batch:
    targets = torch.rand(BATCH, CLASSES, device="cuda")
    return Batch(torch.randn(BATCH, 3, SIZE, SIZE, device="cuda"), targets, torch.arange(BATCH, device="cuda"))


def method(settings: Settings) -> Distiller:
    """As a run assembles it, on the GPU; of small networks, as test_every_network_stays_on_the_gpu sees the others."""
    roles = ("student", *declared_roles(settings))
    plain: dict[str, nn.Module] = {role: Tiny(4 if role == "student" else 6) for role in roles}
    networks = extended(settings, plain, SIZE)
    shapes = {role: network.eval()(torch.zeros(BATCH, 3, SIZE, SIZE)) for role, network in networks.items()}
    facts = Facts(CLASSES, 2 * BATCH, BATCH, 1, SIZE, shapes, Clock())
    made = moved(assemble(settings, networks, facts))
    assert isinstance(made, Distiller)
    return made.train()


class Pixels(Resident):
    """A data set in memory."""

    classes = tuple("abcdefghij")
    size, train_count, test_count = SIZE, 2 * BATCH, 2 * BATCH
    mean = std = (0.5, 0.5, 0.5)

    def read(self, watch: object) -> tuple[Images, Images]:
        images = Images(
            torch.zeros(2 * BATCH, SIZE, SIZE, 3, dtype=torch.uint8), torch.zeros(2 * BATCH, dtype=torch.int64)
        )
        return images, images


def loaded() -> Pixels:
    data = Pixels()
    data.load("cuda")
    return data


# Each sampler with one loss and each loss with one sampler: they meet in a batch alone, so all pairs show no more.
PAIRS = [(sampler, "kd") for sampler in samplers.names()] + [("unix", criterion) for criterion in criteria.names()]


@pytest.mark.parametrize(("sampler", "criterion"), dict.fromkeys(PAIRS))
def test_every_sampler_and_criterion_stays_on_the_gpu(settings: Settings, sampler: str, criterion: str) -> None:
    chosen = {**settings, "sampler": {"name": sampler}, "criterion": {criterion: {"weight": 1.0}}}
    made, given = method(chosen), batch()
    with OnGpu():
        losses = made(given)
    assert all(leaf.device.type == "cuda" for leaf in tree_leaves(losses))


@pytest.mark.parametrize("distiller", distillers.names())
def test_every_distiller_stays_on_the_gpu(settings: Settings, distiller: str) -> None:
    made, given = method({**settings, "distiller": {"name": distiller}, "criterion": {"ce": {"weight": 1.0}}}), batch()
    with OnGpu():
        made(given)


def needs_nothing_else(constructor: Callable[..., Any]) -> bool:
    """Whether a network can be made from its number of classes alone; an adapter needs an architecture too."""
    parameters = inspect.signature(constructor).parameters.values()
    return {one.name for one in parameters if one.default is inspect.Parameter.empty} <= {"num_classes"}


@pytest.mark.parametrize(
    "name", smallest_of_each_file(name for name in models.names() if needs_nothing_else(models[name]))
)
def test_every_network_stays_on_the_gpu(name: str) -> None:
    network, images = moved(unix_exp.model(name, num_classes=CLASSES)), batch().images
    with OnGpu():
        output = network(images)
    assert output.logits.shape == (BATCH, CLASSES)


def test_a_batch_is_gathered_on_the_gpu() -> None:
    data = loaded()
    with OnGpu():
        drawn = data.drawn(torch.Generator())  # a generator of the GPU's own would ask for a driver
        made = data.gathered(drawn, slice(0, BATCH))
    assert made.images.shape == (BATCH, 3, SIZE, SIZE)
    assert made.images.is_contiguous(memory_format=torch.channels_last)


def test_an_evaluation_counts_on_the_gpu() -> None:
    data, network, runtime = loaded(), moved(unix_exp.model("resnet8", num_classes=CLASSES)), Runtime(device="cuda")
    with OnGpu():
        counts = counted(network, data, BATCH, runtime, unwatched)
    assert counts.right.shape == counts.images.shape == (CLASSES,)


def test_the_analysis_looks_at_a_batch_on_the_gpu(settings: Settings) -> None:
    made, given = method(settings), batch()
    centres = torch.zeros(CLASSES, made.teacher.fc.in_features)
    analysis = Analysis(made, loaded(), Runtime(device="cuda"), centres)
    with OnGpu():
        analysis.add(analysis.look(given), kept=given.index % 2 == 0)
        analysis.tally(given, made(given))  # draws are counted
    assert all(sums.device.type == "cuda" for sums in analysis.sums.values())


WRONG: dict[str, tuple[Callable[[Batch], Any], type[Exception]]] = {
    "makes a tensor on the CPU": (lambda batch: batch.images[torch.randperm(BATCH)], AssertionError),
    "computes with one on the CPU": (lambda batch: batch.images * torch.rand(BATCH, 1, 1, 1), AssertionError),
    "copies from the CPU": (lambda batch: torch.tensor([0, 1], device="cuda"), AssertionError),
    "copies to the CPU": (lambda batch: batch.index.cpu(), AssertionError),
    "reads a value": (lambda batch: batch.images.sum().item(), DataDependentOutputException),
    "decides by a value": (lambda batch: bool(batch.images.sum() > 0), DataDependentOutputException),
    "chooses by a mask": (lambda batch: batch.images[batch.index > 3], DynamicOutputShapeException),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_sampler_of_somebody_elses_is_found(settings: Settings, wrong: str) -> None:
    work, error = WRONG[wrong]

    class Theirs:
        def __call__(self, batch: Batch, scout: Scout) -> Batch:
            work(batch)
            return batch

    made, given = method(settings), batch()
    made.sampler = Theirs()
    with OnGpu(), pytest.raises(error):
        made(given)
