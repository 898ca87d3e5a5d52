"""Packages of the extra `export`, which a training needs not."""

from __future__ import annotations

import importlib
from importlib.util import find_spec
from types import ModuleType

from unix_exp.types import Mistake

EXTRA = "pip install 'unix_exp[export]'"


def needed(package: str, why: str) -> ModuleType:
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise Mistake(f"{package} is needed {why} and cannot be imported ({error}); {EXTRA}") from None


def missing(packages: tuple[str, ...]) -> list[str]:
    """Those that are not installed; asked without importing them."""
    return [package for package in packages if find_spec(package) is None]
