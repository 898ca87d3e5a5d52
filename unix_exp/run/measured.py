"""RUN/measured.json: how good, big and fast a run's networks are in use. `measure` writes it and reports read it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypedDict

from unix_exp.run.foreign import json_of
from unix_exp.run.seal import verify
from unix_exp.run.shapes import mismatch

NAME = "measured.json"


class Latency(TypedDict):
    """Milliseconds from a batch to its logits."""

    median: float
    p10: float
    p90: float
    n: int


class Timing(TypedDict, total=False):
    """How fast a network is, by the size of the batch; missing where it was not measured."""

    latency_ms: dict[str, Latency]
    images_per_second: dict[str, float]
    peak_bytes: dict[str, int]


class MeasuredNetwork(Timing):
    """One network on the test set, in per cent; the ends of a 95 % interval by Wilson's formula."""

    name: str  # the role, or the name of an exported file
    architecture: str
    device: str
    top1: float
    top1_low: float
    top1_high: float
    agreement: float | None  # of how many test images the first guess is the teacher's; None without the teacher
    parameters: int  # of an export, the student's: what it was made of
    gflops: float  # of one image; one FLOP is one multiply-add
    bytes: int  # of the file
    hash: str  # of what is in it


class Measured(TypedDict):
    """The content of the file."""

    identity: str  # of the run
    weights: str | None  # the hash of the student's file
    test_images: int  # that were looked at
    test_count: int  # that there are
    batches: list[int]
    networks: list[MeasuredNetwork]
    notes: list[str]  # what was not measured, and why
    how: list[str]  # in words
    hardware: str
    threads: int
    versions: dict[str, str]
    finished: str


def read_measured(run: Path, result: Mapping[str, Any]) -> Measured:
    """Of this run as it is; OSError where there is no file, ValueError where it is damaged or of something else."""
    found = json_of(run / NAME)
    if flaw := mismatch(found, Measured, "the record"):
        raise ValueError(flaw)
    verify(found)
    own = (result.get("identity"), result.get("weights"))
    if (found["identity"], found["weights"]) != own:
        raise ValueError("it is of another run")
    measured: Measured = found
    return measured
