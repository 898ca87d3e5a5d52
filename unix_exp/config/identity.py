"""What of a configuration a result depends on, and the hash of it that names a run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from unix_exp.config import optimiser, plugins
from unix_exp.config.names import has_teacher
from unix_exp.config.settings import Settings, without
from unix_exp.ranges import parameters_of
from unix_exp.registry import augmentations

# Settings of where data is, how it is read or what it is called, or that the images' fingerprint says.
PLACES = {"path", "root", "cache", "download", "workers", "title", "side"}

LESS = ("exit", "shrink")  # settings of a network that is asked for less than it can say
WHOLE = {"shrink": 1}  # where such a setting has a value that changes nothing

# Settings that came after the first identities. At this value they change nothing, so runs keep the names they have.
LATER: Mapping[str, Settings] = {
    "dataset": {"val": 0, "split_seed": 0, "test": None},
    "recipe": {"decay_norms": True, "freeze_batch_norm": False},
}


def what_determines(settings: Settings, fingerprint: str, teacher: str | None) -> Settings:
    """The part of a configuration that a result depends on."""
    code = plugins.used(settings if teacher is not None else without(settings, "teacher"))
    return {
        "student": without(settings["student"], "pace", "checkpoint"),  # pace chose the learning rate, in the recipe
        "teacher": teacher,
        "dataset": {**of_images(settings), "fingerprint": fingerprint},
        "distiller": settings["distiller"],
        "sampler": settings["sampler"],
        "criterion": settings["criterion"],
        "recipe": of_recipe(settings["recipe"]),
        "seed": settings["seed"],
        **precisions(settings),
        **of_teacher_asked(settings),
        **apart(settings),
        **({"answers": fixed} if (fixed := of_answers(settings)) else {}),
        **({"plugins": code} if code else {}),  # changed code is another run
    }


def of_recipe(recipe: Settings) -> Settings:
    """What of a recipe changes a result."""
    found = without(optimiser.in_use(changed("recipe", {"recipe": recipe})), "fine_tuning")
    # Once there was one optimiser alone, and no recipe named it.
    return without(found, "optimiser") if optimiser.of_recipe(recipe) == optimiser.usual() else found


def whole_recipe(recipe: Mapping[str, Any]) -> Settings:
    """The same with all that an older record lacks, for comparing."""
    found = optimiser.in_use(completed("recipe", {"recipe": dict(recipe)}))
    return {"optimiser": optimiser.of_recipe(recipe), **without(found, "optimiser", "fine_tuning")}


def changed(group: str, settings: Settings) -> Settings:
    """A group's settings without the later ones that say what was always so."""
    later = LATER.get(group, {})
    return {name: value for name, value in settings[group].items() if name not in later or value != later[name]}


def of_images(settings: Settings) -> Settings:
    """What of a data set's settings a result depends on; a named augmentation without what it does anyway."""
    found = without(changed("dataset", settings), *PLACES)
    setting = found.get("augment")
    chosen = setting if isinstance(setting, Mapping) else {"name": setting}
    name = chosen.get("name")
    if isinstance(name, str) and name in augmentations.names():  # a data set of someone's own may mean another thing
        constructor = augmentations[name]
        usual = {key: one.default for key, one in parameters_of(constructor).items()}
        own = {key: one for key, one in chosen.items() if key != "name" and alike(one) != alike(usual.get(key))}
        earlier = getattr(constructor, "earlier", None)
        found["augment"] = {"name": name, **own} if own else name if earlier is None else earlier
    return found


def completed(group: str, settings: Settings) -> Settings:
    """A group's settings, with the later ones that an older record lacks; these first, so that all have one order."""
    return {**LATER.get(group, {}), **settings[group]}


def apart(settings: Settings) -> Settings:
    """Batch norms that see a part of the batch, where several processes train; else their number changes nothing."""
    together = (settings.get("runtime") or {}).get("sync_batch_norm", True)
    return {} if together else {"sync_batch_norm": False}


def of_answers(settings: Mapping[str, Any]) -> Settings:
    """What of the views and their answers a result depends on; nothing where every epoch asks about new crops."""
    chosen = settings.get("answers") or {}
    if chosen.get("views") is None:
        return {}
    kept = () if chosen.get("stored") else ("precision", "top")
    return without(chosen, "features", "folder", *kept)


def precisions(settings: Settings) -> Settings:
    """The precision of a run, and of its teacher and scouting where they have another."""
    runtime = settings.get("runtime") or {}
    own, names = runtime.get("precision"), ["scout_precision"] + ["teacher_precision"] * has_teacher(settings)
    others = {name: runtime.get(name) for name in names}
    return {"precision": own, **{name: value for name, value in others.items() if value not in (None, own)}}


def of_teacher_asked(settings: Settings) -> Settings:
    """What the teacher is asked for less by, where it is."""
    return teacher_asked(settings) if has_teacher(settings) else {}


def teacher_asked(settings: Mapping[str, Any]) -> Settings:
    """The same of settings whose method is known to have a teacher."""
    return {f"teacher_{name}": value for name, value in asked_for_less(settings.get("teacher") or {}).items()}


def asked_for_less(network: Mapping[str, Any]) -> Settings:
    """The stage that a network stops after, where it does, and the share of the images' side that it sees, if not 1."""
    given = {name: network.get(name) for name in LESS}
    return {name: value for name, value in given.items() if value not in (None, WHOLE.get(name))}


def identity(determining: Settings) -> str:
    canonical = json.dumps(alike(determining), sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(canonical.encode()).hexdigest()[:12]


def alike(value: Any) -> Any:
    """Make whole floats integers, because 4 and 4.0 are the same setting."""
    if isinstance(value, (str, int)):  # most values, and asking for a Mapping is slow
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    if isinstance(value, Mapping):
        return {key: alike(one) for key, one in value.items()}
    return [alike(one) for one in value] if isinstance(value, (list, tuple)) else value
