"""What a checkpoint holds is checked before any of it is used: a right hash does not make it right."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from assembled import Case, training
from torch import nn

from unix_exp.engine.epoch import Part
from unix_exp.engine.loop import Training, train
from unix_exp.run.checkpoint import save_state
from unix_exp.run.continuing import check_sampler, checked_state, load_state, state_of
from unix_exp.run.folder import RunFolder
from unix_exp.types import Mistake

CASE = Case("offline", "everything", ("kd",))


@pytest.fixture(scope="module")
def begun() -> tuple[Training, dict[str, Any]]:
    run = training(CASE)
    next(train(run))
    state = state_of(run)
    assert run.analysis is not None
    randomness, analysis = {"cpu": torch.get_rng_state()}, run.analysis.part()
    analysis["sums"] = {"analysis/student_entropy_kept": torch.ones(2)}
    begun = Part(steps=1, seconds=1.0, waited=0.0, sums={}, randomness=randomness, sampler=None, analysis=analysis)
    state["part"] = vars(begun)
    return training(CASE), state


def short_randomness(state: dict[str, Any]) -> None:
    state["part"]["randomness"]["cpu"] = torch.zeros(0, dtype=torch.uint8)


def no_randomness(state: dict[str, Any]) -> None:
    state["part"]["randomness"].clear()


def accuracy_of_nothing(state: dict[str, Any]) -> None:
    state["progress"]["best"] = {"epoch": 1}


def centres_of_other_classes(state: dict[str, Any]) -> None:
    state["analysis"]["centres"]["student"] = torch.zeros(3)


def centres_of_another_network(state: dict[str, Any]) -> None:
    state["analysis"]["centres"]["uncle"] = state["analysis"]["centres"]["student"]


def counts_of_other_images(state: dict[str, Any]) -> None:
    state["analysis"]["trained_on"]["times"] = torch.zeros(3, dtype=torch.int32)


def centres_of_another_type(state: dict[str, Any]) -> None:
    state["analysis"]["centres"]["student"] = state["analysis"]["centres"]["student"].bool()


def centres_in_a_row(state: dict[str, Any]) -> None:
    state["analysis"]["centres"]["student"] = state["analysis"]["centres"]["student"][:, 0]


def sparse_counts(state: dict[str, Any]) -> None:
    state["analysis"]["trained_on"]["times"] = state["analysis"]["trained_on"]["times"].to_sparse()


def a_sum_alone(state: dict[str, Any]) -> None:
    state["part"]["analysis"]["sums"]["analysis/student_entropy_kept"] = torch.tensor(1.0)


def a_sum_of_nothing(state: dict[str, Any]) -> None:
    state["part"]["analysis"]["sums"]["analysis/student_entropy_kept"] = None


def counts_that_are_none(state: dict[str, Any]) -> None:
    state["part"]["analysis"] = {"": 1}


def counts_in_no_mapping(state: dict[str, Any]) -> None:
    state["part"]["analysis"] = {"sums": "sums", "counts": "counts"}


def counts_of_a_batch(state: dict[str, Any]) -> None:
    state["part"]["analysis"]["counts"]["labels"] = state["part"]["analysis"]["counts"]["labels"].expand(5, -1)


def classes_that_are_not(state: dict[str, Any]) -> None:
    state["part"]["analysis"]["counts"]["labels"] = state["part"]["analysis"]["counts"]["labels"] + 1000


def fewer_than_no_draws(state: dict[str, Any]) -> None:
    state["part"]["analysis"]["counts"]["draws"] = state["part"]["analysis"]["counts"]["draws"] - 1000


def a_sampler_that_chooses_nothing(state: dict[str, Any]) -> None:
    state["part"]["sampler"] = {"order": torch.zeros(3)}


def test_what_is_not_spoiled_is_loaded(begun: tuple[Training, dict[str, Any]], tmp_path: Path) -> None:
    run, state = begun
    load_state(run, copy.deepcopy(state), RunFolder(tmp_path))
    assert run.progress.epoch == 1 and run.part is not None


@pytest.mark.parametrize(
    "spoil",
    [
        short_randomness, no_randomness, accuracy_of_nothing, centres_of_other_classes, centres_of_another_network,
        counts_of_other_images, centres_of_another_type, centres_in_a_row, sparse_counts, a_sum_alone, a_sum_of_nothing,
        counts_that_are_none, counts_in_no_mapping, counts_of_a_batch, classes_that_are_not, fewer_than_no_draws,
        a_sampler_that_chooses_nothing,
    ],
)  # fmt: skip
def test_what_would_fail_later_is_refused(
    spoil: Callable[[dict[str, Any]], None], begun: tuple[Training, dict[str, Any]], tmp_path: Path
) -> None:
    run, state = begun
    spoiled = copy.deepcopy(state)
    spoil(spoiled)
    with pytest.raises(Mistake, match=r"delete .*checkpoint.pt to begin this run again"):
        load_state(run, spoiled, RunFolder(tmp_path))


def test_an_epoch_that_was_begun_without_analysis_is_finished_with_it(
    begun: tuple[Training, dict[str, Any]], tmp_path: Path
) -> None:
    run, state = training(CASE), copy.deepcopy(begun[1])
    del state["analysis"]
    state["part"]["analysis"] = {}
    load_state(run, state, RunFolder(tmp_path))
    record = next(train(run))
    assert record.epoch == 2 and not any(name.startswith("analysis/") for name in record.values)


class Counting(nn.Module):
    """A sampler that keeps what is no tensor."""

    def __init__(self, begun: int = 0) -> None:
        super().__init__()
        self.begun = begun
        self.register_buffer("order", torch.arange(3))

    def get_extra_state(self) -> int:
        return self.begun

    def set_extra_state(self, begun: int) -> None:
        self.begun = begun + 0


def test_a_sampler_chooses_by_what_it_can_load(tmp_path: Path) -> None:
    run = training(CASE)
    run.method.sampler = Counting(2)
    before = Counting(1).state_dict()
    check_sampler(before, run)
    assert run.method.sampler.begun == 2, "it is loaded when the epoch goes on"
    for spoiled in ({}, before | {"order": torch.zeros(2)}, before | {"_extra_state": "one"}):
        with pytest.raises((RuntimeError, TypeError)):
            check_sampler(spoiled, run)


def test_a_name_of_many_pages_is_cut(begun: tuple[Training, dict[str, Any]], tmp_path: Path) -> None:
    save_state(tmp_path / "checkpoint.pt", begun[1] | {"identity": "x" * 100_000})
    with pytest.raises(Mistake, match="of another run") as said:
        checked_state(RunFolder(tmp_path, "0" * 12), tmp_path / "checkpoint.pt")
    assert len(str(said.value)) < 1000
