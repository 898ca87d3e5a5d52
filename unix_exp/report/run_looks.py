"""What one run made of single images: the classes that it confuses, the images that it kept, left out and mixed."""

from __future__ import annotations

from collections.abc import Iterable

from unix_exp.plots.markup import tag
from unix_exp.report.blocks import Block, Figure, Figures, Row, Table, Text
from unix_exp.run.looks import Looks, Mixed
from unix_exp.words import counted

NO_CLASSES = "Which classes it confuses was not recorded."
NO_IMAGES = "Which images it kept, left out or mixed was not recorded."


def confused(looks: Looks | None) -> list[Block]:
    if looks is None:
        return [Text(NO_CLASSES)]
    rows: list[Row] = [
        [one["true"], one["guessed"], f"{one['count']:,}", f"{100 * one['count'] / one['of']:.1f}"]
        for one in looks["confused"]
    ]
    if not rows:
        return [Text("It confuses no classes: every test image is recognised.")]
    head = ["class", "taken for", "test images", "% of the class"]
    return [Table("Classes that it confuses most often.", head, rows, "confused", texts=2)]


def images(looks: Looks | None) -> list[Block]:
    if looks is None:
        return [Text(NO_IMAGES)]
    found: list[Figure] = []
    if (kept := looks.get("kept")) is not None:
        epochs = counted(kept["epochs"], "epoch")
        for end, words in (("most", "most often"), ("least", "least often")):
            shown = kept["most"] if end == "most" else kept["least"]
            names = [f"{one['name']}, {counted(one['times'], 'time')}" for one in shown]
            found.append(gallery(names, (one["picture"] for one in shown), f"kept-{end}",
                                 f"Training images that it trained on {words}, in {epochs}."))  # fmt: skip
    if mixed := looks.get("mixed"):
        names = [in_words(one) for one in mixed]
        found.append(gallery(names, (one["picture"] for one in mixed), "mixed",
                             "Mixed images as it trains on them, and their shares."))  # fmt: skip
    return [Figures(found)] if found else [Text("It trained on all images alike and mixed none.")]


def in_words(one: Mixed) -> str:
    return ", ".join(f"{100 * share:.0f} % {name}" for name, share in zip(one["names"], one["shares"], strict=True))


def gallery(names: Iterable[str], pictures: Iterable[str], anchor: str, caption: str) -> Figure:
    """Addresses of pictures are those of run/looks.py, which lets nothing but small PNG and JPEG files pass."""
    shown = (tag("li", tag("img", src=address, alt=""), name) for name, address in zip(names, pictures, strict=True))
    return Figure(tag("ul", *shown, class_="pictures"), caption, anchor)
