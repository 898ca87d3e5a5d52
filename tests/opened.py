"""`python -m opened COUNTS MODULE WORDS`: a command, and how often it opened each file and listed each folder.

In a process of its own: what hears of every file hears of much else, and cannot be taken away again.
"""

from __future__ import annotations

import json
import runpy
import sys
from collections import Counter
from pathlib import Path

KINDS = {"open": "opened", "os.listdir": "listed", "os.scandir": "listed"}


def main() -> None:
    place, module, *sys.argv[1:] = sys.argv[1:]
    counts: dict[str, Counter[str]] = {kind: Counter() for kind in KINDS.values()}

    def heard(event: str, arguments: tuple[object, ...]) -> None:
        if event in KINDS:
            counts[KINDS[event]][str(arguments[0])] += 1

    sys.addaudithook(heard)
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    finally:
        Path(place).write_text(json.dumps(counts))


if __name__ == "__main__":
    main()
