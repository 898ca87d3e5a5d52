"""Many runs, in counts and not in seconds: how often the files of each are opened and their folder is listed."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import many_runs
import pytest
from common import Command

from unix_exp.report import __main__ as report
from unix_exp.report.naming import labelled
from unix_exp.sweeps import __main__ as sweeps

COUNT = 20
SEEDS = 5  # of each of two methods at two learning rates
SEEN: list[Counter[tuple[str, str]]] = []  # what the hook counts into; a hook cannot be taken away


def hook(event: str, arguments: tuple[object, ...]) -> None:
    if SEEN and event in ("open", "os.listdir", "os.scandir"):
        SEEN[-1]["opened" if event == "open" else "listed", str(arguments[0])] += 1


@pytest.fixture(scope="module")
def hooked() -> None:
    sys.addaudithook(hook)


@contextmanager
def counted(place: Path) -> Iterator[Callable[[str], Counter[str]]]:
    """How often each file or folder below `place` is "opened" or "listed"."""
    SEEN.append(Counter())
    try:
        yield lambda what: Counter(
            {path: count for (kind, path), count in SEEN[-1].items() if kind == what and path.startswith(str(place))}
        )
    finally:
        SEEN.pop()


def test_what_is_read_grows_with_the_runs_and_not_faster(
    command: Command, typed: Callable[..., Command], tmp_path: Path, hooked: None
) -> None:
    runs = tmp_path / "runs"
    first = ("experiment=kd", "recipe.lr=0.001", "seed=0", f"runs={runs}", f"teachers={tmp_path / 'teachers'}")
    assert command(*many_runs.WORDS, *first).code == 0
    _, *words = many_runs.make(tmp_path, COUNT, SEEDS)
    os.utime(runs, (0, 0))  # what was changed in these seconds is listed again
    flags = ("--config-dir", str(tmp_path / "choices"))

    with counted(tmp_path) as found:
        said = typed(sweeps.main)("plan", "many", *words, *flags)
        opened, listed = found("opened"), found("listed")
    assert f"many: {COUNT + 1} done" in said.out, said
    per_run = Counter(Path(path).parent for path in opened.elements() if Path(path).parent.parent == runs)
    assert len(per_run) == COUNT and max(per_run.values()) <= 2, "its result, for the state and for the speed"
    assert listed[str(runs)] <= 4

    with counted(tmp_path) as found:
        said = typed(sweeps.main)("plan", "many", *words, *flags, "recipe.momentum=0.8")
        assert f"many: 1 done, {COUNT} missing" in said.out, said
        assert found("listed")[str(runs)] <= 4, "one look shows that none of them has another name"

    with counted(tmp_path) as found:
        said = typed(report.main)(str(runs), "--out", str(tmp_path / "report"))
        opened, listed = found("opened"), found("listed")
    assert said.code == 0 and said.out.startswith(f"{COUNT:,} runs -> "), said
    assert max(opened.values()) <= 2, opened.most_common(3)
    assert max(count for path, count in listed.items() if Path(path) != tmp_path) <= 2, listed.most_common(3)


class Value:
    """A setting's value that counts how often it is compared."""

    compared = 0

    def __init__(self, value: int) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        Value.compared += 1
        return isinstance(other, Value) and self.value == other.value

    def __hash__(self) -> int:
        return self.value


def test_a_thousand_arms_are_named_without_comparing_them_in_pairs() -> None:
    members = [("unix", {"sampler.k": Value(number), "recipe.lr": 1}) for number in range(1000)]
    assert len(set(labelled(members))) == len(members)
    assert Value.compared <= 2 * len(members)
