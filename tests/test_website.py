"""The site of `make docs`: its pages are made of the repository, and a page with a dead link is not passed."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from website.check import problems
from website.notebook import as_markdown
from website.pages import Site, by_fence, collected

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def site() -> Site:
    return collected()


def places(nav: list | dict | str) -> list[str]:
    if isinstance(nav, str):
        return [nav]
    return [place for one in (nav.values() if isinstance(nav, dict) else nav) for place in places(one)]


def test_the_menu_shows_every_page_of_docs_and_nothing_that_is_not_there(site: Site) -> None:
    shown = places(yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"])
    assert len(shown) == len(set(shown))
    assert set(shown) <= set(site.texts)
    assert {page.name for page in (ROOT / "docs").glob("*.md")} <= set(shown)


def test_links_of_all_pages_lead_to_pages_and_headings(site: Site) -> None:
    dead = []
    for place, text in site.texts.items():
        prose = "".join(line for fenced, line in by_fence(text) if not fenced)
        for target, _, anchor in re.findall(r"\]\((?!https?:|data:)([^)\s#]*)(#([^)\s]+))?\)", prose):
            there = (Path(place).parent / target).as_posix() if target else place
            there = Path("/", there).resolve().relative_to("/").as_posix()
            known = there in site.files or (there in site.texts and anchor in {"", *anchors(site.texts[there])})
            dead += [] if known else [(place, target, anchor)]
    assert dead == []


def anchors(text: str) -> set[str]:
    titles = [line.lstrip("# ").strip() for fenced, line in by_fence(text) if not fenced and re.match("#+ ", line)]
    return {re.sub(r"[\s-]+", "-", re.sub(r"[^\w\s-]", "", title).strip().lower()) for title in titles}


def test_a_file_that_is_linked_becomes_a_page(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "code").mkdir()
    (tmp_path / "code/a.py").write_text("# [not a link](nowhere.md)\n")
    (tmp_path / "README.md").write_text("[code](code) [docs/b.md](docs/b.md#there) [away](https://example.org)\n")
    (tmp_path / "docs/b.md").write_text("# There\n[up](../README.md) [one](../code/a.py)\n```\n[kept](x.md)\n```\n")
    texts = collected(tmp_path).texts
    assert texts["index.md"] == "[code](repository/code/index.md) [There](b.md#there) [away](https://example.org)\n"
    assert texts["b.md"] == "# There\n[up](index.md) [one](repository/code/a.py.md)\n```\n[kept](x.md)\n```\n"
    assert "- [a.py](a.py.md)" in texts["repository/code/index.md"]
    assert "````python\n# [not a link](nowhere.md)\n````" in texts["repository/code/a.py.md"]
    (tmp_path / "docs/b.md").write_text("[gone](../nowhere.py)")
    with pytest.raises(SystemExit, match=r"nowhere\.py is linked and does not exist"):
        collected(tmp_path)


def test_a_notebook_is_shown_with_what_its_code_said() -> None:
    outputs = [
        {"output_type": "stream", "name": "stdout", "text": ["said\n"]},
        {"output_type": "execute_result", "data": {"text/html": ["<b>x</b>"], "text/plain": ["4"]}},
        {"output_type": "display_data", "data": {"image/png": "AAAA", "text/plain": ["<Figure>"]}},
    ]
    cells = [
        {"cell_type": "markdown", "source": ["# Title\n", "text"]},
        {"cell_type": "code", "source": ["2 + 2"], "outputs": outputs},
    ]
    assert as_markdown(json.dumps({"cells": cells})) == (
        "# Title\ntext\n\n````python\n2 + 2\n````\n\n````text\nsaid\n````\n\n````text\n4\n````\n\n"
        "![output](data:image/png;base64,AAAA)\n"
    )


@pytest.mark.parametrize(
    ("page", "complaint"),
    [
        ('<a href="b.html#there">', None),
        ('<a href="https://example.org">', None),
        ('<a href="#here"><h2 id="here">', None),
        ('<img src="x.svg">', "index.html: x.svg leads nowhere"),
        ('<a href="b.html#gone">', "index.html: b.html#gone names no heading there"),
        ('<a href="#gone">', "index.html: #gone names no heading there"),
        ('<script src="https://cdn.example/x.js">', "index.html: <script> asks https://cdn.example/x.js"),
        ('<link rel="stylesheet" href="//fonts.example/css">', "index.html: <link> asks //fonts.example/css"),
    ],
)
def test_a_page_is_passed_if_its_links_lead_somewhere_and_it_asks_no_host(
    tmp_path: Path, page: str, complaint: str | None
) -> None:
    (tmp_path / "index.html").write_text(page)
    (tmp_path / "b.html").write_text('<h2 id="there">')
    assert list(problems(tmp_path)) == ([] if complaint is None else [complaint])


def test_a_font_of_another_host_is_found_in_a_style_sheet(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("")
    (tmp_path / "a.css").write_text("@font-face{src:url('https://fonts.example/a.woff2')} a{b:url(here.png)}")
    assert list(problems(tmp_path)) == ["a.css: asks https://fonts.example/a.woff2"]
