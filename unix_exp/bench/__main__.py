"""python -m unix_exp.bench: how long a step takes, compared with its networks alone and with a plain loop."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unix_exp.cli.arguments import Parser
from unix_exp.cli.ending import ending
from unix_exp.types import Mistake

if TYPE_CHECKING:
    from unix_exp.bench.case import Case

STEPS = {"cpu": 20, "cuda": 1000}  # timed steps of each contestant: under three minutes on two cores
# Steps timed together: as in an epoch, a GPU is waited for only at their end. Each wait empties its queue, and filling
# it again takes about 0.2 ms: of ten steps of 1 ms that would be 2 %.
BLOCK = {"cpu": 1, "cuda": 50}
TURNS, SECONDS = 5, 8.0  # of several runs at once: how many turns for each number of them, and how long a turn is
WORKERS = {"cpu": 0, "cuda": 4}  # that load images for the plain loop; on a CPU they would take the step's cores


def main() -> None:
    parser = Parser(
        prog="python -m unix_exp.bench",
        description="Time our step in turns with the networks alone, conventional KD and a plain loop. "
        "Random weights on drawn shapes: nothing is downloaded, no teacher is trained.",
        epilog="For example: python -m unix_exp.bench pair=vgg13_vgg8 sampler.k=48 runtime.precision=bf16",
    )
    parser.add_argument("words", nargs="*", metavar="key=value", help="choices and settings, as for unix_exp.train")
    parser.add_argument("--config-dir", type=Path, metavar="DIR", help="a folder with choices of your own")
    parser.add_argument("--steps", type=int, metavar="N", help=f"timed steps of each contestant ({by_device(STEPS)})")
    parser.add_argument("--workers", type=int, metavar="N", help="time the plain loop also with N worker processes "
                        f"({by_device(WORKERS)})")  # fmt: skip
    parser.add_argument("--json", type=Path, metavar="PATH", help="write all figures to this file")
    parser.add_argument("--picture", type=Path, metavar="PATH", help="write an SVG to this file")
    parser.add_argument("--compare", type=Path, metavar="PATH", help="print what changed since that JSON file, and "
                        "exit with 1 if a ratio got worse (a file that comes with unix_exp, if there is one for this "
                        "case and hardware)")  # fmt: skip
    parser.add_argument("--together", type=counts, metavar="N,N", help="time several runs at once on the device "
                        "instead, such as 1,2,4: images per second in all")  # fmt: skip
    given = parser.parse_intermixed_args()
    with ending():
        sys.exit(bench(given))


def counts(text: str) -> list[int]:
    words = text.split(",")
    if not all(word.isdecimal() and int(word) for word in words):
        raise argparse.ArgumentTypeError(f"'{text}' is not a list of numbers of runs; give some, such as 1,2,4")
    return [int(word) for word in words]


def by_device(numbers: dict[str, int]) -> str:
    return f"{numbers['cpu']} on a CPU, {numbers['cuda']} on a GPU"


def bench(given: argparse.Namespace) -> int:
    check(given)
    if given.config_dir is not None:
        given.words.insert(0, f"hydra.searchpath=[file://{given.config_dir.absolute()}]")
    from unix_exp.bench import case, compare, table  # torch takes seconds to import, which --help need not wait for
    from unix_exp.bench.picture import picture

    if given.together is not None:
        return bench_together(given)
    if given.compare is not None:
        compare.read(given.compare)  # a mistake in it is reported before the minutes of timing
    figures = timed(case.read(given.words), given)
    since = given.compare or compare.known(figures)
    then = compare.read(since) if since is not None else None  # now, for --json may be about to replace it
    print("\n".join(table.table(figures)), flush=True)
    if given.json is not None:
        put(given.json, json.dumps(figures, indent=1) + "\n")
    if given.picture is not None:
        put(given.picture, picture(figures))
    if since is None or then is None:
        return 0
    changes, differing = list(compare.changes(then, figures)), compare.differences(then, figures)
    print("\n".join(["", f"since {since.name}", *table.changes_table(changes, differing)]))
    return int(not differing and any(change.worse for change in changes))


def bench_together(given: argparse.Namespace) -> int:
    from unix_exp.bench import table
    from unix_exp.bench.together import together
    from unix_exp.sinks.console import Console

    figures = together(given.words, given.together, TURNS, SECONDS, BLOCK, Console(1).watch)
    print("\n".join(table.together(figures)), flush=True)
    if given.json is not None:
        put(given.json, json.dumps(figures, indent=1) + "\n")
    return 0


def check(given: argparse.Namespace) -> None:
    for word in given.words:
        if "=" not in word:
            raise Mistake(f"cannot read '{word}'; write a setting as key=value, such as pair=vgg13_vgg8")
    if given.steps is not None and given.steps < 2:
        raise Mistake(f"--steps is {given.steps}; choose 2 or more")
    if given.workers is not None and given.workers < 0:
        raise Mistake(f"--workers is {given.workers}; choose 0 or more")
    for option in ("steps", "workers", "picture", "compare"):
        if given.together is not None and getattr(given, option) is not None:
            raise Mistake(f"--together times several runs at once; leave out --{option}")
    for option in ("json", "picture"):
        path = getattr(given, option)
        if path is not None and (path.is_dir() or not path.absolute().parent.is_dir()):
            raise Mistake(f"--{option} is {path}; give a file in a folder that exists")


def put(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Mistake(f"cannot write {path}: {error.strerror}") from None


def timed(case: Case, given: argparse.Namespace) -> dict[str, Any]:
    """Load the data, warm up all contestants, and time them in turns."""
    from unix_exp.bench.contestants import warmed
    from unix_exp.bench.figures import result
    from unix_exp.bench.measure import alternate, waiting_for
    from unix_exp.sinks.console import Console

    for remark in case.runtime.remarks():
        print(remark, file=sys.stderr)
    device = case.runtime.place()
    case.data.load(device)
    workers = WORKERS[device.type] if given.workers is None else given.workers
    steps = given.steps or STEPS[device.type]
    block = min(BLOCK[device.type], steps // 2)
    ready, memory = warmed(case, workers)
    seconds = alternate(ready, steps // block, block, waiting_for(device), Console(1).watch)
    return result(case, seconds, block, memory)


if __name__ == "__main__":
    main()
