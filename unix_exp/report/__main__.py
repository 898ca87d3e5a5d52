"""python -m unix_exp.report RUNS...: tables beside the paper's, figures, one HTML page."""

from __future__ import annotations

import os
import sys
import webbrowser
from pathlib import Path
from typing import NamedTuple

from unix_exp.cli.arguments import Parser
from unix_exp.cli.ending import ending
from unix_exp.plots.charts import standalone
from unix_exp.report import contents, every_run, repeating, run_page
from unix_exp.report.blocks import Section, csv_of, figures_in
from unix_exp.report.every_run import MOST_PAGES
from unix_exp.report.filling import filled
from unix_exp.report.markdown import markdown
from unix_exp.report.page import Links, page
from unix_exp.report.runs import Run, Skipped, read
from unix_exp.report.sound import sound
from unix_exp.types import Mistake
from unix_exp.words import as_line, counted


def main() -> None:
    parser = Parser(
        prog="python -m unix_exp.report",
        description="Tables beside the paper's, figures and curves of finished runs, as one HTML page, Markdown and "
        "CSV. Reads run folders only: no W&B, no GPU, no network.",
    )
    parser.add_argument("runs", nargs="+", type=path, metavar="RUNS", help="run folders, or folders that hold them")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--out", type=path, default=Path("report"), metavar="DIR", help="where to write (report)")
    where.add_argument("--markdown", type=path, metavar="FILE.md", help="write one Markdown file, its figures beside "
                       "it in a folder of its name, and nothing else")  # fmt: skip
    parser.add_argument("--notes", type=path, metavar="FILE", help="with --markdown: a file of Markdown that is "
                        "copied unchanged before the tables")  # fmt: skip
    parser.add_argument("--fill", type=path, metavar="PAGE.md", help="with --markdown: another page, whose parts "
                        "between <!-- report: ANCHOR --> and <!-- end of report --> are written anew")  # fmt: skip
    parser.add_argument("--run-pages", type=int, default=MOST_PAGES, metavar="N", help="how many runs get a page of "
                        f"their own, the first ones of more ({MOST_PAGES})")  # fmt: skip
    parser.add_argument("--repeat", type=path, metavar="FILE.md", help="with --markdown: also write a page of all rows "
                        "with the line that repeats each")  # fmt: skip
    parser.add_argument("--open", action="store_true", help="show the page in a browser")
    parser.add_argument("--plugins", action="append", default=[], metavar="MODULE_OR_FILE",
                        help="import this module or Python file first; may be given several times")  # fmt: skip
    given = parser.parse_args()
    with ending():
        load_plugins(given.plugins)
        if given.markdown is not None:
            write_markdown(given.runs, given.markdown, given.notes, given.fill, given.repeat)
        elif given.notes is not None:
            raise Mistake("--notes needs --markdown FILE.md, the file that the notes are copied into")
        elif given.fill is not None:
            raise Mistake("--fill needs --markdown FILE.md, whose figures the page shows")
        elif given.repeat is not None:
            raise Mistake("--repeat needs --markdown FILE.md, the report that the page belongs to")
        else:
            write(given.runs, given.out, max(given.run_pages, 0))
    if given.open:
        shown = given.markdown or given.out / "index.html"
        webbrowser.open(shown.absolute().as_uri())


def path(text: str) -> Path:
    return Path(text).expanduser()


def load_plugins(names: list[str]) -> None:
    if names:
        from unix_exp.config.plugins import load  # only when asked for: plugins may import anything

        load(names)


class Content(NamedTuple):
    title: str
    lead: str
    sections: list[Section]
    pages: dict[str, str]  # of single runs, by name


def write(paths: list[Path], out: Path, run_pages: int = MOST_PAGES) -> None:
    runs, content = content_of(paths, out, run_pages)
    files = {out / "index.html": page(*content[:3], Links(content.pages)), out / "report.md": markdown(*content[:3])}
    files |= {out / f"runs/{name}.html": text for name, text in content.pages.items()}
    files |= {out / f"figures/{figure.anchor}.svg": standalone(figure.chart) for figure in figures_in(content.sections)}
    files |= {out / f"tables/{table.anchor}.csv": csv_of(table) for table in contents.tables_in(content.sections)}
    write_files(files, "--out")
    print(f"{counted(len(runs), 'run')} -> {out / 'index.html'}, {out / 'report.md'}, {out / 'tables'}/*.csv")


def write_markdown(paths: list[Path], target: Path, notes: Path | None, page: Path | None, repeat: Path | None) -> None:
    if not target.suffix or target.is_dir():
        raise Mistake(f"--markdown is {target}; give a file with a suffix, such as results.md")
    if notes is not None and notes.resolve() == target.resolve():
        raise Mistake(f"--notes and --markdown are both {target}; the notes would be overwritten")
    beside = target.with_suffix("")
    runs, content = content_of(paths, beside)
    files = {target: markdown(*content[:3], notes=text_of(notes), figures=beside.name)}
    if page is not None:
        seen = os.path.relpath(beside, page.parent)
        files[page] = filled(text_of(page), content.sections, Path(seen).as_posix(), str(page))
    if repeat is not None:
        files[repeat] = markdown(*repeating.content(runs))
    files |= {beside / f"{figure.anchor}.svg": standalone(figure.chart) for figure in figures_in(content.sections)}
    write_files(files, "--markdown")
    print(f"{counted(len(runs), 'run')} -> {target}, {beside}/*.svg")


def text_of(file: Path | None) -> str:
    try:
        return file.read_text(encoding="utf-8-sig") if file is not None else ""
    except OSError as error:
        raise Mistake(f"cannot read {file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Mistake(f"cannot read {file}: it is not UTF-8") from None


def content_of(paths: list[Path], out: Path, run_pages: int | None = None) -> tuple[list[Run], Content]:
    """The runs that were read, and what is written about them; with single runs unless `run_pages` is None."""
    runs, skipped = read(paths, out)
    try:
        content = content_from(runs, skipped, run_pages)
    except Mistake:
        content = None
    except Exception:
        runs, broken = sound(runs, lambda some: content_from(some, [], run_pages))
        if not broken:
            raise  # a bug
        skipped += broken
        content = content_from(runs, skipped, run_pages) if runs else None
    for one in skipped:
        print(as_line(f"skipped {one.path}: {one.why}"), file=sys.stderr)
    for run in runs:
        for flaw in run.flaws:
            print(as_line(f"not whole {run.path}: {flaw}"), file=sys.stderr)
    if content is None:
        raise Mistake(f"no finished run in {', '.join(map(str, paths))}")
    return runs, content


def content_from(runs: list[Run], skipped: list[Skipped], run_pages: int | None) -> Content:
    if not runs:
        raise Mistake("no finished run")
    found = contents.grouped(runs)
    made, pages = contents.sections(runs, found), dict[str, str]()
    if run_pages is not None:
        places = every_run.places(runs, found)
        made.insert(contents.before_origins(made), every_run.section(places, run_pages))
        pages = run_page.pages(places, run_pages)
    made += contents.warnings(runs, skipped)
    return Content(contents.TITLE, contents.lead(runs, skipped), made, pages)


def write_files(files: dict[Path, str], option: str) -> None:
    try:
        for path, text in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Mistake(f"cannot write to {path.parent}: {error.strerror}; choose another path with {option}") from None


if __name__ == "__main__":
    main()
