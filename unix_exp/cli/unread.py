"""What was meant by words of a command line that are no settings: parted by spaces, without a value, typed as flags."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from unix_exp.cli.help import composed, groups
from unix_exp.cli.hints import Typed, did_you_mean, hint
from unix_exp.config import compose
from unix_exp.types import Mistake

OPENING, CLOSING = "[{(", "]})"


def check_spaces(words: Sequence[str]) -> None:
    """Refuse what a shell has parted: `recipe.epochs = 3` are three words, and `criterion=[kd, at]` are two."""
    for number, word in enumerate(words):
        before, after = words[number - 1] if number else "", [one for one in words[number + 1 :] if one[:1] != "-"]
        if word.startswith("-"):
            continue
        if word.startswith("="):
            raise Mistake(f"write {before}={word[1:] or ''.join(after[:1])} without spaces around =")
        if word.endswith("=") and after and "=" not in after[0]:
            raise Mistake(f"write {word}{after[0]} without spaces around =")
        if depth(word) > 0 and (whole := joined([word, *after])) is not None:
            raise Mistake(f"'{word}' ends at a space; without spaces and in quotes it is one word: '{whole}'")


def depth(word: str) -> int:
    """How many brackets are open at the end of a word."""
    return sum(word.count(one) for one in OPENING) - sum(word.count(one) for one in CLOSING)


def joined(words: Sequence[str]) -> str | None:
    """The words until every bracket is closed, as one."""
    for count in range(2, len(words) + 1):
        if depth(whole := "".join(words[:count])) == 0:
            return whole
    return None


def unreadable(word: str, words: Sequence[str], config_dir: Path | None = None) -> str:
    if (meant := without_value(word, words, config_dir)) is not None:
        return meant
    return f"cannot read '{word}'; write key=value, and quote a value with brackets, commas or spaces"


def without_value(word: str, words: Sequence[str], config_dir: Path | None) -> str | None:
    """What was meant by a word without =: a choice, a group, or a setting whose value is the next word."""
    if "=" in word:
        return None
    folders = compose.folders(words, config_dir)
    known = groups(folders)
    if word in known:
        return f"'{word}' chooses nothing; write {word}=NAME (--help {word} lists them)"
    following = [*words[words.index(word) + 1 :], ""] if word in words else [""]
    value = following[0] if "=" not in following[0] and not following[0].startswith("-") else ""
    said = meant(Typed(word, value or "..."), words, config_dir)
    return None if said is None else f"'{word}' has no value; {said}"


def of_flag(flag: str, words: Sequence[str], config_dir: Path | None = None) -> str:
    """What was meant by a flag that there is not: a setting, typed as other programs have it."""
    name, equals, value = flag.lstrip("-").partition("=")
    if not equals:
        following = [*words[list(words).index(flag) + 1 :], ""] if flag in words else [""]
        value = (
            following[0] if following[0] and not following[0].startswith("-") and "=" not in following[0] else "true"
        )
    said = meant(Typed(name.replace("-", "_"), value), [], config_dir) if len(name) > 1 else None
    return f"there is no flag '{flag}'; " + (
        f"settings are written without dashes: {said}" if said else "--help lists what there is"
    )


def meant(typed: Typed, words: Sequence[str], config_dir: Path | None) -> str | None:
    whole, folders = composed(words, config_dir), compose.folders(words, config_dir)
    if typed.key in whole or typed.key in groups(folders):
        return did_you_mean([f"{typed.key}={typed.value}"], typed.value)
    return hint(typed, whole, folders)
