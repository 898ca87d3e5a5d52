"""What stands for a part of an output that is not at hand: reading it raises an error that names the part."""

from __future__ import annotations

from unix_exp.distillers.unread import Unread

LOGITS, EMBEDDING, FEATURES = "logits", "embedding", "features"


class AbsentRead(Exception):
    """A method read a part of an output that is not at hand."""

    def __init__(self, part: str) -> None:
        super().__init__(f"the output's {part} is not at hand")
        self.part = part


class Absent(Unread):
    """Stands for the part."""

    def __init__(self, part: str) -> None:
        super().__init__(AbsentRead(part))
