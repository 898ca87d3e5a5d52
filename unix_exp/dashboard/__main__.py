"""python -m unix_exp.dashboard: lay out a W&B project as accuracy against compute."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from unix_exp.cli.arguments import Parser
from unix_exp.cli.ending import ending
from unix_exp.sinks.wandb import PROJECT, has_key
from unix_exp.types import Mistake
from unix_exp.words import first_line


def main() -> None:
    with ending():
        run(arguments())


def arguments() -> argparse.Namespace:
    parser = Parser(
        prog="python -m unix_exp.dashboard",
        description="Save a workspace in a W&B project: accuracy against compute, learning curves, cost by part, "
        "pairs and methods side by side, the images that were kept and left out, speed. Every call saves a new one.",
    )
    parser.add_argument("--project", default=PROJECT, help="the W&B project (%(default)s)")
    parser.add_argument("--entity", help="its user or team (the key's own)")
    parser.add_argument("--name", default="Accuracy against compute", help="what to call it (%(default)s)")
    parser.add_argument(
        "--json", nargs="?", const="-", metavar="PATH", help="write it to a file, or print it, and save nothing"
    )
    return parser.parse_args()


def run(asked: argparse.Namespace) -> None:
    if asked.json is None and not has_key():
        raise Mistake("no W&B key found; run wandb login, or write the workspace to a file with --json PATH")
    os.environ.setdefault("WANDB_SILENT", "true")  # the result is printed here
    try:
        from unix_exp.dashboard import layout  # half a second of imports that --help saves
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "wandb_workspaces":
            raise
        raise Mistake("the dashboard needs wandb-workspaces; pip install 'unix_exp[dashboard]'") from error
    try:
        made = layout.workspace(asked.project, asked.entity or "", asked.name)
    except ValueError as error:  # only the name can be invalid
        raise Mistake(f"--name is {asked.name!r}; W&B allows no emoji there and no signs such as + or =") from error
    if asked.json is None:
        print(f"saved: {save(made)}")
    elif asked.json == "-":
        print(layout.as_json(made), end="")
    else:
        write(Path(asked.json), layout.as_json(made))
        print(f"written: {asked.json}")


def save(made: Any) -> str:
    """Send it to the service, whose errors are of many classes."""
    import wandb

    try:
        made.entity = made.entity or wandb.Api().default_entity or ""
        return str(made.save().url)
    except Exception as error:
        raise Mistake(f"W&B did not save the workspace: {first_line(error)}") from error


def write(path: Path, text: str) -> None:
    try:
        path.write_text(text)
    except OSError as error:
        raise Mistake(f"cannot write {path}: {error.strerror}") from error


if __name__ == "__main__":
    main()
