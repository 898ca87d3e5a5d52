"""Which methods there are: every component that makes one, and every experiment."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from unix_exp import config, paper
from unix_exp.catalogue.needs import Ground, Needs
from unix_exp.catalogue.papers import Paper, papers_of
from unix_exp.cli.help import groups
from unix_exp.config import Settings, compose, plugins, unwritten
from unix_exp.config.choices import METHOD
from unix_exp.registry import Registry, criteria, distillers, samplers
from unix_exp.types import Mistake
from unix_exp.words import nearest

KINDS: tuple[Registry, ...] = (criteria, samplers, distillers)
EXPERIMENT = "experiment"
CONVENTIONAL = ("logger=none", "experiment=kd")


Wanted: TypeAlias = "list[tuple[Registry | str, str]]"  # kinds and names


class Method(NamedTuple):
    """A component or an experiment, by the word that chooses it."""

    kind: str
    name: str
    about: str  # the first sentence of what its code or its file says
    papers: tuple[Paper, ...]
    settings: dict[str, Any]  # that can be changed, with their defaults; of an experiment what it chooses
    chosen: Settings  # the whole configuration that is tried
    needs: Needs | str | None = None  # None: not tried; text: why it cannot work on this pair
    percent: tuple[float, float] | None = None  # of KD's compute, a backward pass priced at one and at 2


class Catalogue:
    """All methods on one pair; Hydra must be ready to compose."""

    def __init__(self, pair: str) -> None:
        self.pair = pair
        self.base = self.composed()
        self.ground = Ground(self.base)

    def composed(self, *words: str) -> Settings:
        return config.resolve(compose.composed((*CONVENTIONAL, f"pair={self.pair}", *words)))

    def names(self, kind: Registry | str) -> list[str]:
        return kind.names() if isinstance(kind, Registry) else groups()[kind]

    def wanted(self, names: Iterable[str] = (), kinds: Sequence[Registry | str] = (*KINDS, EXPERIMENT)) -> Wanted:
        """Which methods, by kind; all where no name is given."""
        known = [(kind, name) for kind in kinds for name in self.names(kind)]
        for name in names:
            if name not in {one for _, one in known}:
                raise Mistake(f"there is no method '{name}'; {nearest(name, {one for _, one in known})}")
        chosen = set(names)
        return [one for one in known if not chosen or one[1] in chosen]

    def methods(self, wanted: Wanted) -> Iterator[Method]:
        """Read, and not tried yet."""
        for kind, name in wanted:
            yield self.component(kind, name) if isinstance(kind, Registry) else self.experiment(name)

    def component(self, registry: Registry, name: str) -> Method:
        constructor = registry[name]
        roles = getattr(constructor, "networks", ()) if registry is distillers else ()
        settings = unwritten.settings_of(constructor, {*registry.supplied, *roles})
        return Method(
            registry.kind, name, first_sentence(constructor), papers_of(constructor), settings,
            self.alone(registry, name),
        )  # fmt: skip

    def alone(self, registry: Registry, name: str) -> Settings:
        """The component with the plainest others: on every image, from a teacher's predictions."""
        if registry is distillers:
            return self.composed(f"{registry.kind}={name}")  # its file says which criteria stand beside it
        if registry is samplers:
            return {**self.base, "sampler": {"name": name}}
        without_teacher = not getattr(registry[name], "needs_teacher", True)
        other = {"distiller": {"name": paper.published()["alone"]["distiller"]}} if without_teacher else {}
        return {**self.base, "criterion": {name: {"weight": 1.0}}, **other}

    def experiment(self, name: str) -> Method:
        chosen = config.resolve(compose.composed(("logger=none", f"pair={self.pair}", f"{EXPERIMENT}={name}")))
        parts = [(distillers, chosen["distiller"]["name"]), (samplers, chosen["sampler"]["name"])]
        parts += [(criteria, one) for one in chosen["criterion"]]
        papers = dict.fromkeys(paper for registry, one in parts for paper in papers_of(registry[one]))
        settings = {part: chosen[part] for part in METHOD}
        if fixed := config.of_answers(chosen):
            settings["answers"] = fixed
        return Method(EXPERIMENT, name, help_of(name), tuple(papers), settings, chosen)

    def tried(self, method: Method) -> Method:
        needs, kd = self.ground.tried(method.chosen), self.ground.tried(self.base)
        if isinstance(needs, str) or isinstance(kd, str):
            return method._replace(needs=needs)
        once, twice = (share(needs, kd, backward) for backward in (1, 2))
        return method._replace(needs=needs, percent=(once, twice))


def share(needs: Needs, kd: Needs, backward: float) -> float:
    """In per cent of conventional distillation over the recipe's epochs, whether or not the method has a teacher."""
    spent, full = (one.ledger.total(one.ledger.planned(), one.ledger.epochs, backward) for one in (needs, kd))
    return 100 * spent / full


def first_sentence(constructor: Callable[..., Any]) -> str:
    text = " ".join((constructor.__doc__ or "").split())
    return re.split(r"(?<=[.:]) ", re.sub(r" \([A-Z][^()]* \d{4}[^()]*\)", "", text), maxsplit=1)[0].rstrip(".:")


def help_of(experiment: str) -> str:
    """The first line of help in its file."""
    for folder in (*compose.folders(), *(one.folder for one in plugins.LOADED.values())):
        path = Path(folder) / EXPERIMENT / f"{experiment}.yaml"
        if path.is_file():
            comments = [line[2:] for line in path.read_text().splitlines() if line.startswith("# ")]
            return next((line.rstrip(".") for line in comments if not line.startswith("@")), "")
    return ""
