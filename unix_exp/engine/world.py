"""The processes that train one student together, one for each GPU; torchrun starts them.

Only the forward and backward passes of networks are divided. Whatever a method does beside them (selecting, mixing,
comparing images, remembering) every process does for the whole batch, and so alike: methods need no code for it, and
the number of processes changes no result beyond rounding.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, NamedTuple, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from unix_exp.engine.absent import FEATURES, Absent
from unix_exp.types import Mistake, Output, Relayed

T = TypeVar("T")
PATIENCE = timedelta(days=30)  # the first process may train a teacher alone, or wait for another run that does


class World(NamedTuple):
    """This process among all; alone it is the first of one."""

    rank: int = 0
    size: int = 1

    @classmethod
    def here(cls) -> World:
        joined = dist.is_available() and dist.is_initialized()
        return cls(dist.get_rank(), dist.get_world_size()) if joined else cls()

    @property
    def leads(self) -> bool:
        """Whether this process is the one that prints, writes and decides."""
        return self.rank == 0

    def shares(self, count: int) -> list[int]:
        """How many of so many rows each process has; they differ by one at most."""
        return [count // self.size + (rank < count % self.size) for rank in range(self.size)]

    def rows(self, count: int) -> slice:
        """Which of so many rows are this process's."""
        shares = self.shares(count)
        first = sum(shares[: self.rank])
        return slice(first, first + shares[self.rank])

    def chosen(self, choose: Callable[[], T]) -> T:
        """What the first process finds, for all; its mistake is everybody's."""
        if self.size == 1:
            return choose()
        found: list[Any] = [None, None]
        failed: BaseException | None = None
        if self.leads:
            try:
                found[0] = choose()
            except BaseException as error:
                failed = error
                error.__dict__["relayed"] = True  # so that a sweep goes on in all processes, or in none
                found[1] = str(error) if isinstance(error, Mistake) else f"process 0 failed: {error}"
        dist.broadcast_object_list(found, 0, device=torch.device("cpu"))
        if failed is not None:
            raise failed
        if found[1] is not None:
            raise Relayed(found[1])
        value: T = found[0]
        return value

    def in_turn(self, do: Callable[[], T]) -> T:
        """The first process does it before the others, who find there what it wrote."""
        if self.size == 1:
            return do()
        done: list[T] = []
        self.chosen(lambda: done.append(do()))
        return done[0] if self.leads else do()

    def meet(self) -> None:
        """Go on when all have come here."""
        if self.size > 1:
            dist.all_reduce(torch.zeros(1))

    def gathered(self, mine: Tensor, count: int) -> Tensor:
        """Everybody's rows, in order, with their gradient."""
        if self.size == 1:
            return mine
        whole: Tensor = Gathered.apply(mine, self, count)
        return whole


class Gathered(torch.autograd.Function):
    """All processes make the same loss of the same rows, so each has the gradient of its own rows at hand."""

    @staticmethod
    def forward(ctx: Any, mine: Tensor, world: World, count: int) -> Tensor:
        ctx.world, ctx.count = world, count
        shares = world.shares(count)
        padded = mine.contiguous()  # what is exchanged has to be in order, and as long everywhere
        if len(mine) < shares[0]:
            padded = torch.cat([padded, padded.new_zeros(1, *mine.shape[1:])])
        parts = [torch.empty_like(padded) for _ in shares]
        dist.all_gather(parts, padded)
        return torch.cat([part[:rows] for part, rows in zip(parts, shares, strict=True)])

    @staticmethod
    def backward(ctx: Any, whole: Tensor) -> tuple[Tensor, None, None]:
        # DistributedDataParallel averages gradients over processes; those of different rows have to add up.
        return whole[ctx.world.rows(ctx.count)] * ctx.world.size, None, None


class Divided:
    """A network's output of a batch: each process computes its rows, and all have the whole."""

    def __init__(self, world: World, features: bool = True) -> None:
        self.world = world
        self.features = features  # whether anything reads feature maps, which are large: else they stay where they are

    def __call__(self, network: nn.Module, images: Tensor) -> Output:
        count = len(images)
        if count < self.world.size:  # not a row for everybody: all compute all
            output: Output = network(images)
            return output
        with randomness_of_its_own(self.world, images.device):
            mine: Output = network(images[self.world.rows(count)])
        maps: Any = (
            tuple(self.world.gathered(one, count) for one in mine.features) if self.features else Absent(FEATURES)
        )
        return Output(self.world.gathered(mine.logits, count), maps, self.world.gathered(mine.embedding, count))


@contextmanager
def randomness_of_its_own(world: World, device: torch.device) -> Iterator[None]:
    """A network's random numbers, such as dropout's, differ between processes; the generators go on alike in all."""
    generators = [torch.default_generator]
    if device.type == "cuda":
        generators.append(torch.cuda.default_generators[torch.cuda.current_device()])
    before = [generator.get_state() for generator in generators]
    seed = int(torch.randint(2**62, ()))  # of the host's generator
    for generator in generators:
        generator.manual_seed((seed + world.rank) % 2**63)
    seeded = [generator.get_state() for generator in generators]
    try:
        yield
    finally:
        drawn = any(not torch.equal(one.get_state(), was) for one, was in zip(generators, seeded, strict=True))
        for generator, state in zip(generators, before, strict=True):
            generator.set_state(state)
        if drawn:
            torch.randint(2**62, ())  # so that the next pass draws other numbers


def expected() -> int:
    """How many processes torchrun has started, before they have met."""
    return int(os.environ.get("WORLD_SIZE", 1))


def join(device: torch.device) -> World:
    """Meet the other processes that torchrun has started; where it has started none, this process is alone."""
    if expected() == 1 or dist.is_initialized():
        return World.here()
    if device.type == "cuda":
        torch.cuda.set_device(device)
    # Under a name of its own for each restart, because the store still holds the addresses of processes that died.
    store, rank, size = next(dist.rendezvous("env://"))
    attempt = dist.PrefixStore(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"), store)
    # Tensors on the host go through gloo in any case: what the first process finds must not disturb the GPU.
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    dist.init_process_group(backend, store=attempt, rank=rank, world_size=size, timeout=PATIENCE)
    atexit.register(dist.destroy_process_group)
    return World.here()
