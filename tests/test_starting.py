"""A command looks for no garbage while it starts, and as always from then on."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import gc, sys
from unix_exp.cli.starting import started, starting

def told():
    print(gc.isenabled(), gc.get_freeze_count() > 0)

{before}
told()
with starting():
    told()
    started()
    told()
    started()
told()
"""


def told(before: str = "") -> list[str]:
    """In a process of its own: this one's garbage is the suite's."""
    code = CODE.format(before=before)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_garbage_is_collected_once_a_command_has_started_and_what_was_there_before_is_left_out() -> None:
    assert told() == ["True False", "False False", "True True", "True False"]


def test_a_process_that_has_thought_of_it_itself_is_left_alone() -> None:
    assert told("gc.freeze()") == ["True True"] * 4
    assert told("gc.disable()") == ["False False"] * 4
