"""python -m unix_exp.report RUNS...: tables beside the paper's, figures, one HTML page."""

from __future__ import annotations

import argparse
import sys
import webbrowser
from pathlib import Path

from unix_exp.report import contents
from unix_exp.report.blocks import csv_of, figures_in
from unix_exp.report.charts import standalone
from unix_exp.report.markdown import markdown
from unix_exp.report.page import page
from unix_exp.report.runs import read
from unix_exp.types import Mistake


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m unix_exp.report",
        description="Tables beside the paper's, figures and curves of finished runs, as one HTML page, Markdown and "
        "CSV. Reads run folders only: no W&B, no GPU, no network.",
    )
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUNS", help="run folders, or folders that hold them")
    parser.add_argument("--out", type=Path, default=Path("report"), metavar="DIR", help="where to write (report)")
    parser.add_argument("--open", action="store_true", help="show the page in a browser")
    given = parser.parse_args()
    try:
        write(given.runs, given.out)
    except Mistake as mistake:
        print(f"error: {mistake}", file=sys.stderr)
        sys.exit(2)
    if given.open:
        webbrowser.open((given.out / "index.html").absolute().as_uri())


def write(paths: list[Path], out: Path) -> None:
    runs, skipped = read([path.expanduser() for path in paths], out)
    for one in skipped:
        print(f"skipped {one.path}: {one.why}", file=sys.stderr)
    if not runs:
        raise Mistake(f"no finished run in {', '.join(map(str, paths))}")
    made = contents.sections(runs, skipped)
    told = contents.TITLE, contents.lead(runs, skipped), made
    files = {"index.html": page(*told), "report.md": markdown(*told)}
    files |= {f"figures/{figure.anchor}.svg": standalone(figure.chart) for figure in figures_in(made)}
    files |= {f"tables/{table.anchor}.csv": csv_of(table) for table in contents.tables_in(made)}
    try:
        for name, text in files.items():
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            (out / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise Mistake(f"cannot write to {out}: {error.strerror}; choose another place with --out") from None
    print(f"{len(runs)} runs -> {out / 'index.html'}, {out / 'report.md'}, {out / 'tables'}/*.csv")


if __name__ == "__main__":
    main()
