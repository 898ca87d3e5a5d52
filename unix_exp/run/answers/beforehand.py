"""Answers made without training a student: for a sweep's many runs, or on another machine."""

from __future__ import annotations

from omegaconf import DictConfig

from unix_exp import config
from unix_exp.run.answers.choice import Choice
from unix_exp.run.answers.making import make_missing
from unix_exp.run.answers.ready import work_of
from unix_exp.run.answers.store import Store
from unix_exp.run.perform import train_missing
from unix_exp.run.plan import check, locate
from unix_exp.run.ready import make_ready
from unix_exp.sinks.console import Console


def stores_answers(whole: DictConfig) -> bool:
    return Choice.of(config.resolve(whole).get("answers") or {}).stored


def make_for(whole: DictConfig) -> Store:
    """Make what a run of this configuration would make first, without training the student."""
    located = locate(whole)
    located.runtime.settle()
    plan, console = check(located), Console(1)
    train_missing(located, console.say)
    located.data.load(located.runtime.place(), console.watch)
    work = work_of(plan, make_ready(plan, console))
    make_missing(work, console.watch, console.say)
    return work.store
