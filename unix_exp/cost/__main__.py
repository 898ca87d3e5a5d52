"""python -m unix_exp.cost: what networks cost, and the cost columns of the paper."""

from __future__ import annotations

import argparse
import itertools
import json

from unix_exp import paper
from unix_exp.cli.arguments import Parser
from unix_exp.cli.ending import ending
from unix_exp.cost import show
from unix_exp.cost.columns import Cell, cells
from unix_exp.cost.named import price_of
from unix_exp.types import Mistake


def main() -> None:
    parser = Parser(
        prog="python -m unix_exp.cost",
        description="With --of, print what one image costs in a network, by kind of operation. Without, print the cost "
        "columns of Tables 1 and 2 of the UNIX paper, counted on our networks, beside the printed ones: per cent of "
        "conventional distillation; a backward pass costs one forward pass, as printed, or two, as is usual.",
    )
    examples = "resnet32x4, timm/vit_tiny_patch16_224 or torchvision/resnet50"
    parser.add_argument("--of", nargs="+", action="extend", default=[], metavar="NAME", help=f"such as {examples}")
    parser.add_argument("--size", type=int, metavar="PIXELS", help="side of an image (the network's own)")
    parser.add_argument("--classes", type=int, metavar="N", help="classes (100; 1000 for timm's and torchvision's)")
    parser.add_argument("--json", action="store_true", help="print a list of networks as JSON")
    parser.add_argument("--plugins", action="append", default=[], metavar="NAME_OR_FILE",
                        help="a module or file that registers further networks; may be repeated")  # fmt: skip
    given = parser.parse_args()
    with ending():
        check(given)
        if given.of:
            show_networks(given)
        else:
            show_columns()


def check(given: argparse.Namespace) -> None:
    for option in ("size", "classes"):
        value = getattr(given, option)
        if value is not None and value < 1:
            raise Mistake(f"--{option} is {value}; give 1 or more")
        if value is not None and not given.of:
            raise Mistake(f"--{option} is about a network; say which with --of NAME")
    if given.json and not given.of:
        raise Mistake("--json is about networks; say which with --of NAME")


def show_networks(given: argparse.Namespace) -> None:
    if given.plugins:
        from unix_exp.config import plugins

        plugins.load(given.plugins)
    prices = (price_of(name, given.size, given.classes) for name in given.of)
    if given.json:
        print(json.dumps([show.data(price) for price in prices], indent=2))
        return
    for number, price in enumerate(prices):
        print("\n".join([*([""] if number else []), *show.table(price)]), flush=True)


def show_columns() -> None:
    titles = paper.tables()
    worst = 0.0
    for table, group in itertools.groupby(cells(), key=lambda cell: cell.table):
        print(f"Table {table.removeprefix('table')}: {titles[table]['title']}\n{heading()}")
        for cell in group:
            print(line(cell), flush=True)
            worst = max(worst, abs(cell.counted - cell.printed))
        print()
    print(f"largest difference from the paper: {worst:.2f} points")


def heading() -> str:
    return f"{'pair':22}{'F_t/F_s':>9}  {'':12}{'paper %':>9}{'ours %':>9}{'diff':>7}{'backward x2 %':>15}"


def line(cell: Cell) -> str:
    return (
        f"{cell.pair:22}{cell.rho:9.2f}  {cell.row:12}{cell.printed:9.2f}{cell.counted:9.2f}"
        f"{cell.counted - cell.printed:+7.2f}{cell.counted_backward_2:15.2f}"
    )


if __name__ == "__main__":
    main()
