"""Touching digits come apart, and the best of all the ways to read a line is found."""

import itertools
from collections.abc import Callable

import cv2
import numpy as np
import pytest

from inkdigits.imaging.segment import find_atoms, find_lines
from inkdigits.imaging.split import best_path, pieces, run_shares, seams

Write = Callable[..., np.ndarray]


def cheapest_by_trying_all(
    num_atoms: int, runs: list[tuple[int, int]], costs: np.ndarray, skip_costs: np.ndarray
) -> float:
    """The least cost over every set of runs that do not overlap."""
    best = float(skip_costs.sum())
    for size in range(1, num_atoms + 1):
        for chosen in itertools.combinations(range(len(runs)), size):
            used = [atom for index in chosen for atom in range(runs[index][0], runs[index][1] + 1)]
            if len(used) == len(set(used)):
                left_out = np.delete(skip_costs, used).sum()
                best = min(best, float(costs[list(chosen)].sum() + left_out))
    return best


@pytest.mark.parametrize("seed", range(30))
def test_best_path_is_the_best_of_all(seed: int) -> None:
    rng = np.random.default_rng(seed)
    num_atoms = int(rng.integers(1, 5))
    runs = [(i, j) for i in range(num_atoms) for j in range(i, num_atoms) if rng.random() < 0.8]
    costs, skip_costs = rng.random(len(runs)) * 3, rng.random(num_atoms) * 2
    path = best_path(num_atoms, runs, costs, skip_costs)
    used = [atom for index in path for atom in range(runs[index][0], runs[index][1] + 1)]
    assert used == sorted(set(used))
    total = costs[path].sum() + np.delete(skip_costs, used).sum()
    assert total == pytest.approx(cheapest_by_trying_all(num_atoms, runs, costs, skip_costs))


def test_best_path_of_nothing() -> None:
    assert best_path(0, [], [], []) == []
    assert best_path(2, [], [], [1, 1]) == []
    assert best_path(2, [(0, 1)], [np.inf], [1, 1]) == []


def test_of_equal_ways_the_one_with_fewer_digits() -> None:
    assert best_path(2, [(0, 0), (1, 1), (0, 1)], [1, 1, 2], [9, 9]) == [2]


def test_seams_go_through_the_bridge_between_two_blocks() -> None:
    ink = np.zeros((40, 60), np.float32)
    ink[:, 4:24] = ink[:, 34:56] = 1
    ink[18:21, 24:34] = 1  # the bridge
    (seam,) = seams(ink[:, 4:56], spacing_px=6, max_cut_px=5, max_seams=4)
    assert seam.cut_px == pytest.approx(3)
    assert ((seam.x >= 20) & (seam.x < 30)).all()


@pytest.mark.parametrize("slant", [-0.6, 0.4, 0.8])
def test_seams_follow_a_slant(slant: float) -> None:
    ink = np.zeros((40, 120), np.float32)
    for x in (45, 65):
        cv2.line(ink, (round(x - 20 * slant), 0), (round(x + 20 * slant), 39), 1, 6)
    ink[19:21, 45:65] = 1
    columns = np.flatnonzero(ink.any(axis=0))
    ink = ink[:, columns[0] : columns[-1] + 1]
    found = seams(ink, spacing_px=8, max_cut_px=3, max_seams=5)
    halves = [float((ink * (pieces(ink.shape, [seam]) == 0)).sum()) for seam in found]
    half, cut_px = min(
        (abs(half / ink.sum() - 0.5), seam.cut_px) for half, seam in zip(halves, found, strict=True)
    )
    assert half < 0.07
    assert cut_px == pytest.approx(2, abs=0.1)


def test_seams_never_cross() -> None:
    rng = np.random.default_rng(0)
    for _ in range(40):
        ink = cv2.GaussianBlur(rng.random((30, 90)).astype(np.float32), (0, 0), 2)
        ink = np.clip((ink - ink.mean()) * 8, 0, 1)
        found = seams(ink, spacing_px=5, max_cut_px=20, max_seams=12)
        for one, other in itertools.pairwise(found):
            assert (one.x <= other.x).all()
            assert (np.abs(np.diff(one.x)) <= 1).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (50, 1), (2, 3), (5, 2)])
def test_seams_of_tiny_marks(shape: tuple[int, int]) -> None:
    assert seams(np.ones(shape, np.float32), spacing_px=3, max_cut_px=99, max_seams=9) == []


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    return float((one & other).sum() / max((one | other).sum(), 1))


