"""What a CPU needs so as not to lose time."""

from __future__ import annotations

import platform
import subprocess
import sys
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

import unix_exp
from unix_exp.engine.cpu import without_slow_kernels
from unix_exp.engine.folding import frozen
from unix_exp.engine.runtime import Runtime

LIGHT = ("mobilenetv2", "shufflev1", "shufflev2")


class Backward(TorchDispatchMode):
    """Every convolution's way back: precision, stride, and how many groups of how many channels."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[torch.dtype, int, int, int]] = []

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if function is torch.ops.aten.convolution_backward.default:
            gradient, maps, stride, groups = args[0], args[1], args[4], args[9]
            self.seen.append((gradient.dtype, stride[0], groups, maps.shape[1]))
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("name", LIGHT)
def test_in_bf16_no_strided_depthwise_convolution_learns_in_bf16(name: str) -> None:
    runtime = Runtime(device="cpu", precision="bf16")
    network = runtime.settled(unix_exp.model(name, num_classes=10))
    with Backward() as watch, runtime.autocast():
        network(torch.randn(2, 3, 32, 32)).logits.sum().backward()
    slow = {dtype for dtype, stride, groups, channels in watch.seen if stride > 1 and groups == channels > 3}
    rest = {dtype for dtype, stride, groups, channels in watch.seen if groups == 1}
    assert slow == {torch.float32}
    assert rest == {torch.bfloat16}


def test_such_a_network_is_the_same_to_everyone_else() -> None:
    plain, spared = (unix_exp.model("shufflev2", num_classes=10).eval() for _ in range(2))
    spared.load_state_dict(plain.state_dict())
    spared = without_slow_kernels(spared)
    images = torch.randn(4, 3, 32, 32)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(plain(images).logits, spared(images).logits), "a look without gradient stays as fast"
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(plain(images).logits, spared(images).logits, rtol=0.05, atol=0.05)
    kept = [module for module in frozen(spared, "float32", 32).modules() if isinstance(module, nn.BatchNorm2d)]
    assert not kept, "its batch norms fold as before"


def test_float32_networks_are_left_alone() -> None:
    network = Runtime(device="cpu").settled(unix_exp.model("shufflev2", num_classes=10))
    assert all(type(module) is nn.Conv2d for module in network.modules() if isinstance(module, nn.Conv2d))


FAULTS = """
import ctypes, resource, sys
if sys.argv[1] == "keep":
    from unix_exp.engine.cpu import keep_freed_memory
    keep_freed_memory()
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
libc.memset.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
def step():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    held = [libc.malloc(2**20) for _ in range(100)]
    for piece in held:
        libc.memset(piece, 1, 2**20)
    for piece in held:
        libc.free(piece)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
print([step() for _ in range(4)][-1])
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc's allocator")
def test_what_a_step_frees_the_next_one_finds() -> None:
    def faults(how: str) -> int:
        return int(
            subprocess.run([sys.executable, "-c", FAULTS, how], capture_output=True, text=True, check=True).stdout
        )

    assert faults("keep") < 500 < faults("leave")
