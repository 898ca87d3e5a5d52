"""Which code on which machine made a result."""

from __future__ import annotations

import platform
import re
import shlex
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from hydra.core.hydra_config import HydraConfig

US = "unix_exp"


@cache
def versions() -> dict[str, str]:
    """Of Python, of this package and of all that it requires, when they were first asked for: what is imported."""
    found = {"python": platform.python_version()}
    for package in (US, *required()):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"  # run from a checkout
    return found


def required() -> list[str]:
    try:
        lines = requires(US) or []
    except PackageNotFoundError:
        return ["torch"]  # run from a checkout
    always = [line for line in lines if "extra ==" not in line]
    return [name[0] for line in always if (name := re.match(r"[\w.-]+", line))]


@cache
def commit() -> str | None:
    """The commit of this process's code, marked where files differ from it; None outside a checkout.

    It is asked for once, when the first run begins: what is committed during a sweep is not what the sweep does.
    """
    here = Path(__file__).resolve().parents[1]

    def git(*words: str) -> str:
        return subprocess.run(["git", "-C", here, *words], capture_output=True, text=True, check=True).stdout.strip()

    try:
        if Path(git("rev-parse", "--show-toplevel")) != here.parent:
            return None  # installed somewhere below another project
        return git("rev-parse", "HEAD") + ("-dirty" if git("status", "--porcelain") else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def command() -> str | None:
    """The command that repeats this run; None where it was started from Python."""
    if not HydraConfig.initialized():
        return None
    job = HydraConfig.get()
    # Choices of the user's own come from folders that the line has to name.
    folders = [source.path for source in job.runtime.config_sources if source.provider == "command-line"]
    flags = [word for folder in folders for word in ("--config-dir", folder)]
    searched = [word for word in job.overrides.hydra if word.startswith("hydra.searchpath=")]
    return shlex.join(["python", "-m", "unix_exp.train", *flags, *searched, *job.overrides.task])
