"""python -m unix_exp.runs: list, show, compare, tag and remove runs."""

from __future__ import annotations

import argparse
import gc
import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from unix_exp.cli.arguments import Parser
from unix_exp.cli.ending import ending
from unix_exp.types import Mistake

FILTERS = """FILTERS are key=value: pair, method, dataset, seed, status (finished, running, failed, unfinished,
damaged), tag, name, identity, or any setting by its dotted name, such as recipe.epochs=20 or sampler=unix. Several
must all fit; commas give alternatives, * stands for any text: method=kd,unix 'pair=vgg*'. RUN is a run's folder, its
name, or a part of the name or of the identity that no other run shares."""


def main() -> None:
    parser = Parser(
        prog="python -m unix_exp.runs",
        description="Runs at hand, finished or not: list them, show one, compare two, tag and remove them.",
        epilog=FILTERS,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="list | show | compare | tag | remove")
    listed = commands.add_parser("list", help="the runs that fit the filters, the latest first", epilog=FILTERS)
    listed.add_argument("words", nargs="*", metavar="FILTER", help="key=value, such as method=kd status=failed")
    listed.add_argument("--sort", metavar="KEY", default="age", help="age, top1, compute, gflops, time, epochs, or any "
                        "filter's key; what is best or latest comes first (age)")  # fmt: skip
    listed.add_argument("--show", action="append", default=[], metavar="SETTING", help="a column for it, such as "
                        "sampler.k; may be given several times")  # fmt: skip
    listed.add_argument("--reverse", action="store_true", help="the other way round")
    listed.add_argument("--json", action="store_true", help="one list of objects, for programs")
    shown = commands.add_parser("show", help="a run's settings, result, cost, epochs, files and the line that repeats "
                                "it", epilog=FILTERS)  # fmt: skip
    shown.add_argument("run", metavar="RUN")
    compared = commands.add_parser("compare", help="two runs: what differs, and how they went", epilog=FILTERS)
    compared.add_argument("runs", nargs=2, metavar="RUN")
    tagged = commands.add_parser("tag", help="give a run words to find it by", epilog=FILTERS)
    tagged.add_argument("run", metavar="RUN")
    tagged.add_argument("words", nargs="*", metavar="TAG", help="such as paper; none: show those that it has")
    tagged.add_argument("--remove", action="store_true", help="take these tags away")
    removed = commands.add_parser("remove", help="delete runs, after asking", epilog=FILTERS)
    removed.add_argument("words", nargs="*", metavar="RUN | FILTER", help="runs, or filters that choose them")
    removed.add_argument("--failed", action="store_true", help="those that failed; as status=failed")
    removed.add_argument("--teachers", action="store_true", help="teachers too, which other runs may need")
    removed.add_argument("--yes", action="store_true", help="do not ask")
    for command in (listed, shown, compared, tagged, removed):
        command.add_argument("--in", dest="folders", action="append", type=path, metavar="DIR", default=[],
                             help="look here and not in runs/; may be given several times")  # fmt: skip
    given, more = parser.parse_known_args()  # argparse leaves the words behind an option over
    if more and (not hasattr(given, "words") or any(word.startswith("-") for word in more)):
        parser.error(f"unrecognized arguments: {' '.join(more)}")
    if more:
        given.words += more
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal that has no blocks gets question marks
    gc.disable()  # the command ends soon; to look for garbage among thousands of records takes longer than to read them
    try:
        with ending():
            {"list": list_runs, "show": show, "compare": compare, "tag": tag, "remove": remove}[given.command](given)
    finally:
        gc.enable()


def path(text: str) -> Path:
    return Path(text).expanduser()


def list_runs(given: argparse.Namespace) -> None:
    from unix_exp.runs import finding, listing
    from unix_exp.runs.filters import check_key, chosen, in_order

    going: list[Path] = []
    known = finding.entries(given.folders or [finding.RUNS], going)
    found = in_order(chosen(known, given.words), given.sort, given.reverse)
    for hidden in going:
        print(f"a removal was interrupted and left {hidden}; python -m unix_exp.runs remove ends it", file=sys.stderr)
    for key in given.show:
        check_key(key, found)
    if given.json:
        print(json.dumps([listing.as_values(one, given.show) for one in found], indent=1))
        return
    if found:
        print("\n".join(listing.table(found, listing.terminal_width(), given.show)), flush=True)
    if sys.stdout.isatty() or not found:
        print(f"\n{listing.counts(found)}" if found else no_run(given.words), file=sys.stderr)


def no_run(words: Sequence[str]) -> str:
    return f"no run fits {' '.join(words)}" if words else "there is no run yet"


def show(given: argparse.Namespace) -> None:
    from unix_exp.runs import finding
    from unix_exp.runs.showing import shown

    print("\n".join(shown(finding.named(given.run, given.folders))))


def compare(given: argparse.Namespace) -> None:
    from unix_exp.runs import finding
    from unix_exp.runs.comparing import compared

    one, other = (finding.named(word, given.folders) for word in given.runs)
    print("\n".join(compared(one, other)))


def tag(given: argparse.Namespace) -> None:
    from unix_exp.run.tags import check_tags, write_tags
    from unix_exp.runs import finding

    run = finding.named(given.run, given.folders)
    if given.remove and not given.words:
        raise Mistake("give the tags to remove, such as: tag RUN paper --remove")
    check_tags(given.words)
    left = set(run.tags) - {*given.words} if given.remove else {*run.tags, *given.words}
    tags = write_tags(run.path, left) if given.words else run.tags
    print(f"{run.name}: {' '.join(tags) or 'no tags'}")


def remove(given: argparse.Namespace) -> None:
    from unix_exp.runs import finding, removing
    from unix_exp.runs.asking import agreed, meant
    from unix_exp.words import as_line, counted

    ended = removing.end_interrupted(given.words, given.folders or [finding.RUNS, finding.TEACHERS])
    for name in ended:
        print(f"removed what an interrupted removal left of {as_line(name)}")
    words = [word for word in given.words if path(word).name not in ended or path(word).exists()]
    if ended and not words and not given.failed:
        return
    runs = meant(words, given.folders, given.failed, given.teachers)
    removing.refuse_running(runs)
    for run in runs:
        removing.checked(run)
    if not given.yes and not agreed(runs, [*(given.folders or [finding.RUNS])]):
        print("nothing was removed")
        return
    removing.remove(runs)
    print(f"removed {counted(len(runs), 'run')}")


if __name__ == "__main__":
    main()
