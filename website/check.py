"""python -m website.check SITE: every link of the built pages leads somewhere, and no page asks another host for files.

Pages are read as a browser reads them, so this also finds what a generator does not look at: links in raw HTML, its own
navigation, fonts and scripts. Links that a reader may follow to other hosts are left alone and are not fetched.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

FOLLOWED = {"a", "area"}  # by a reader; everything else with an address is fetched by the browser
OF_STYLES = re.compile(r"(?:url\(\s*|@import\s+)['\"]?((?:https?:)?//[^'\")\s]+)")


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = {"", "top"}
        self.links: list[tuple[str, str]] = []  # tag and address
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.anchors |= {value for name in ("id", "name") if (value := given.get(name))}
        if tag == "link" and given.get("rel") in ("canonical", "prev", "next", "edit"):
            return
        self.links += [(tag, value) for name in ("href", "src", "data-src") if (value := given.get(name)) is not None]


def problems(site: Path) -> Iterator[str]:
    pages = {path.resolve(): Page(path.read_text(encoding="utf-8")) for path in sorted(site.rglob("*.html"))}
    if not pages:
        yield f"{site} holds no page"
    for path, page in pages.items():
        where = path.relative_to(site.resolve())
        for tag, address in page.links:
            split = urlsplit(address)
            if split.scheme == "data" or split.scheme in ("mailto", "javascript"):
                continue
            if split.scheme or split.netloc:
                if tag not in FOLLOWED:
                    yield f"{where}: <{tag}> asks {address}"
                continue
            if where.name == "404.html":
                continue  # served from any place, so its addresses are of the site's root
            target = (path.parent / unquote(split.path)).resolve() if split.path else path
            target = target / "index.html" if target.is_dir() else target
            if not target.exists():
                yield f"{where}: {address} leads nowhere"
            elif target in pages and unquote(split.fragment) not in pages[target].anchors:
                yield f"{where}: {address} names no heading there"
    for path in sorted(site.rglob("*.css")):
        for address in OF_STYLES.findall(path.read_text(encoding="utf-8")):
            yield f"{path.relative_to(site)}: asks {address}"


def main(site: Path) -> int:
    found = list(problems(site))
    for one in found:
        print(f"error: {one}", file=sys.stderr)
    if not found:
        print(f"{len(list(site.rglob('*.html')))} pages, no dead link, no request to another host -> {site}/index.html")
        print(f"search needs a server: python -m http.server -d {site}, then http://localhost:8000")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
