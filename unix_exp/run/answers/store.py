"""Stored answers on the disk: a folder for each teacher, data and augmentation, with the arrays of every view."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from filelock import FileLock, Timeout

from unix_exp.run.answers.parts import belongs
from unix_exp.run.checkpoint import content_hash, write_whole
from unix_exp.types import Mistake
from unix_exp.words import size_in_words

ABOUT = "store.json"


class Array(NamedTuple):
    """One array of a view as its manifest describes it."""

    file: str
    hash: str  # sha256 of the file


class Store:
    """The answers of one teacher to one set of views; a view is there when its manifest is, which is written last."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.key = path.name

    def about(self) -> dict[str, Any]:
        """What the store is of, for people; empty where that is not recorded."""
        return read_json(self.path / ABOUT)

    def begin(self, about: Mapping[str, Any]) -> None:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            if not (self.path / ABOUT).exists():
                write_json(self.path / ABOUT, about)
        except OSError as error:
            raise Mistake(
                f"answers cannot be written to {self.path}: {error.strerror or error}; "
                "choose another folder with answers.folder"
            ) from None

    def manifest(self, view: int) -> Path:
        return self.path / f"view-{view:03}.json"

    def arrays(self, view: int) -> dict[str, Array]:
        """By name, the arrays of a view that are there."""
        listed = read_json(self.manifest(view)).get("arrays") or {}
        return {name: Array(one["file"], one["hash"]) for name, one in listed.items()}

    def seconds(self, view: int) -> float:
        """How long making the view took."""
        return float(read_json(self.manifest(view)).get("seconds") or 0.0)

    def has(self, view: int, parts: tuple[str, ...]) -> bool:
        """Whether all parts of a view are there."""
        names = [name for name, one in self.arrays(view).items() if (self.path / one.file).is_file()]
        return all(any(belongs(name, part) for name in names) for part in parts)

    def views(self) -> list[int]:
        return sorted(int(path.stem.removeprefix("view-")) for path in self.path.glob("view-*.json"))

    def keep(self, view: int, arrays: Mapping[str, Path], seconds: float) -> None:
        """Take finished files in; what the view had before stays."""
        known = read_json(self.manifest(view))
        listed = dict(known.get("arrays") or {})
        for name, part in arrays.items():
            file = f"view-{view:03}-{name}.npy"
            listed[name] = {"file": file, "hash": content_hash(part)}
            part.replace(self.path / file)
        # Parts that were made apart took the teacher a look each.
        write_json(self.manifest(view), {"arrays": listed, "seconds": seconds + float(known.get("seconds") or 0.0)})

    def verified(self, view: int, parts: tuple[str, ...]) -> dict[str, Path]:
        """The files of a view's arrays, after their content was compared with the hashes in its manifest."""
        found: dict[str, Path] = {}
        for name, one in self.arrays(view).items():
            if not any(belongs(name, part) for part in parts):
                continue
            path = self.path / one.file
            try:
                if content_hash(path) != one.hash:
                    raise Mistake(f"stored answers {path} were changed after they were made; {self.remedy()}")
            except OSError as error:
                raise Mistake(f"stored answers {path} cannot be read ({error.strerror}); {self.remedy()}") from None
            found[name] = path
        return found

    def remedy(self) -> str:
        return f"make them again after: python -m unix_exp.answers remove {self.key}"

    def bytes(self) -> int:
        return sum(path.stat().st_size for path in self.path.glob("view-*") if path.is_file())

    @contextmanager
    def alone(self, wait: Any) -> Iterator[None]:
        """One process makes answers; others call `wait` and wait for it."""
        lock = FileLock(self.path / ".lock")
        try:
            lock.acquire(blocking=False)
        except Timeout:
            wait()
            lock.acquire()
        try:
            yield
        finally:
            lock.release()

    def remove(self) -> None:
        lock = FileLock(self.path / ".lock")
        try:
            lock.acquire(blocking=False)
        except Timeout:
            raise Mistake(f"a process is making answers in {self.path}; let it end first") from None
        lock.release()
        shutil.rmtree(self.path)


def stores(root: Path) -> list[Store]:
    return [Store(path.parent) for path in sorted(root.glob(f"*/{ABOUT}"))]


def check_room(store: Store, needed: int) -> None:
    """Before anything is made: a disk that fills up halfway has wasted the teacher's work."""
    free = shutil.disk_usage(store.path).free
    if needed > free:
        raise Mistake(
            f"storing these answers takes {size_in_words(needed)} and {store.path} has {size_in_words(free)} left; "
            "choose fewer views, answers.top=N, or another folder with answers.folder=PATH"
        )


def read_json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError):
        raise Mistake(f"{path} is damaged; delete it, and the answers that it lists are made again") from None
    return found if isinstance(found, dict) else {}


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    text = json.dumps(content, indent=2) + "\n"
    write_whole(path, lambda part: part.write_text(text))
