"""What a job does on its node: start its runs, stop them in time, and go back to the queue."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from unix_exp.cli.outcomes import OF_A_SWEEP
from unix_exp.config import cores
from unix_exp.stopping import INTERRUPTED, TEMPORARY

PAUSE = 0.1  # seconds between two looks at the runs
ANNOUNCING = {signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2}  # signals that announce the end of a job
PATIENCE = 60.0  # seconds for runs that are asked to stop; the cluster announces the end 90 s before


class Run(NamedTuple):
    """A run as a command of its own, which continues where an earlier one stopped."""

    number: int  # of the sweep's job, from 0
    words: str  # for people
    command: tuple[str, ...]
    log: str


class Job:
    """Runs that share a job; called on its node by submitit, which calls `checkpoint` before the job is ended."""

    def __init__(
        self,
        runs: Sequence[Run],
        at_once: int = 1,
        processes: int = 1,
        failed: str | None = None,
        ended: Mapping[int, int] | None = None,
    ) -> None:
        self.runs = tuple(runs)
        self.at_once, self.processes = at_once, processes
        self.failed = failed  # with fail_fast: a file that says that a run of the sweep has failed
        self.ended = dict(ended or {})  # exit codes by number, also of the job before it was requeued
        self.folder = os.getcwd()
        self._working: dict[int, tuple[Run, subprocess.Popen[bytes]]] = {}  # by place
        self._told = False  # a signal asks this job to end

    def __call__(self) -> dict[int, int]:
        """The exit code of each run that has ended."""
        before = signal.getsignal(signal.SIGTERM)
        signal.signal(signal.SIGTERM, self._hear)  # the cluster sends it to the runs, too, which save and end
        waiting = [run for run in self.runs if run.number not in self.ended]
        try:
            while self._working or (waiting and self._may_begin()):
                for place in range(self.at_once):
                    if waiting and place not in self._working and self._may_begin():
                        self._begin(place, waiting.pop(0))
                time.sleep(PAUSE)
                self._collect()
        finally:
            self._stop()
            signal.signal(signal.SIGTERM, before)
        if self._told:
            sys.exit(TEMPORARY)  # without a result: the cluster may start this job again
        return self.ended

    def checkpoint(self) -> Any:
        """Stop the runs, which save themselves; what is handed to submitit is what is left to do."""
        import submitit

        self._told = True
        self._stop()
        left = Job(self.runs, self.at_once, self.processes, self.failed, {
            number: code for number, code in self.ended.items() if code not in (TEMPORARY, INTERRUPTED)
        })  # fmt: skip
        left.folder = self.folder
        return submitit.helpers.DelayedSubmission(left)

    def _hear(self, number: int, frame: Any) -> None:
        self._told = True

    def _may_begin(self) -> bool:
        return not self._told and not (self.failed is not None and os.path.exists(self.failed))

    def _begin(self, place: int, run: Run) -> None:
        print(f"{run.words} -> {run.log}", flush=True)
        Path(run.log).parent.mkdir(parents=True, exist_ok=True)
        # A signal between the start of a run and the note of it would leave the run behind.
        signal.pthread_sigmask(signal.SIG_BLOCK, ANNOUNCING)
        try:
            with open(run.log, "ab") as log:
                self._working[place] = run, subprocess.Popen(
                    run.command, cwd=self.folder, env=self._environment(place), stdin=subprocess.DEVNULL, stdout=log,
                    stderr=subprocess.STDOUT, preexec_fn=deaf,
                )  # fmt: skip
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, ANNOUNCING)

    def _environment(self, place: int) -> dict[str, str]:
        """A share of the job's processors and of its GPUs for each of the runs that work at the same time."""
        given = {**os.environ, OF_A_SWEEP: "1"}
        if self.at_once == 1:
            return given
        processors = int(os.environ.get("SLURM_CPUS_PER_TASK", 0)) or cores.usable()
        given.setdefault("OMP_NUM_THREADS", str(max(1, processors // (self.at_once * self.processes))))
        gpus = [name for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name]
        if len(gpus) >= self.processes > 0:
            groups = len(gpus) // self.processes
            first = place % groups * self.processes
            given["CUDA_VISIBLE_DEVICES"] = ",".join(gpus[first : first + self.processes])
        return given

    def _collect(self) -> None:
        for place, (run, process) in list(self._working.items()):
            if (code := process.poll()) is None:
                continue
            del self._working[place]
            if code != 0 and self._told:
                code = TEMPORARY  # of torchrun's own exit code nothing can be told
            self.ended[run.number] = code
            if code in (TEMPORARY, INTERRUPTED):
                self._told = True  # the signal that stopped it is meant for the whole job
            elif code != 0:
                print(f"failed, exit code {code}: {run.words}", flush=True)
                if self.failed is not None:
                    with suppress(OSError):
                        Path(self.failed).write_text(f"{run.words}\n")

    def _stop(self) -> None:
        """Ask the runs to save and end; what has not ended in time is killed, and its last checkpoint counts."""
        if self._working:
            self._told = True
        for _, process in self._working.values():
            process.terminate()
        until = time.monotonic() + PATIENCE
        while self._working and time.monotonic() < until:
            time.sleep(PAUSE)
            self._collect()
        for _, process in self._working.values():
            process.kill()
            process.wait()
        self._collect()


def deaf() -> None:
    """Before a run begins: the cluster announces the end of a job to all of its processes, and this one tells them."""
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ANNOUNCING)


def command_of(words: Sequence[str], flags: Sequence[str], processes: int) -> tuple[str, ...]:
    """One run's command line."""
    several = ("-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}") if processes > 1 else ()
    return (sys.executable, *several, "-m", "unix_exp.train", *flags, *words, "hydra.mode=RUN")
