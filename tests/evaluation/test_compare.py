"""The paired test: against SciPy's binomial test, and what it must not be moved by."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from scipy.stats import binomtest  # comes with scikit-learn

from inkdigits.errors import BadArrayError
from inkdigits.evaluation.compare import coin_p_value, mcnemar, mcnemar_of_runs


@pytest.mark.parametrize(
    ("heads", "tails"), [(0, 1), (1, 1), (0, 5), (3, 9), (17, 17), (40, 71), (1, 400), (1500, 1620)]
)
def test_a_coin_as_scipy_has_it(heads: int, tails: int):
    expected = binomtest(heads, heads + tails, 0.5).pvalue
    assert coin_p_value(heads, tails) == pytest.approx(expected, rel=1e-9)
    assert coin_p_value(tails, heads) == coin_p_value(heads, tails)


def test_a_coin_by_hand():
    assert coin_p_value(0, 0) == 1
    assert coin_p_value(0, 5) == 2 / 32
    assert coin_p_value(1, 4) == 2 * (1 + 5) / 32
    assert coin_p_value(2, 3) == 1


def test_only_what_one_of_them_misread_counts():
    both, only_a, only_b = range(50), range(50, 62), range(62, 65)
    found = mcnemar([*both, *only_a], [*only_b, *both])
    assert (found.only_a, found.only_b) == (12, 3)
    tail = sum(math.comb(15, few) for few in range(4))
    assert found.p_value == pytest.approx(2 * tail / 2**15)
    assert mcnemar([*only_a], [*only_b]) == found
    back = mcnemar([*only_b], [*only_a])
    assert (back.only_a, back.only_b, back.p_value) == (3, 12, found.p_value)


def test_the_same_reader_twice():
    assert mcnemar([4, 8], [8, 4]) == (0, 0, 1.0)
    assert mcnemar([], []) == (0, 0, 1.0)


def test_one_run_each_is_mcnemar():
    a, b = [1, 2, 3, 7, 9], [3, 4, 9]
    assert mcnemar_of_runs([a], [b]) == mcnemar(a, b)


def test_an_image_counts_once_however_many_runs_there_are():
    a, b = [1, 2, 3, 7, 9], [3, 4, 9]
    assert mcnemar_of_runs([a] * 8, [b] * 8) == mcnemar(a, b)


def test_it_counts_for_the_recipe_of_which_more_runs_misread_it():
    # 1: twice against twice; 2: once against never; 3: once against twice; 4: never against once
    assert mcnemar_of_runs([[1, 2, 3], [1]], [[1, 3], [3, 4, 1]])[:2] == (1, 2)


def test_the_same_recipe_is_seldom_told_from_itself():
    rng = np.random.default_rng(0)
    chances = rng.beta(0.02, 2.0, 10_000)  # of being misread: seldom, but for a few images
    runs = [np.flatnonzero(rng.random(10_000) < chances).tolist() for _ in range(600)]
    tests = [mcnemar_of_runs(runs[at : at + 3], runs[at + 3 : at + 6]) for at in range(0, 600, 6)]
    assert np.mean([test.p_value < 0.05 for test in tests]) <= 0.09


@pytest.mark.parametrize(
    ("runs_a", "runs_b", "said"),
    [
        ([], [], "0 runs"),
        ([[1]], [], "with 0"),
        ([[1]], [[1], [2]], "as many on both sides"),
        ([[1, 1]], [[2]], "only 1 of them"),
    ],
)
def test_what_cannot_be_compared(
    runs_a: Sequence[Sequence[int]], runs_b: Sequence[Sequence[int]], said: str
):
    with pytest.raises(BadArrayError, match=said):
        mcnemar_of_runs(runs_a, runs_b)
