"""What a setting may be: its annotation's type, and the range that is declared beside it.

    def __init__(self, share: Annotated[float, Range(0, 1)] = 0.5, k: Count | None = None) -> None: ...

A text beside the range says what the setting means, for --help and the documents:

    share: Annotated[float, Range(0, 1), "the part of a batch that is mixed"] = 0.5

A number without a range has to be finite and not absurd, and text has to be printable, so a component that declares
nothing is protected too.
"""

from __future__ import annotations

import inspect
import sys
import types
import typing
import unicodedata
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, TypeAlias

from unix_exp.types import Mistake

MOST = 10**9  # beyond this, plus or minus, a number of anything is a mistake
LONGEST = 4096  # characters of a text, as long as a path may be


@dataclass(frozen=True)
class Range:
    """The numbers from `low` to `high`, or only those `above` the one and `below` the other; None: no own limit."""

    low: float | None = None
    high: float | None = None
    above: bool = False
    below: bool = False

    def holds(self, value: float) -> bool:
        low, high = -MOST if self.low is None else self.low, MOST if self.high is None else self.high
        return (low < value if self.above else low <= value) and (value < high if self.below else value <= high)

    def advice(self, value: float) -> str:
        """What to choose instead of a value that is outside."""
        low, high = self.low, self.high
        if low is None and high is None and value - value != 0:  # NaN and the infinities
            return "choose a finite number"
        if low is not None and high is not None:
            if self.above and self.below:
                return f"choose a number between {plain(low)} and {plain(high)}"
            if self.above:
                return f"choose a number above {plain(low)}, up to {plain(high)}"
            if self.below:
                return f"choose a number from {plain(low)} on, below {plain(high)}"
            whole = all(isinstance(one, int) for one in (value, low, high))
            return f"choose {'' if whole else 'a number from '}{plain(low)} to {plain(high)}"
        if low is not None and not value > low:
            return f"choose a number above {plain(low)}" if self.above else f"choose {plain(low)} or more"
        if value < 0:
            return f"choose {plain(-MOST)} or more"
        end = MOST if high is None else high
        return f"choose a number below {plain(end)}" if self.below else f"choose {plain(end)} or less"

    def said(self) -> str:
        """The numbers in words."""
        low = "" if self.low is None else f"above {plain(self.low)}" if self.above else plain(self.low)
        high = "" if self.high is None else f"below {plain(self.high)}" if self.below else plain(self.high)
        if low and high:
            plainly = not self.above and not self.below
            low = low if self.above or plainly else f"{low} or more"
            return f"{low} to {high}" if plainly else f"{low}, {high if self.below else f'up to {high}'}"
        if low:
            return low if self.above else f"{low} or more"
        return high if self.below or not high else f"{high} or less"


ANY = Range()
Count: TypeAlias = Annotated[int, Range(1)]  # of what there has to be one of
Number: TypeAlias = Annotated[int, Range(0)]  # of what there may be none
WarmUp: TypeAlias = Annotated[
    int, Range(0), "in how many epochs the loss grows to its full size; 0: full from the beginning"
]
Seed: TypeAlias = Annotated[int, Range(0, 2**31 - 1)]
Share: TypeAlias = Annotated[float, Range(0, 1)]
Weight: TypeAlias = Annotated[float, Range(0, 1_000_000), "how much this term counts in the sum of the loss"]


def meaning(wanted: Any) -> str | None:
    """What a setting is for: the text of its annotation, or of one of the alternatives that it has."""
    if typing.get_origin(wanted) is Annotated:
        texts = [one for one in wanted.__metadata__ if isinstance(one, str)]
        return texts[-1] if texts else meaning(wanted.__origin__)  # the last is the outermost, so the most specific
    if typing.get_origin(wanted) in (typing.Union, types.UnionType):
        return next((said for one in typing.get_args(wanted) if (said := meaning(one)) is not None), None)
    return None


def limits(wanted: Any) -> str:
    """The range that an annotation declares, in words; nothing where any value of its type will do."""
    origin, arguments = typing.get_origin(wanted), typing.get_args(wanted)
    if origin is Annotated:
        declared = next((one for one in wanted.__metadata__ if isinstance(one, Range)), None)
        return limits(arguments[0]) if declared is None else declared.said()
    if origin in (typing.Union, types.UnionType):
        return next((said for one in arguments if (said := limits(one))), "")
    if origin in (list, tuple, dict) and arguments:
        return f"each {said}" if (said := limits(arguments[-1])) else ""
    return ""


def plain(number: float) -> str:
    return f"{number:,}" if isinstance(number, int) and abs(number) >= 10_000 else f"{number:g}"


def shown(value: Any) -> str:
    """A value in a message, cut where it is long."""
    try:
        text = repr(value)
    except ValueError:  # Python writes no number of thousands of digits
        return "a number of thousands of digits"
    return text if len(text) <= 200 else f"{text[:200]}..."


