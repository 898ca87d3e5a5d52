"""kill -9 at random moments, the same command again each time, against a run that nothing disturbed.

Weighted images, stored answers and the training of a teacher are in tests/test_chaos.py.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from common import TINY
from starter import Starter, moment, records, same_run

ROOT = Path(__file__).parents[1]
WORDS = (*TINY, "runtime.threads=1")
TWO_STAGES = (
    f"plugins=[{ROOT}/examples/warmed.py,{ROOT}/examples/memory.py]",
    "distiller=warmed", "recipe.epochs=3", "distiller.more_epochs=3", "sampler=memory",
)  # fmt: skip
ADAPTIVE = ("experiment=adaptive_layerwise", "recipe.epochs=3")
MIXED = ("recipe.epochs=3", "experiment=mixkd_std", "sampler.share=0.5")


@pytest.mark.parametrize(
    ("words", "after"),
    [(("recipe.epochs=3",), (1,)), (TWO_STAGES, (1, 2, 4)), (MIXED, (1,)), (ADAPTIVE, (1,))],
    ids=["unix", "two stages, a head and a memory", "partial mixup", "adapters and learned weights"],
)
def test_killing_it_changes_no_bit(
    train: Starter, store_of_tiny: Path, tmp_path: Path, words: tuple[str, ...], after: tuple[int, ...]
) -> None:
    """Where there is most to keep, three times, which a run's state cannot tell from once."""
    unbroken, broken = tmp_path / "unbroken", tmp_path / "broken"
    unbroken.mkdir()
    broken.mkdir()
    command = (*WORDS, f"teachers={store_of_tiny}", *words)
    whole = train(unbroken, command)
    assert whole.code == 0, whole.said

    kills = [moment(epoch, epoch + 1) for epoch in after]  # of two stages the last one is in the second
    for kill in kills:
        killed = train(broken, command, kill)
        assert killed.code == -9, (kill, killed.said)
    assert not list(broken.glob("runs/*/result.json")), kills
    kept = list(broken.glob("runs/*/checkpoint.pt"))  # an epoch is recorded before it is kept
    last = train(broken, command)
    assert last.code == 0, (kills, last.said)
    assert ("continuing after epoch" in last.said) == bool(kept)
    epochs = [record["epoch"] for record in records(unbroken)]
    assert [record["epoch"] for record in records(broken)] == epochs, "every epoch is there once"
    assert same_run(unbroken, broken), kills
