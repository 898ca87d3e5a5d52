"""A plug-in as its author writes it, and a process that forgets it when the test is over."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from unix_exp.config import plugins, unwritten
from unix_exp.registry import REGISTRIES

CERTAIN = '''
from order import most_certain_first
from unix_exp.registry import samplers
from unix_exp.samplers.selection import how_many, take


@samplers.register("certain")
class Certain:
    """Keep the k most certain images."""

    def __init__(self, k: int | None = None, scout_mode: str = "train") -> None:
        self.k, self.scout_mode = k, scout_mode

    def __call__(self, batch, scout):
        k = how_many(self.k, batch.images.shape[0])
        return take(batch, most_certain_first(scout(batch.images, self.scout_mode))[:k])
'''

ORDER = """
def most_certain_first(scouted):
    logits = getattr(scouted, "logits", scouted)
    return logits.softmax(1).amax(1).argsort(descending=True)
"""

MINE = """
from unix_exp.registry import criteria, datasets, distillers, models
from unix_exp.criteria.ce import CE
from unix_exp.data.shapes import Shapes
from unix_exp.distillers.offline import Offline
from unix_exp.models.cifar_resnet import CifarResNet


@criteria.register("smooth")
class Smooth(CE):
    def __init__(self, share: float = 0.1, parts: tuple[int, ...] = (1, 2)) -> None:
        super().__init__()


@models.register("thin")
class Thin(CifarResNet):
    def __init__(self, width: int = 8, num_classes: int = 100) -> None:
        super().__init__(8, (width, width, 2 * width, 4 * width), num_classes)


@datasets.register("few")
class Few(Shapes):
    def __init__(self, train_count: int, test_count: int = 48) -> None:
        super().__init__(train_count=train_count, test_count=test_count)


@distillers.register("calm")
class Calm(Offline):
    networks = {"teacher": "frozen", "peer": "trained"}

    def __init__(self, parts, calm: float = 0.5) -> None:
        super().__init__(parts)
"""


def write_certain(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "order.py").write_text(ORDER)
    (folder / "certain.py").write_text(CERTAIN)
    return folder / "certain.py"


@contextmanager
def forgotten_afterwards() -> Iterator[None]:
    modules, path = set(sys.modules), list(sys.path)
    for registry in REGISTRIES:
        registry.names()  # the framework's own components stay
    before = {registry.kind: set(registry.constructors) for registry in REGISTRIES}
    try:
        yield
    finally:
        forget(before, modules)
        sys.path[:] = path


def forget(before: dict[str, set[str]], modules: set[str]) -> None:
    for registry in REGISTRIES:
        for name in set(registry.constructors) - before[registry.kind]:
            del registry.constructors[name], registry.modules[name]
    for name in set(sys.modules) - modules:
        if not name.startswith(("unix_exp", "torch", "hydra", "wandb")):
            sys.modules.pop(name)
    plugins.LOADED.clear()
    unwritten.forget()
