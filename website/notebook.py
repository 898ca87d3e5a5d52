"""An executed notebook as a page: its text, its code and what the code said."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any


def as_markdown(text: str) -> str:
    return "\n\n".join(part for cell in json.loads(text)["cells"] for part in parts(cell)) + "\n"


def parts(cell: Mapping[str, Any]) -> Iterator[str]:
    source = "".join(cell["source"]).strip("\n")
    if cell["cell_type"] == "markdown":
        yield source
    elif cell["cell_type"] == "code":
        yield fenced("python", source)
        for output in cell["outputs"]:
            yield from shown(output)


def shown(output: Mapping[str, Any]) -> Iterator[str]:
    """Text, or a picture; a notebook's HTML is left out, which a page could not check."""
    if output["output_type"] == "stream":
        yield fenced("text", "".join(output["text"]).strip("\n"))
        return
    data = output.get("data", {})
    if "image/png" in data:
        yield f"![output](data:image/png;base64,{''.join(data['image/png']).strip()})"
    elif "text/plain" in data:
        yield fenced("text", "".join(data["text/plain"]).strip("\n"))


def fenced(language: str, text: str) -> str:
    return f"````{language}\n{text}\n````"
