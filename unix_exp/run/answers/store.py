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
from unix_exp.run.checkpoint import HOUR, content_hash, remove_leftovers, write_whole
from unix_exp.run.foreign import json_of
from unix_exp.run.seal import checked, verify
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
        found = read_json(self.path / ABOUT)
        if found.get("key", self.key) != self.key:
            raise Mistake(f"{self.path / ABOUT} is of other answers; delete it")
        return found

    def begin(self, about: Mapping[str, Any]) -> None:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            remove_leftovers(self.path, f".{ABOUT}.*.part", age=HOUR)  # written before anyone is alone here
            if not (self.path / ABOUT).exists():
                write_json(self.path / ABOUT, about)
        except OSError as error:
            raise Mistake(
                f"answers cannot be written to {self.path}: {error.strerror or error}; "
                "choose another folder with answers.folder"
            ) from None

    def manifest(self, view: int) -> Path:
        return self.path / f"view-{view:03}.json"

    def listed(self, view: int) -> dict[str, Any]:
        """The content of a view's manifest: of this view and this store, or a mistake."""
        found = read_json(self.manifest(view))
        of = {key: found[key] for key in ("store", "view") if key in found}  # older manifests say neither
        if of and of != self.said_of(view):
            raise Mistake(f"{self.manifest(view)} is of other answers; {self.remedy()}")
        return found

    def said_of(self, view: int) -> dict[str, Any]:
        return {"store": self.key, "view": view}

    def arrays(self, view: int) -> dict[str, Array]:
        """By name, the arrays of a view that are there."""
        listed = self.listed(view).get("arrays") or {}
        try:
            found = {name: Array(str(one["file"]), str(one["hash"])) for name, one in listed.items()}
        except (AttributeError, KeyError, TypeError):
            raise damaged(self.manifest(view)) from None
        if any(not one.file.startswith(f"view-{view:03}-") for one in found.values()):
            raise damaged(self.manifest(view))
        return found

    def seconds(self, view: int) -> float:
        """How long making the view took."""
        try:
            return float(self.listed(view).get("seconds") or 0.0)
        except (TypeError, ValueError, OverflowError):
            raise damaged(self.manifest(view)) from None

    def has(self, view: int, parts: tuple[str, ...]) -> bool:
        """Whether all parts of a view are there."""
        names = [name for name, one in self.arrays(view).items() if (self.path / one.file).is_file()]
        return all(any(belongs(name, part) for name in names) for part in parts)

    def views(self) -> list[int]:
        names = [path.stem.removeprefix("view-") for path in self.path.glob("view-*.json")]
        return sorted(int(name) for name in names if name.isdecimal())

    def keep(self, view: int, arrays: Mapping[str, Path], seconds: float) -> None:
        """Take finished files in; what the view had before stays."""
        known = self.listed(view)
        listed = dict(known.get("arrays") or {})
        for name, part in arrays.items():
            file = f"view-{view:03}-{name}.npy"
            listed[name] = {"file": file, "hash": content_hash(part)}
            part.replace(self.path / file)
        # Parts that were made apart took the teacher a look each.
        seconds += float(known.get("seconds") or 0.0)
        write_json(self.manifest(view), {**self.said_of(view), "arrays": listed, "seconds": seconds})

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
        remove_leftovers(self.path, ".*view-*.json.*.part")
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
    """Empty where there is no file; one that was changed after it was written is a mistake."""
    try:
        found = json_of(path)
        verify(found)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError):
        raise damaged(path) from None
    if not isinstance(found, dict):
        raise damaged(path)
    return found


def damaged(path: Path) -> Mistake:
    return Mistake(f"{path} is damaged; delete it, and the answers that it lists are made again")


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    text = json.dumps(checked(content), indent=2) + "\n"
    write_whole(path, lambda part: part.write_text(text))
