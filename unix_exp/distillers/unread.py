"""What stands for a part of an output that must not be read: reading it raises an error that says why."""

from __future__ import annotations

from typing import Any, NoReturn


class Unread:
    """Stands for the part; whatever reads it is found when a method is tried."""

    def __init__(self, error: Exception) -> None:
        self.__dict__["error"] = error

    def _read(self, *_: Any, **__: Any) -> NoReturn:
        raise self.__dict__["error"]

    __getattr__ = __getitem__ = __iter__ = __len__ = __bool__ = _read
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = __matmul__ = _read

    @classmethod
    def __torch_function__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> NoReturn:
        raise next(one.__dict__["error"] for one in args if isinstance(one, Unread))

    def __deepcopy__(self, memo: Any) -> Unread:
        return self
