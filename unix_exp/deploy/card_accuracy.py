"""How right the student of a run is, class by class, and what it takes for what."""

from __future__ import annotations

from collections.abc import Iterator

from unix_exp.deploy.judged import wilson
from unix_exp.deploy.known import Images, Known
from unix_exp.report.blocks import Block, Cell, Row, Table, Text
from unix_exp.run.networks import STUDENT

MOST_ROWS, MOST_PAIRS = 50, 10
FEW = 10  # classes that stay in their order
UNSEEN = Cell("—", hint="no test image")


def share(images: Images) -> str:
    found, looked = images.judged.top1, len(images.judged.labels)
    whole = f"{looked:,}" if looked == images.test else f"{looked:,} of {images.test:,}"
    return f"{found.share:.2f} % of {whole} test images (95 % interval {found.low:.1f} to {found.high:.1f} %)"


def accuracy(known: Known) -> Iterator[Block]:
    result, images = known.result, known.images
    last, chosen = result["last"], result.get("val")
    said = [f"When it was trained: {last['top1']:.2f} % (top-5 {last['top5']:.2f} %) of the test images."]
    if images is not None:
        said.insert(0, f"It is right for {share(images)}.")
    if chosen:
        said.append(f"Of the validation images: {chosen['top1']:.2f} %, in epoch {chosen['epoch']}.")
    said += [
        f"It guesses what its teacher guesses for {one['agreement']:.2f} % of them."
        for one in (known.measured["networks"] if known.measured else [])
        if one["name"] == STUDENT and one["agreement"] is not None
    ]
    yield Text(" ".join(said))
    if images is None:
        return
    yield by_class(known.classes, images)
    if (pairs := confused(known.classes, images)) is not None:
        yield pairs


def by_class(classes: tuple[str, ...], images: Images) -> Table:
    found = list(zip(classes, images.judged.by_class(), strict=True))
    order, which = "", found
    if len(found) > FEW:
        which = sorted(found, key=lambda one: one[1][0] / one[1][1] if one[1][1] else 2.0)
        order = ", the worst first"
    if len(found) > MOST_ROWS:
        order = f", the worst {MOST_ROWS} of {len(found):,}"
    rows: list[Row] = [class_row(*one) for one in which[:MOST_ROWS]]
    return Table(f"By class{order}.", ["class", "right %", "95 % interval", "test images"], rows)


def class_row(name: str, counts: tuple[int, int]) -> list[str | Cell]:
    right, images = counts
    if not images:
        return [name, UNSEEN, UNSEEN, "0"]
    found = wilson(right, images)
    return [name, f"{found.share:.1f}", f"{found.low:.1f} to {found.high:.1f}", f"{images:,}"]


def confused(classes: tuple[str, ...], images: Images) -> Table | None:
    pairs = images.judged.confusions()
    if not pairs:
        return None
    rows: list[Row] = [
        [classes[one.shown], classes[one.guessed], f"{one.times:,}", f"{100 * one.times / one.images:.1f}"]
        for one in pairs[:MOST_PAIRS]
    ]
    head = ["shown", "taken for", "images", "% of the class"]
    return Table("What is confused most often.", head, rows, texts=2)
