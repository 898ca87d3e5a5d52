"""Families of methods: what figures call a method whatever its settings, such as UNIX, Random+AT or from scratch."""

from __future__ import annotations

from collections.abc import Iterable

from unix_exp.paper import published


def in_order() -> list[str]:
    """The paper's families, in the order in which tables and legends show them."""
    return [*published()["families"].values(), published()["alone"]["family"]]


def of_sampler(sampler: str) -> str:
    return str(published()["families"].get(sampler, sampler))


def family(sampler: str, criteria: Iterable[str]) -> str:
    """Of distillation with a sampler and these criteria."""
    objectives = published()["objectives"]
    named = [objectives.get(name, f"+{name}") for name in criteria]
    if of_sampler(sampler) == conventional() and "" not in named:
        return "".join(named).removeprefix("+")  # all images, and another loss than conventional distillation's
    return of_sampler(sampler) + "".join(named)


def conventional() -> str:
    """The family of conventional distillation."""
    return of_sampler(published()["conventional"]["sampler"])
