"""What was handed to the cluster, noted beside the logs, so that the same command again submits nothing twice."""

from __future__ import annotations

import getpass
import json
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

NOTES = "runs.jsonl"


def note(folder: Path, cluster: str, job: str, runs: Iterable[str]) -> None:
    """One line for each run of a job: the run's folder, and the cluster's name of the job."""
    with (folder / NOTES).open("a") as file:
        file.writelines(json.dumps({"run": run, "job": job, "cluster": cluster}) + "\n" for run in runs)


def at_work(folder: Path, cluster: str) -> dict[str, str]:
    """Runs whose jobs work or wait in the queue, with the names of these jobs."""
    found = {line["run"]: line["job"] for line in noted(folder) if line.get("cluster") == cluster}
    alive = in_queue() if cluster == "slurm" else {job for job in found.values() if works_here(job)}
    return {run: job for run, job in found.items() if job in alive}


def noted(folder: Path) -> Iterator[dict[str, str]]:
    for path in sorted(folder.glob(f"*/{NOTES}")):  # the latest last
        for line in path.read_text(errors="replace").splitlines():
            with suppress(ValueError, TypeError, KeyError):  # a line cut short by a kill
                one = json.loads(line)
                one["run"], one["job"]
                yield one


def in_queue() -> set[str]:
    """The names of this user's jobs, those of an array one by one."""
    try:
        asked = subprocess.run(
            ["squeue", "--noheader", "--array", "--format=%i", f"--user={getpass.getuser()}"],
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return set()  # then a run may get a second job, which finds it locked or finished
    return set(asked.stdout.split())


def works_here(process: str) -> bool:
    """Whether submitit's local executor is still at work under this number."""
    try:
        return b"submitit" in Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return False
