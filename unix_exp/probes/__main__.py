"""python -m unix_exp.probes RUN NAME: measure something about a finished run."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import yaml

from unix_exp.cli.arguments import Parser
from unix_exp.cli.ending import ending
from unix_exp.types import Mistake


def main() -> None:
    parser = Parser(
        prog="python -m unix_exp.probes",
        description="Measure something about a finished run with its networks and its test images. What a probe finds "
        "is printed and kept in RUN/probes/NAME.json.",
        epilog="For example: python -m unix_exp.probes runs/resnet20_resnet8-cifar100-kd-s0-48932269b745 agreement",
    )
    parser.add_argument("run", type=Path, metavar="RUN", help="a finished run's folder")
    parser.add_argument("name", metavar="NAME", help="a probe: " + ", ".join(known()))
    parser.add_argument("words", nargs="*", metavar="key=value", help="settings of the probe")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (auto)")
    parser.add_argument("--plugins", action="append", default=[], metavar="NAME_OR_FILE", help="code of your own")
    parser.add_argument("--json", action="store_true", help="print what is kept, as JSON")
    given = parser.parse_intermixed_args()
    with ending():
        show(given)


def known() -> list[str]:
    from unix_exp.config.source import registered_in  # without importing torch

    return sorted(registered_in(Path(__file__).parent))


def show(given: argparse.Namespace) -> None:
    from unix_exp.config import plugins
    from unix_exp.run.probing import probe

    plugins.load(given.plugins)
    found = probe(given.run.expanduser(), given.name, settings_in(given.words), given.device)
    if given.json:
        print(json.dumps(found, indent=1))
        return
    values = {name: value for name, value in found["found"].items() if not isinstance(value, dict)}
    width = max(map(len, values), default=0)
    for name, value in values.items():
        print(f"{name:{width}}  {value:.2f}" if isinstance(value, float) else f"{name:{width}}  {value}")
    if len(values) < len(found["found"]):
        print("figures: python -m unix_exp.report", given.run)


def settings_in(words: list[str]) -> dict[str, Any]:
    for word in words:
        if "=" not in word:
            raise Mistake(f"'{word}' is not a setting; write key=value")
    return {key: yaml.safe_load(value) for key, _, value in (word.partition("=") for word in words)}


if __name__ == "__main__":
    main()
