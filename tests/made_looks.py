"""looks.json as training leaves it, made up."""

from __future__ import annotations

import base64
import hashlib
import json
from io import BytesIO
from pathlib import Path
from typing import Any

from made_runs import changed
from PIL import Image

NAMES = ("apple", "maple_tree", "oak_tree", "girl", "boy", "bear", "bowl & <cup>", "otter")


def looking(folder: Path, side: int = 32, **others: Any) -> Path:
    """A run's folder with one, its hash in result.json; `others` replace parts of it, and None takes one away."""
    looks = {key: one for key, one in (values(side) | others).items() if one is not None}
    return written(folder, json.dumps(looks).encode())


def written(folder: Path, content: bytes) -> Path:
    (folder / "looks.json").write_bytes(content)
    return changed(folder, files={"looks.json": hashlib.sha256(content).hexdigest()})


def values(side: int = 32) -> dict[str, Any]:
    return {
        "confused": [
            {"true": NAMES[one % 8], "guessed": NAMES[(one + 1 + one // 8) % 8], "count": 40 - 2 * one, "of": 100}
            for one in range(16)
        ],
        "kept": {
            "epochs": 240,
            "most": [picture_of(one, 240 - one // 3, side) for one in range(8)],
            "least": [picture_of(40_000 + one, 3 + one, side) for one in range(8)],
        },
        "mixed": [
            {
                "names": [NAMES[one], NAMES[(one + 3) % 8]],
                "shares": [1 - one / 14, one / 14],
                "picture": picture(one, side),
            }
            for one in range(8)
        ],
    }


def picture_of(index: int, times: int, side: int) -> dict[str, Any]:
    return {"index": index, "name": NAMES[index % 8], "times": times, "picture": picture(index % 8, side)}


def picture(number: int, side: int, kind: str = "PNG") -> str:
    """A disc on a coloured ground."""
    image = Image.new("RGB", (side, side), (30 * number, 90, 255 - 30 * number))
    for down in range(side):
        for right in range(side):
            if (down - side / 2) ** 2 + (right - side / 2) ** 2 < (side / (3 + number % 3)) ** 2:
                image.putpixel((right, down), (255 - 20 * number, 200, 25 * number))
    content = BytesIO()
    image.save(content, kind)
    return base64.b64encode(content.getvalue()).decode()
