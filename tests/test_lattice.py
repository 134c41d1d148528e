"""The lattice, with made-up pieces and made-up probabilities."""

from dataclasses import replace

import numpy as np
import pytest

from inkdigits.imaging.atoms import Candidate, LineAtoms, Segment
from inkdigits.lattice import choose
from inkdigits.reading import Box

NONE = 10  # the column of "no digit"
BLOB = Segment(Box(0, 0, 10, 10), np.ones((10, 10), np.float32))


def line_of(num_atoms: int, cut_strokes: float = 0.0) -> LineAtoms:
    boxes = tuple(Box(10 * index, 0, 10, 20) for index in range(num_atoms))
    nothing = np.zeros((20, 10 * num_atoms), np.float32)
    cuts = np.full(num_atoms - 1, cut_strokes)
    labels = nothing.astype(np.int32)
    return LineAtoms(boxes, cuts, 20.0, nothing, labels, 0, tuple(range(num_atoms)))


def runs_of(*spans: tuple[int, int]) -> list[Candidate]:
    return [Candidate(first, last, BLOB) for first, last in spans]


def judged(*rows: tuple[int, float]) -> np.ndarray:
    """Each row: a class, and its probability; the rest goes to "no digit", or to 0."""
    probabilities = np.zeros((len(rows), 11), np.float32)
    for row, (of, probability) in zip(probabilities, rows, strict=True):
        row[of] = probability
        row[0 if of == NONE else NONE] += 1 - probability
    return probabilities


def chosen(*given) -> list[list[int]]:
    return [choice.runs for choice in choose(*given)]


def test_two_that_touch_are_read_apart():
    runs = runs_of((0, 0), (1, 1), (0, 1))
    assert chosen([line_of(2, 1.0)], [runs], judged((2, 0.99), (6, 0.99), (NONE, 0.99))) == [[0, 1]]


def test_one_in_two_pieces_is_read_whole():
    runs = runs_of((0, 0), (1, 1), (0, 1))
    assert chosen([line_of(2)], [runs], judged((NONE, 0.9), (1, 0.97), (4, 0.99))) == [[2]]


def test_of_equal_ways_the_one_with_fewer_digits_is_taken():
    runs = runs_of((0, 0), (1, 1), (0, 1))
    assert chosen([line_of(2)], [runs], judged((1, 0.99), (1, 0.99), (0, 0.99))) == [[2]]


@pytest.mark.parametrize(("cut_strokes", "path"), [(0.0, [0, 1]), (12.0, [2])])
def test_a_cut_through_much_ink_needs_a_reason(cut_strokes, path):
    runs = runs_of((0, 0), (1, 1), (0, 1))
    probabilities = judged((1, 0.99), (1, 0.99), (NONE, 0.99))
    assert chosen([line_of(2, cut_strokes)], [runs], probabilities) == [path]


def test_what_is_not_cut_is_certain():
    (choice,) = choose([line_of(2)], [runs_of((0, 0), (1, 1))], judged((3, 0.6), (4, 0.6)))
    assert choice.certainty.tolist() == [1, 1]


def test_a_clear_cut_is_surer_than_one_that_could_be_otherwise():
    """A 1 and a 0 that touch, or a 6 in two pieces; in a line of digits."""
    line = replace(line_of(40), cut_strokes=np.array([1.0, *[0.0] * 38]))
    runs = runs_of((0, 0), (1, 1), (0, 1), *[(index, index) for index in range(2, 40)])
    clear, unclear = (
        choose([line], [runs], judged((1, 0.99), (0, 0.99), (6, share), *[(5, 0.99)] * 38))[0]
        for share in (0.01, 0.2)
    )
    assert clear.runs[:2] == unclear.runs[:2] == [0, 1]
    assert min(clear.certainty) > 0.95
    assert max(unclear.certainty[:2]) < min(clear.certainty[:2]) - 0.01


@pytest.mark.parametrize(("of_others", "path"), [(5, [0, 1]), (NONE, [2])])
def test_among_letters_one_is_not_cut_into_digits(of_others, path):
    """An n, which could be two 1s that touch, in a line of digits and in a line of letters."""
    line = line_of(14)
    line = replace(line, cut_strokes=np.array([1.0, *[0.0] * 12]))
    runs = runs_of((0, 0), (1, 1), (0, 1), *[(index, index) for index in range(2, 14)])
    probabilities = judged((1, 0.8), (1, 0.8), (NONE, 0.95), *[(of_others, 0.95)] * 12)
    (choice,) = chosen([line], [runs], probabilities)
    assert choice[: len(path)] == path


