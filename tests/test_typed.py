"""Values as people type them are read back by Hydra as what they were."""

from __future__ import annotations

from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import example, given, settings
from hypothesis import strategies as st

from unix_exp.config.typed import typed

TEXTS = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12)
PLAIN = st.none() | st.booleans() | st.integers(-999, 999) | TEXTS


@given(PLAIN | st.lists(PLAIN, max_size=3))
@example("it's")
@example("C:\\data\\")
@example("1e3")
@example("null")
@example("a\\\\'")
@example("~")
@settings(max_examples=150, deadline=None)
def test_hydra_reads_back_what_is_typed(value: Any) -> None:
    assert OverridesParser.create().parse_override(f"key={typed(value)}").value() == value


def test_plain_texts_have_no_quotes() -> None:
    assert [typed(one) for one in ("data/cifar100", "wrn_16_2", "two words", "cuda:0")] == [
        "data/cifar100", "wrn_16_2", "two words", "cuda:0",
    ]  # fmt: skip
