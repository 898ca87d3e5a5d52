"""No copy."""

from __future__ import annotations

from typing import Any

from unix_exp.registry import sinks
from unix_exp.sinks.sink import RunInfo
from unix_exp.types import Record


@sinks.register("none")
class Nowhere:
    """Keep a run's records in its own folder alone."""

    def __init__(self, run: RunInfo) -> None:
        pass

    def __call__(self, record: Record) -> None:
        pass

    def summarise(self, result: dict[str, Any]) -> None:
        pass

    def close(self, failed: bool) -> None:
        pass
