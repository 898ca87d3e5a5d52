"""python -m unix_exp.sweeps: list the sweeps, and show how much of one is done."""

from __future__ import annotations

import argparse
import collections
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from unix_exp.cli.arguments import Parser
from unix_exp.cli.ending import ending
from unix_exp.config import compose
from unix_exp.sweeps import grid
from unix_exp.sweeps.size import check_size
from unix_exp.types import Mistake
from unix_exp.words import counted, duration

if TYPE_CHECKING:
    from unix_exp.sweeps.plan import Job, Speed


def main() -> None:
    parser = Parser(
        prog="python -m unix_exp.sweeps",
        description="List the sweeps, show how much of one is done, or print its grid for W&B's agents. "
        "A sweep is run with: python -m unix_exp.train sweep=NAME",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="list | plan | wandb")
    listed = commands.add_parser("list", help="all sweeps and what they are about")
    planned = commands.add_parser("plan", help="the jobs of a sweep: done, failed or missing, GFLOPs and hours left")
    planned.add_argument("--speed", type=float, metavar="X", help="GFLOPs a second, where no run here has shown one")
    shared = commands.add_parser("wandb", help="the grid as a W&B sweep, printed")
    shared.add_argument("--project", default="unix_exp")
    for command in (planned, shared):
        command.add_argument("sweep", metavar="NAME")
    for command in (listed, planned, shared):
        command.add_argument("words", nargs="*", metavar="key=value", help="changes, as beside sweep=NAME")
        command.add_argument("--config-dir", type=Path, metavar="DIR", help="a folder with choices of your own; "
                             "its sweeps are in DIR/sweep")  # fmt: skip
    given, more = parser.parse_known_args()  # argparse leaves the words behind an option over
    if unknown := [word for word in more if word.startswith("-")]:
        parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    given.words += more
    with ending(words_of(given), given.config_dir):
        check_words(given.words)
        if given.command != "list":
            grid.check_one_sweep(words_of(given))
        compose.prepare(given.words, given.config_dir)
        check_size(words_of(given), given.config_dir)
        with compose.hydra_ready(given.config_dir):
            {"list": list_sweeps, "plan": show_plan, "wandb": show_wandb}[given.command](given)


def words_of(given: argparse.Namespace) -> list[str]:
    """The overrides of the command that runs the sweep."""
    return [f"sweep={given.sweep.removeprefix('sweep=')}", *given.words] if "sweep" in given else [*given.words]


def flags_of(given: argparse.Namespace) -> list[str]:
    return ["--config-dir", str(given.config_dir)] if given.config_dir is not None else []


def folders_of(given: argparse.Namespace) -> list[Path]:
    return compose.folders(given.words, given.config_dir)


def check_words(words: list[str]) -> None:
    for word in words:
        if "=" not in word:
            raise Mistake(f"cannot read '{word}'; write a change as key=value, such as seed=0")


def list_sweeps(given: argparse.Namespace) -> None:
    for name in grid.names(folders_of(given)):
        sweep = grid.read(name, folders_of(given))
        jobs = f"{len(grid.jobs(sweep, given.words)):4} jobs" if grid.is_grid(given.words, sweep) else "  a search"
        print(f"{name:22}{jobs}  {sweep.about}")


def show_plan(given: argparse.Namespace) -> None:
    from unix_exp.sweeps import plan  # here, because torch takes seconds to import

    sweep, words = grid.read(given.sweep, folders_of(given)), tuple(given.words)
    if given.speed is not None and not given.speed > 0:
        raise Mistake(f"--speed is {given.speed}; give GFLOPs a second, above 0")
    jobs = plan.plan(sweep, words)
    stores = [Path(found).expanduser() for found in stores_of(sweep, words)]
    speed = plan.Speed({}, given.speed, 0, []) if given.speed else plan.measured(jobs, *stores)

    width = max(len(job.words) for job in jobs)
    print(f"{'state':11}{'job':{width}}{'GFLOPs':>14}{'time left':>13}")
    for job in jobs:
        left = duration(speed.seconds(job)) if speed and job.left and job.gflops else "-"
        cost = f"{job.gflops:,.0f}" if job.gflops else "-"
        print(f"{job.state:11}{job.words:{width}}{cost:>14}{left:>13}" + (f"  {job.why}" if job.why else ""))
    states = collections.Counter(job.state for job in jobs)
    print("\n" + f"{sweep.name}: " + ", ".join(f"{number} {state}" for state, number in states.items()))
    if impossible := [job.why for job in jobs if job.state == plan.IMPOSSIBLE]:
        print(f"{len(impossible)} of {counted(len(jobs), 'job')} cannot be planned; the first: {impossible[0]}")
    if states[plan.DONE] == len(jobs):
        print("see them with: " + shlex.join(["python", "-m", "unix_exp.report", *map(str, stores[:1])]))
    elif states[plan.DONE] + len(impossible) < len(jobs):
        rest = sum(job.left * job.gflops for job in jobs)
        print(f"left: {rest:,.0f} GFLOPs, a backward pass priced at two forward passes; {how_long(speed, jobs)}")
        print("do it with: " + shlex.join(["python", "-m", "unix_exp.train", *flags_of(given), *words_of(given)]))


def how_long(speed: Speed | None, jobs: list[Job]) -> str:
    if speed is None:
        return "no run here has shown a speed yet: run one job, or give --speed X (GFLOPs a second)"
    total = duration(sum(speed.seconds(job) for job in jobs))
    if not speed.runs:
        return f"about {total} at {speed.overall:,.0f} GFLOPs a second"
    return (
        f"about {total}, one after another, by the median speed of {speed.runs} finished runs "
        f"({speed.overall:,.0f} GFLOPs a second; {', '.join(speed.hardware)})"
    )


def stores_of(sweep: grid.Sweep, words: tuple[str, ...]) -> list[str]:
    whole = compose.composed(grid.jobs(sweep, words)[0])
    return [str(whole.runs), str(whole.teachers)]


def show_wandb(given: argparse.Namespace) -> None:
    from unix_exp.sweeps.wandb import wandb_sweep

    sweep, words = grid.read(given.sweep, folders_of(given)), tuple(given.words)
    compose.composed(grid.jobs(sweep, words)[0])  # so that a misspelt word is found now and not by every agent
    print(wandb_sweep(sweep, words, given.project, flags_of(given)), end="")


if __name__ == "__main__":
    main()
