"""YAML as OmegaConf reads it, by libyaml in half of the time: a command reads forty files before it begins."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any, TextIO

import yaml
from omegaconf import _utils
from yaml.constructor import SafeConstructor
from yaml.resolver import Resolver

PLAIN = _utils.get_yaml_loader
# Where libyaml reads what PyYAML by itself refuses, or reads otherwise: these texts are left to PyYAML.
DOUBTFUL = re.compile(r"[\t?!]|[|>]#|.\ufeff", re.DOTALL)


@cache
def loader() -> Any:
    """OmegaConf's own, with another parser; OmegaConf makes its class anew for each file."""
    plain = PLAIN()
    if not yaml.__with_libyaml__:
        return plain

    class Quick(yaml.cyaml.CParser, plain):  # type: ignore[misc, valid-type]
        def __init__(self, stream: TextIO | str) -> None:
            self.text = stream if isinstance(stream, str) else stream.read()
            self.place = getattr(stream, "name", None)
            yaml.cyaml.CParser.__init__(self, self.text)
            SafeConstructor.__init__(self)
            Resolver.__init__(self)

        def get_single_data(self) -> Any:
            if not DOUBTFUL.search(self.text):
                with suppress(yaml.YAMLError):
                    return super().get_single_data()
            if self.place is None:
                return plain(self.text).get_single_data()
            text = io.StringIO(self.text)
            text.name = self.place  # for its message
            return plain(text).get_single_data()

    return Quick


@contextmanager
def quick_yaml() -> Iterator[None]:
    """What OmegaConf reads in here."""
    _utils.get_yaml_loader = loader
    try:
        yield
    finally:
        _utils.get_yaml_loader = PLAIN
