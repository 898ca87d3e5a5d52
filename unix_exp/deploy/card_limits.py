"""What a run's data and record do not show, in sentences."""

from __future__ import annotations

from collections.abc import Iterator

from unix_exp.deploy.known import Images, Known
from unix_exp.words import listed


def limits(known: Known) -> Iterator[str]:
    yield "It answers with one of its classes whatever it is shown, also where the image shows none of them."
    if known.images is not None:
        yield from of_images(known.images, known.classes)
    if known.result.get("val"):
        yield "The epoch was chosen on validation images; the test images were looked at once, when all was over."
    else:
        yield "It is the last epoch's; no epoch was chosen."
    yield "Whoever chose settings by the test accuracy made it look better than it is."
    yield licences(known)
    if known.result["settings"].get("plugins"):
        yield "It needs the plug-ins that its settings name, which are not in this folder."


def of_images(images: Images, classes: tuple[str, ...]) -> Iterator[str]:
    counts = [count for _, count in images.judged.by_class()]
    least, most = min(counts), max(counts)
    some = f"{least:,}" if least == most else f"{least:,} to {most:,}"
    yield f"Of each class {some} test images were looked at: the intervals say how little that may be."
    if unseen := [name for name, count in zip(classes, counts, strict=True) if not count]:
        yield f"Of these classes no test image was looked at: {listed(unseen)}."
    yield from (f"{note}." for note in images.notes)
    if not images.examined:
        yield "Whether test images are training images too was not looked for."
    else:
        yield "Equal files were looked for in training and test images; images that are merely alike were not."


def licences(known: Known) -> str:
    found = {} if known.description is None else known.description.licences
    if not found:
        return "The licences of the images, and of weights that it began with or learned from, are not known."
    said = ", ".join(f"{name} {licence}" for name, licence in found.items())
    return f"It began with or learned from weights under these licences: {said}. The images' licence is not known."
