"""A command's arguments: what is wrong with them is one line that says what to do, as everywhere else."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable
from typing import NoReturn

from unix_exp.words import as_line, closest, nearest


class Parser(argparse.ArgumentParser):
    """argparse's own prints its usage first, which may fill a screen, and names no near miss."""

    def error(self, message: str) -> NoReturn:
        print(f"error: {as_line(self.in_words(message))}", file=sys.stderr)
        self.exit(2)

    def in_words(self, message: str) -> str:
        more = f"{self.prog} --help lists what there is"
        if chosen := re.search(r"invalid choice: '?(.*?)'? \(choose from (.*)\)$", message):
            known = [one.strip(" '") for one in chosen[2].split(",")]
            where = re.match(r"argument (-[\w-]+)", message)
            said = f"{where[1]} is '{chosen[1]}'" if where else f"there is no command '{chosen[1]}'"
            return f"{said}; {nearest(chosen[1], known)}"
        if unknown := re.match(r"unrecognized arguments: (\S+)", message):
            return f"{unread(unknown[1], self.flags())} ({more})"
        if missing := re.match(r"the following arguments are required: (.*)", message):
            return f"{missing[1]} is missing; {more}"
        return f"{message}; {more}"

    def flags(self) -> Iterable[str]:
        """Its own, and those of its commands."""
        inner = [action.choices.values() for action in self._actions if isinstance(action, argparse._SubParsersAction)]
        parsers = [self, *(one for some in inner for one in some)]
        return {flag for parser in parsers for flag in parser._option_string_actions if flag.startswith("--")}


def unread(word: str, flags: Iterable[str]) -> str:
    if not word.startswith("-"):
        return f"cannot read '{word}'"
    near = closest(word.partition("=")[0], flags, 0.6)
    return f"there is no flag '{word}'" + (f"; did you mean '{near}'?" if near else "")
