"""hydra/launcher=slurm: the runs of a sweep as jobs of a cluster, submitted and left."""

from __future__ import annotations

import importlib
import os
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from omegaconf import DictConfig, OmegaConf

from unix_exp.cli.outcomes import Outcomes
from unix_exp.cluster import submitted
from unix_exp.cluster.executor import submit
from unix_exp.cluster.job import Job, Run, command_of
from unix_exp.cluster.settings import Cluster
from unix_exp.config import compose
from unix_exp.registry import check_settings
from unix_exp.types import Mistake
from unix_exp.words import counted


class Missing(NamedTuple):
    """A run that nobody does yet."""

    run: Run
    folder: Path
    teachers: frozenset[str]  # that have to be trained first


class Submitted(Launcher):
    """Hands to the cluster what of a sweep is neither finished nor at work."""

    def __init__(self, **settings: Any) -> None:
        self.settings: dict[str, Any] = {
            name: OmegaConf.to_container(value) if OmegaConf.is_config(value) else value
            for name, value in settings.items()
        }

    def setup(self, *, hydra_context: Any, task_function: Any, config: DictConfig) -> None:
        """Check the settings here: Hydra would bury an error of the constructor in one of its own."""
        self.config = config
        check_settings(Cluster, "hydra.launcher", self.settings, role="hydra.launcher")
        self.cluster = Cluster(**self.settings)
        if int(os.environ.get("WORLD_SIZE", 1)) > 1:
            raise Mistake("type a sweep's command without torchrun; hydra.launcher.processes=N starts it in each job")

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        outcomes = Outcomes.of_this_sweep()
        assert outcomes is not None, "a sweep has begun"
        folder = Path(self.cluster.folder).expanduser().absolute()
        own = folder / f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
        missing = self.what_is_missing(job_overrides, initial_job_idx, outcomes, folder, own)
        if not missing:
            return []
        own.mkdir(parents=True, exist_ok=True)
        failed = str(own / "failed.txt") if self.config.get("fail_fast") else None
        handles = list[Any]()
        for part, waits in in_order(missing, self.cluster.cluster):
            packs = packed(part, self.cluster.runs_per_job)
            runs = [[one.run for one in pack] for pack in packs]
            jobs = [Job(pack, self.cluster.at_once, self.cluster.processes, failed) for pack in runs]
            after = [handle.job_id for handle in handles] if waits else []
            new = submit(jobs, own, self.cluster, name_of(self.config), after)
            handles += new
            for handle, pack in zip(new, packs, strict=True):
                submitted.note(own, self.cluster.cluster, handle.job_id, [str(one.folder.absolute()) for one in pack])
                for one in pack:
                    outcomes.note_submitted(one.run.number, one.run.words, handle.job_id)
        self.tell(handles, len(missing), own)
        if self.cluster.wait:
            wait_for(handles)
            for one in missing:
                ended(one, outcomes)
        return []

    def what_is_missing(
        self, job_overrides: Sequence[Sequence[str]], first: int, outcomes: Outcomes, folder: Path, own: Path
    ) -> list[Missing]:
        """Look at every run; the finished ones and those that cannot be done are noted."""
        from unix_exp.run.plan import locate  # here, because torch takes seconds to import
        from unix_exp.run.sources import FromStore
        from unix_exp.sweeps import plan

        found: dict[Path, Missing] = {}
        states: Counter[str] = Counter()
        busy = submitted.at_work(folder, self.cluster.cluster)
        dataset = plan.listed_once()
        for number, given in enumerate(job_overrides, first):
            words = " ".join(given)
            with outcomes.noting(number, words):
                located = locate(compose.composed(tuple(given)), dataset)
                path = located.folder.path.absolute()
                state, _ = plan.state_of(located.folder)
                teachers = frozenset(
                    network.source.identity
                    for network in located.networks
                    if isinstance(network.source, FromStore) and not network.source.ready()
                )
                if path in found:
                    outcomes.note_submitted(number, words, "")
                elif state == plan.DONE:
                    outcomes.note_done(number, words, located.folder.path)
                elif state == plan.RUNNING or str(path) in busy:
                    state = "at work or in the queue"
                    outcomes.note_submitted(number, words, busy.get(str(path), ""))
                else:
                    state = "submitted"
                    command = command_of([*self.searched(), *given], self.flags(), self.cluster.processes)
                    run = Run(number, words, command, str(own / f"{number + 1}.log"))
                    found[path] = Missing(run, located.folder.path, teachers)
                states[state] += 1
        print(", ".join(f"{count} {state}" for state, count in states.items()), flush=True)
        return list(found.values())

    def searched(self) -> list[str]:
        return [word for word in self.config.hydra.overrides.hydra if word.startswith("hydra.searchpath=")]

    def flags(self) -> list[str]:
        """--config-dir, as it was typed."""
        from hydra._internal.utils import get_args_parser

        parsed, _ = get_args_parser().parse_known_args()
        return ["--config-dir", str(Path(parsed.config_dir).absolute())] if parsed.config_dir else []

    def tell(self, handles: Sequence[Any], count: int, own: Path) -> None:
        arrays = list(dict.fromkeys(handle.job_id.split("_")[0] for handle in handles))
        print(f"{counted(count, 'run')} in {counted(len(handles), 'job')}: {' '.join(arrays)}; logs are in {own}/")
        if self.cluster.cluster == "slurm":
            print(f"look at them: squeue -j {','.join(arrays)}")
            print(f"cancel them:  scancel {' '.join(arrays)}")
        else:
            print(f"cancel them:  kill -INT {' '.join(arrays)}")
        print("the same command again submits what is neither finished nor in the queue", flush=True)


