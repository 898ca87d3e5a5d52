"""Where the images of a folder are: in train/, test/ and val/, or in class folders alone."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from unix_exp.data.files import ENDINGS, check_name, find_classes, images_among, is_folder, names_by_class, names_in
from unix_exp.data.held_out import Apart
from unix_exp.data.listing import Listing, divided
from unix_exp.data.opening import shown
from unix_exp.types import Mistake
from unix_exp.words import counted, listed

HALVES = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}  # in any case


def listing_of(root: str, apart: Apart) -> Listing:
    """What a folder holds, or one line that says why it can't be trained on."""
    halves = halves_of(root)
    train_folder = halves.get("train", root if not halves else os.path.join(root, "train"))
    test_folder = halves.pop("test", None) or halves.pop("val", None)
    val_folder = halves.get("val")
    classes = classes_of(train_folder)
    others = [folder for folder in (test_folder, val_folder) if folder is not None]
    for folder in others:
        differing = sorted(set(classes) ^ set(classes_of(folder)))
        if differing:
            raise Mistake(f"'{train_folder}' and '{folder}' need the same classes; they differ in {listed(differing)}")
    names = {folder: names_by_class(folder, classes) for folder in (train_folder, *others)}
    passed = [path for within in names.values() for path in passed_over(within, classes)]
    notes = [note_of(root, passed)] if passed else []
    train = images_among(names[train_folder], classes)
    test = None if test_folder is None else images_among(names[test_folder], classes)
    val = None if val_folder is None else images_among(names[val_folder], classes)
    return divided(root, shown(root), classes, train, val, test, apart, notes)


def halves_of(root: str) -> dict[str, str]:
    """The folders of the halves, by what they are; none where the folder holds classes, be one of them called train."""
    known = {name: half for half, names in HALVES.items() for name in names}
    found: dict[str, str] = {}
    others = []
    for name in names_in(root):
        path = os.path.join(root, name)
        half = known.get(name.lower())
        if half is None or not is_folder(path):
            others.append(path)
        elif half in found:
            raise Mistake(f"'{shown(found[half])}' and '{shown(path)}' are both {half} images; put them into one")
        else:
            found[half] = path
    if any(has_folder(path) for path in found.values()) or not any(has_images(path) for path in others):
        return found
    return {}


def classes_of(folder: str) -> tuple[str, ...]:
    """The class folders; an image beside them would belong to none."""
    if os.path.isdir(folder):
        beside = [name for name in names_in(folder) if name.lower().endswith(ENDINGS)]
        beside = [name for name in beside if not is_folder(os.path.join(folder, name))]
        if beside:
            check_name(beside[0], folder)
            raise Mistake(
                f"'{shown(folder)}' has {counted(len(beside), 'image')} in no class, such as '{beside[0]}'; put each "
                "into the folder of its class, or write a list of images and classes (dataset=listed)"
            )
    return find_classes(folder)


def passed_over(names: Mapping[str, Sequence[str]], classes: Sequence[str]) -> list[str]:
    """The files in class folders that are no images by their ending. A folder there may hold none."""
    passed = []
    for name, (folder, within) in zip(classes, names.items(), strict=True):
        for one in within:
            if one.lower().endswith(ENDINGS):
                continue
            path = os.path.join(folder, one)
            if not os.path.isdir(path):
                passed.append(path)
            elif (deeper := image_below(path)) is not None:
                raise Mistake(
                    f"'{shown(deeper)}' is in a folder within class '{name}'; put the images of a class into one "
                    "folder, or set dataset.path to the folder that holds the classes"
                )
    return passed


def note_of(root: str, passed: Sequence[str]) -> str:
    """For files that may have been meant."""
    named = os.path.relpath(passed[0], root)
    are = "is passed over: its ending is" if len(passed) == 1 else "are passed over: their endings are"
    return (
        f"{counted(len(passed), 'file')} in class folders of '{shown(root)}' {are} none of {', '.join(ENDINGS)} "
        f"({shown(named)!a})"
    )


def has_folder(path: str) -> bool:
    return any(is_folder(os.path.join(path, name)) for name in names_in(path))


def has_images(path: str) -> bool:
    return os.path.isdir(path) and any(name.lower().endswith(ENDINGS) for name in names_in(path))


def image_below(folder: str) -> str | None:
    """Some image of a folder, however deep."""
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if name.lower().endswith(ENDINGS) and not name.startswith("."):
                return os.path.join(place, name)
    return None
