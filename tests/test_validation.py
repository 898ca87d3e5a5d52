"""With validation images a run chooses its epoch on them, and looks at the test images once, when all is over."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import torch
from alike import differences
from assembled import Case, training
from common import SIDE, only
from own import trained
from safetensors.torch import load_file
from torch import Tensor

import unix_exp
from unix_exp.data.shapes import Shapes
from unix_exp.engine import epoch, validation
from unix_exp.engine.evaluate import Evaluation, evaluate
from unix_exp.engine.loop import Training, train
from unix_exp.run.continuing import load_state, state_of
from unix_exp.run.folder import RunFolder
from unix_exp.run.looks import looks_of
from unix_exp.run.record import check
from unix_exp.stopping import Stopped
from unix_exp.types import Mistake

WORDS = ("dataset.val=0.25", "distiller=supervised", "recipe.epochs=4")
TOLD = (10.0, 30.0, 30.0, 20.0)  # per cent on validation images, epoch by epoch
CHOSEN = 2  # the first of the best


class Seen:
    """What was evaluated in a run: each time on which images, and with which weights."""

    def __init__(self) -> None:
        self.images: list[str] = []
        self.weights: list[dict[str, Tensor]] = []


@contextmanager
def told(accuracies: tuple[float, ...]) -> Iterator[Seen]:
    """Evaluations on validation images find these accuracies, one after another; those on test images what is true."""
    seen, left = Seen(), iter(accuracies)

    def spy(network: Any, data: Any, *others: Any) -> Evaluation:
        found = evaluate(network, data, *others)
        images = "val" if isinstance(data, validation.Validation) else "test"
        seen.images.append(images)
        seen.weights.append({name: tensor.clone() for name, tensor in network.state_dict().items()})
        return found._replace(top1=next(left)) if images == "val" else found

    with pytest.MonkeyPatch.context() as patch:
        for module in (epoch, validation):
            patch.setattr(module, "evaluate", spy)
        yield seen


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Seen, str]:
    """A finished run, what was evaluated in it, and what was printed."""
    folder, said = tmp_path_factory.mktemp("made"), StringIO()
    with pytest.MonkeyPatch.context() as patch, told(TOLD) as seen, redirect_stdout(said):
        patch.chdir(folder)
        trained(*WORDS)
    return folder, seen, said.getvalue()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def stopped(*_: object) -> None:
    raise Stopped(signal.SIGTERM)


def run_in(folder: Path) -> tuple[Path, dict[str, Any]]:
    run = only(folder / "runs", "*-s0-*")
    return run, json.loads((run / "result.json").read_text())


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(tensor, other[name]) for name, tensor in one.items())


def test_the_best_epoch_on_validation_images_is_what_the_run_ends_with(made: tuple[Path, Seen, str]) -> None:
    folder, seen, said = made
    run, result = run_in(folder)
    assert seen.images == ["val"] * 4 + ["test"]
    weights = load_file(run / "student.safetensors")
    assert [same(weights, one) for one in seen.weights] == [False, True, False, False, True]
    data = Shapes(48, 48, val=0.25, side=SIDE)
    data.load("cpu")
    ((images, labels),) = data.test_batches(48)
    with torch.no_grad():
        guesses = unix_exp.load(run)(images).logits.argmax(1)
    right = (guesses == labels).float()
    assert result["last"] == result["best"] and result["last"]["epoch"] == CHOSEN
    assert result["last"]["top1"] == pytest.approx(100 * float(right.mean()))
    of_classes = [100 * float(right[labels == number].mean()) for number in range(24)]
    assert result["test_per_class"] == pytest.approx(of_classes)
    looks, _ = looks_of(run)
    assert looks is not None and len(looks["confused"]) == 20
    for one in looks["confused"]:  # of the test images, by the weights that are kept
        true, guessed = (data.classes.index(one[name]) for name in ("true", "guessed"))
        assert one["count"] == int(((labels == true) & (guesses == guessed)).sum())
    assert (result["val"]["epoch"], result["val"]["top1"], result["val"]["images"]) == (CHOSEN, 30.0, 24)
    assert check(result) is None
    assert json.loads((run / "student.json").read_text())["accuracy"] == result["last"]
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [line["val/top1"] for line in lines] == list(TOLD)
    assert {name for line in lines for name in line if name.startswith("test/")} == set()
    assert f"test {result['last']['top1']:.2f} % (epoch 2, chosen on 24 validation images: 30.00 %)" in said
    assert "  val % top-5 %" in said and " 10.00 " in said


def test_a_run_that_is_left_again_and_again_ends_as_one_that_was_not(made: tuple[Path, Seen, str], here: Path) -> None:
    """After the best epoch, after a worse one, when nothing but the test is left, and by a signal in the test."""
    with told(TOLD) as seen:
        for stop in (2, 1, 1):
            trained(*WORDS, stop=stop)
        assert seen.images == ["val"] * 4
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(validation, "evaluate", stopped)
            with pytest.raises(Stopped):
                trained(*WORDS)
        trained(*WORDS)
    assert seen.images == ["val"] * 4 + ["test"]
    assert differences(made[0], here) == []


@pytest.fixture(scope="module")
def begun() -> tuple[Callable[[], Training], dict[str, Any]]:
    def validating() -> Training:
        run = training(Case("offline", "everything", ("kd",)))
        run.data.val_count, run.data.val_batches = run.data.test_count, run.data.test_batches  # type: ignore
        return run

    run = validating()
    next(train(run))
    return validating, state_of(run)


def lost(state: dict[str, Any]) -> None:
    del state["kept"]


def part_lost(state: dict[str, Any]) -> None:
    state["kept"].popitem()


def of_another_shape(state: dict[str, Any]) -> None:
    state["kept"]["fc.weight"] = state["kept"]["fc.weight"][:3]


def of_another_kind(state: dict[str, Any]) -> None:
    state["kept"]["fc.weight"] = state["kept"]["fc.weight"].half()


def no_tensor(state: dict[str, Any]) -> None:
    state["kept"]["fc.weight"] = 3.0


def no_weights(state: dict[str, Any]) -> None:
    state["kept"] = None


def of_no_epoch(state: dict[str, Any]) -> None:
    state["progress"]["best"] = {}


SPOILED = [lost, part_lost, of_another_shape, of_another_kind, no_tensor, no_weights, of_no_epoch]


@pytest.mark.parametrize("spoil", SPOILED, ids=lambda one: one.__name__)
def test_kept_weights_that_would_fail_at_the_end_are_refused_at_the_beginning(
    spoil: Callable[[dict[str, Any]], None], begun: tuple[Callable[[], Training], dict[str, Any]], tmp_path: Path
) -> None:
    validating, state = begun
    load_state(run := validating(), state, RunFolder(tmp_path))
    assert same(run.kept, state["kept"])
    spoiled = {**state, "kept": dict(state["kept"]), "progress": dict(state["progress"])}
    spoil(spoiled)
    with pytest.raises(Mistake, match=r"delete .*checkpoint.pt to begin this run again"):
        load_state(validating(), spoiled, RunFolder(tmp_path))


def test_what_is_kept_is_not_trained_on(begun: tuple[Callable[[], Training], dict[str, Any]]) -> None:
    run = begun[0]()
    records = train(run)
    next(records)
    run.progress.best = {**run.progress.best, "top1": 200.0}  # so that it stays the best
    before = {name: tensor.clone() for name, tensor in run.kept.items()}
    next(records)
    assert same(run.kept, before) and not same(run.kept, run.method.student.state_dict())


def test_without_validation_images_nothing_is_kept(tmp_path: Path) -> None:
    run = training(Case("offline", "everything", ("kd",)))
    record = next(train(run))
    assert {name for name in record.values if "top1" in name} == {"test/top1"}
    assert "kept" not in state_of(run) and not run.kept
