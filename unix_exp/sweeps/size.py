"""How many jobs a command line means, found without making a list of them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hydra.core.override_parser.types import ChoiceSweep, Glob, Override, RangeSweep
from hydra.errors import HydraException

from unix_exp.cli.help import groups
from unix_exp.cli.search import check_direction
from unix_exp.config import compose
from unix_exp.config.parsed import parsed_word
from unix_exp.sweeps import grid
from unix_exp.types import Mistake

MOST = 10_000  # jobs of one command; Hydra makes a list of all of them before the first one begins


def check_size(words: Iterable[str], config_dir: Path | None = None) -> None:
    """Refuse a grid of more jobs than anybody means, or of none."""
    words = list(words)
    sweeps = [word.removeprefix("sweep=") for word in words if word.startswith("sweep=")]
    folders = compose.folders(words, config_dir)
    sweep = grid.read(sweeps[0], folders) if sweeps and sweeps[0] in grid.files(folders) else None
    if not grid.is_grid(words, sweep):
        check_search(words, config_dir)
        return  # it takes intervals, too, and makes as many jobs as it is told to
    typed = {override.get_key_element(): override for override in readable(words)}
    if sweep is not None:
        typed = {override.get_key_element(): override for override in readable(sweep.words)} | typed
    jobs = math.prod(values_of(override, folders) for override in typed.values())
    if jobs > MOST:
        many = f"{jobs:,}" if jobs < 10**12 else "far too many"
        raise Mistake(f"these words mean {many} jobs; a command makes {MOST:,} at most, so vary less at once")


def check_search(words: Iterable[str], config_dir: Path | None) -> None:
    """What a search would find out only with its first job."""
    chosen = [
        word for word in words if word.startswith(("hydra/sweeper", "hydra.sweeper.", "sweep=", "hydra.searchpath="))
    ]
    with compose.hydra_ready(config_dir):
        check_direction(compose.sweeper_of(chosen))


def readable(words: Iterable[str]) -> list[Override]:
    """The words that Hydra can read; it says itself what is wrong with the others."""
    found = []
    for word in words:
        try:
            found.append(parsed_word(word))
        except HydraException:
            continue
        except Exception:  # Hydra's parser and antlr's raise whatever comes of numbers of thousands of digits
            raise Mistake(f"cannot read '{word[:100]}'; write key=value, with a value of reasonable length") from None
    return found


def values_of(override: Override, folders: list[Path]) -> int:
    """How many values a word gives a setting."""
    value: Any = override.value()
    if isinstance(value, Glob):
        known = groups(folders).get(override.key_or_group, [])
        if not (count := len(value.filter(known))):
            what = "matches none of its choices" if known else "is for groups of choices, such as sampler"
            raise Mistake(f"{override.input_line}: glob {what}; list the values, such as {override.key_or_group}=1,2")
        return count
    if not override.is_sweep_override():
        return 1
    if isinstance(value, ChoiceSweep):
        return len(value.list)
    if isinstance(value, RangeSweep):
        return count_of(value, override)
    raise Mistake(f"{override.input_line}: a grid needs values one by one; write key=1,2 or key=range(1,3)")


def count_of(value: RangeSweep, override: Override) -> int:
    start, stop, step = value.start or 0, value.stop or 0, value.step
    try:
        count = math.ceil((stop - start) / step)
    except (ValueError, ZeroDivisionError, OverflowError):  # NaN, a step of 0, infinity
        raise Mistake(f"{override.input_line} has no end; write range(FIRST,BEYOND THE LAST,STEP)") from None
    if count < 1:
        raise Mistake(f"{override.input_line} is empty; write range(FIRST,BEYOND THE LAST,STEP)")
    return count
