"""Published weights: from this machine where they are, else fetched; or at once a line that says what to do."""

from __future__ import annotations

import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Annotated, TypeAlias
from urllib.parse import urlsplit

import torch

from unix_exp.types import Mistake

SECONDS = 3.0  # how long a publisher may take to answer; the libraries that fetch weights try for a minute
GATEWAYS = (407, 502, 503, 504)  # answers of a proxy that could not ask

Pretrained: TypeAlias = Annotated[bool, "begin from its publisher's weights, on this machine or fetched"]

fetching: ContextVar[bool] = ContextVar("fetching", default=True)


@contextmanager
def filled_elsewhere() -> Iterator[None]:
    """Networks that are built in here get their weights from a file of ours, so published ones are not fetched."""
    before = fetching.set(False)
    try:
        yield
    finally:
        fetching.reset(before)


@contextmanager
def loading_weights(what: str, url: str, file: str, here: bool) -> Iterator[None]:
    """Say in one line why pretrained weights could not be loaded; `here`: whether they are on this machine."""
    if not here and not reachable(url):
        raise Mistake(
            f"the pretrained weights of {what} are not on this machine and {urlsplit(url).netloc} does not answer; get "
            f"{file} elsewhere, from {url}, and give its path: teacher.checkpoint=PATH or student.checkpoint=PATH"
        )
    try:
        yield
    except Exception as error:  # every download client raises kinds of its own
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise Mistake(f"the pretrained weights of {what} could not be loaded: {reason}") from error


def in_cache_of_pytorch(url: str) -> tuple[str, str | None]:
    """The name under which PyTorch keeps what it fetched from there, and its path where it did."""
    path = Path(torch.hub.get_dir(), "checkpoints", Path(urlsplit(url).path).name)
    return path.name, str(path) if path.is_file() else None


def reachable(url: str) -> bool:
    """Whether anybody answers there, whatever; asked in a thread, because looking up a name knows no time limit."""
    found: list[bool] = []
    asking = threading.Thread(target=lambda: found.append(answers(url)), daemon=True)
    asking.start()
    asking.join(2 * SECONDS)
    return any(found)


def answers(url: str) -> bool:
    parts = urlsplit(url)
    asked = urllib.request.Request(f"{parts.scheme}://{parts.netloc}/", method="HEAD")
    try:
        with suppress(ssl.SSLError), urllib.request.urlopen(asked, timeout=SECONDS):
            pass
    except urllib.error.HTTPError as error:
        return error.code not in GATEWAYS
    except urllib.error.URLError as error:
        return isinstance(error.reason, ssl.SSLError)  # it answers; who fetches may know its certificate
    except OSError:
        return False
    return True