def test_what_no_digit_costs_follows_from_the_pieces_of_line_and_page():
    """Two lines of two pieces, one of the four no digit: on its line and beside it."""
    runs = runs_of((0, 0), (1, 1))
    lines = choose([line_of(2)] * 2, [runs] * 2, judged((3, 1.0), (NONE, 1.0), (3, 1.0), (3, 1.0)))
    of_page = 1 / (4 + 8)
    for choice, none in zip(lines, (1, 0), strict=True):
        share = (none + 8 * of_page) / (2 + 8)
        certain = -np.log(1e-6)  # that the first one is a digit
        assert choice.lattice.as_none[0] - certain == pytest.approx(-np.log(share))


def test_the_same_digit_with_or_without_a_speck_is_no_doubt():
    line = line_of(3, 1.0)
    boxes = (*line.boxes[:2], Box(20, 0, 2, 2))
    line = replace(line, boxes=boxes, cut_strokes=np.array([1.0, 0.0]))
    runs = runs_of((0, 0), (1, 1), (1, 2))
    (choice,) = choose([line], [runs], judged((2, 0.99), (7, 0.98), (7, 0.97)))
    assert choice.runs in ([0, 1], [0, 2])
    assert min(choice.certainty) > 0.95


def test_each_line_gets_its_own_rows():
    lines = [line_of(1), line_of(2)]
    runs = [runs_of((0, 0)), runs_of((0, 0), (1, 1))]
    assert chosen(lines, runs, judged((3, 1.0), (4, 1.0), (5, 1.0))) == [[0], [0, 1]]


def test_an_empty_page_has_no_lines():
    assert chosen([], [], np.zeros((0, 11), np.float32)) == []


class TestCostOfAString:
    def lattice(self, line, runs, probabilities):
        (choice,) = choose([line], [runs], probabilities)
        return choice.lattice

    def two_or_one(self):
        """Two digits that touch, 2 and 6, or a pair that is no digit."""
        runs = runs_of((0, 0), (1, 1), (0, 1))
        return self.lattice(line_of(2, 1.0), runs, judged((2, 0.9), (6, 0.8), (NONE, 0.9)))

    def test_the_best_string_costs_what_the_best_path_costs(self):
        lattice = self.two_or_one()
        costs = lattice.costs()
        assert lattice.cost_of((2, 6), 0, 1) == pytest.approx(costs[0] + costs[1])

    def test_another_string_costs_more(self):
        lattice = self.two_or_one()
        best = lattice.cost_of((2, 6), 0, 1)
        assert best < lattice.cost_of((2, 5), 0, 1) < np.inf
        assert best < lattice.cost_of((2,), 0, 1) < np.inf  # the other atom is left out
        assert best < lattice.cost_of((None,), 0, 1) < np.inf

    def test_more_digits_than_there_are_pieces_cannot_be(self):
        assert self.two_or_one().cost_of((2, 6, 1), 0, 1) == np.inf

    def test_what_is_no_digit_may_be_in_several_pieces(self):
        runs = runs_of((0, 0), (1, 1), (2, 2))
        lattice = self.lattice(line_of(3), runs, judged((NONE, 0.9), (NONE, 0.9), (7, 0.9)))
        two = lattice.as_none[0] + lattice.as_none[1]
        one = min(lattice.as_none[0] + lattice.skip[1], lattice.skip[0] + lattice.as_none[1])
        assert lattice.cost_of((None, 7), 0, 2) == pytest.approx(
            min(one, two) + lattice.as_digit[2, 7]
        )

    def test_a_part_of_a_line_is_explained_by_itself(self):
        runs = runs_of((0, 0), (1, 1), (2, 2))
        lattice = self.lattice(line_of(3), runs, judged((1, 0.9), (2, 0.9), (3, 0.9)))
        assert lattice.cost_of((2,), 1, 1) == pytest.approx(lattice.as_digit[1, 2])
        assert lattice.cost_of((), 1, 1) == pytest.approx(lattice.skip[1])


def test_clusters_are_what_stands_close_together():
    line = line_of(4)
    apart = replace(
        line, boxes=tuple(box._replace(x=box.x + 8 * (k > 1)) for k, box in enumerate(line.boxes))
    )
    assert line.clusters() == [(0, 3)]
    assert apart.clusters() == [(0, 1), (2, 3)]
