"""A run as it lies in its folder, finished or not; a part of it is read when it is first asked for."""

from __future__ import annotations

import calendar
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from unix_exp import config
from unix_exp.run.foreign import json_of, last_lines, parsed, text_of, yaml_of
from unix_exp.run.held import held
from unix_exp.run.shapes import finite
from unix_exp.run.tags import tags_of
from unix_exp.words import as_line, first_line

FINISHED, RUNNING, FAILED, UNFINISHED, DAMAGED = "finished", "running", "failed", "unfinished", "damaged"
STATES = (FINISHED, RUNNING, FAILED, UNFINISHED, DAMAGED)
RECORDED = "%Y-%m-%dT%H:%M:%S%z"
ENDING = re.compile(r"(?P<front>.+)-s(?P<seed>\d+)-(?P<identity>[0-9a-f]{12})")


@dataclass(frozen=True)
class Entry:
    """What a run's folder says of it. Nothing in there is trusted: a record of another shape is as good as none."""

    path: Path
    names: frozenset[str]  # of what the folder holds

    @cached_property
    def result(self) -> dict[str, Any]:
        """Empty while the run is not finished."""
        return self._result_or_flaw[0]

    @cached_property
    def _result_or_flaw(self) -> tuple[dict[str, Any], str]:
        if "result.json" not in self.names:
            return {}, ""
        try:
            found = json_of(self.path / "result.json")
        except (OSError, ValueError) as error:
            return {}, f"result.json is damaged: {first_line(error)}"
        if not isinstance(found, dict) or not finite(mapping(found.get("last")).get("top1")):
            return {}, "result.json is damaged: it holds no accuracy"
        return found, ""

    @cached_property
    def settings(self) -> dict[str, Any]:
        if found := mapping(self.result.get("settings")):
            return found
        try:
            return mapping(yaml_of(self.path / "config.yaml")) if "config.yaml" in self.names else {}
        except (OSError, ValueError):
            return {}

    @cached_property
    def state(self) -> str:
        if self.result:
            return FINISHED
        if self._result_or_flaw[1]:
            return DAMAGED
        if held(self.path):
            return RUNNING
        return FAILED if "failure.txt" in self.names else UNFINISHED

    @cached_property
    def why(self) -> str:
        """What is damaged, or what ended a failed run, in a line."""
        if self.state == DAMAGED:
            return self._result_or_flaw[1]
        if self.state != FAILED:
            return ""
        try:
            lines = text_of(self.path / "failure.txt").strip().splitlines()
        except OSError:
            lines = []
        return as_line(lines[-1]) if lines else "no cause was recorded"  # a traceback ends with the error

    @cached_property
    def epochs(self) -> int:
        """How many have been recorded."""
        try:
            lines = last_lines(self.path / "metrics.jsonl")
        except OSError:
            return 0
        for line in reversed(lines):
            try:
                epoch = mapping(parsed(line)).get("epoch")
            except ValueError:
                continue  # cut short by a kill
            if isinstance(epoch, int):
                return epoch
        return 0

    @property
    def planned(self) -> int | None:
        """The epochs of the recipe, which a method may divide into stages, or add some of its own to."""
        epochs = mapping(self.settings.get("recipe")).get("epochs")
        return epochs if isinstance(epochs, int) else None

    @cached_property
    def identity(self) -> str:
        recorded = self.result.get("identity")
        return as_line(recorded) if isinstance(recorded, str) else self._named("identity") or ""

    @property
    def name(self) -> str:
        return as_line(self.path.name)

    @cached_property
    def pair(self) -> str:
        return self._recorded("pair") or self._front[0]

    @cached_property
    def method(self) -> str:
        return self._recorded("method") or self._front[1]

    @cached_property
    def dataset(self) -> str:
        try:
            return self._recorded("dataset") or as_line(config.dataset_name(self.settings))
        except (KeyError, TypeError, AttributeError):
            return ""

    @property
    def seed(self) -> int | None:
        found = self.result.get("seed", self.settings.get("seed"))
        return found if isinstance(found, int) else int(seed) if (seed := self._named("seed")) else None

    @property
    def top1(self) -> float | None:
        return number(mapping(self.result.get("last")).get("top1"))

    @property
    def percent(self) -> float | None:
        """Compute in per cent of conventional KD."""
        return number(mapping(self.result.get("cost")).get("percent_of_kd"))

    @property
    def gflops(self) -> float | None:
        return number(mapping(mapping(self.result.get("cost")).get("gflops")).get("total_gflops"))

    @property
    def seconds(self) -> float | None:
        return number(mapping(self.result.get("time")).get("train_seconds"))

    @cached_property
    def ended(self) -> float:
        """When it was finished, or last written to; in seconds since 1970."""
        try:
            moment = time.strptime(str(self.result["finished"]), RECORDED)
            return float(calendar.timegm(moment) - (moment.tm_gmtoff or 0))
        except (KeyError, ValueError, OverflowError):
            written = [name for name in ("metrics.jsonl", "failure.txt", "config.yaml") if name in self.names]
            return max((mtime(self.path / name) for name in written), default=mtime(self.path))

    @cached_property
    def tags(self) -> list[str]:
        return tags_of(self.path) if "tags.json" in self.names else []

    @property
    def made_a_teacher(self) -> bool:
        return self.method == "teacher"

    def _recorded(self, key: str) -> str:
        return as_line(str(self.result[key])) if isinstance(self.result.get(key), str) else ""

    def _named(self, part: str) -> str | None:
        found = ENDING.fullmatch(self.path.name)
        return found and found[part]

    @cached_property
    def _front(self) -> tuple[str, str]:
        """Pair and method by the settings; whether a method asks the teacher only PyTorch can tell, so that is read
        from the folder's name, and what the settings do not say is, too."""
        front, between = self._named("front") or self.path.name, f"-{self.dataset.replace('/', '-')}-"
        for pair in (known := pairs_of(self.settings)):
            if self._named("front") and front.startswith(begins := f"{pair.replace('/', '-')}{between}"):
                return as_line(pair), as_line(front.removeprefix(begins))
        if known:  # the folder was renamed
            return as_line(known[0]), as_line(method_of(self.settings))
        pair, between, method = front.partition(between)
        return as_line(pair), as_line(method if between else str(self.settings.get("method") or ""))


def pairs_of(settings: Mapping[str, Any]) -> list[str]:
    """What the pair may be called, with its teacher first."""
    found = []
    for taught in (True, False):
        with suppress(KeyError, TypeError, AttributeError):  # a record of another shape, or no teacher
            found.append(config.named_pair(settings, taught))
    return found


def method_of(settings: Mapping[str, Any]) -> str:
    """The name that it was given, else those of all its parts."""
    if settings.get("method"):
        return str(settings["method"])
    parts = [mapping(settings.get(group)).get("name") for group in ("distiller", "sampler")]
    return "-".join([*(str(one) for one in parts if one), *map(str, mapping(settings.get("criterion")))])


def mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def number(value: Any) -> float | None:
    return value if finite(value) else None


def mtime(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def flat(settings: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    """Settings by dotted name."""
    found: dict[str, Any] = {}
    for key, value in settings.items():
        found |= flat(value, f"{path}{key}.") if isinstance(value, Mapping) else {f"{path}{key}": value}
    return found
