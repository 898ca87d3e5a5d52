"""A sweep as jobs of a cluster: submitted and left, preempted and requeued, packed; and what a job does on its node."""

from __future__ import annotations

import os
import pickle
import re
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from common import TINY, Command
from starter import same_run

from unix_exp.cluster import submitted
from unix_exp.cluster.job import Job, Run

SWEEP = (*TINY, "experiment=random", "recipe.epochs=5", "seed=0,1", "-m")
LOCAL = ("hydra/launcher=slurm_local", "hydra.launcher.wait=false", "hydra.launcher.at_once=2")
PATIENCE = 300  # seconds


def until(true: Any, what: str) -> None:
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, what
        time.sleep(0.02)


def children(process: int) -> list[int]:
    try:
        return [int(one) for one in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
    except OSError:
        return []


def test_a_preempted_job_goes_back_to_the_queue_and_its_runs_end_bit_equal(
    forked: Path, command: Command, tmp_path: Path
) -> None:
    """As Slurm does it: the end is announced to all processes of the job, which then is queued again."""
    assert command(*SWEEP, "runs=whole/runs").code == 0
    words = (*SWEEP, "runs=cut/runs", *LOCAL)
    said = command(*words)
    assert said.code == 0 and "2 runs in 1 job:" in said.out, said
    (controller,) = set(submitted.at_work(Path("cut/runs/.jobs").absolute(), "local").values())
    assert command(*words).out.startswith("2 at work or in the queue\n")

    until(lambda: list(Path("cut").glob("runs/*/metrics.jsonl")), "a run has begun")
    (job,) = children(int(controller))
    for process in (*children(job), job):
        os.kill(process, signal.SIGUSR2)
    until(lambda: not submitted.works_here(controller), "the job has ended")
    logs = [path.read_text() for path in Path("cut").glob("runs/.jobs/*/[12].log")]
    assert [log.count("stopped by SIGTERM") for log in logs] == [1, 1]
    assert any("stopped by SIGTERM in epoch" in log and "continuing" in log for log in logs), logs

    again = command(*words)
    assert again.out.startswith("2 done\n") and again.code == 0
    assert re.search(r"resnet8_resnet8  random +2 ", again.out), "the table of what is done has one row for two seeds"
    for seed in (0, 1):
        whole, cut = (next(Path(name).glob(f"runs/*-s{seed}-*")) for name in ("whole", "cut"))
        for folder in (whole, cut):
            (tmp_path / f"{folder.parts[0]}{seed}" / "runs").mkdir(parents=True)
            folder.rename(tmp_path / f"{folder.parts[0]}{seed}" / "runs" / folder.name)
        assert same_run(tmp_path / f"whole{seed}", tmp_path / f"cut{seed}")


def run(tmp_path: Path, number: int, code: str) -> Run:
    return Run(number, f"seed={number}", (sys.executable, "-S", "-c", code), str(tmp_path / f"{number + 1}.log"))


def test_runs_that_share_a_job_share_its_processors_and_gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "12")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,6")
    tell = "import os; print(os.environ['OMP_NUM_THREADS'], os.environ['CUDA_VISIBLE_DEVICES'])"
    wait = f"{tell}; import time; time.sleep(.2)"
    assert Job([run(tmp_path, number, wait) for number in range(3)], at_once=3)() == {0: 0, 1: 0, 2: 0}
    assert [Path(tmp_path / f"{number}.log").read_text() for number in (1, 2, 3)] == ["4 4\n", "4 6\n", "4 4\n"]


@pytest.mark.parametrize("fail_fast", [False, True])
def test_a_failed_run_ends_the_others_only_if_asked(tmp_path: Path, fail_fast: bool) -> None:
    mark = str(tmp_path / "failed.txt") if fail_fast else None
    job = Job([run(tmp_path, 0, "raise SystemExit(2)"), run(tmp_path, 1, "print('begun')")], failed=mark)
    assert job() == ({0: 2} if fail_fast else {0: 2, 1: 0})
    later = Job([run(tmp_path, 2, "print('begun')")], failed=mark)  # another job of the sweep
    assert later() == ({} if fail_fast else {2: 0})


HEEDFUL = (
    "import signal, sys, time\n"
    "signal.signal(signal.SIGTERM, lambda *_: (print('saved'), sys.exit(75)))\n"
    "print('ready', flush=True)\ntime.sleep(60)"
)


