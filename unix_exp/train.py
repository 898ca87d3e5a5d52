"""The one entry: python -m unix_exp.train teacher=resnet32x4 student=shufflev2 sampler.k=48"""

from __future__ import annotations

import os
import sys
import traceback
import warnings
from contextlib import suppress
from pathlib import Path

import hydra
from hydra.conf import HydraConf
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig

from unix_exp import __version__, config, stopping
from unix_exp.cli.ending import unread
from unix_exp.cli.errors import in_one_line
from unix_exp.cli.flags import given
from unix_exp.cli.help import help_text
from unix_exp.cli.help_on import help_on
from unix_exp.cli.importing import importing
from unix_exp.cli.outcomes import OF_A_SWEEP, VARIABLE, Outcomes, of_this_process_alone
from unix_exp.cli.search import directions, objective
from unix_exp.cluster.launcher import offer
from unix_exp.config import compose
from unix_exp.config.choices import checked_job
from unix_exp.config.once import composed_once
from unix_exp.sweeps.grid import check_one_sweep
from unix_exp.sweeps.size import check_size
from unix_exp.types import Mistake
from unix_exp.words import first_line

SHOWING = {"--help", "-h", "--cfg", "-c", "--info", "-i"}  # flags that show something and do nothing


@hydra.main(version_base="1.3", config_path=str(config.choices_folder()), config_name="config")
def run(whole: DictConfig) -> float | list[float] | None:
    """One run; what it returns is what a search by one of Hydra's sweepers goes by, None where it failed."""
    with importing():  # here, because torch takes seconds to import and --help does not need it
        from unix_exp.engine.world import World
        from unix_exp.run.perform import perform

    stopping.check()  # a signal in the job before ends the sweep
    job, outcomes = HydraConfig.get(), Outcomes.of_this_sweep()
    if job.mode != RunMode.MULTIRUN or outcomes is None:
        with Outcomes.deferring_errors():  # Hydra would print its own remarks
            check_choices(job, whole)
            perform(whole, wait=OF_A_SWEEP in os.environ)
        return None
    words = " ".join(job.overrides.task)
    if whole.get("fail_fast") is True and outcomes.one_failed():
        outcomes.note_left(job.job.num, words)
        return None
    print(f"\njob {job.job.num + 1}: {words}", flush=True)
    with outcomes.noting(job.job.num, words) as note:
        World.here().in_turn(lambda: check_choices(job, whole))
        outcome = perform(whole, wait=True)  # another sweep may have the same job
        value = objective(outcome.result, job.sweeper)
        note(outcome, value if directions(job.sweeper) else None)
        return value
    return None


def check_choices(job: HydraConf, whole: DictConfig) -> None:
    if (note := checked_job(job, whole)) is not None:
        print(note, flush=True)


def main() -> None:
    try:
        with stopping.listening():
            command()
    except stopping.Stopped as stopped:  # while it told how it ended
        sys.exit(stopped.code)


def command() -> None:
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors reach main(), which prints them in one line
    if (rank := int(os.environ.get("RANK", 0))) > 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # of the processes that torchrun starts, the first one speaks
    config.register_resolvers()
    if "--version" in sys.argv[1:]:
        print(f"unix_exp {__version__}")  # Hydra would print its own version
        return
    # Hydra's parser wants flags such as -m before all overrides, and its grammar has no ~ for home.
    typed = sys.argv[1:]
    sys.argv[1:] = sorted(map(at_home, typed), key=is_override)
    os.environ.pop(VARIABLE, None)  # the command may have been started by another sweep
    words: list[str] = []
    config_dir = None
    try:
        with stopping.kept():
            stopping.check()
            flags = given(typed)
            words, config_dir = flags.overrides, Path(flags.config_dir) if flags.config_dir else None
            compose.prepare(words, config_dir)
            if {"--help", "-h"} & set(sys.argv[1:]):
                # Hydra reads all hundred choices for its own, which takes seconds.
                print(help_on(words, config_dir) or help_text(words, config_dir), flush=True)
                return
            check_one_sweep(words)
            check_size(words, config_dir)
            offer()
            launch(words, config_dir)
            sys.stdout.flush()
        Outcomes.raise_deferred()
        with stopping.deferred():
            code = conclude()
            stopping.done()
    except KeyboardInterrupt as stopped:
        with suppress(OSError):  # the terminal may be gone
            conclude(interrupted=True)
            print(f"\n{str(stopped) or 'interrupted'}; the same command continues", file=sys.stderr)
        sys.exit(getattr(stopped, "code", stopping.INTERRUPTED))
    except BrokenPipeError:
        unread()
        if not SHOWING & {word.partition("=")[0] for word in sys.argv[1:]}:
            print("error: nobody reads what this command prints any more; the same command continues", file=sys.stderr)
            conclude()
            sys.exit(2)
        return
    except Exception as error:
        message = in_one_line(error, words, config_dir)
        if message is None:
            traceback.print_exc()  # a bug in the framework or in a launcher
        elif rank == 0 or of_this_process_alone(error):
            print(f"error: {message}", file=sys.stderr)
        conclude()
        sys.exit(2 if message else 1)
    sys.exit(code)


def launch(words: list[str], config_dir: Path | None) -> None:
    """Run Hydra; the jobs' errors are recorded, so an error that is raised here is Hydra's or the launcher's."""
    # Of what the sweeper that searches uses of its library; a user can do nothing about it.
    warnings.filterwarnings("ignore", category=FutureWarning, module="optuna|hydra_plugins")
    try:
        with composed_once():
            start(words, config_dir)
    except RecursionError:
        raise Mistake("the configuration is nested too deeply; write it with fewer brackets and indents") from None
    except OSError as error:
        if error.filename is None:
            raise
        raise Mistake(
            f"cannot write to {error.filename}: {error.strerror or error}; choose another folder with runs=PATH"
        ) from error
    except RuntimeError as error:
        if (outcomes := Outcomes.of_this_sweep()) is None or outcomes.path.exists():
            raise  # the jobs had begun
        raise Mistake(f"the launcher cannot start: {first_line(error)}; choose another with hydra/launcher") from error


def start(words: list[str], config_dir: Path | None) -> None:
    """Run Hydra; where every job is valid and what Hydra composes before them is not, once more with other words."""
    try:
        run()
    except HydraException as first:
        with compose.hydra_ready(config_dir):
            if compose.first_invalid(words) is not None or (again := compose.as_choices(words)) == words:
                raise
        sys.argv[1:] = [*(word for word in sys.argv[1:] if word not in words), *again]
        try:
            run()
        except HydraException:
            raise first from None  # of the words that were typed


def conclude(interrupted: bool = False) -> int:
    outcomes = Outcomes.of_this_sweep()
    return outcomes.conclude(interrupted) if outcomes is not None else 0


def is_override(word: str) -> bool:
    return not word.startswith("-") and ("=" in word or word.startswith("~"))


def at_home(word: str) -> str:
    return word.replace("=~/", f"={Path.home()}/", 1)


if __name__ == "__main__":
    main()
