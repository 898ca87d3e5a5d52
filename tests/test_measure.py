"""A run's networks in use: what is measured is what one would compute by hand, and the report shows it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from conftest import TINY, Command, only

import unix_exp
from unix_exp.cost.network import gflops
from unix_exp.deploy.judged import wilson
from unix_exp.measure.__main__ import main
from unix_exp.registry import datasets
from unix_exp.run.measured import read_measured
from unix_exp.run.seal import checked


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a run was made."""
    made = tmp_path_factory.mktemp("measured")
    before = Path.cwd()
    os.chdir(made)
    try:
        list(unix_exp.fit(*TINY))
    finally:
        os.chdir(before)
    return made


@pytest.fixture
def run(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The run's folder, as a command in the folder above names it."""
    monkeypatch.chdir(place)
    return only(Path("runs"))


@pytest.fixture
def measure(typed: Callable[..., Command], run: Path, place: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    made = typed(main)
    monkeypatch.chdir(place)  # `typed` goes to an empty folder
    return made


def by_hand(run: Path, role: str) -> tuple[torch.Tensor, torch.Tensor]:
    data = datasets.make("shapes", {"train_count": 96, "test_count": 48})
    data.load("cpu")
    network = unix_exp.load(run, role, logits=True)
    ((images, labels),) = data.test_batches(48)
    with torch.no_grad():
        return network(images).argmax(dim=1), labels


def test_the_figures_are_those_that_one_computes_by_hand(run: Path, measure: Command) -> None:
    said = measure(str(run), "--json", "--batches", "1,3", "--repeats", "3", "--threads", "1")
    assert said.code == 0, said.err
    (found,) = json.loads(said.out)
    kept = json.loads((run / "measured.json").read_text())
    assert found == kept == checked(found)
    result = json.loads((run / "result.json").read_text())
    assert read_measured(run, result) == found
    teacher, student = found["networks"]
    guesses = {role: by_hand(run, role) for role in ("teacher", "student")}
    files = {"student": run / "student.safetensors", "teacher": only(Path("teachers"), "*-s*") / "student.safetensors"}
    for one in (teacher, student):
        role = one["name"]
        network, (guessed, labels) = unix_exp.load(run, role), guesses[role]
        hits = int((guessed == labels).sum())
        assert (one["top1"], one["top1_low"], one["top1_high"]) == wilson(hits, 48)
        assert one["agreement"] == pytest.approx(100 * float((guessed == guesses["teacher"][0]).float().mean()))
        assert one["parameters"] == sum(parameter.numel() for parameter in network.parameters())
        assert one["gflops"] == gflops(network, 32)
        assert one["bytes"] == files[role].stat().st_size
        assert one["device"] == "cpu"
        for batch in ("1", "3"):
            latency = one["latency_ms"][batch]
            assert 0 < latency["p10"] <= latency["median"] <= latency["p90"] and latency["n"] == 3
            assert one["images_per_second"][batch] == pytest.approx(1000 * int(batch) / latency["median"])
        assert 4 * one["parameters"] < one["peak_bytes"]["1"] <= one["peak_bytes"]["3"] < 500 * 2**20
    assert teacher["agreement"] == 100 and student["top1"] == pytest.approx(result["last"]["top1"])
    assert teacher["top1"] == pytest.approx(result["teacher"]["top1"])
    assert found["threads"] == 1 and found["versions"]["torch"] == torch.__version__.partition("+")[0]


def test_wilsons_interval_is_the_published_one() -> None:
    """Newcombe 1998, Statistics in Medicine 17, Table I, method 3: 81 of 263, 15 of 148, 0 of 20, 1 of 29."""
    for hits, count, low, high in ((81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0, 0.1611),
                                   (1, 29, 0.0061, 0.1718)):  # fmt: skip
        found = wilson(hits, count)
        assert found.share == pytest.approx(100 * hits / count)
        assert (found.low, found.high) == pytest.approx((100 * low, 100 * high), abs=0.006)
    assert wilson(20, 20).high == 100