def test_two_digits_that_touch_are_among_the_candidates(write: Write) -> None:
    for pair in ("47", "33", "82", "60", "95", "21"):
        first, second = (write([value], height_px=40) > 0.3 for value in pair)
        height = max(len(first), len(second))
        first, second = (np.pad(ink, ((0, height - len(ink)), (0, 60))) for ink in (first, second))
        shift = 0
        while not (first & np.roll(second, 60 - shift, axis=1)).any():
            shift += 1
        second = np.roll(second, 60 - shift, axis=1)
        ink = (first | second).astype(np.float32)
        assert sum(map(len, find_lines(ink))) == 1
        (line,) = find_atoms(ink).lines
        found = []
        for candidate in line.candidates():
            box, crop = candidate.segment
            whole = np.zeros(ink.shape, bool)
            whole[box.y : box.bottom, box.x : box.right] = crop > 0.3
            found.append(whole)
        for truth in (first, second, first | second):
            assert max(overlap(whole, truth) for whole in found) > 0.7


@pytest.mark.parametrize("height_px", [12, 40, 200])
def test_digits_that_stand_alone_are_among_few_candidates(write: Write, height_px: int) -> None:
    ink = write(["4071235986"], height_px=height_px, pen_px=height_px / 12)
    (line,) = find_atoms(ink).lines
    (expected,) = find_lines(ink)
    boxes = [candidate.segment.box for candidate in line.candidates()]
    assert {segment.box for segment in expected} <= set(boxes)
    assert len(boxes) <= 12 * len(expected)


def test_atoms_stand_in_order_and_make_up_the_line(write: Write) -> None:
    line = find_atoms(write(["4071235986"], gap=0.0, seed=2)).lines[0]
    middles = [box.x + box.width / 2 for box in line.boxes]
    assert middles == sorted(middles)
    assert len(line.cut_strokes) == len(line.boxes) - 1
    assert (line.cut_strokes >= 0).all()
    runs = line.runs()
    assert len(set(runs)) == len(runs)
    assert all(0 <= first <= last < len(line.boxes) for first, last in runs)
    assert set(range(len(line.boxes))) <= {
        atom for first, last in runs for atom in range(first, last + 1)
    }


def test_a_word_of_digits_that_all_touch_is_a_line() -> None:
    ink = np.zeros((80, 700), np.float32)
    for column in range(12):
        cv2.ellipse(ink, (60 + 36 * column, 40), (17, 24), 0, 0, 360, 1, 4)
    (line,) = find_atoms(ink).lines
    boxes = [candidate.segment.box for candidate in line.candidates()]
    for column in range(12):
        middle = 60 + 36 * column
        assert any(abs(box.x + box.width / 2 - middle) < 4 and 28 < box.width < 46 for box in boxes)


def test_one_line_takes_everything(write: Write) -> None:
    ink = write(["407", "235"])
    assert len(find_atoms(ink).lines) == 2
    assert len(find_atoms(ink, is_one_line=True).lines) == 1


def test_a_page_with_too_many_marks_says_so() -> None:
    ink = np.zeros((1200, 1600), np.float32)
    for x in range(0, 1600, 8):
        ink[np.arange(1200) % 12 < 8, x : x + 3] = 1
    finding = find_atoms(ink)
    assert "too many marks" in finding.note
    assert sum(len(line.boxes) for line in finding.lines) <= 3_000
    assert find_atoms(np.zeros((9, 9), np.float32)).note == ""


@pytest.mark.parametrize("seed", range(5))
def test_run_shares_are_those_of_all_ways_written_out(seed: int) -> None:
    rng = np.random.default_rng(seed)
    runs = [(0, 0), (0, 1), (1, 1), (1, 2), (2, 2), (2, 3), (3, 3), (1, 3)]
    costs, skips = rng.uniform(0, 3, len(runs)), rng.uniform(0, 3, 4)
    total, through = 0.0, np.zeros(len(runs))

    def go_on(atom: int, cost: float, used: list[int]) -> None:
        nonlocal total
        if atom == 4:
            total += np.exp(-cost)
            through[used] += np.exp(-cost)
            return
        go_on(atom + 1, cost + skips[atom], used)
        for index, (first, last) in enumerate(runs):
            if first == atom:
                go_on(last + 1, cost + costs[index], [*used, index])

    go_on(0, 0.0, [])
    assert np.allclose(run_shares(4, runs, costs, skips), through / total)
