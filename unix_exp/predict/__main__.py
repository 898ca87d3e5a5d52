"""python -m unix_exp.predict RUN|FILE image...: what a trained network sees on images."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unix_exp.cli.arguments import Parser
from unix_exp.cli.ending import ending
from unix_exp.predict.finding import images_in
from unix_exp.types import Mistake
from unix_exp.words import as_line

if TYPE_CHECKING:
    from torch import Tensor

    from unix_exp.deploy.loaded import Loaded


def main() -> None:
    parser = Parser(
        prog="python -m unix_exp.predict",
        description="Print the most probable classes of images, a line each. The network is a finished run's folder, "
        "or a file that python -m unix_exp.export wrote, which needs nothing else.",
        epilog="Exit codes: 0 done; 1 some images could not be read: they are named, and the others are done; 2 an "
        "error that one line explains.",
    )
    parser.add_argument("network", type=Path, metavar="RUN|FILE", help="a run's folder, .onnx, .pt2 or .safetensors")
    parser.add_argument("images", nargs="+", metavar="image", help="files, folders (searched throughout) or patterns")
    parser.add_argument("--top", type=int, default=5, metavar="K", help="how many classes to print (5)")
    parser.add_argument("--batch", type=int, default=32, metavar="N", help="images at a time (32)")
    parser.add_argument("--device", default="cpu", help="auto, cpu, cuda or cuda:N; ONNX files use the CPU (cpu)")
    parser.add_argument("--json", action="store_true", help="print a JSON object for each image")
    given = parser.parse_intermixed_args()
    with ending():
        unread = predict(given)
        sys.stdout.flush()
        sys.exit(1 if unread else 0)


def predict(given: argparse.Namespace) -> int:
    """How many images could not be read."""
    for name in ("top", "batch"):
        if getattr(given, name) < 1:
            raise Mistake(f"--{name} is {getattr(given, name)}; give 1 or more")
    paths = images_in(given.images)
    from unix_exp.deploy.loaded import opened  # here, so that a path that does not exist is named at once

    network = opened(given.network, device=given.device)
    width = max(map(len, map(as_line, paths)))
    unread = 0
    for some in batches(paths, 1 if network.prepares else given.batch):
        read: dict[str, Tensor] = {}
        for path in some:
            try:
                read[path] = network.prepared(path)
            except Mistake as mistake:
                unread += 1
                print(f"error: {as_line(str(mistake))}", file=sys.stderr, flush=True)
        for path, likely in zip(read, ranked(network, list(read.values()), given.top), strict=True):
            print(as_json(path, likely) if given.json else as_text(path, likely, width), flush=True)
    return unread


def batches(paths: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for first in range(0, len(paths), size):
        yield paths[first : first + size]


def ranked(network: Loaded, prepared: list[Tensor], most: int) -> list[list[tuple[str, float]]]:
    """The most probable classes of each image, the first first."""
    if not prepared:
        return []
    found = network.answers(prepared).double().softmax(1).topk(min(most, len(network.classes)), 1)
    rows = zip(found.indices.tolist(), found.values.tolist(), strict=True)
    return [[(network.classes[one], share) for one, share in zip(*row, strict=True)] for row in rows]


def as_text(path: str, likely: Sequence[tuple[str, float]], width: int) -> str:
    shares = (f"{name} {100 * share:.1f} %" for name, share in likely)
    return "  ".join([f"{as_line(path):{width}}", *shares])


def as_json(path: str, likely: Sequence[tuple[str, float]]) -> str:
    found: dict[str, Any] = {"path": path, "predictions": [{"class": one, "probability": p} for one, p in likely]}
    return json.dumps(found)


if __name__ == "__main__":
    main()
