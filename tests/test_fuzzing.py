"""The fuzzer itself: it finds what is broken, survives what crashes, and finds nothing in our readers for a while."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest
from fuzzing.frame import FINE, REFUSED, fuzz, one, targets

from unix_exp.types import Mistake


class Broken:
    """A reader that does everything wrong in turn."""

    name = "broken"

    def make(self, draw: random.Random, folder: Path) -> None:
        (folder / "input").write_text(draw.choice(["fine", "refused", "bug", "crash", "hang"]))

    def read(self, folder: Path) -> str:
        match (folder / "input").read_text():
            case "refused":
                raise Mistake("no")
            case "bug":
                raise KeyError("here")
            case "crash":
                os.kill(os.getpid(), signal.SIGKILL)
            case "hang":
                time.sleep(100)
        return FINE


def test_each_way_to_fail_is_counted_and_its_first_input_kept(tmp_path: Path) -> None:
    counts = fuzz(Broken(), seconds=3, seed=0, kept=tmp_path, patience=0.3)
    assert counts.tried == counts.fine + counts.refused + counts.failed > 8
    assert counts.fine and counts.refused
    said = {(folder / "input").read_text(): kind for kind, folder in counts.kinds.items()}
    assert sorted(said) == ["bug", "crash", "hang"]
    assert "KeyError" in said["bug"] and "status" in said["crash"] and "nothing for 0.3 s" in said["hang"]
    assert {path.name for path in tmp_path.iterdir()} == {folder.name for folder in counts.kinds.values()}


@pytest.mark.parametrize("name", targets())
def test_nothing_is_found_in_a_few_inputs(name: str, tmp_path: Path) -> None:
    begun = time.process_time()
    for number in range(12):
        if number > 1 and time.process_time() > begun + 1:
            break
        verdict = one(targets()[name], 1, number, tmp_path / str(number))
        assert verdict in (FINE, REFUSED), (number, verdict)
