"""What fvcore says a network costs, to hold against what is counted here."""

from __future__ import annotations

import copy
import warnings

import torch
from torch import nn

from unix_exp.cost import rules
from unix_exp.cost.network import on_cpu
from unix_exp.models.logits import Logits

KINDS = {
    "conv": rules.CONVOLUTION,
    **dict.fromkeys(("linear", "addmm", "mm", "bmm", "matmul", "einsum"), rules.PRODUCT),
    "batch_norm": rules.BATCH_NORM,
    "layer_norm": rules.LAYER_NORM,
    "group_norm": rules.GROUP_NORM,
    "instance_norm": rules.INSTANCE_NORM,
    "adaptive_avg_pool2d": rules.POOLING,
    **dict.fromkeys(("upsample_nearest2d", "upsample_bilinear2d", "grid_sampler"), rules.RESIZING),
}


def macs_by_fvcore(network: nn.Module, size: int) -> dict[str, int] | None:
    """Multiply-adds of one image's forward pass by kind; None where fvcore cannot trace the network."""
    from fvcore.nn import FlopCountAnalysis

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracer's own deprecation, and its remarks on shapes in Python
        # On the CPU, because the tracer can't follow the meta device.
        counter = FlopCountAnalysis(Logits(on_cpu(copy.deepcopy(network))).eval(), torch.zeros(1, 3, size, size))
        counter.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
        try:
            by_operator = counter.by_operator()
        except Exception:  # the tracer fails in as many ways as there are networks
            return None
    macs: dict[str, int] = {}
    for operator, count in by_operator.items():
        kind = KINDS.get(operator, operator)
        macs[kind] = macs.get(kind, 0) + int(count)
    return macs
