"""python -m unix_exp.measure RUN...: accuracy, size, latency and memory of a run's teacher, student and exports."""

from __future__ import annotations

import argparse
import json
import os
import sys
from functools import partial
from pathlib import Path

from unix_exp.cli.arguments import Parser
from unix_exp.cli.ending import ending
from unix_exp.types import Mistake
from unix_exp.words import as_line


def main() -> None:
    parser = Parser(
        prog="python -m unix_exp.measure",
        description="Measure a run's teacher, its student and each exported file, on the run's test images and on this "
        "machine. What is found is printed, kept in RUN/measured.json, where reports find it, and written into the "
        "model card, RUN/README.md.",
        epilog="For example: python -m unix_exp.measure runs/resnet20_resnet8-shapes-kd-s0-48932269b745 --threads 1",
    )
    parser.add_argument("runs", nargs="+", type=path, metavar="RUN", help="a finished run's folder")
    parser.add_argument("--json", action="store_true", help="print what is kept, as a list in JSON")
    parser.add_argument("--batches", type=sizes, default=(1, 64), metavar="N,N", help="sizes of batches to time (1,64)")
    parser.add_argument("--repeats", type=count, default=30, metavar="N", help="how often each is timed; slow networks "
                        "less often (30)")  # fmt: skip
    parser.add_argument("--threads", type=count, metavar="N", help="threads of the processor (as PyTorch chooses)")
    parser.add_argument("--images", type=count, metavar="N", help="test images to look at, spread evenly (all)")
    parser.add_argument("--no-latency", action="store_true", help="measure neither time nor memory")
    parser.add_argument("--device", default="cpu", help="auto, cpu, cuda or cuda:N (cpu, where exported files run)")
    parser.add_argument("--data", type=path, metavar="PATH", help="where the images are now (as the run recorded)")
    given = parser.parse_args()
    with ending():
        show(given)


def path(text: str) -> Path:
    return Path(text).expanduser()


def count(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= 10**6:
        raise argparse.ArgumentTypeError(f"'{text}' is no number from 1 to a million")
    return int(text)


def sizes(text: str) -> tuple[int, ...]:
    return tuple(sorted({count(one) for one in text.split(",")}))


def show(given: argparse.Namespace) -> None:
    from unix_exp.deploy.card import write_card
    from unix_exp.deploy.known import known_from
    from unix_exp.measure.measuring import Asked, measure  # torch takes seconds to import, which --help saves
    from unix_exp.measure.table import table
    from unix_exp.run.checkpoint import write_whole
    from unix_exp.run.measured import NAME
    from unix_exp.run.mishaps import Unwritable
    from unix_exp.run.networks import STUDENT
    from unix_exp.run.seal import checked
    from unix_exp.sinks.console import Console

    for run in given.runs:
        if run.is_dir() and not os.access(run, os.W_OK):  # said before minutes of measuring
            raise Mistake(f"nothing may be written to {run}; measure a copy of it")
    asked = Asked(
        given.batches, given.repeats, given.threads, given.images, not given.no_latency, given.device, given.data
    )
    watch = Console(1).watch
    found, lost = [], []
    for run, measured in measure(given.runs, asked, watch):
        text = json.dumps(checked(measured), indent=1) + "\n"
        try:
            write_whole(run.of.path / NAME, partial(put, text))
        except Unwritable as error:  # what took minutes is printed all the same
            lost.append(f"{run.of.path / NAME} cannot be written ({error.why}); what was measured is only printed")
        card = write_card(known_from(run.of, run.guessed[STUDENT], watch))
        found.append((run.of.path.name, measured))
        if card is not None:
            print(as_line(card), file=sys.stderr)
    if given.json:
        print(json.dumps([checked(one) for _, one in found], indent=1))
    else:
        print("\n".join(table(found)))
    if lost:
        sys.stdout.flush()
        raise Mistake(lost[0])


def put(text: str, part: Path) -> None:
    part.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
