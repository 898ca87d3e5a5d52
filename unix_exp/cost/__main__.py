"""python -m unix_exp.cost: the cost columns of the paper, counted before a single step is trained."""

from __future__ import annotations

import argparse
import itertools

from unix_exp import paper
from unix_exp.cost.columns import Cell, cells


def main() -> None:
    argparse.ArgumentParser(
        prog="python -m unix_exp.cost",
        description="Print the cost columns of Tables 1 and 2 of the UNIX paper, counted on our networks, beside the "
        "printed ones. Per cent of conventional distillation; a backward pass costs one forward pass, as printed, "
        "or two, as is usual.",
    ).parse_args()
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
