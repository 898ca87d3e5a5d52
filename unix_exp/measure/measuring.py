"""Measuring finished runs: their networks' guesses run by run, then the times of all networks together."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from unix_exp.cost.network import gflops
from unix_exp.deploy.entrants import Entrant, entrants_of
from unix_exp.deploy.judged import Judged, judged, judged_in_parts, some_images
from unix_exp.deploy.with_data import RunAndData, with_data
from unix_exp.engine.evaluate import evaluation_batch
from unix_exp.engine.runtime import Runtime
from unix_exp.measure.latency import latencies
from unix_exp.measure.memory import HOW, peaks
from unix_exp.run import provenance
from unix_exp.run.checkpoint import content_hash
from unix_exp.run.load import read_result
from unix_exp.run.measured import Latency, Measured, MeasuredNetwork, Timing
from unix_exp.run.networks import STUDENT, TEACHER
from unix_exp.types import Watch

HOWS = [
    "latency: from a batch of prepared images in memory to its logits, the networks in turns in one process",
    HOW,
]


NEAR, FEW = 1.0, 2  # points of accuracy, or images, that another precision, device or kernel may make


class Asked(NamedTuple):
    """What is to be measured, and how."""

    batches: tuple[int, ...] = (1, 64)
    repeats: int = 30
    threads: int | None = None  # PyTorch's own choice
    images: int | None = None  # all test images
    latency: bool = True  # memory too
    device: str = "cpu"
    moved: Path | None = None  # where the images are now


class Prepared(NamedTuple):
    """A run whose networks have seen the test images."""

    of: RunAndData
    entrants: list[Entrant]
    notes: list[str]
    guessed: dict[str, Judged]
    images: Tensor  # some, to time the networks with


def measure(runs: Sequence[Path], asked: Asked, watch: Watch) -> Iterator[tuple[Prepared, Measured]]:
    """Each run with what was found."""
    for run in runs:
        read_result(run)  # what is wrong with the last is said before the first is measured
    if asked.threads is not None:
        torch.set_num_threads(asked.threads)
    prepared = [prepare(run, asked, watch) for run in runs]
    found = timed(prepared, asked, watch) if asked.latency else [{}] * len(prepared)
    for one, times in zip(prepared, found, strict=True):
        yield one, record_of(one, times, asked)


def prepare(run: Path, asked: Asked, watch: Watch) -> Prepared:
    of = with_data(run, asked.device, watch, asked.moved)
    entrants, notes = entrants_of(of)
    batch = evaluation_batch(of.result["settings"]["recipe"]["batch"], of.data.size, of.device)
    alike = {one.name: one.logits for one in entrants if one.originals is None}
    guessed = judged(alike, of.data, batch, watch, asked.images)
    for one in entrants:
        if one.originals is not None:
            guessed[one.name] = judged_in_parts(one.originals(asked.images, watch), len(of.data.classes))
    notes += changed(of.result, guessed, of.data.test_count)
    if asked.latency:
        notes += [f"{one.name} prepares images itself: its times begin with pixels" for one in entrants if one.pixels]
    return Prepared(of, entrants, notes, guessed, some_images(of.data, max(asked.batches)))


def changed(result: Mapping[str, Any], guessed: Mapping[str, Judged], count: int) -> Iterator[str]:
    """Whose accuracy is not what was recorded of all test images: it is not used as it was then."""
    recorded = {STUDENT: result["last"], TEACHER: result.get("teacher")}
    for role, then in recorded.items():
        if then is None or role not in guessed or len(guessed[role].labels) < count:
            continue
        now = guessed[role].top1.share
        if abs(now - then["top1"]) > max(NEAR, 100 * FEW / count):
            yield (
                f"the {role} is right for {now:.2f} % of the test images and was for {then['top1']:.2f} % when the run "
                "was made: its code, its libraries or how it sees images may have changed"
            )


def timed(prepared: Sequence[Prepared], asked: Asked, watch: Watch) -> list[dict[str, Timing]]:
    """Of each run, by network: latency, images per second and memory."""
    every = {f"{number} {one.name}": (one, run) for number, run in enumerate(prepared) for one in run.entrants}
    images = {key: one.prepare(run.images) for key, (one, run) in every.items()}
    answers = {key: one.answer for key, (one, _) in every.items()}
    found = latencies(answers, images, asked.batches, asked.repeats, prepared[0].of.device, watch)
    return [
        {one.name: timing(one, run, found[f"{number} {one.name}"], asked) for one in run.entrants}
        for number, run in enumerate(prepared)
    ]


def timing(one: Entrant, run: Prepared, found: dict[int, Latency], asked: Asked) -> Timing:
    speeds = {str(batch): 1000 * batch / latency["median"] for batch, latency in found.items()}
    timed = Timing(latency_ms={str(batch): latency for batch, latency in found.items()}, images_per_second=speeds)
    held = peaks(one.again, one.prepare(run.images[:1]), asked.batches, torch.get_num_threads(), one.needs)
    return timed if held is None else {**timed, "peak_bytes": {str(batch): count for batch, count in held.items()}}


def record_of(run: Prepared, times: Mapping[str, Timing], asked: Asked) -> Measured:
    result, guessed = run.of.result, run.guessed
    size = run.of.data.size
    shape = {one.name: shape_of(one.module, size) for one in run.entrants if one.module is not None}
    return Measured(
        identity=result["identity"],
        weights=result.get("weights"),
        test_images=len(guessed[STUDENT].labels),
        test_count=run.of.data.test_count,
        batches=list(asked.batches) if asked.latency else [],
        networks=[network_of(one, guessed, shape, times.get(one.name, {})) for one in run.entrants],
        notes=run.notes,
        how=HOWS if asked.latency else [],
        hardware=Runtime(device=asked.device).hardware(),
        threads=torch.get_num_threads(),
        versions=provenance.versions(),
        finished=time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    )


def shape_of(module: nn.Module, size: int) -> tuple[int, float]:
    """Parameters, and GFLOPs of one image."""
    return sum(one.numel() for one in module.parameters()), gflops(module, size)


def network_of(
    one: Entrant, guessed: Mapping[str, Judged], shape: Mapping[str, tuple[int, float]], timing: Timing
) -> MeasuredNetwork:
    own, teacher = guessed[one.name], guessed.get(TEACHER)
    parameters, cost = shape.get(one.name, shape[STUDENT])
    return MeasuredNetwork(
        name=one.name,
        architecture=one.architecture,
        device=one.device,
        top1=own.top1.share,
        top1_low=own.top1.low,
        top1_high=own.top1.high,
        agreement=None if teacher is None else own.agreement(teacher),
        parameters=parameters,
        gflops=cost,
        bytes=one.file.stat().st_size,
        hash=content_hash(one.file),
        **timing,
    )
