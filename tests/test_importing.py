"""No garbage is searched for while PyTorch is imported for the first time, and as always from then on."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import gc, sys
from unix_exp.cli.importing import importing

def told():
    print(gc.isenabled(), gc.get_freeze_count() > 0)

{before}
told()
with importing():
    told()
told()
"""


def told(before: str = "") -> list[str]:
    """In a process of its own: this one has imported PyTorch."""
    code = CODE.format(before=before)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_the_first_import_is_not_searched_through_and_later_garbage_is_collected() -> None:
    assert told() == ["True False", "False False", "True True"]


def test_later_imports_and_processes_that_collect_none_are_left_alone() -> None:
    assert told("sys.modules['torch'] = sys") == ["True False"] * 3
    assert told("gc.disable()") == ["False False"] * 3
