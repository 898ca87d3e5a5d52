"""A training that is ready to begin: for runs and for the bench alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import Tensor, nn

from unix_exp.config import Settings
from unix_exp.distillers.clock import Clock
from unix_exp.engine.analysis import Analysis
from unix_exp.engine.loop import Progress, Training
from unix_exp.engine.parallel import with_batch_norms_together
from unix_exp.engine.runtime import Runtime
from unix_exp.engine.world import Divided, World
from unix_exp.recipe import Recipe
from unix_exp.run.answers.choice import Choice
from unix_exp.run.answers.views import Live
from unix_exp.run.assemble import assemble, facts_of
from unix_exp.run.trial import Trial
from unix_exp.types import Dataset, View


def training_of(
    settings: Settings,
    networks: Mapping[str, nn.Module],
    data: Dataset,
    recipe: Recipe,
    runtime: Runtime,
    trial: Trial,
    averages: Mapping[str, float] | None = None,
    teacher_centres: Tensor | None = None,
    say: Callable[[str], None] = print,
    views: Callable[[int], View | None] | None = None,
) -> Training:
    """The method assembled from networks that are ready, its analysis and its stages, before the first epoch."""
    clock = Clock().to(runtime.place())
    facts = facts_of(data, recipe.batch, recipe.epochs, trial.shapes, clock)
    method = assemble(settings, networks, facts, runtime.scouting, averages, recipe.freeze_batch_norm)
    runtime.settled(method)  # heads take the memory format of the networks
    if (world := World.here()).size > 1:
        method.passes = Divided(world, trial.features)
        if runtime.sync_batch_norm:
            for role in set(method.roles) - set(method.frozen):
                with_batch_norms_together(method.get_submodule(role), runtime.place())
    analysis = Analysis(method, data, runtime, teacher_centres, trial.per_image) if runtime.analysis else None
    stages = method.stages(recipe)
    views = views or Live(Choice.of(settings.get("answers") or {}))
    return Training(
        method, data, stages, runtime, trial.ledger, settings["seed"], clock, Progress(), analysis, say, views=views
    )
