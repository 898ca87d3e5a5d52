"""What a run asks of its device, also of a GPU that is not here."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from unix_exp.engine import runtime
from unix_exp.engine.cpu import computes_bf16
from unix_exp.engine.evaluate import evaluation_batch
from unix_exp.engine.randomness import set_seed
from unix_exp.engine.runtime import Runtime
from unix_exp.types import Mistake


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> list[torch.device]:
    """A machine that seems to have two GPUs; the devices that were made current."""
    chosen: list[torch.device] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", torch.backends.cudnn.benchmark)  # settle() sets it
    return chosen


def test_the_chosen_gpu_is_the_current_one(two_gpus: list[torch.device]) -> None:
    before = torch.get_float32_matmul_precision()
    for device in ("auto", "cpu", "cuda", "cuda:1"):
        Runtime(device=device).settle()
    torch.set_float32_matmul_precision(before)
    assert two_gpus == [torch.device("cuda:1")]


def test_a_gpu_beyond_the_last_is_refused(two_gpus: list[torch.device]) -> None:
    with pytest.raises(Mistake, match="runtime.device is 'cuda:2'; choose cuda:0 to cuda:1"):
        Runtime(device="cuda:2")


@pytest.mark.parametrize(
    ("memory_format", "strides"), [("channels_last", (48, 1, 12, 3)), ("contiguous", (48, 16, 4, 1))]
)
def test_images_have_the_memory_format_that_was_asked_for(memory_format: str, strides: tuple[int, ...]) -> None:
    runtime = Runtime(device="cpu", memory_format=memory_format)
    pixels = torch.arange(96.0).view(2, 4, 4, 3)
    for images in (pixels.permute(0, 3, 1, 2), pixels.permute(0, 3, 1, 2).contiguous()):
        laid_out = runtime.batch_layout(images)
        assert laid_out.stride() == strides
        assert torch.equal(laid_out, images)
        assert (laid_out.data_ptr() == images.data_ptr()) == (images.stride() == strides), (
            "copied only where it must be"
        )


def test_a_cpu_run_is_saved_after_every_epoch_and_a_gpu_run_now_and_then(two_gpus: list[torch.device]) -> None:
    cpu, gpu = (Runtime(device=device) for device in ("cpu", "cuda"))
    assert all(cpu.checkpoint_is_due(epoch, seconds=0.1) for epoch in (1, 2, 3))
    assert not gpu.checkpoint_is_due(1, seconds=1.0)
    assert gpu.checkpoint_is_due(1, seconds=60.0), "an epoch that takes a minute is not lost"
    every_second = Runtime(device="cuda", checkpoint_every=2)
    assert [every_second.checkpoint_is_due(epoch, seconds=60.0) for epoch in (1, 2, 3, 4)] == [False, True, False, True]


def test_no_checkpoints_at_all_is_refused() -> None:
    with pytest.raises(Mistake, match="runtime.checkpoint_every is 0; choose 1 or more, or auto"):
        Runtime(device="cpu", checkpoint_every=0)


def test_a_gpu_evaluates_more_images_at_once_unless_they_are_large() -> None:
    cpu, gpu = torch.device("cpu"), torch.device("cuda:0")
    assert evaluation_batch(64, 32, cpu) == 250
    assert evaluation_batch(256, 32, cpu) == 256
    assert evaluation_batch(64, 32, gpu) == 2000
    assert evaluation_batch(64, 64, gpu) == 500
    assert evaluation_batch(64, 224, gpu) == 250
    assert evaluation_batch(256, 224, gpu) == 256


@pytest.mark.parametrize(
    ("flags", "computes"), [("flags : fpu avx512f\n", False), ("flags : avx512_bf16 fpu\n", True), ("none\n", True)]
)
def test_a_processor_says_whether_it_computes_bf16(flags: str, computes: bool, tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text("model name : a processor\n" + flags)
    assert computes_bf16(str(tmp_path / "cpuinfo")) is computes
    assert computes_bf16(str(tmp_path / "gone")) is True  # no complaint on a system that has no such file


def test_emulated_bf16_is_remarked_upon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "computes_bf16", lambda: False)
    assert not Runtime(device="cpu").remarks()
    for asked in ("precision", "teacher_precision", "scout_precision"):
        (remark,) = Runtime(device="cpu", **{asked: "bf16"}).remarks()  # type: ignore[arg-type]
        assert "slower than float32" in remark


@pytest.mark.parametrize("number", [0, 7, -1, 2**63])
def test_a_seed_is_pytorchs(number: int) -> None:
    torch.manual_seed(number)
    theirs = torch.rand(8)
    set_seed(number)
    assert torch.rand(8).equal(theirs)


@pytest.mark.skipif(torch.cuda.is_available(), reason="on a machine without a GPU")
def test_a_seed_writes_no_traceback_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("traceback.format_stack", lambda *_: pytest.fail("it takes a millisecond, and is kept"))
    set_seed(3)
