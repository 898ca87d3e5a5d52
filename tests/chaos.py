"""python -m tests.chaos: a real sweep, killed and stopped at random moments, against one that nothing disturbed.

The sweep has every kind of state: a teacher that is trained on the way, two stages, heads, learned weights, memories of
every image, stored answers, the weights of the epoch that is best on validation images. Each round begins it anew,
disturbs it a few times, always with the same command, lets it end, and compares all that it left with the undisturbed
sweep, bit for bit.
"""

from __future__ import annotations

import argparse
import random
import shutil
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))  # the tests' own helpers, as pytest finds them

from alike import differences  # noqa: E402
from starter import Starter, events, starter  # noqa: E402

TINY = (
    "teacher=resnet8", "student=resnet8", "dataset=shapes", "dataset.train_count=120", "dataset.test_count=48",
    "dataset.val=0.2", "recipe=smoke", "recipe.batch=16", "recipe.epochs=3", "teacher_recipe.batch=16",
    "teacher_recipe.epochs=3", "logger=none", "runtime.threads=1", "answers.views=3", "answers.jitter=1",
)  # fmt: skip
WHOLE = "experiment=pad,recall_stored,recall_mixed"
IN_A_ROUND = 7  # disturbances, spread over the whole sweep
WHERE = {"teacher": "a teacher's training", "view": "the making of answers", "run": "a student's training",
         "result": "the end of a run"}  # fmt: skip


class Moment(NamedTuple):
    """So long after so many events were recorded, whichever process recorded them."""

    after: int
    seconds: float


class Timeline:
    """When the events of an undisturbed sweep happened: records of epochs, views of answers, results."""

    def __init__(self) -> None:
        self.times: list[float] = []  # seconds since the beginning, of each event
        self.kinds: list[str] = []

    @contextmanager
    def of(self, folder: Path) -> Iterator[None]:
        ended, began = threading.Event(), time.monotonic()

        def look() -> None:
            while True:
                last = ended.wait(0.02)
                new = Counter(events(folder)) - Counter(self.kinds)
                self.kinds += new.elements()
                self.times += [time.monotonic() - began] * new.total()
                if last:
                    return

        thread = threading.Thread(target=look)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def drawn(self, draw: random.Random) -> Moment:
        """Half of all moments are anywhere in time, half anywhere between two events: some gaps are very short."""
        if draw.random() < 0.5:
            moment = draw.uniform(0, self.times[-1])
            after = sum(one <= moment for one in self.times)
            return Moment(after, moment - ([0.0, *self.times][after]))
        after = draw.randrange(len(self.times))
        return Moment(after, draw.uniform(0, self.times[after] - [0.0, *self.times][after]))


class Round(NamedTuple):
    """What became of one: how many disturbances came in time, where, and what is wrong."""

    landed: list[int]
    where: list[str]
    wrong: list[str]


def disturbed(
    train: Starter, words: tuple[str, ...], whole: Path, folder: Path, timeline: Timeline, signals: list[int], seed: str
) -> Round:
    """One sweep from its beginning, disturbed by these signals at moments of this seed."""
    draw = random.Random(seed)
    folder.mkdir(parents=True)
    landed, where, done = [], [], dict[Path, tuple[int, int]]()
    for moment, number in zip(sorted(timeline.drawn(draw) for _ in signals), signals, strict=True):
        ended = train(folder, words, after=moment, send=[number])
        if repeated := [path for path, before in done.items() if stamp(path) != before]:
            return Round(landed, where, [f"{repeated[0]} was there before, and was made again"])
        if ended.code == 0:  # it was done before this moment
            break
        if ended.code not in codes(number, ended.said, whole, folder) or "Traceback" in ended.said:
            return Round(landed, where, [f"signal {number} at {moment}: exit code {ended.code}: {ended.said[-500:]}"])
        landed.append(number)
        where.append(WHERE[timeline.kinds[min(len(events(folder)), len(timeline.kinds) - 1)]])
        done = {path: stamp(path) for path in finished(folder)}
    ended = train(folder, words)
    if ended.code != 0:
        return Round(landed, where, [f"it did not end: exit code {ended.code}: {ended.said[-500:]}"])
    return Round(landed, where, differences(whole, folder))


