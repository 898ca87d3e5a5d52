"""Handing jobs to the cluster by submitit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from unix_exp.cluster.job import Job
from unix_exp.cluster.settings import Cluster
from unix_exp.types import Mistake

LARGEST_ARRAY = 1000  # jobs; Slurm's own limit (MaxArraySize) where nobody has raised it
TIMES = 10_000  # how often a job may reach its time limit: it continues each time


def submit(jobs: Sequence[Job], folder: Path, cluster: Cluster, name: str, after: Sequence[str]) -> list[Any]:
    """Submitit's handles, one for each job; `after` are jobs that have to end first."""
    try:
        import submitit
    except ImportError:
        raise Mistake("submitit is not installed; pip install 'unix_exp[slurm]'") from None
    settings = cluster.of_submitit(name)
    arrays = [jobs[begin : begin + LARGEST_ARRAY] for begin in range(0, len(jobs), LARGEST_ARRAY)]
    if cluster.cluster == "slurm":
        settings["slurm_array_parallelism"] = max(1, cluster.jobs_at_once // len(arrays))
        if after:
            awaited = ":".join(dict.fromkeys(job.split("_")[0] for job in after))
            settings["slurm_additional_parameters"]["dependency"] = f"afterany:{awaited}"
    try:
        limits = {f"{cluster.cluster}_max_num_timeout": TIMES}
        executor = submitit.AutoExecutor(folder, cluster=cluster.cluster, **limits)
        executor.update_parameters(**settings)
        return [handle for array in arrays for handle in executor.submit_array(array)]
    except (RuntimeError, ValueError) as error:  # what sbatch says is in submitit's message
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        said = next((line for line in lines if "error:" in line), lines[0] if lines else type(error).__name__)
        raise Mistake(f"nothing was submitted: {said}") from None
