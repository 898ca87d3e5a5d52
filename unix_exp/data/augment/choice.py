"""The setting `dataset.augment`: true or false, a name, or a name with settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias

from unix_exp.data.augment.augmentation import Augmentation
from unix_exp.data.augment.none import Whole
from unix_exp.ranges import shown
from unix_exp.registry import augmentations
from unix_exp.types import Mistake

ROLE = "dataset.augment"
Augment: TypeAlias = Annotated[
    bool | str | dict[str, Any],
    "what is done to training images; true: the set's own cut and flip; false: nothing; or an augmentation by name, "
    "or a name with settings",
]
Flip: TypeAlias = Annotated[bool, "training images are mirrored or not, at random"]


def chosen(setting: Augment) -> Augmentation:
    """What a setting means: true is the data set's own augmentation, false is none."""
    if isinstance(setting, bool):
        return Augmentation() if setting else Whole()
    settings = dict(setting) if isinstance(setting, Mapping) else {"name": setting}
    if "name" not in settings:
        raise Mistake(f"{ROLE} is {shown(setting)}; give it a name, such as {ROLE}={augmentations.names()[0]}")
    made: Augmentation = augmentations.make(settings.pop("name"), settings, role=ROLE)
    return made


def checked(setting: Augment) -> Augment:
    """The setting, if it can be chosen."""
    chosen(setting)
    return setting
