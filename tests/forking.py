"""A python for tests that need not import PyTorch: `PYTHON -m MODULE WORDS` is a fork of a process that has.

It is a script of some milliseconds. It gives its words, surroundings and open files to the starter's process, passes
on the signals that it gets, and ends as the fork ends; killed, it takes the fork with it. A process of multiprocessing
that is spawned is one, too. Whatever else is asked of it, such as a file, it leaves to the real python; submitit, too,
whose jobs are called by their process's number. `process_of` is the fork behind it.
"""

from __future__ import annotations

import array
import contextlib
import gc
import json
import os
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGQUIT)
HIGH = 300  # a number that no file has which anybody opened
HEAD = 8  # digits of a message's length
PACKAGE = {"ask": "package"}  # where it imported the package from
CLIENT = """#!{python} -S
import array, json, os, signal, socket, sys
words = sys.argv[1:]
if not {{"-m", "--multiprocessing-fork"}} & set(words) or any(word.startswith("submitit") for word in words):
    os.execv({python!r}, [{python!r}, *words])
pid, heard = None, []
def hear(number, frame):
    heard.append(number) if pid is None else os.kill(pid, number)
passed = {passed}
ignored = [one for one in passed if signal.getsignal(one) == signal.SIG_IGN]
for one in passed:
    if one not in ignored:
        signal.signal(one, hear)
files = [int(name) for name in os.listdir("/proc/self/fd")]
files = [one for one in files if os.path.exists("/proc/self/fd/%d" % one)]
link = socket.socket(socket.AF_UNIX)
link.connect({address!r})
told = json.dumps(dict(words=words, folder=os.getcwd(), environment=dict(os.environ), ignored=ignored, files=files,
                       me=os.getpid(), python={shown!r})).encode()
link.sendmsg([b"%08d" % len(told)], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", files))])
link.sendall(told)
answers = link.makefile()
pid = int(answers.readline())
for one in heard:
    os.kill(pid, one)
code = int(answers.readline())
if code < 0:
    signal.signal(-code, signal.SIG_DFL) if -code != signal.SIGKILL else None
    os.kill(os.getpid(), -code)
    signal.pause()
os._exit(code)
"""


def client(place: Path) -> Path:
    """Write it beside the address at which the starter's process listens."""
    path = place / "python"
    path.write_text(
        CLIENT.format(python=sys.executable, passed=list(map(int, PASSED_ON)), address=address(place),
                      shown=str(path))
    )  # fmt: skip
    path.chmod(0o755)
    return path


def address(place: Path) -> str:
    """No file: the path of one may be too long."""
    return f"\0{place}"[:100]


def process_of(python: Path, process: int) -> int:
    """The fork that does what was asked of a python with this number."""
    note = python.parent / str(process)
    end = time.monotonic() + 60
    while not (note.exists() and (number := note.read_text())):  # it is there before it is written
        assert time.monotonic() < end, "nothing was asked of it"
        time.sleep(0.01)
    return int(number)


def ask(place: Path, told: dict[str, Any]) -> str:
    """Of the process that serves here, as soon as it is ready: its answer."""
    with socket.socket(socket.AF_UNIX) as link:
        link.connect(address(place))
        message = json.dumps(told).encode()
        link.sendall(b"%08d" % len(message) + message)
        with link.makefile() as answers:
            return answers.readline().strip()


def serve(place: Path, prepare: Callable[[], str], do: Callable[[dict[str, Any]], None]) -> None:
    """Fork for each client, and to `do` each order, whose answer is its exit code; until stdin is closed."""
    door = listening(place)
    print(flush=True)  # now clients may come, who wait until this is ready
    gc.disable()  # while modules are imported
    package = prepare()
    gc.collect()
    gc.enable()
    gc.freeze()  # a fork that collects garbage would copy all that it looks at
    woken, waker = os.pipe()
    os.set_blocking(waker, False)
    signal.set_wakeup_fd(waker)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    answering: dict[int, socket.socket] = {}
    while True:
        heard, _, _ = select.select([0, door, woken], [], [])
        if woken in heard:
            os.read(woken, 64)
        if door in heard:
            link, _ = door.accept()
            order, files = asked(link)
            if order == PACKAGE:
                say(link, package, last=True)
            else:
                if (child := os.fork()) == 0:
                    begin = partial(as_just_started, woken, waker, door.detach())
                    if "me" in order:
                        become(order, files, link, begin)
                    begin(link.detach())
                    do(order)
                for one in files:
                    os.close(one)
                if "me" in order:
                    (place / str(order["me"])).write_text(str(child))
                    say(link, child)
                answering[child] = link
        if 0 in heard and not os.read(0, 64):
            return
        while answering:
            child, status = os.waitpid(-1, os.WNOHANG)
            if child == 0:
                break
            if (link := answering.pop(child, None)) is not None:  # else of what was imported
                say(link, os.waitstatus_to_exitcode(status), last=True)


