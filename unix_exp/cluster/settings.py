"""What hydra.launcher can be told: what a job does, and what it asks of the cluster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from unix_exp.types import Mistake
from unix_exp.words import counted


@dataclass(frozen=True)
class Cluster:
    """The settings of conf/hydra/launcher/slurm.yaml, which explains them."""

    cluster: Literal["slurm", "local"]
    folder: str
    wait: bool = False
    runs_per_job: int = 1
    at_once: int = 1
    processes: int = 1
    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    constraint: str | None = None
    minutes: int = 1440
    gpus: int = 1
    cpus: int = 8
    memory_gb: float | None = 32
    jobs_at_once: int = 100
    setup: list[str] | None = None
    more: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        for name in ("runs_per_job", "at_once", "processes", "minutes", "cpus", "jobs_at_once"):
            if getattr(self, name) < 1:
                raise Mistake(f"hydra.launcher.{name} is {getattr(self, name)}; choose 1 or more")
        if self.gpus < 0:
            raise Mistake(f"hydra.launcher.gpus is {self.gpus}; choose 0 or more")
        if self.memory_gb is not None and not self.memory_gb > 0:
            raise Mistake(f"hydra.launcher.memory_gb is {self.memory_gb}; choose more than 0, or null")
        if self.at_once > self.runs_per_job:
            raise Mistake(
                f"hydra.launcher.at_once is {self.at_once}, but a job has "
                f"{counted(self.runs_per_job, 'run')} (runs_per_job)"
            )

    def of_submitit(self, name: str) -> dict[str, Any]:
        """The same in submitit's words."""
        common = {"timeout_min": self.minutes, "name": name, "stderr_to_stdout": True}
        if self.cluster == "local":
            return {**common, "gpus_per_node": self.gpus}
        asked = {
            "slurm_partition": self.partition, "slurm_account": self.account, "slurm_qos": self.qos,
            "slurm_constraint": self.constraint, "mem_gb": self.memory_gb, "gpus_per_node": self.gpus or None,
            "slurm_setup": self.setup or None,
        }  # fmt: skip
        return {
            **common,
            **{key: value for key, value in asked.items() if value is not None},
            "nodes": 1,
            "tasks_per_node": 1,
            "cpus_per_task": self.cpus,
            "slurm_array_parallelism": self.jobs_at_once,
            # A job whose node dies, or that is preempted with PreemptMode=REQUEUE, goes back to the queue.
            "slurm_additional_parameters": {"requeue": True, **(self.more or {})},
        }
