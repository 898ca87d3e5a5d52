"""The table inside a page: what stands between two comments is written anew."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from unix_exp.catalogue import show
from unix_exp.catalogue.methods import Catalogue, Method
from unix_exp.types import Mistake

BEGIN, END = "<!-- catalogue -->", "<!-- end of catalogue -->"


def write(target: Path, catalogue: Catalogue, methods: Sequence[Method]) -> None:
    target = target.expanduser()
    try:
        target.write_text(filled(target.read_text(encoding="utf-8"), table(catalogue, methods), str(target)), "utf-8")
    except OSError as error:
        raise Mistake(f"cannot write to {target}: {error.strerror}; choose another page with --fill") from None


def table(catalogue: Catalogue, methods: Sequence[Method]) -> str:
    teacher, student = (catalogue.base[role]["name"] for role in ("teacher", "student"))
    lead = (
        f"Every component, as `python -m unix_exp.catalogue` finds it by trying one step: a criterion alone on every "
        f"image, a sampler and a distiller with plain distillation. Compute is counted for {teacher} to {student} on "
        "CIFAR-100, in per cent of conventional distillation."
    )
    return "\n".join([lead, "", *show.markdown(methods)])


def filled(page: str, text: str, where: str) -> str:
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise Mistake(f"{where} has no part to fill; mark one with '{BEGIN}' and '{END}'")
    return f"{before}{BEGIN}\n{text}\n{END}{after}"
