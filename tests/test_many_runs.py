"""Many runs, in counts and not in seconds: how often the files of each are opened and their folder is listed."""

from __future__ import annotations

import json
import os
import subprocess
from collections import Counter
from pathlib import Path

import many_runs
from common import Command

from unix_exp.report.naming import labelled

COUNT = 20
SEEDS = 5  # of each of two methods at two learning rates

Counts = dict[str, Counter[str]]


def test_what_is_read_grows_with_the_runs_and_not_faster(command: Command, forked: Path, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    first = ("experiment=kd", "recipe.lr=0.001", "seed=0", f"runs={runs}", f"teachers={tmp_path / 'teachers'}")
    assert command(*many_runs.WORDS, *first).code == 0
    _, *words = many_runs.make(tmp_path, COUNT, SEEDS)
    os.utime(runs, (0, 0))  # what was changed in these seconds is listed again
    flags = ("--config-dir", str(tmp_path / "choices"))

    said, counts = opened(forked, tmp_path, "unix_exp.sweeps", "plan", "many", *words, *flags)
    assert f"many: {COUNT + 1} done" in said
    per_run = Counter(Path(path).parent for path in counts["opened"].elements() if Path(path).parent.parent == runs)
    assert len(per_run) == COUNT and max(per_run.values()) <= 2, "its result, for the state and for the speed"
    assert counts["listed"][str(runs)] <= 4

    said, counts = opened(forked, tmp_path, "unix_exp.sweeps", "plan", "many", *words, *flags, "recipe.momentum=0.8")
    assert f"many: 1 done, {COUNT} missing" in said
    assert counts["listed"][str(runs)] <= 4, "one look shows that none of them has another name"

    said, counts = opened(forked, tmp_path, "unix_exp.report", str(runs), "--out", str(tmp_path / "report"))
    assert said.startswith(f"{COUNT:,} runs -> ")
    assert max(counts["opened"].values()) <= 2, counts["opened"].most_common(3)
    assert max(count for path, count in counts["listed"].items() if Path(path) != tmp_path) <= 2, counts["listed"]


def opened(python: Path, place: Path, *words: str) -> tuple[str, Counts]:
    """What a command said, and how often it "opened" or "listed" what lies below a folder."""
    counts = place.with_suffix(".json")
    done = subprocess.run([python, "-m", "opened", counts, *words], cwd=place, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(counts.read_text())
    return done.stdout, {
        kind: Counter({path: count for path, count in of.items() if path.startswith(str(place))})
        for kind, of in found.items()
    }


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
