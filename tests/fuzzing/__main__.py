"""python -m tests.fuzzing [--seconds N] [--seed N] [TARGET...]: exit code 1 where anything failed."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))  # the tests' own helpers, as pytest finds them

from .frame import fuzz, make, place, show, targets  # noqa: E402


def main() -> None:
    known = targets()
    parser = argparse.ArgumentParser(prog="python -m tests.fuzzing", description="Give readers spoiled input.")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(known)}; without one, all")
    parser.add_argument("--seconds", type=float, default=60.0, metavar="N", help="for each target (%(default)g)")
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="another seed makes other inputs (%(default)s)"
    )
    parser.add_argument("--kept", type=Path, default=Path(".fuzz"), metavar="DIR", help="inputs that failed (.fuzz)")
    parser.add_argument("--only", type=int, metavar="NUMBER", help="read one input again and show what happens")
    given = parser.parse_args()
    if unknown := set(given.targets) - set(known):
        parser.error(f"no target {min(unknown)}; choose among {', '.join(known)}")
    kept = given.kept.absolute()
    kept.mkdir(exist_ok=True)
    failed = 0
    for name in given.targets or known:
        target = known[name]
        if given.only is not None:
            folder = place(kept, target, given.seed, given.only)
            make(target, given.seed, given.only, folder)
            print(f"{folder}: {show(target, folder)}")
            continue
        counts = fuzz(target, given.seconds, given.seed, kept)
        print(
            f"{name}: {counts.tried} inputs in {given.seconds:g} s: {counts.fine} fine, {counts.refused} refused in "
            f"one line, {counts.failed} failures of {len(counts.kinds)} kinds",
            flush=True,
        )
        for kind, folder in counts.kinds.items():
            print(f"  {kind}\n    {folder}", flush=True)
        failed += counts.failed
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
