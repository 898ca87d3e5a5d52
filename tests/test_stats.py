"""Means, their spread and Welch's t-test."""

from __future__ import annotations

import pytest

from unix_exp.report.stats import Summary, student_t_quantile, student_t_tails, welch


def test_one_value_has_no_spread() -> None:
    assert str(Summary.of([75.0])) == "75.00 (1)"
    assert Summary.of([]) is None


def test_students_t_agrees_with_printed_tables() -> None:
    for freedom, t in ((1, 12.706), (4, 2.776), (10, 2.228), (30, 2.042)):  # two-sided 5 %, any statistics book
        assert student_t_tails(t, freedom) == pytest.approx(0.05, abs=5e-5)
        assert student_t_quantile(0.05, freedom) == pytest.approx(t, abs=6e-4)


def test_welch_needs_two_of_each_and_a_spread() -> None:
    assert welch([1.0], [1.0, 2.0]) is None
    assert welch([1.0, 1.0], [2.0, 2.0]) is None
    test = welch([27.5, 21.0, 19.0, 23.6, 17.0, 17.9], [27.1, 22.0, 20.8, 23.4, 23.4, 23.5, 25.8, 22.0])
    # By hand: means 21 and 23.5, variances 15.804 and 4.18, so t = -2.5 / sqrt(2.634 + 0.5225), 6.97 degrees.
    assert test is not None
    assert test.difference == pytest.approx(-2.5)
    assert test.p == pytest.approx(0.2021, abs=5e-4)
    low, high = test.interval
    assert low < 0 < high
    assert (low + high) / 2 == pytest.approx(-2.5)
