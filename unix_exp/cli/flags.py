"""Hydra's own flags: those that cannot work together, or that would run a file, are refused in one line."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from typing import NoReturn

from hydra._internal.utils import get_args_parser

from unix_exp.cli.unread import check_spaces, of_flag, unreadable
from unix_exp.types import Mistake


def given(words: Sequence[str]) -> Namespace:
    """What the command line says beside its overrides, and these; a flag that does not exist is a mistake.

    `words` are the command line as it was typed.
    """
    check_spaces(words)
    parser = get_args_parser()
    parser.error = refuse  # type: ignore[method-assign]
    parser.allow_abbrev = False  # --config is no half of --config-dir, but what other programs call a file of settings
    found, unknown = parser.parse_known_args()
    if flags := [word for word in unknown if word.startswith("-")]:
        raise Mistake(of_flag(flags[0], words))
    if unknown:  # overrides stand last (train.py) and are taken together: one without = was taken before a flag
        first = next((word for word in found.overrides if "=" not in word), unknown[0])
        raise Mistake(unreadable(first, words))
    check(found)
    return found


def refuse(message: str) -> NoReturn:
    raise Mistake(f"{message}; --help lists what there is")


def check(found: Namespace) -> None:
    if found.experimental_rerun is not None:
        raise Mistake(
            "--experimental-rerun would execute the file that it reads; type the run's own command again, which is in "
            "its result.json"
        )
    asked = {
        "--run": found.run, "--multirun": found.multirun, "--cfg": found.cfg is not None,
        "--info": found.info is not None, "--shell-completion": found.shell_completion,
    }  # fmt: skip
    several = [flag for flag, given in asked.items() if given]
    if len(several) > 1:
        raise Mistake(f"{' and '.join(several)} exclude each other; give one of them")
    if found.resolve and found.cfg is None and not found.help:
        raise Mistake("--resolve shows a configuration with its references filled in; add --cfg job")