def test_what_is_left_of_a_job_is_what_has_not_ended(tmp_path: Path) -> None:
    pytest.importorskip("submitit")
    runs = [run(tmp_path, 0, "raise SystemExit(2)"), run(tmp_path, 1, ""), run(tmp_path, 2, HEEDFUL)]
    runs.append(run(tmp_path, 3, ""))
    job = Job(runs)

    def preempted(*_: object) -> None:
        raise Preempted(job.checkpoint())

    def ring() -> None:
        until(lambda: (tmp_path / "3.log").exists() and (tmp_path / "3.log").read_text(), "it is ready")
        os.kill(os.getpid(), signal.SIGALRM)

    before = signal.signal(signal.SIGALRM, preempted)
    threading.Thread(target=ring, daemon=True).start()
    try:
        with pytest.raises(Preempted) as stopped:
            job()
    finally:
        signal.signal(signal.SIGALRM, before)
    assert (tmp_path / "3.log").read_text() == "ready\nsaved\n"
    left = pickle.loads(pickle.dumps(stopped.value.args[0].function))
    assert left.ended == {0: 2, 1: 0} and left.folder == os.getcwd(), "the stopped run and the last one are left"


class Preempted(Exception):
    """What submitit would requeue."""


def test_a_cancelled_job_begins_no_other_run(tmp_path: Path) -> None:
    """scancel: SIGTERM to all, and nobody asks for another start."""
    job = Job([run(tmp_path, 0, "import os, signal; os.kill(os.getppid(), signal.SIGTERM); raise SystemExit(75)"),
               run(tmp_path, 1, "print('begun')")])  # fmt: skip
    with pytest.raises(SystemExit) as ended:
        job()
    assert ended.value.code == 75
    assert not (tmp_path / "2.log").exists()


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Slurm's commands as far as a submission sees them: the scripts are kept, the queue is a file."""
    pytest.importorskip("submitit")
    place = tmp_path / "slurm"
    place.mkdir()
    commands = {
        "srun": "",
        "sbatch": 'count=$(ls "$HERE" | grep -c job_); cp "${@: -1}" "$HERE/job_$count"\n'
                  'echo "Submitted batch job $((70 + count))"',
        "squeue": 'cat "$HERE/queue"',
    }  # fmt: skip
    for name, text in commands.items():
        (place / name).write_text(f"#!/bin/bash\nHERE={place}\n{text}\n")
        (place / name).chmod(0o755)
    (place / "queue").touch()
    monkeypatch.setenv("PATH", f"{place}:{os.environ['PATH']}")
    return place


def test_what_slurm_is_asked_for(command: Command, slurm: Path) -> None:
    words = ("sweep=demo", "scale=smoke", "logger=none", "experiment=scratch,kd,random,unix", "hydra/launcher=slurm",
             "hydra.launcher.partition=gpu", "+hydra.launcher.more.exclude=node7", "hydra.launcher.jobs_at_once=7",
             "hydra.launcher.setup=[module load cuda]")  # fmt: skip
    said = command(*words)
    assert said.code == 0, said.err
    first, later, free = ((slurm / f"job_{number}").read_text().splitlines() for number in range(3))
    for script in (first, later, free):
        for line in ("--partition=gpu", "--exclude=node7", "--requeue", "--signal=USR2@90", "--time=1440",
                     "--cpus-per-task=8", "--gpus-per-node=1", "--mem=32GB", "--job-name=demo"):  # fmt: skip
            assert f"#SBATCH {line}" in script, script
        assert "module load cuda" in script
    assert not [line for line in first + free if "dependency" in line or "array" in line]
    assert "#SBATCH --dependency=afterany:70" in later, "the first run trains the teacher that the others need"
    assert "#SBATCH --array=0-1%2" in later
    assert "4 submitted\n4 runs in 4 jobs: 70 71 72" in said.out
    assert "squeue -j 70,71,72" in said.out and "scancel 70 71 72" in said.out

    (slurm / "queue").write_text("70\n71_0\n")
    again = command(*words)
    assert again.out.startswith("2 submitted, 2 at work or in the queue\n"), "scratch is done by nobody, nor is unix"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["hydra.launcher.at_once=2"], "hydra.launcher.at_once is 2, but a job has 1 run (runs_per_job)"),
        (["hydra.launcher.minutes=soon"], "hydra.launcher.minutes is 'soon'; it must be a whole number"),
        (["+hydra.launcher.gpu=1"], "hydra.launcher has no setting 'gpu'; did you mean 'gpus'?"),
        (["fail_fast=7"], "fail_fast is 7; it must be true or false"),
        ([], "nothing was submitted: "),
    ],
)
def test_a_mistake_is_one_line(
    command: Command, monkeypatch: pytest.MonkeyPatch, words: list[str], complaint: str
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")  # no Slurm here
    said = command("sweep=demo", "scale=smoke", "logger=none", "experiment=scratch", "hydra/launcher=slurm", *words)
    assert said.code == (1 if words[:1] == ["fail_fast=7"] else 2)
    assert complaint in said.err.splitlines()[0] and "Traceback" not in said.err
