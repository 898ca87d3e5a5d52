"""python -m unix_exp.export RUN: a finished run's student as ONNX, torch.export and ONNX in whole numbers."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from unix_exp import stopping
from unix_exp.cli.arguments import Parser
from unix_exp.cli.ending import ending
from unix_exp.types import Mistake

OPSETS = (18, 25)


def main() -> None:
    parser = Parser(
        prog="python -m unix_exp.export",
        description="Write a finished run's student as student.onnx, student.pt2 (torch.export) and student-int8.onnx, "
        "each with its classes and preprocessing in its metadata, so that python -m unix_exp.predict needs the file "
        "alone. Each is compared with the student on the run's test images before it is written; RUN/exports.json says "
        "how it fared. The model card, RUN/README.md, is written anew.",
        epilog="For example: python -m unix_exp.export runs/resnet20_resnet8-folder-kd-s0-48932269b745 --check 1000",
    )
    parser.add_argument("run", type=Path, metavar="RUN", help="a finished run's folder")
    parser.add_argument("--formats", metavar="A,B", help="some of onnx,pt2,int8 (all whose packages are installed)")
    parser.add_argument("--preprocessing", choices=("inside", "outside"), default="outside",
                        help="inside: the file itself scales, cuts and normalises images [N, H, W, 3] uint8; outside: "
                        "it takes them prepared (outside)")  # fmt: skip
    parser.add_argument(
        "--opset", type=int, default=OPSETS[0], metavar="N", help=f"of ONNX, {OPSETS[0]} to {OPSETS[1]} ({OPSETS[0]})"
    )
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="where the files go (RUN)")
    parser.add_argument("--images", type=int, default=128, metavar="N",
                        help="training images that say how large int8's numbers get (128)")  # fmt: skip
    parser.add_argument("--check", type=int, metavar="N", help="compare on so many test images (all)")
    parser.add_argument("--data", type=Path, metavar="PATH", help="where the images are now (as the run recorded)")
    parser.add_argument("--force", action="store_true", help="write again what is there already")
    given = parser.parse_args()
    with ending(interrupted="what was written is whole"), stopping.listening(), stopping.kept():
        check(given)
        run(given)


def check(given: argparse.Namespace) -> None:
    low, high = OPSETS
    if not low <= given.opset <= high:
        raise Mistake(f"--opset is {given.opset}; choose {low} to {high}")
    for name in ("images", "check"):
        if (value := getattr(given, name)) is not None and value < 1:
            raise Mistake(f"--{name} is {value}; give 1 or more")
    out = given.out if given.out is not None else given.run
    if out.is_dir() and not os.access(out, os.W_OK):
        raise Mistake(f"nothing may be written to {out}; choose another folder with --out")


def run(given: argparse.Namespace) -> None:
    from unix_exp.deploy.card import NAME, write_card
    from unix_exp.deploy.check import LOST
    from unix_exp.deploy.exporting import Asked, export, formats_in, lines
    from unix_exp.deploy.known import known
    from unix_exp.deploy.loaded import opened
    from unix_exp.deploy.needed import EXTRA
    from unix_exp.sinks.console import Console

    source = given.run.expanduser()
    asked = Asked(
        formats_in(given.formats), given.preprocessing == "inside", given.opset, given.images, given.check, given.data
    )
    if given.formats is None and "onnx" not in asked.formats:
        print(f"without ONNX, which needs more packages: {EXTRA}")
    out = given.out.expanduser() if given.out is not None else source
    found = export(source, asked, out, given.force, lambda line: print(line, flush=True), Console(1).watch)
    print("\n".join(lines(opened(source), found)))
    for name, one in found.items():
        if (lost := one["student"] - one["accuracy"]) > LOST:
            print(f"{name} loses {lost:.2f} points of accuracy; more calibration images may help: --images")
    print(f"{out}: {', '.join(found)}")
    if out.resolve() == source.resolve():  # a run that lies elsewhere may not be written to
        said = write_card(known(source, "cpu", Console(1).watch, asked.check, asked.moved))
        print(said or f"{source / NAME}: the model card")
    else:
        print("python -m unix_exp.measure finds exports in the run's own folder alone")


if __name__ == "__main__":
    main()