def wrong(value: Any, wanted: Any = Any) -> str | None:
    """Why a value of the right type cannot be chosen, as advice; None where it can."""
    origin, arguments = typing.get_origin(wanted), typing.get_args(wanted)
    if origin is Annotated:
        declared = next((one for one in arguments[1:] if isinstance(one, Range)), None)
        return wrong(value, arguments[0]) if declared is None else in_range(value, declared)
    if origin in (typing.Union, types.UnionType):
        reasons = [wrong(value, one) for one in arguments if fits(value, one)]
        if not reasons or None in reasons:
            return None
        others = [describe(one) for one in arguments if not fits(value, one)]
        return ", or ".join([str(reasons[0]), *others])
    if isinstance(value, (list, tuple)):
        reasons = [wrong(one, arguments[0] if arguments else Any) for one in value]
        return next((f"for each of them {why}" for why in reasons if why is not None), None)
    if isinstance(value, Mapping):
        reasons = [wrong(one, arguments[1] if len(arguments) == 2 else Any) for one in value.values()]
        named = zip(value, reasons, strict=True)
        return next((f"for {shown(key)} {why}" for key, why in named if why is not None), None)
    return in_range(value, ANY)


def in_range(value: Any, allowed: Range) -> str | None:
    if isinstance(value, str):
        if not printable(value):
            return "choose a text without line breaks and control characters"
        return None if len(value) <= LONGEST else f"choose a text of at most {LONGEST} characters"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return None if allowed.holds(value) else allowed.advice(value)


def printable(text: str) -> bool:
    """Whether a text is one line, without what a terminal takes for commands, and can be written to a file."""
    return not any(unicodedata.category(one) in ("Cc", "Cs", "Zl", "Zp") for one in text)


def fits(value: Any, wanted: Any) -> bool:
    """Whether a value of a config has the annotated type."""
    origin, arguments = typing.get_origin(wanted), typing.get_args(wanted)
    if wanted is Any or isinstance(wanted, str):  # text: a type that is not known here
        return True
    if origin is Annotated:
        return fits(value, arguments[0])
    if origin in (typing.Union, types.UnionType):
        return any(fits(value, one) for one in arguments)
    if origin is typing.Literal:
        return any(value == one and type(value) is type(one) for one in arguments)
    if origin in (list, tuple):
        return isinstance(value, (list, tuple)) and all(fits(one, arguments[0]) for one in value)
    if origin is dict:
        return isinstance(value, dict) and all(
            fits(key, arguments[0]) and fits(one, arguments[1]) for key, one in value.items()
        )
    if origin is not None:
        return isinstance(value, origin)
    if wanted is None or wanted is type(None):
        return value is None
    if wanted is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if wanted is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, wanted)


def describe(wanted: Any) -> str:
    """An annotation in plain words."""
    origin, arguments = typing.get_origin(wanted), typing.get_args(wanted)
    if origin is Annotated:
        return describe(arguments[0])
    if origin in (typing.Union, types.UnionType):
        return " or ".join(describe(one) for one in arguments)
    if origin is typing.Literal:
        return "one of " * (len(arguments) > 1) + ", ".join(map(str, arguments))
    if origin in (list, tuple):
        return f"a list, each {describe(arguments[0])}"
    if origin is dict:
        return "names with values" + f", each {describe(arguments[1])}" * (arguments[1] is not Any)
    words = {int: "a whole number", float: "a number", bool: "true or false", str: "text", type(None): "null"}
    return words.get(wanted, getattr(wanted, "__name__", str(wanted)))


def check_value(name: str, value: Any, wanted: Any) -> None:
    """Check one setting by its type and its range."""
    if not fits(value, wanted):
        raise Mistake(f"{name} is {shown(value)}; it must be {describe(wanted)}")
    if (why := wrong(value, wanted)) is not None:
        raise Mistake(f"{name} is {shown(value)}; {why}")


def check_fields(made: Any, path: str = "") -> None:
    """The same for a dataclass that may also be made in Python, whose fields are settings."""
    constructor: Callable[..., Any] = type(made)
    for key, parameter in parameters_of(constructor).items():
        value = getattr(made, key)
        if (why := wrong(value, parameter.annotation)) is not None:
            raise Mistake(f"{path}{key} is {shown(value)}; {why}")


@cache
def parameters_of(constructor: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    """By name, with annotations as types; one that is imported for type checkers alone stays text."""
    try:
        return inspect.signature(constructor, eval_str=True).parameters
    except NameError:
        found = inspect.signature(constructor).parameters
        code: Any = getattr(constructor, "func", constructor)  # of a partial its function
        names = vars(sys.modules[module]) if (module := getattr(code, "__module__", None)) in sys.modules else {}
        return types.MappingProxyType(
            {key: one.replace(annotation=known(one.annotation, names)) for key, one in found.items()}
        )


def known(annotation: Any, names: dict[str, Any]) -> Any:
    if isinstance(annotation, str):
        with suppress(Exception):
            return eval(annotation, names)  # code of the component itself
    return annotation
