"""Pictures in a chart: PNG files under each other, each with a line of text above."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import NamedTuple

from unix_exp.plots.markup import Markup, tag
from unix_exp.plots.svg import LINE, SIZE, WIDTH, drawing, text_at, wrapped

LARGEST = 2.0  # units a pixel
BEGINNING, END = b"\x89PNG\r\n\x1a\n", b"IEND"  # of every PNG file


class Picture(NamedTuple):
    heading: str
    png: bytes
    description: str = ""

    @property
    def whole(self) -> bool:
        """Whether it is a PNG file from its beginning to its end, with something in it."""
        return self.png.startswith(BEGINNING) and END in self.png[-12:] and min(self.size) > 0

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels, which every PNG states in its first bytes."""
        return int.from_bytes(self.png[16:20], "big"), int.from_bytes(self.png[20:24], "big")


def pictures(shown: Sequence[Picture], *, title: str) -> Markup:
    """All at one scale, their pixels kept sharp."""
    scale = min([LARGEST, *(WIDTH / one.size[0] for one in shown)])
    parts: list[Markup] = []
    y = 0.0
    for one in shown:
        heading = wrapped(one.heading, WIDTH)
        parts.append(text_at(0.0, y + SIZE, heading, kind="title"))
        y += LINE * len(heading) + 3
        width, height = (round(scale * side, 1) for side in one.size)
        source = "data:image/png;base64," + base64.b64encode(one.png).decode("ascii")
        parts.append(
            tag("image", href=source, x=0.0, y=y, width=width, height=height, image_rendering="pixelated",
                preserveAspectRatio="none")
        )  # fmt: skip
        y += height + 10
    described = " ".join(f"{one.heading}: {one.description or 'pictures'}." for one in shown)
    return drawing(parts, y, title, described)
