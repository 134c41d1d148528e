import numpy as np
import pytest

from inkdigits.synthesis import rulings


def crossing(edges: list[rulings.Segment], x: float) -> int:
    """How many of the edges a line down at x crosses."""
    return sum(min(a, c) < x < max(a, c) for a, _, c, _ in edges)


def test_a_row_of_cells_is_closed() -> None:
    cells = rulings.of_cells(3, top=10, wide=20, high=30)
    assert sorted(cells) == sorted(
        [(0, 10, 60, 10), (0, 40, 60, 40), *((x, 10, x, 40) for x in (0, 20, 40, 60))]
    )


@pytest.mark.parametrize("seed", range(20))
def test_open_cells_lack_edges_and_have_no_others(seed: int) -> None:
    cells = [edge for row in range(2) for edge in rulings.of_cells(3, 50 * row, 20, 30)]
    edges = rulings.opened(cells, np.random.default_rng(seed))
    assert edges
    length = [np.hypot(a - c, b - d) for a, b, c, d in edges]
    assert sum(length) < sum(np.hypot(a - c, b - d) for a, b, c, d in cells)
    for a, b, c, d in edges:  # each lies on one that was there
        assert any(
            p <= a <= r and p <= c <= r and q <= b <= s and q <= d <= s for p, q, r, s in cells
        )


def test_cells_are_opened_in_several_ways() -> None:
    cells = rulings.of_cells(3, 0, 20, 30)
    found = {
        (crossing(edges, 10), sum(a == c for a, _, c, _ in edges))
        for edges in (rulings.opened(cells, np.random.default_rng(seed)) for seed in range(40))
    }
    assert found == {(1, 4), (1, 0), (2, 0), (0, 4)}  # comb, lines to write on, rows, columns
