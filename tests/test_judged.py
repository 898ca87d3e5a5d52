"""What follows from guesses and from times: intervals, confusions, which images and how often."""

from __future__ import annotations

import pytest
import torch

from unix_exp.deploy.judged import Confusion, Judged, spread, wilson
from unix_exp.measure.latency import FEWEST, SECONDS, latency_of, pause


def test_wilsons_interval_is_the_published_one() -> None:
    """Newcombe 1998, Statistics in Medicine 17, Table I, method 3."""
    published = ((81, 263, 25.53, 36.62), (15, 148, 6.24, 16.05), (0, 20, 0.0, 16.11), (1, 29, 0.61, 17.18))
    for hits, count, low, high in published:
        found = wilson(hits, count)
        assert found.share == pytest.approx(100 * hits / count)
        assert (round(found.low, 2), round(found.high, 2)) == (low, high)
    assert wilson(20, 20).high == 100


def test_guesses_are_counted_by_class_and_by_what_they_were_taken_for() -> None:
    labels, guesses = torch.tensor([0, 0, 0, 1, 1, 2]), torch.tensor([0, 1, 1, 1, 0, 0])
    found = Judged(guesses, labels, 4)
    assert found.top1.share == pytest.approx(100 / 3)
    assert found.by_class() == [(1, 3), (1, 2), (0, 1), (0, 0)]
    assert found.confusions() == [Confusion(2, 3, 0, 1), Confusion(1, 1, 2, 0), Confusion(1, 2, 1, 0)]
    assert found.agreement(Judged(labels, labels, 4)) == found.top1.share


def test_some_images_are_of_all_parts_of_the_test_set() -> None:
    assert spread(10, 3).tolist() == [0, 3, 6]
    assert spread(10, 10).tolist() == spread(10, None).tolist() == spread(10, 99).tolist() == list(range(10))


def test_slow_networks_are_timed_less_often_and_never_too_seldom() -> None:
    assert pause(SECONDS / 1000, 30) == 1
    assert pause(SECONDS / 10, 30) == 3
    assert pause(SECONDS * 100, 30) == 30 // FEWEST
    assert pause(SECONDS, 3) == 1
    assert latency_of([0.001 * value for value in range(1, 12)]) == pytest.approx(
        {"median": 6.0, "p10": 2.0, "p90": 10.0, "n": 11}
    )
    assert latency_of([0.5]) == {"median": 500.0, "p10": 500.0, "p90": 500.0, "n": 1}
