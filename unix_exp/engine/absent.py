"""What stands for a part of an output that is not at hand: reading it raises an error that names the part."""

from __future__ import annotations

from typing import Any, NoReturn

LOGITS, EMBEDDING, FEATURES = "logits", "embedding", "features"


class AbsentRead(Exception):
    """A method read a part of an output that is not at hand."""

    def __init__(self, part: str) -> None:
        super().__init__(f"the output's {part} is not at hand")
        self.part = part


class Absent:
    """Stands for the part; whatever reads it is found when a method is tried."""

    def __init__(self, part: str) -> None:
        self.__dict__["part"] = part

    def _read(self, *_: Any, **__: Any) -> NoReturn:
        raise AbsentRead(self.__dict__["part"])

    __getattr__ = __getitem__ = __iter__ = __len__ = __bool__ = _read
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = __matmul__ = _read

    @classmethod
    def __torch_function__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> NoReturn:
        raise next(AbsentRead(one.__dict__["part"]) for one in args if isinstance(one, Absent))

    def __deepcopy__(self, memo: Any) -> Absent:
        return self
