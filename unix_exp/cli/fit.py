"""The training command as a Python function."""

from __future__ import annotations

import shlex
from collections.abc import Generator, Iterator
from typing import Any

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from unix_exp.cli.errors import in_one_line
from unix_exp.config import compose
from unix_exp.config.choices import checked
from unix_exp.run.folder import RunFolder
from unix_exp.run.foreign import parsed, text_of
from unix_exp.run.perform import Outcome, performing
from unix_exp.types import Mistake, Record


def fit(*words: str) -> Generator[Record, None, Outcome]:
    """Check the words at once; train when the records are asked for, one epoch for each."""
    try:
        compose.prepare(words)
        with compose.hydra_ready():
            whole = compose.composed(tuple(words))
            if (note := checked(compose.choices_of(words), whole, words)) is not None:
                print(note, flush=True)
    except (HydraException, OmegaConfBaseException) as error:
        raise Mistake(in_one_line(error, words) or str(error)) from None
    return epochs_of(performing(whole, command=shlex.join(["python", "-m", "unix_exp.train", *words])))


def epochs_of(epochs: Generator[Record, None, Outcome]) -> Generator[Record, None, Outcome]:
    """Every epoch's record as it ends; of a run that is finished already, the records that it left."""
    seen = False
    while True:
        try:
            record = next(epochs)
        except StopIteration as ended:
            outcome: Outcome = ended.value
            break
        seen = True
        yield record
    if not seen:
        yield from recorded(RunFolder(outcome.folder))
    return outcome


def recorded(folder: RunFolder) -> Iterator[Record]:
    """A finished run's epochs, from its files."""
    arrays = {line.pop("epoch"): line for line in lines_of(folder.analysis)} if folder.analysis.exists() else {}
    for values in lines_of(folder.metrics):
        epoch = values.pop("epoch")
        yield Record(epoch, values, arrays.get(epoch))


def lines_of(path: Any) -> list[dict[str, Any]]:
    try:
        lines: list[dict[str, Any]] = [parsed(line) for line in text_of(path).splitlines()]
        if not all("epoch" in line for line in lines):
            raise ValueError
        return lines
    except (OSError, ValueError, TypeError):
        raise Mistake(f"{path} is damaged; the epochs of this finished run cannot be given back") from None
