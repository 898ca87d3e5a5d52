"""Components by name: a kind, a name, the constructor; errors name the nearest match."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from unix_exp.ranges import check_value, describe, parameters_of, shown
from unix_exp.types import Mistake
from unix_exp.words import nearest

Constructor = TypeVar("Constructor", bound=Callable[..., Any])


class Registry:
    """One kind of component; its package is imported whole at the first look-up, so a new file needs no list."""

    def __init__(self, kind: str, package: str, supplied: Iterable[str] = ()) -> None:
        self.kind = kind
        self.package = package
        self.supplied = frozenset({"facts", *supplied})  # parameters that the program gives and no config sets
        self.constructors: dict[str, Callable[..., Any]] = {}
        self.modules: dict[str, str] = {}  # by name, the module that registered it
        self._imported = False

    def register(self, name: str) -> Callable[[Constructor], Constructor]:
        module = str(sys._getframe(1).f_globals.get("__name__"))
        if not self.is_ours(module):
            self._import_package()  # first, so that a plug-in cannot take a name of the framework

        def keep(constructor: Constructor) -> Constructor:
            # Reloading a module, or running a notebook's cell again, registers the same component again.
            if name in self.constructors and self._origin(name) != (module, getattr(constructor, "__qualname__", None)):
                raise Mistake(
                    f"{self.kind} '{name}' is registered already, by {self.modules[name]}; rename one of them"
                )
            self.constructors[name] = constructor
            self.modules[name] = module
            return constructor

        return keep

    def is_ours(self, module: str) -> bool:
        """Whether a module belongs to this registry's own package, and not to a plug-in."""
        return f"{module}.".startswith(f"{self.package}.")

    def names(self) -> list[str]:
        self._import_package()
        return sorted(self.constructors)

    def __getitem__(self, name: str) -> Callable[..., Any]:
        self._import_package()
        if not isinstance(name, str) or name not in self.constructors:
            raise Mistake(
                f"no {self.kind} {shown(name)} is registered; {nearest(str(name), self.constructors)} "
                "(plugins=FILE.py loads code of your own)"
            )
        return self.constructors[name]

    def make(
        self, name: str, settings: Mapping[str, Any], role: str | None = None, facts: Any = None, **given: Any
    ) -> Any:
        """Build a component; `given` is what the program supplies and no config may set.

        `role` is what the config calls the component ("teacher" for a model), so that an error points at the setting.
        `facts` are for constructors that name them.
        """
        constructor = self[name]
        if (wanted := inspect.signature(constructor).parameters.get("facts")) is not None:
            if facts is None and wanted.default is inspect.Parameter.empty:
                raise Mistake(f"{self.kind} '{name}' needs to know the data and the networks; pass facts=Facts(...)")
            given["facts"] = facts
        check_settings(constructor, name, settings, given, role=role or self.kind)
        return constructor(**settings, **given)

    def _origin(self, name: str) -> tuple[str, str | None]:
        return self.modules[name], getattr(self.constructors[name], "__qualname__", None)

    def _import_package(self) -> None:
        if self._imported:
            return
        self._imported = True
        package = importlib.import_module(self.package)
        for module in pkgutil.iter_modules(package.__path__):
            if module.name != "__main__":
                importlib.import_module(f"{self.package}.{module.name}")


def check_settings(
    constructor: Callable[..., Any], name: str, settings: Mapping[str, Any], given: Iterable[str] = (), role: str = ""
) -> None:
    """Check settings by a constructor's signature and annotations, before anything is built."""
    given = set(given)
    parameters = parameters_of(constructor)
    several = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)  # such as nn.Module's own constructor's
    free = {key for key, parameter in parameters.items() if key not in given and parameter.kind not in several}
    for key, value in settings.items():
        if key not in free:
            owner = role if name == role else f"{role} '{name}'"
            raise Mistake(f"{owner} has no setting '{key}'; {nearest(key, free)}")
        wanted = Any if parameters[key].annotation is inspect.Parameter.empty else parameters[key].annotation
        if not same(value, parameters[key].default):
            check_value(f"{role}.{key}", value, wanted)
    for key in free - set(settings):
        parameter = parameters[key]
        if parameter.default is inspect.Parameter.empty:
            raise Mistake(f"{role}.{key} is missing; it must be {describe(parameter.annotation)}")


def same(value: Any, default: Any) -> bool:
    """Whether a value is what its component chose itself, which may be infinite."""
    return type(value) is type(default) and bool(value == default)


models = Registry("model", "unix_exp.models", supplied=("num_classes",))
datasets = Registry("dataset", "unix_exp.data")
augmentations = Registry("augmentation", "unix_exp.data.augment")
samplers = Registry("sampler", "unix_exp.samplers")
criteria = Registry("criterion", "unix_exp.criteria")
distillers = Registry("distiller", "unix_exp.distillers", supplied=("parts",))
optimisers = Registry("optimiser", "unix_exp.optimisers", supplied=("weights", "lr", "weight_decay"))
probes = Registry("probe", "unix_exp.probes")
sinks = Registry("sink", "unix_exp.sinks", supplied=("run",))

REGISTRIES = (models, datasets, augmentations, samplers, criteria, distillers, optimisers, probes, sinks)