def name_of(config: DictConfig) -> str:
    return str(config.hydra.runtime.choices.get("sweep") or "unix_exp")


def in_order(missing: Sequence[Missing], cluster: str) -> list[tuple[list[Missing], bool]]:
    """Parts of a sweep, and whether a part waits for the first one to end.

    Jobs that wait for a teacher hold a GPU meanwhile, so the first run that needs it trains it, and the others of
    these wait in the queue.
    """
    if cluster != "slurm":
        return [(list(missing), False)]  # one machine begins all jobs at once, so it had better have one
    first, later, free = list[Missing](), list[Missing](), list[Missing]()
    begun: set[str] = set()
    for one in missing:
        if one.teachers - begun:
            first.append(one)
            begun |= one.teachers
        elif one.teachers:
            later.append(one)
        else:
            free.append(one)
    return [(part, waits) for part, waits in ((first, False), (later, True), (free, False)) if part]


def packed(part: Sequence[Missing], size: int) -> list[list[Missing]]:
    return [list(part[begin : begin + size]) for begin in range(0, len(part), size)]


def wait_for(handles: Sequence[Any]) -> None:
    while not all(handle.done() for handle in handles):
        time.sleep(0.5)


def ended(one: Missing, outcomes: Outcomes) -> None:
    """Note what became of a run whose job has ended."""
    from unix_exp.run.folder import RunFolder

    if RunFolder(one.folder).result() is not None:
        outcomes.note_done(one.run.number, one.run.words, one.folder)
    elif Path(one.run.log).exists():
        outcomes.note_failed(one.run.number, one.run.words, f"{last_line(Path(one.run.log))} ({one.run.log})")
    else:
        outcomes.note_left(one.run.number, one.run.words)


def last_line(log: Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"


def offer() -> None:
    """Let Hydra find the launcher.

    It takes launchers from modules of a package hydra_plugins only, which other packages may have brought along or not;
    a module made here has nothing to install.
    """
    try:
        package = importlib.import_module("hydra_plugins")
    except ImportError:
        package = sys.modules["hydra_plugins"] = ModuleType("hydra_plugins")
        package.__path__ = []
    module = ModuleType("hydra_plugins.unix_exp")
    sys.modules[module.__name__] = module
    Submitted.__module__ = module.__name__
    setattr(module, Submitted.__name__, Submitted)
    vars(package)["unix_exp"] = module
    Plugins.instance().register(Submitted)
