"""YAML as OmegaConf reads it, by libyaml in half of the time: a command reads forty files before it begins."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, TextIO

import yaml
from omegaconf import _utils
from yaml.constructor import SafeConstructor
from yaml.resolver import Resolver

PLAIN = _utils.get_yaml_loader


@cache
def loader() -> Any:
    """OmegaConf's own, with another parser; OmegaConf makes its class anew for each file."""
    plain = PLAIN()
    if not yaml.__with_libyaml__:
        return plain

    class Quick(yaml.cyaml.CParser, plain):  # type: ignore[misc, valid-type]
        def __init__(self, stream: TextIO | str) -> None:
            self.text = stream if isinstance(stream, str) else stream.read()
            self.place = getattr(stream, "name", "<unicode string>")
            yaml.cyaml.CParser.__init__(self, self.text)
            SafeConstructor.__init__(self)
            Resolver.__init__(self)

        def get_single_data(self) -> Any:
            try:
                return super().get_single_data()
            except yaml.YAMLError:
                text = io.StringIO(self.text)
                text.name = self.place
                return plain(text).get_single_data()  # whose message shows the line

    return Quick


@contextmanager
def quick_yaml() -> Iterator[None]:
    """What OmegaConf reads in here."""
    _utils.get_yaml_loader = loader
    try:
        yield
    finally:
        _utils.get_yaml_loader = PLAIN
