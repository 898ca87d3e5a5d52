"""python -m unix_exp.answers: list stored answers, make them without training, remove them."""

from __future__ import annotations

import argparse
from pathlib import Path

from unix_exp import stopping
from unix_exp.cli.arguments import Parser
from unix_exp.cli.ending import ending
from unix_exp.types import Mistake
from unix_exp.words import counted, size_in_words


def main() -> None:
    parser = Parser(
        prog="python -m unix_exp.answers",
        description="A teacher's answers are stored once for a few views of every image and serve every student, seed "
        "and method: python -m unix_exp.train answers=stored answers.views=24. This command lists them, makes them "
        "without training, and removes them.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="list | make | remove")
    listed = commands.add_parser("list", help="what is stored: teacher, data, views, size")
    made = commands.add_parser("make", help="make what a training command would make first; it takes the same words")
    made.add_argument("words", nargs="*", metavar="key=value", help="such as teacher=resnet32x4 answers.views=24")
    made.add_argument("--config-dir", type=Path, metavar="DIR", help="a folder with choices of your own")
    removed = commands.add_parser("remove", help="delete stored answers")
    removed.add_argument("keys", nargs="+", metavar="KEY", help="as `list` prints it")
    for command in (listed, removed):
        command.add_argument("--folder", type=Path, default=Path("answers"), help="the store (answers)")
    given = parser.parse_args()
    words, folder = getattr(given, "words", ()), getattr(given, "config_dir", None)
    with (
        ending(words, folder, "the same command goes on where this one stopped"),
        stopping.listening(),
        stopping.kept(),
    ):
        {"list": show, "make": make, "remove": remove}[given.command](given)


def show(given: argparse.Namespace) -> None:
    from unix_exp.run.answers.store import stores

    found = stores(given.folder.expanduser())
    if not found:
        print(f"nothing is stored in {given.folder}/")
        return
    print(f"{'key':14}{'teacher':16}{'data':16}{'images':>10}{'views':>7}{'size':>10}{'made in':>10}  parts")
    for store in found:
        about, views = store.about(), store.views()
        parts = sorted({name for view in views for name in store.arrays(view)})
        seconds = sum(store.seconds(view) for view in views)
        print(
            f"{store.key:14}{about.get('teacher', '?'):16}{about.get('dataset', '?'):16}{about.get('images', 0):>10,}"
            f"{len(views):>7}{size_in_words(store.bytes()):>10}{seconds:>8.0f} s  {', '.join(parts)}"
        )


def make(given: argparse.Namespace) -> None:
    from unix_exp.config import compose
    from unix_exp.run.answers.beforehand import make_for, stores_answers
    from unix_exp.run.answers.store import Store

    for word in given.words:
        if "=" not in word and not word.startswith("~"):
            raise Mistake(f"cannot read '{word}'; write a setting as key=value, such as answers.views=24")
    compose.prepare(given.words, given.config_dir)
    with compose.hydra_ready(given.config_dir):
        wholes = [compose.composed(job) for job in compose.jobs_of(given.words)]
        if not any(stores_answers(whole) for whole in wholes):  # the words leave it to this command
            wholes = [compose.composed(job) for job in compose.jobs_of(["answers=stored", *given.words])]
    storing = [whole for whole in wholes if stores_answers(whole)]
    if not storing:
        raise Mistake("answers=live stores nothing; leave it out")
    if len(storing) < len(wholes):
        print(f"without stored answers: {len(wholes) - len(storing)} of {counted(len(wholes), 'run')}")
    for store in dict.fromkeys(make_for(whole).path for whole in storing):
        made = Store(store)
        print(f"{store}: {counted(len(made.views()), 'view')}, {size_in_words(made.bytes())}")


def remove(given: argparse.Namespace) -> None:
    from unix_exp.run.answers.store import Store, stores
    from unix_exp.words import nearest

    known = {store.key: store for store in stores(given.folder.expanduser())}
    for key in given.keys:
        if key not in known:
            raise Mistake(f"{given.folder}/ holds no answers '{key}'; {nearest(key, known)}")
    for key in given.keys:
        store: Store = known[key]
        size = store.bytes()
        store.remove()
        print(f"removed {key}, {size_in_words(size)}")


if __name__ == "__main__":
    main()
