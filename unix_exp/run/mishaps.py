"""What can end a run from outside, in one line: a full disk, a folder that is gone, a killed worker."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path

from unix_exp.types import Mistake
from unix_exp.words import first_line

# Errors of a disk or a file system; any other OSError may be a bug, whose traceback is of use.
OF_DISKS = {
    getattr(errno, name)
    for name in ("ENOSPC", "EDQUOT", "EFBIG", "EROFS", "EIO", "ESTALE", "EACCES", "EPERM", "ENOTDIR", "EISDIR")
    if hasattr(errno, name)
}


class Unwritable(Mistake, OSError):
    """A file could not be written; what was there before is whole."""

    why = ""  # in the system's words


def in_words(error: BaseException, folder: Path) -> Mistake | None:
    """What ended a run in this folder, or None where it is something else."""
    if isinstance(error, OSError):
        file = Path(str(error.filename)) if error.filename is not None else folder
        inside = error.errno == errno.ENOENT and (file == folder or folder in file.parents)
        if error.errno in OF_DISKS or inside:
            return unwritable(file, error)
    if isinstance(error, RuntimeError) and "DataLoader worker" in str(error):
        return Mistake(
            f"a process that reads images was killed, often for lack of memory ({first_line(error)}); choose fewer "
            "with dataset.workers=N; the same command continues"
        )
    return None


def unwritable(path: Path, error: BaseException) -> Unwritable:
    """Why a file could not be written: the first error of the system, whatever a library made of it."""
    cause = next((one for one in chain(error) if isinstance(one, OSError) and one.strerror), error)
    why = cause.strerror if isinstance(cause, OSError) and cause.strerror else first_line(error)
    if isinstance(cause, OSError) and cause.errno == errno.ENOENT:
        made = Unwritable(f"cannot write {path}: its folder was removed; the same command begins again")
    else:
        made = Unwritable(
            f"cannot write {path}: {why}; free some space, or choose another folder with runs=PATH; "
            "what was saved before is whole, and the same command continues"
        )
    made.why = why
    return made


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and those that it came of, the first cause last."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
