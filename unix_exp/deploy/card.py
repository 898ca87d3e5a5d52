"""The model card: RUN/README.md, with the block of metadata that Hugging Face reads on top."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from unix_exp.deploy.card_parts import lead, sections, title
from unix_exp.deploy.known import Known
from unix_exp.report.markdown import markdown
from unix_exp.run.checkpoint import write_whole
from unix_exp.run.mishaps import Unwritable

NAME = "README.md"
OURS = "<!-- unix_exp writes this card anew whenever it exports or measures; delete this line to keep your changes -->"
LICENCE = re.compile(r"[a-z0-9][a-z0-9.-]*")
TAGS = ("image-classification", "knowledge-distillation", "unix_exp")


def write_card(known: Known) -> str | None:
    """Write it; say so where that fails, or where a README.md stands that people have made their own."""
    path = known.path / NAME
    try:
        if path.exists() and OURS not in path.read_text(encoding="utf-8", errors="replace"):
            return f"{path} is not this program's any more, and stays as it is"
    except OSError as error:
        return f"{path} cannot be read ({error.strerror}), and stays as it is"
    text = card(known)
    try:
        write_whole(path, lambda part: part.write_text(text, encoding="utf-8"))
    except Unwritable as error:
        return f"{path} cannot be written ({error.why})"
    return None


def card(known: Known) -> str:
    block = "\n".join(["---", *metadata(known), "---"])
    return f"{block}\n{OURS}\n\n{markdown(title(known), lead(known), sections(known))}"


def metadata(known: Known) -> Iterator[str]:
    """YAML; each text is written as JSON, which YAML includes."""
    licences = {one.lower() for one in known.description.licences.values()} if known.description else set()
    if licences:
        (first, *others) = sorted(licences)
        yield f"license: {json.dumps(first if not others and LICENCE.fullmatch(first) else 'other')}"
    yield "pipeline_tag: image-classification"
    yield "library_name: unix_exp"
    yield f"tags: {json.dumps(list(TAGS))}"