def codes(number: int, said: str, whole: Path, folder: Path) -> set[int]:
    """With which it may end: a signal before it listens, or after all is done, has its usual effect."""
    if number == signal.SIGKILL:
        return {-signal.SIGKILL}
    outside = not said or len(list(folder.glob("runs/*/result.json"))) == len(list(whole.glob("runs/*/result.json")))
    return {75, -signal.SIGTERM} if outside else {75}


def finished(folder: Path) -> list[Path]:
    """What is done, and is not to be done again."""
    runs = [path.parent for path in folder.glob("*/*/result.json")]
    weights = [run / name for run in runs for name in ("result.json", "student.safetensors")]
    return [*weights, *folder.glob("answers/*/view-*.json")]


def stamp(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_ino, found.st_mtime_ns


def chaos(kills: int, terms: int, seed: int, place: Path, words: tuple[str, ...], made: Starter | None = None) -> int:
    """How many rounds differ; progress and a summary are printed."""
    began = time.monotonic()
    shutil.rmtree(place, ignore_errors=True)
    (whole := place / "undisturbed").mkdir(parents=True)
    left = [int(signal.SIGKILL)] * kills + [int(signal.SIGTERM)] * terms
    random.Random(seed).shuffle(left)
    landed, where, failed, rounds = Counter[int](), Counter[str](), list[str](), 0
    with nullcontext(made) if made is not None else starter(HERE.parent) as train:
        timeline = Timeline()
        with timeline.of(whole):
            ended = train(whole, words)
        assert ended.code == 0, ended.said
        print(f"undisturbed: {len(timeline.times)} events in {timeline.times[-1]:.1f} s", flush=True)
        while left and len(failed) < 3 and rounds < kills + terms:  # each lands one or more, as a rule
            rounds += 1
            signals, folder = left[:IN_A_ROUND], place / f"round-{rounds}"
            found = disturbed(train, words, whole, folder, timeline, signals, f"{seed} {rounds}")
            for number in found.landed:
                left.remove(number)
            landed.update(found.landed)
            where.update(found.where)
            if found.wrong:
                failed.append(str(folder))
                print(f"round {rounds} differs, {folder}:", *found.wrong[:10], sep="\n  ", flush=True)
            else:
                shutil.rmtree(folder)
                print(f"round {rounds}: {len(found.landed)} disturbances, all equal; {len(left)} left", flush=True)
    places = ", ".join(f"{count} in {name}" for name, count in where.most_common())
    print(
        f"{landed[signal.SIGKILL]} kills and {landed[signal.SIGTERM]} SIGTERMs in {rounds} sweeps of "
        f"{len(list(whole.glob('runs/*-s*')))} runs and a teacher ({places}), {time.monotonic() - began:.0f} s: "
        + (f"{len(failed)} sweeps differ: {', '.join(failed)}" if failed else "none lost, none repeated, all bit-equal")
        + (f"; {len(left)} came too late" if left and not failed else "")
    )
    return len(failed) + len(left)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description="Kill and stop a sweep at random.")
    parser.add_argument("--kills", type=int, default=50, metavar="N", help="kill -9 (%(default)s)")
    parser.add_argument("--terms", type=int, default=20, metavar="N", help="SIGTERM (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="another seed, other moments (%(default)s)")
    parser.add_argument("--kept", type=Path, default=Path(".chaos"), metavar="DIR", help="where it works (.chaos)")
    given = parser.parse_args()
    if failed := chaos(given.kills, given.terms, given.seed, given.kept.absolute(), ("-m", *TINY, WHOLE)):
        sys.exit(min(failed, 1))


if __name__ == "__main__":
    main()
