"""python -m website.pages OUT: the pages of the site, made of what lies in this repository.

README.md is the front page and docs/ holds the rest, where a reader of the repository finds them too. What they link to
in the repository (an example, a notebook, a folder) becomes a page of the site, so the site needs no other host.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from website.notebook import as_markdown

ROOT = Path(__file__).parents[1]
LINK = re.compile(r"\[(?P<text>[^\[\]]*)\]\((?!https?:|data:|#)(?P<target>[^)\s#]+)(?=[)#])")
FENCE = re.compile(r"^ *(```|~~~)")
STYLE = "site.css"
LANGUAGES = {".py": "python", ".yaml": "yaml", ".toml": "toml", ".json": "json", ".cfg": "ini"}
TEXTS = {*LANGUAGES, ".md", ".ipynb", ".cff", ".txt", ""}


class Site:
    """Pages by their path on the site, collected by following links from the first ones."""

    def __init__(self, root: Path = ROOT) -> None:
        self.root = root
        self.texts: dict[str, str] = {}
        self.files: dict[str, Path] = {}  # pictures, copied as they are

    def add(self, source: Path) -> str:
        """The place on the site of a file or folder of the repository, which is added if it is not there yet."""
        place = self.place(source)
        if place in self.texts or place in self.files:
            return place
        if not source.exists():
            raise SystemExit(f"error: {source.relative_to(self.root)} is linked and does not exist")
        if source.is_file() and source.suffix not in TEXTS:
            self.files[place] = source
        else:
            self.texts[place] = ""  # pages may link to each other
            self.texts[place] = self.linked(self.text(source), source if source.is_dir() else source.parent, place)
        return place

    def place(self, source: Path) -> str:
        path = source.relative_to(self.root)
        if path.name == "README.md" and len(path.parts) == 1:
            return "index.md"
        if path.parts[0] == "docs":
            return path.relative_to("docs").as_posix()
        if source.is_dir():
            return f"repository/{path.as_posix()}/index.md"
        if path.suffix == ".md":
            return path.name.lower() if len(path.parts) == 1 else f"repository/{path.as_posix()}"
        return f"repository/{path.as_posix()}.md" if path.suffix in TEXTS else f"repository/{path.as_posix()}"

    def text(self, source: Path) -> str:
        name = source.relative_to(self.root).as_posix()
        if source.is_dir():
            shown = [one for one in sorted(source.iterdir()) if one.suffix in TEXTS - {""} and one.is_file()]
            lines = [f"- [{one.name}]({one.name})" for one in shown]
            return "\n".join([f"# {name}/", "", f"The files of `{name}/` in the repository:", "", *lines, ""])
        text = source.read_text(encoding="utf-8")
        if source.suffix == ".md":
            return text
        if source.suffix == ".ipynb":
            return as_markdown(text)
        return f"# {name}\n\n````{LANGUAGES.get(source.suffix, 'text')}\n{text}````\n"

    def linked(self, text: str, folder: Path, place: str) -> str:
        """The text with every link to the repository made one within the site, a page's file name its title."""

        def within(match: re.Match[str]) -> str:
            source = Path(os.path.normpath(folder / match["target"]))
            target = os.path.relpath(self.add(source), Path(place).parent).replace(os.sep, "/")
            named_so = match["text"].endswith(".md") and match["text"].endswith(source.name)
            return f"[{title_of(source) if named_so else match['text']}]({target}"

        return "".join(line if fenced else LINK.sub(within, line) for fenced, line in by_fence(text))


def title_of(page: Path) -> str:
    lines = page.read_text(encoding="utf-8").splitlines()
    return next((line.removeprefix("# ") for line in lines if line.startswith("# ")), page.name)


def by_fence(text: str) -> Iterator[tuple[bool, str]]:
    """Every line, and whether it belongs to a block of code."""
    inside = ""
    for line in text.splitlines(keepends=True):
        fence = FENCE.match(line)
        yield bool(inside or fence), line
        if fence and not inside:
            inside = line.strip()[: len(line.strip()) - len(line.strip().lstrip("`~"))]
        elif inside and line.strip() == inside:
            inside = ""


def collected(root: Path = ROOT) -> Site:
    site = Site(root)
    for source in (*sorted(root.glob("*.md")), *sorted((root / "docs").glob("*.md"))):
        site.add(source)
    return site


def write(out: Path) -> None:
    shutil.rmtree(out, ignore_errors=True)
    site = collected()
    for place, text in site.texts.items():
        (out / place).parent.mkdir(parents=True, exist_ok=True)
        (out / place).write_text(text, encoding="utf-8")
    for place, source in site.files.items():
        (out / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, out / place)
    shutil.copy(Path(__file__).with_name(STYLE), out / STYLE)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
