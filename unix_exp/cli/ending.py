"""How a command ends: interrupted, unread or mistaken in one line, and never with a traceback that helps nobody."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

INTERRUPTED = 130  # as shells say it of Ctrl-C


def unread() -> None:
    """The reader, such as head, has closed the pipe; the rest would be flushed into it at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def ending(words: Sequence[str] = (), config_dir: Path | None = None, interrupted: str | None = None) -> Iterator[None]:
    """The body of a command; `words` are its overrides of the configuration, `interrupted` what is said of Ctrl-C."""
    try:
        yield
        sys.stdout.flush()
    except KeyboardInterrupt as stopped:
        if interrupted is not None:
            print(f"{str(stopped) or 'interrupted'}; {interrupted}", file=sys.stderr)
        sys.exit(getattr(stopped, "code", INTERRUPTED))
    except BrokenPipeError:
        unread()
    except Exception as error:
        from unix_exp.cli.errors import in_one_line  # imports Hydra, which nobody waits for where all goes well

        message = in_one_line(error, words, config_dir)
        if message is None:
            raise
        print(f"error: {message}", file=sys.stderr)
        sys.exit(2)
