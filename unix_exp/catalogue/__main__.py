"""python -m unix_exp.catalogue: every method with its paper, its settings, what it needs and what it costs."""

from __future__ import annotations

import argparse
import itertools
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from unix_exp.cli.arguments import Parser
from unix_exp.cli.ending import ending
from unix_exp.types import Mistake

if TYPE_CHECKING:
    from unix_exp.catalogue.methods import Catalogue, Method, Wanted

PAIR = "vgg13_vgg8"


def main() -> None:
    parser = Parser(
        prog="python -m unix_exp.catalogue",
        description="List every criterion, sampler, distiller and experiment: the paper that it comes from, its "
        "settings with their defaults, what it needs and its compute in per cent of conventional distillation of a "
        "pair on CIFAR-100. What it needs is found by trying it, and its cost by counting; no data and no GPU.",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these, such as dkd unix")
    parser.add_argument("--pair", default=PAIR, metavar="PAIR", help=f"teacher and student ({PAIR})")
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument("--json", action="store_true", help="print a list of methods as JSON")
    shape.add_argument("--markdown", action="store_true", help="print a table in Markdown")
    shape.add_argument("--fill", type=Path, metavar="PAGE.md", help="write the table of all components anew in a page, "
                       "between <!-- catalogue --> and <!-- end of catalogue -->")  # fmt: skip
    shape.add_argument("--prices", type=Path, metavar="FILE.yaml", help="write what a step costs of the methods whose "
                       "figures other papers print, for the report, which reads paper/field_prices.yaml")  # fmt: skip
    shape.add_argument("--settings", type=Path, metavar="FILE.md", help="write every setting of every choice: what it "
                       "may be, its default and meaning")  # fmt: skip
    parser.add_argument("--plugins", action="append", default=[], metavar="NAME_OR_FILE",
                        help="a module or file that registers further components; may be repeated")  # fmt: skip
    given = parser.parse_args()
    with ending([f"pair={given.pair}"]):
        run(given)


def run(given: argparse.Namespace) -> None:
    from unix_exp.catalogue import page, prices, settings  # here, so that --help answers at once
    from unix_exp.catalogue.methods import KINDS, Catalogue
    from unix_exp.config import compose, plugins

    if given.fill is not None and given.names:
        raise Mistake("--fill writes all components; leave the names out")
    plugins.load(given.plugins)
    if given.prices is not None:
        prices.write(given.prices)
        print(f"{', '.join(prices.wanted())} -> {given.prices}")
        return
    if given.settings is not None:
        settings.write(given.settings)
        print(f"every setting -> {given.settings}")
        return
    compose.prepare(())
    with compose.hydra_ready():
        catalogue = Catalogue(given.pair)
        if given.fill is not None:
            page.write(given.fill, catalogue, list(tried(catalogue, catalogue.wanted(kinds=KINDS))))
            print(f"{catalogue.pair} -> {given.fill}")
        else:
            show_all(catalogue, catalogue.wanted(given.names), given)


def show_all(catalogue: Catalogue, wanted: Wanted, given: argparse.Namespace) -> None:
    from unix_exp.catalogue import show

    methods = tried(catalogue, wanted)
    if given.json:
        print(json.dumps([show.data(method) for method in methods], indent=2))
    elif given.markdown:
        print("\n".join(show.markdown(list(methods))))
    else:
        print(f"{catalogue.pair} on CIFAR-100; compute in per cent of conventional distillation\n\n{show.head()}")
        for kind, same in itertools.groupby(methods, key=lambda method: method.kind):
            print(f"\n{kind}=NAME")
            for method in same:
                print("\n".join(show.block(method)), flush=True)


def tried(catalogue: Catalogue, wanted: Wanted) -> Iterator[Method]:
    for method in watched(catalogue.methods(wanted), len(wanted)):
        yield catalogue.tried(method)


def watched(methods: Iterable[Method], count: int) -> Iterator[Method]:
    """On a terminal, say how far it is; what is printed meanwhile goes elsewhere or writes over it."""
    shows = sys.stderr.isatty() and not sys.stdout.isatty()
    for number, method in enumerate(methods, start=1):
        if shows:
            print(f"\r{number} of {count}: {method.name:30}", end="", file=sys.stderr, flush=True)
        yield method
    if shows:
        print(f"\r{'':60}\r", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
