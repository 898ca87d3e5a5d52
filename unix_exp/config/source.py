"""What source code says without being run: the files of a plug-in, the names that a package registers."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any


def files_of(path: Path, root: Path, also: Iterable[Path] = ()) -> list[tuple[str, Path]]:
    """A plug-in's file, or all of its package, and the modules below its folder that these import.

    `root` is the folder that it is imported from, `also` more files to begin with. Files are named from the root, so
    that the same code elsewhere has the same names.
    """
    package = path.parent if path.name == "__init__.py" else None
    waiting = {path, *also, *(package.rglob("*.py") if package else ())}
    # Among installed packages every import would be "beside it"; there a plug-in is its own package.
    beside = root if not is_installed(root) else root / path.relative_to(root).parts[0]
    found: set[Path] = set()
    while waiting:
        one = waiting.pop()
        found.add(one)
        inside = {other for other in imported(one, root) if other.is_relative_to(beside)}
        waiting |= inside - found
    return sorted((one.relative_to(root).as_posix() if one.is_relative_to(root) else one.name, one) for one in found)


def is_installed(folder: Path) -> bool:
    return folder.name in ("site-packages", "dist-packages")


def imported(path: Path, root: Path) -> Iterator[Path]:
    """The files below the root that a file imports, anywhere in it; unix_exp is no plug-in's part."""
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return
    package = path.parent.relative_to(root).parts if path.is_relative_to(root) else ()
    for node in ast.walk(tree):
        names: list[tuple[str, ...]] = []
        if isinstance(node, ast.Import):
            names = [tuple(alias.name.split(".")) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            base = (*above, *(node.module.split(".") if node.module else ()))
            names = [(*base, alias.name) for alias in node.names]  # a name may be a module of its own
        for name in names:
            if name[0] != "unix_exp":
                yield from files_named(name, root)


def files_named(name: tuple[str, ...], root: Path) -> Iterator[Path]:
    """A dotted module's file, and the packages on the way to it."""
    for length in range(1, len(name) + 1):
        place = root.joinpath(*name[:length])
        for candidate in (place / "__init__.py", place.with_name(place.name + ".py")):
            if candidate.is_file():
                yield candidate.resolve()


def registered_in(package: Path) -> Iterator[str]:
    """The names that a package registers; importing it to ask would take seconds."""
    for path in sorted(package.glob("*.py")):
        about = path.stat()
        yield from registered_by(path, about.st_mtime_ns, about.st_size)


@cache
def registered_by(path: Path, changed: int, size: int) -> tuple[str, ...]:
    """The names that a file registers; `changed` is when it was written."""
    text = path.read_text(encoding="utf-8")
    return tuple(names_in(ast.parse(text), {})) if ".register(" in text else ()


def names_in(tree: ast.AST, known: Mapping[str, Any]) -> Iterator[str]:
    """Names such as "vgg8", and f"resnet{depth}" in a loop over written-out values."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.For) and isinstance(node.target, ast.Name):
            try:
                values = ast.literal_eval(node.iter)
            except ValueError:
                values = ()
            for value, inner in itertools.product(values, node.body):
                yield from names_in(ast.Module([inner], []), {**known, node.target.id: value})
            continue
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            # Inside nothing is registered by this package, and walking through it takes long.
            yield from names_in(ast.Module([ast.Expr(one) for one in node.decorator_list], []), known)
            continue
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "register":
            name = written(node.args[0], known) if node.args else None
            if name is not None:
                yield name
        yield from names_in(node, known)


def written(node: ast.AST, known: Mapping[str, Any]) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        parts = [written(part, known) for part in node.values]
        return None if None in parts else "".join(part for part in parts if part is not None)
    if isinstance(node, ast.FormattedValue) and isinstance(node.value, ast.Name) and node.value.id in known:
        return str(known[node.value.id])
    return None
