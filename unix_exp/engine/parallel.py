"""One update by several processes: gradients are averaged by PyTorch, batch norms see the whole batch."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parallel import DistributedDataParallel

from unix_exp import stopping
from unix_exp.distillers.distiller import Distiller
from unix_exp.engine.still import Still
from unix_exp.engine.world import World


def parallel(method: Distiller) -> DistributedDataParallel:
    """The method whose gradients are averaged over processes while they are made; frozen networks are left alone."""
    named = [*method.named_parameters(), *method.named_buffers()]
    kept = set(method.without_frozen(dict(named)))
    trained = {name for name, weight in method.named_parameters() if weight.requires_grad}
    DistributedDataParallel._set_params_and_buffers_to_ignore_for_model(
        method, [name for name, _ in named if name not in kept & trained]
    )
    # Static: a stage does the same in every step, and what it does not use is found in the first one.
    return DistributedDataParallel(method, static_graph=True)


def with_batch_norms_together(network: nn.Module, device: torch.device) -> nn.Module:
    """The same network, whose batch norms take their statistics from the images of all processes."""
    for module in network.modules():
        if isinstance(module, _BatchNorm) and not isinstance(module, Still):  # those take no statistics
            module.process_group = None  # type: ignore[assignment]  # all; PyTorch's own, for GPUs alone, asks for it
            module.__class__ = nn.SyncBatchNorm if device.type == "cuda" else BatchNormOfAll  # weights and name stay
    return network


class Summed(torch.autograd.Function):
    """The sum over processes, with its gradient."""

    @staticmethod
    def forward(ctx: Any, mine: Tensor) -> Tensor:
        total = mine.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, total: Tensor) -> Tensor:
        gradient = total.clone()
        dist.all_reduce(gradient)
        return gradient


def summed(mine: Tensor) -> Tensor:
    total: Tensor = Summed.apply(mine)
    return total


class BatchNormOfAll(_BatchNorm):
    """PyTorch's SyncBatchNorm for the CPU: mean and variance of every process's images."""

    def _check_input_dim(self, maps: Tensor) -> None:
        pass

    def forward(self, maps: Tensor) -> Tensor:
        if not self.training:
            apart: Tensor = super().forward(maps)
            return apart
        values = maps.float()
        axes = [0, *range(2, maps.dim())]
        shape = [1, -1, *[1] * (maps.dim() - 2)]
        own = values.new_tensor(values.numel() / values.shape[1])
        sums = summed(torch.cat([values.sum(axes), own[None]]))
        count = sums[-1].detach()
        mean = sums[:-1] / count
        apart = values - mean.view(shape)
        variance = summed(apart.square().sum(axes)) / count
        self.remember(mean.detach(), variance.detach() * count / (count - 1))
        normal = apart * (variance + self.eps).rsqrt().view(shape)
        if self.affine:
            normal = normal * self.weight.view(shape) + self.bias.view(shape)
        result: Tensor = normal.to(maps.dtype)
        return result

    @torch.no_grad()
    def remember(self, mean: Tensor, variance: Tensor) -> None:
        """The running statistics follow the batch's, as in PyTorch; scouting may have switched them off."""
        if not self.track_running_stats or self.running_mean is None or self.running_var is None:
            return
        assert self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        share = self.momentum if self.momentum is not None else 1 / float(self.num_batches_tracked)
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), share)
        self.running_var.lerp_(variance.to(self.running_var.dtype), share)


def agree(method: Distiller) -> None:
    """Everybody takes the first process's statistics: where batch norms stay apart, each has gathered its own."""
    for buffer in method.without_frozen(dict(method.named_buffers())).values():
        dist.broadcast(buffer, 0)


def stop_if_asked(world: World) -> None:
    """End if a signal asks for it. One that has reached some of the processes ends all after the same step."""
    if world.size > 1:
        number = torch.tensor(stopping.asked.number or 0)
        dist.all_reduce(number, dist.ReduceOp.MAX)  # on the host, so the device is not waited for
        stopping.asked.number = int(number) or None
    stopping.check()
