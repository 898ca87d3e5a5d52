"""A training command that stops before it makes anything: what it says of its words, in this process."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

from common import Said
from omegaconf import DictConfig

from unix_exp import train
from unix_exp.run import perform
from unix_exp.run.plan import check, locate
from unix_exp.types import Mistake

RIGHT = "every setting is right"
NO_NETWORK = {"HF_HUB_OFFLINE": "1", "http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}


def checked_alone(whole: DictConfig, wait: bool = False) -> Any:
    """All that a run does before its folder exists."""
    check(locate(whole))
    raise Mistake(RIGHT)


@contextlib.contextmanager
def nothing_trains() -> Iterator[None]:
    with mock.patch.object(perform, "perform", checked_alone):
        yield


def said_of(words: Sequence[str], folder: Path) -> Said:
    """Type `unix-exp WORDS` in a folder, where nothing trains."""
    out, err, before, here = io.StringIO(), io.StringIO(), sys.argv, Path.cwd()
    code: Any = 0
    sys.argv = ["unix-exp", *words]
    os.chdir(folder)
    try:
        quiet = (contextlib.redirect_stdout(out), contextlib.redirect_stderr(err))
        with nothing_trains(), mock.patch.dict(os.environ, NO_NETWORK), quiet[0], quiet[1]:
            train.main()
    except SystemExit as ended:
        code = ended.code
    finally:
        sys.argv = before
        os.chdir(here)
    return Said(code if isinstance(code, int) else 0 if code is None else 1, out.getvalue(), err.getvalue())


def wrong_with(said: Said, folder: Path) -> str | None:
    """What a command did that it must not do, whatever its words; None where it was right or refused in one line."""
    if "Traceback" in said.err:
        return said.err.strip().splitlines()[-1]
    made = [path.name for name in ("runs", "teachers") for path in (folder / name).glob("*") if path.name[0] != "."]
    if made:
        return f"it made {made}"
    if said.code == 0:
        return None  # --help and the like
    lines = said.err.strip().splitlines()
    if said.code == 2 and len(lines) == 1 and lines[0].startswith("error: "):
        return None if len(lines[0]) < 3000 else f"a line of {len(lines[0])} characters"
    if said.code == 1 and lines and all(line.startswith(("error: ", "failed: ")) for line in lines):
        return None  # the jobs of a grid
    return f"code {said.code}, {said.err[:300]!r}"


def is_right(said: Said) -> bool:
    """Whether the command would have trained, or did what was asked without training."""
    return said.code == 0 or RIGHT in said.err
