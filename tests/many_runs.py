"""Thousands of finished runs made out of one: python tests/many_runs.py FOLDER COUNT also says what takes how long.

Each folder holds what training leaves, with the settings, the name and the identity of a run of its own; the large
files are links to those of the one run that was trained.
"""

from __future__ import annotations

import json
import os
import random
import resource
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from unix_exp import train
from unix_exp.config import compose
from unix_exp.run.plan import locate
from unix_exp.run.seal import checked
from unix_exp.sweeps import plan

WORDS = ("dataset=shapes", "dataset.train_count=96", "dataset.test_count=48", "recipe=smoke", "recipe.batch=16",
         "teacher=resnet8", "student=wrn_16_1", "logger=none")  # fmt: skip
SEEDS = 25  # of each arm
OWN = ("result.json", "config.yaml", ".lock")  # files that are no links

SWEEP = """# @package _global_
# {count} runs.
hydra:
  mode: MULTIRUN
  sweeper:
    params:
      experiment: kd,unix
      recipe.lr: {rates}
      seed: range({seeds})
"""


def make(place: Path, count: int, seeds: int = SEEDS) -> tuple[str, ...]:
    """The runs of a sweep, in place/runs, where one of them has to be; the words that name the sweep."""
    sweep = place / "choices" / "sweep" / "many.yaml"
    sweep.parent.mkdir(parents=True, exist_ok=True)
    rates = ",".join(f"{(1 + number) / 1000:g}" for number in range(count // (2 * seeds)))
    sweep.write_text(SWEEP.format(count=count, rates=rates, seeds=seeds))
    first = next((place / "runs").glob("*/result.json")).parent
    result: dict[str, Any] = json.loads((first / "result.json").read_text())
    linked = [path for path in first.iterdir() if path.is_file() and path.name not in OWN]
    words = ("sweep=many", *WORDS, f"runs={place / 'runs'}", f"teachers={place / 'teachers'}")
    dataset = plan.listed_once()
    with compose.hydra_ready(place / "choices"):
        for job in compose.jobs_of(words):
            located = locate(compose.composed(job), dataset)
            path, settings = located.folder.path, located.settings
            if path == first:
                continue
            path.mkdir()
            (path / ".lock").touch()
            for file in linked:
                os.link(file, path / file.name)
            accuracy = {"top1": random.Random(located.identity).uniform(50, 60)}
            own = {
                "identity": located.identity, "seed": settings["seed"], "method": settings["method"],
                "settings": settings, "last": result["last"] | accuracy, "best": result["best"] | accuracy,
            }  # fmt: skip
            (path / "result.json").write_text(json.dumps(checked(result | own), indent=2) + "\n")
    return words


def main() -> None:
    place, count = Path(sys.argv[1]).absolute(), int(sys.argv[2])
    place.mkdir(parents=True, exist_ok=True)
    one = ("experiment=kd", "recipe.lr=0.001", "seed=0", f"runs={place / 'runs'}", f"teachers={place / 'teachers'}")
    sys.argv = ["unix-exp", *WORDS, *one]
    with suppress(SystemExit):
        train.main()
    began = time.monotonic()
    _, *words = make(place, count)
    print(f"made in {time.monotonic() - began:.0f} s")
    flags = ("--config-dir", str(place / "choices"))
    python = (sys.executable, "-W", "ignore", "-m")
    timed("plan, all done", *python, "unix_exp.sweeps", "plan", "many", *words, *flags)
    timed("plan, none done", *python, "unix_exp.sweeps", "plan", "many", *words, *flags, "recipe.momentum=0.8")
    timed("report", *python, "unix_exp.report", str(place / "runs"), "--out", str(place / "report"))
    timed("the command again", *python, "unix_exp.train", *flags, "sweep=many", *words)


def timed(what: str, *command: str) -> None:
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    computed = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    last = (done.stderr or done.stdout).strip().splitlines()[-1:]
    taken = time.monotonic() - began
    print(f"{what}: {computed:.1f} s of one core, {taken:.1f} s, exit code {done.returncode}: {last}", flush=True)


if __name__ == "__main__":
    main()
