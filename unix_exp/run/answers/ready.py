"""The store that a run's answers come from, found and filled before the run begins."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from unix_exp import config
from unix_exp.config import plugins
from unix_exp.run.answers.making import Work, make_missing
from unix_exp.run.answers.parts import bytes_of
from unix_exp.run.answers.store import Store
from unix_exp.run.answers.views import Live, Stored
from unix_exp.run.images import check_same, recorded_of
from unix_exp.run.networks import TEACHER
from unix_exp.run.plan import Located, Plan
from unix_exp.run.ready import Ready
from unix_exp.sinks.console import Console
from unix_exp.types import View


def views_of(plan: Plan, ready: Ready, console: Console) -> Callable[[int], View | None]:
    """How each epoch shows the images; answers that are not in the store yet are made now."""
    located = plan.located
    choice = located.answers
    if not choice.stored:
        return Live(choice)
    work = work_of(plan, ready)
    make_missing(work, console.watch, console.say)
    return Stored(work)


def work_of(plan: Plan, ready: Ready) -> Work:
    """All that making the run's answers needs."""
    located = plan.located
    choice, parts = located.answers, plan.trial.parts
    store = Store(choice.root / key_of(located, ready.hashes.get(TEACHER)))
    store.begin(about(located, store.key))
    check_same(store.about().get("contents"), located.data, store.path)
    image_bytes = bytes_of(plan.trial.shapes[TEACHER], parts, choice)
    views = choice.used(located.data, plan.trial.ledger.epochs)
    return Work(
        store, choice, parts, ready.networks[TEACHER], located.data, located.runtime, located.recipe.batch,
        image_bytes, views,
    )  # fmt: skip


def key_of(located: Located, weights: str | None) -> str:
    """What answers depend on: the teacher's weights and precision, the images, how they are augmented and kept."""
    return config.identity(depends(located) | {"weights": weights})


def depends(located: Located) -> dict[str, Any]:
    settings, choice, teacher = located.settings, located.answers, located.teacher
    assert teacher is not None
    images = config.what_determines(settings, located.data.fingerprint(), None)["dataset"]
    code = plugins.used({TEACHER: teacher.settings, "dataset": settings["dataset"]})
    return {
        "teacher": config.without(teacher.settings, "pace", *config.OF_WEIGHTS) | {"identity": teacher.source.identity},
        "teacher_precision": located.runtime.precision_of_teacher,
        **config.of_teacher_asked(settings),
        "dataset": images,
        "views": {"seed": "every crop" if choice.views == "all" else choice.seed},
        "kept": {"precision": choice.precision, "top": choice.top},
        **({"plugins": code} if code else {}),
    }


def about(located: Located, key: str) -> dict[str, Any]:
    """What the store says of itself, for `python -m unix_exp.answers list`."""
    assert located.teacher is not None
    return {
        "key": key,
        "teacher": located.teacher.name,
        "dataset": config.dataset_name(located.settings),
        "images": located.data.train_count,
        "contents": recorded_of(located.data),
        "of": depends(located),
    }


def recorded(views: Callable[[int], View | None]) -> dict[str, Any] | None:
    """What a result says of the answers that its run used; None where they were asked live."""
    if not isinstance(views, Stored):
        return None
    return {
        "store": views.store.key,
        "views": views.used,
        "parts": list(views.parts),
        "bytes": views.used * views.view_bytes,
        "seconds": sum(views.store.seconds(view) for view in range(views.used)),
    }
