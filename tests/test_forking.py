"""A python that forks instead of importing PyTorch is, to who started it, a python."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

import pytest
from forking import process_of

WAITS = ("-m", "timeit", "-n", "1", "-r", "1", "import time; print('here', flush=True); time.sleep(60)")


def test_words_surroundings_files_and_exit_codes_are_passed_on(forked: Path, tmp_path: Path) -> None:
    code = "import os, sys; print(os.getcwd(), os.environ['OWN']); print(sys.executable, file=sys.stderr)"
    done = subprocess.run(
        [forked, "-m", "timeit", "-n", "1", "-r", "1", code], cwd=tmp_path, env={"OWN": "5"}, capture_output=True,
        text=True,
    )  # fmt: skip
    assert (done.stdout.splitlines()[0], done.stderr) == (f"{tmp_path} 5", f"{forked}\n")
    assert subprocess.run([forked, "-m", "unix_exp.train", "sampler.kk=3"], capture_output=True).returncode == 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1, signal.SIGKILL])
def test_a_signal_reaches_the_fork_and_its_death_is_told(forked: Path, number: int) -> None:
    process = subprocess.Popen([forked, *WAITS], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "here\n"
    fork = process_of(forked, process.pid)
    process.send_signal(number)
    assert process.wait(60) == -number
    end = time.monotonic() + 60
    while alive(fork):
        assert time.monotonic() < end, "it outlives what stands for it"
        time.sleep(0.01)


def alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_what_is_no_module_is_done_by_the_real_python(forked: Path) -> None:
    done = subprocess.run([forked, "-c", "import sys; print('torch' in sys.modules)"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "False\n")
