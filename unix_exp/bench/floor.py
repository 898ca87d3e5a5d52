"""The floor: what a step's networks take when nothing else is done."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from unix_exp.bench.case import Case
from unix_exp.bench.ours import networks


class Floor:
    """Scout, teach, learn: each network sees as many images as in a step, always the same, and nothing is updated."""

    def __init__(self, case: Case, images: Tensor) -> None:
        seen = case.cost.images
        self.student, self.teacher = networks(case)
        self.student.train()
        self.scouted, self.taught, self.learned = (
            images[:count].clone(memory_format=torch.preserve_format) if count else None
            for count in (seen.scouted, seen.taught, seen.learned)
        )
        self.runtime = case.runtime
        self.gradient = torch.randn(seen.learned, len(case.data.classes), device=images.device) / seen.learned
        self.look = [compiled(network, case.runtime.compile) for network in (self.student, self.teacher)]

    def __call__(self) -> None:
        student, teacher = self.look
        for weight in self.student.parameters():
            weight.grad = None
        with self.runtime.autocast():
            with torch.no_grad():
                if self.scouted is not None:
                    with self.runtime.scouting():
                        student(self.scouted)
                if self.taught is not None:
                    teacher(self.taught)
            logits = student(self.learned).logits
        logits.backward(self.gradient.to(logits.dtype))


def compiled(network: nn.Module, wanted: bool) -> Callable:
    return torch.compile(network, fullgraph=True) if wanted else network


def captured(work: Callable[[], object]) -> Callable[[], object]:
    """The work as one CUDA graph: the floor is the GPU's time, not that of a host which launches one kernel by one."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):  # kernels are chosen outside the graph
        for _ in range(3):
            work()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        work()
    return graph.replay