def as_just_started(*files: int) -> None:
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for one in files:
        os.close(one)
    hear_all_signals()


def hear_all_signals() -> None:
    """A suite that runs in the background was started to ignore some, and training then ignores them, too."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGUSR1):
        signal.signal(number, signal.SIG_DFL)


def say(link: socket.socket, what: int | str, last: bool = False) -> None:
    with contextlib.suppress(OSError):  # it was killed
        link.sendall(f"{what}\n".encode())
    if last:
        link.close()


def listening(place: Path) -> socket.socket:
    made = socket.socket(socket.AF_UNIX)
    made.bind(address(place))
    made.listen(64)
    return made


def asked(link: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """What a client wants, and its open files."""
    files = array.array("i")
    head, more, _, _ = link.recvmsg(HEAD, socket.CMSG_SPACE(250 * files.itemsize))
    for _, _, data in more:
        files.frombytes(data[: len(data) - len(data) % files.itemsize])
    size, told = int(head), b""
    while len(told) < size:
        told += link.recv(size - len(told))
    return json.loads(told), list(files)


def become(order: dict[str, Any], files: list[int], link: socket.socket, prepare: Callable[[], None]) -> None:
    """The child: never returns."""
    import fcntl

    os.setpgid(0, 0)
    kept = fcntl.fcntl(link.fileno(), fcntl.F_DUPFD, 2 * HIGH)
    high = [fcntl.fcntl(one, fcntl.F_DUPFD, HIGH) for one in files]
    for one in files:
        os.close(one)
    for one, number in zip(high, order["files"], strict=True):
        os.dup2(one, number)
        os.close(one)
    prepare()  # signals as of a process that was just started
    for number in order["ignored"]:
        signal.signal(number, signal.SIG_IGN)
    os.environ.clear()
    os.environ.update(order["environment"])
    os.chdir(order["folder"])
    threading.Thread(target=die_with, args=(kept,), daemon=True).start()
    words = order["words"]
    where = next(place for place, word in enumerate(words) if word in ("-m", "-c"))
    if "-u" in words[:where]:
        sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    sys.executable, sys.argv = order["python"], [words[where], *words[where + 2 :]]
    ended(*words[where : where + 2])


def die_with(link: int) -> None:
    """With the client: it says nothing more, so what can be read is its end."""
    with contextlib.suppress(OSError):
        os.read(link, 1)
    os.kill(os.getpid(), signal.SIGKILL)


def ended(how: str, what: str) -> None:
    """Do what a module does as `__main__`, or what a line of code says, and end as the interpreter does."""
    import atexit
    import runpy
    import traceback
    import warnings

    warnings.simplefilter("ignore")
    code = 1
    try:
        if how == "-m":
            runpy.run_module(what, run_name="__main__", alter_sys=True)
        else:
            exec(what, {"__name__": "__main__"})
        code = 0
    except SystemExit as asked_to:
        code = asked_to.code if isinstance(asked_to.code, int) else int(asked_to.code is not None)
        if isinstance(asked_to.code, str):
            print(asked_to.code, file=sys.stderr)
    except KeyboardInterrupt:
        code = 130
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(BaseException):
            threading._shutdown()  # type: ignore[attr-defined]
        with contextlib.suppress(BaseException):
            atexit._run_exitfuncs()
        for one in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                one.flush()
        os._exit(code & 255)
