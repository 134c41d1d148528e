"""How people write each digit: the strokes, before a hand varies them.

A skeleton is written down as text: strokes apart by ``/``, points apart by spaces, each point
``x,y`` in percent of a square box, y downwards. The curve runs through every point smoothly, except
where a ``!`` marks a corner. Widths are natural: a digit is about as wide, against its height,
as people write it.
"""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_STEP = 0.035  # of the box's side, between samples of a curve
_SOFT_SAMPLES = 2.2  # standard deviation of the smoothing that rounds a corner off


class Skeleton:
    """One way of writing a digit, compiled so that a variation of it costs one matrix product.

    A spline is linear in its control points: ``curve = basis @ control``. Two bases are kept,
    with corners as drawn and with corners rounded off; a hand blends them.

    Args:
        name: what it is called; unique in its class.
        text: its strokes, as this module's head describes.
        weight: how often it is chosen, against the others of its class.
        give: share of a hand's slant, stretch and rounding that it takes. Below 1 where they could
            make another digit of it, as of a long-serifed 1 a 7.
        widest_pen: share of the height; a small loop would close under a wider one.
    """

    def __init__(
        self,
        name: str,
        text: str,
        weight: float = 1.0,
        *,
        give: float = 1.0,
        widest_pen: float = 1.0,
    ) -> None:
        self.name, self.weight, self.give, self.widest_pen = name, weight, give, widest_pen
        parsed = [_parse(stroke) for stroke in text.split("/")]
        self.strokes: list[Array] = [points for points, _ in parsed]  # (n, 2) each
        self.control: Array = np.concatenate(self.strokes)  # (controls, 2)
        counts = np.array([len(points) for points in self.strokes])
        self.owner = np.repeat(np.arange(len(counts)), counts)  # (controls,) which stroke
        self.first, self.last = np.cumsum(counts) - counts, np.cumsum(counts) - 1  # (strokes,)

        bases = [_spline_basis(points, corners) for points, corners in parsed]
        self.sharp = _block_diagonal(bases)  # (samples, controls)
        self.soft = _block_diagonal([_smoothing(len(basis)) @ basis for basis in bases])
        self.splits: list[int] = np.cumsum([len(b) for b in bases]).tolist()  # ends of strokes
        lengths = [_lengths(b @ points) for b, points in zip(bases, self.strokes, strict=True)]
        self.from_start: Array = np.concatenate(lengths)  # (samples,) along the stroke
        self.to_end: Array = np.concatenate([length[-1] - length for length in lengths])

    def __repr__(self) -> str:
        return f"Skeleton({self.name!r})"


def _parse(stroke: str) -> tuple[Array, list[int]]:
    words = stroke.split()
    points = np.array([word.rstrip("!").split(",") for word in words], np.float64) / 100
    return points, [k for k, word in enumerate(words) if word.endswith("!")]


def _spline_basis(points: Array, corners: list[int]) -> Array:
    """Matrix (samples, n) from n control points to the centripetal Catmull-Rom curve."""
    n = len(points)
    breaks = [0, *(k for k in corners if 0 < k < n - 1), n - 1]
    segments = [
        _segment_basis(points, k, before=k > first, after=k + 1 < last)
        for first, last in pairwise(breaks)
        for k in range(first, last)
    ]
    return np.concatenate([np.eye(n)[:1], *segments])


def _segment_basis(points: Array, k: int, *, before: bool, after: bool) -> Array:
    unit = np.eye(len(points))
    # Beyond an end or a corner the curve goes on straight: its neighbour there is a mirror image.
    p1, p2 = unit[k], unit[k + 1]
    p0 = unit[k - 1] if before else 2 * p1 - p2
    p3 = unit[k + 2] if after else 2 * p2 - p1
    hops = np.stack((p1 - p0, p2 - p1, p3 - p2)) @ points  # (3, 2)
    t0, t1, t2, t3 = np.cumsum([0.0, *np.sqrt(np.linalg.norm(hops, axis=1))])
    count = max(2, int(np.ceil(np.linalg.norm(points[k + 1] - points[k]) / _STEP)))
    t = np.linspace(t1, t2, count + 1)[1:, None]
    a1 = ((t1 - t) * p0 + (t - t0) * p1) / (t1 - t0)
    a2 = ((t2 - t) * p1 + (t - t1) * p2) / (t2 - t1)
    a3 = ((t3 - t) * p2 + (t - t2) * p3) / (t3 - t2)
    b1 = ((t2 - t) * a1 + (t - t0) * a2) / (t2 - t0)
    b2 = ((t3 - t) * a2 + (t - t1) * a3) / (t3 - t1)
    curve: Array = ((t2 - t) * b1 + (t - t1) * b2) / (t2 - t1)
    return curve  # (count, n)


def _smoothing(samples: int) -> Array:
    """Matrix (samples, samples) of a Gaussian mean that leaves the two end points alone."""
    index = np.arange(samples)
    # The kernel narrows towards the ends, so that a stroke keeps its length.
    sigma = np.minimum(_SOFT_SAMPLES, 0.5 * np.minimum(index, samples - 1 - index) + 1e-3)[:, None]
    kernel = np.exp(-0.5 * ((index[:, None] - index) / sigma) ** 2)
    smoothing: Array = kernel / kernel.sum(axis=1, keepdims=True)
    return smoothing


def _lengths(curve: Array) -> Array:
    return np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(curve, axis=0), axis=1))])


def _block_diagonal(blocks: list[Array]) -> Array:
    whole = np.zeros((sum(b.shape[0] for b in blocks), sum(b.shape[1] for b in blocks)))
    row = column = 0
    for block in blocks:
        whole[row : row + block.shape[0], column : column + block.shape[1]] = block
        row, column = row + block.shape[0], column + block.shape[1]
    return whole


SKELETONS: tuple[tuple[Skeleton, ...], ...] = (
    (  # 0
        Skeleton("round", "54,1 28,10 14,34 14,64 28,90 50,100 74,88 86,62 84,34 70,8 50,0", 3),
        Skeleton("clockwise", "46,2 70,8 84,34 84,66 68,94 46,99 24,86 14,58 18,28 34,6 54,1"),
        Skeleton("narrow", "56,0 36,14 26,48 32,86 50,100 68,84 74,46 66,12 52,1", 2),
        Skeleton("wide", "52,10 22,18 6,42 8,70 30,88 56,90 84,76 95,50 84,24 60,11 48,11", 1.2),
        Skeleton("open_top", "46,3 25,20 14,52 24,86 50,100 76,84 86,50 78,18 59,3"),
        Skeleton("overlap", "70,10 46,2 22,20 13,54 26,90 52,100 78,82 87,46 74,14 52,4 36,14"),
        Skeleton("tail", "34,16 44,4 28,18 14,50 24,86 50,100 76,82 86,46 74,12 52,2 40,5"),
        Skeleton("inner_end", "60,4 36,5 17,28 13,62 31,94 57,98 81,77 86,41 69,13 48,13 38,32"),
        Skeleton("flag", "82,2 56,2 28,16 14,50 26,88 54,100 80,78 84,42 70,12 52,4", 0.6),
    ),
    (  # 1
        Skeleton("stick", "50,0 50,50 50,100", 4),
        Skeleton("flag", "34,17 54,0! 54,50 54,100", 1.6, give=0.7),
        Skeleton("curved_flag", "34,26 46,16 54,0! 54,50 54,100", give=0.5),
        Skeleton("european", "24,40 58,0! 58,50 58,100", 1.8, give=0.5),
        Skeleton("european_steep", "32,58 58,0! 57,50 56,100", 1.8, give=0.5),
        Skeleton("european_curved", "26,46 42,28 56,0! 55,50 54,100", give=0.5),
        Skeleton(
            "flag_foot",
            "32,20 52,0! 52,50 52,100 / 26,100 52,100 78,99",
            1.2,
            give=0.4,
            widest_pen=0.17,
        ),
        Skeleton("european_foot", "26,38 56,0! 56,50 56,100 / 32,100 56,100 80,99", 0.6, give=0.5),
        Skeleton("stick_foot", "50,0 50,50 50,100 / 26,100 50,100 74,99", 0.3),
        Skeleton(
            "wide_foot",
            "34,16 54,0! 52,50 50,98 / 8,98 50,98 94,96",
            0.6,
            give=0.4,
            widest_pen=0.17,
        ),
    ),
    (  # 2
        Skeleton("plain", "16,26 26,8 48,0 72,9 78,30 66,54 40,78 12,98! 50,97 88,96", 3),
        Skeleton(
            "looped",
            "16,24 30,6 54,0 76,12 77,34 60,62 36,86 16,95 10,86 22,77 44,88 66,98 90,92",
            2,
        ),
        Skeleton(
            "big_loop",
            "20,16 40,2 64,2 76,20 70,46 52,72 28,92 8,88 8,70 28,62 50,76 70,92 94,90",
            2,
        ),
        Skeleton("wavy_base", "14,24 28,6 52,0 74,12 74,36 52,66 14,97! 34,90 62,98 90,90", 2),
        Skeleton("z_like", "14,14 44,3 78,7 76,28 46,66 12,98! 50,97 88,95", 1.2),
        Skeleton("curled", "30,36 18,28 26,8 52,0 76,14 76,36 54,66 14,98! 50,96 86,97"),
        Skeleton("round_base", "16,22 34,3 60,3 76,22 68,48 40,76 22,92 30,99 58,97 86,95"),
        Skeleton("short_base", "18,20 36,3 60,3 74,20 68,46 48,74 24,98! 46,95 70,97", 1.2),
        Skeleton("low_wide", "14,34 30,12 54,10 66,28 52,54 28,74 6,88! 50,84 104,82"),
        Skeleton("long_stem", "26,14 44,0 64,6 66,28 56,58 40,80 22,92 18,82 36,80 58,94 76,92"),
        Skeleton(
            "steep_loop", "28,12 50,0 66,14 64,44 52,76 30,97 12,88 20,72 44,78 66,94 86,84", 1.5
        ),
        Skeleton("small_head", "36,14 50,1 64,10 60,34 46,66 28,96! 54,95 86,91", 1.2),
        Skeleton("flat_head", "14,12 44,5 74,8 66,36 42,70 24,92! 48,91 74,97"),
        Skeleton("low_loop", "8,38 30,18 54,20 58,42 38,70 14,84 8,74 30,69 62,82 100,76"),
        Skeleton(
            "round_stem", "22,18 44,2 66,12 74,42 62,76 38,98 14,92 12,73 34,63 56,74 72,91 92,96"
        ),
    ),
    (  # 3
        Skeleton("round", "18,12 44,0 72,8 76,28 60,43 40,47! 68,52 84,72 72,94 44,100 14,88", 3),
        Skeleton("flat_top", "16,4 48,4 80,3! 62,22 42,41! 68,46 84,68 72,92 44,100 14,90", 1.2),
        Skeleton(
            "mid_loop", "18,12 46,0 72,10 70,32 50,47 38,50 42,43 66,50 82,72 68,96 40,100 14,88"
        ),
        Skeleton("shallow", "20,8 48,0 72,10 72,32 52,46! 76,56 82,80 60,99 34,99 14,90", 2),
        Skeleton("big_bottom", "24,8 48,0 66,10 66,26 44,38! 74,46 86,68 76,92 46,100 14,86"),
        Skeleton("big_top", "14,14 42,0 74,6 82,28 64,50 42,58! 66,62 76,78 64,96 38,100 14,94"),
        Skeleton("smooth", "26,6 50,0 70,12 68,32 54,44 58,54 72,68 66,90 44,100 22,96", 1.3),
        Skeleton(
            "curled", "26,22 20,12 44,0 74,8 74,30 48,45! 74,54 84,74 66,97 34,98 18,84 26,76"
        ),
        Skeleton("short_end", "22,10 46,0 70,10 66,30 44,44! 70,55 76,80 52,99", 1.2),
        Skeleton("long_tail", "26,12 50,0 72,12 64,34 44,44! 68,52 74,74 54,92 24,100 0,94"),
    ),
    (  # 4
        Skeleton("open", "26,2 20,30 14,57! 50,57 88,55 / 68,14 66,50 63,100", 2),
        Skeleton("open_round", "22,4 15,34 22,54 50,57 82,48 / 76,3 72,40 65,100", 2),
        Skeleton("closed", "62,0 36,34 8,68! 50,67 94,66 / 64,2 64,50 64,100", 1.5),
        Skeleton("one_stroke", "64,100 64,50 64,0! 36,36 8,68! 50,68 92,67", 0.7),
        Skeleton("separate_bar", "56,0 36,28 12,60! 50,62 90,60 / 66,36 64,70 62,100"),
        Skeleton("lightning", "46,0 30,26 14,56! 48,54 84,50 / 66,28 58,64 48,100"),
        Skeleton("cursive", "22,4 16,32 24,50 48,51 68,36 76,4! 70,50 62,100"),
        Skeleton("low_bar", "20,4 16,40 14,72! 46,72 84,70 / 70,0 68,50 66,100", 0.8),
        Skeleton("tall_stem", "36,24 24,44 12,62! 50,60 88,56 / 74,0 62,50 48,100"),
        Skeleton("looped", "30,2 20,30 16,54 36,58 60,44 76,22 80,8 74,20 66,60 58,100", 0.6),
    ),
    (  # 5
        Skeleton(
            "bar", "28,4 24,22 22,44! 48,37 74,46 82,68 70,92 42,100 14,91 / 28,4 54,4 84,2", 2
        ),
        Skeleton(
            "one_stroke", "82,3 54,3 28,5! 24,24 22,44! 48,38 74,48 80,72 64,95 38,100 14,92", 2
        ),
        Skeleton(
            "loose_bar", "30,10 26,26 22,44! 48,38 74,50 80,72 64,95 38,100 14,92 / 34,5 60,3 88,0"
        ),
        Skeleton("s_like", "84,3 58,3 36,12 28,32 44,43 66,52 78,72 64,96 38,100 14,92"),
        Skeleton("slanted", "88,4 64,3 40,5! 34,24 26,42 48,41 68,52 70,76 50,97 26,100 8,92", 1.2),
        Skeleton(
            "long_bar", "100,0 68,6 40,12! 32,30 24,46 44,44 60,56 62,76 44,96 24,100 4,92", 1.6
        ),
        Skeleton(
            "curled", "80,3 54,4 30,6! 26,24 24,42! 50,36 76,48 84,72 68,97 38,100 14,88 14,76"
        ),
        Skeleton("tall_back", "80,2 54,4 30,6! 26,34 24,58! 46,50 70,58 78,76 62,97 38,100 14,94"),
        Skeleton("short_back", "78,4 52,3 26,5! 24,18 22,32! 50,26 78,38 86,62 70,92 40,100 10,90"),
        Skeleton("round_back", "82,6 56,10 34,10 24,26 34,40 58,40 76,54 78,76 58,97 32,100 12,88"),
        Skeleton(
            "closing", "78,4 54,5 34,7! 28,24 24,44! 52,36 80,54 74,82 46,96 22,88 22,74", 1.3
        ),
        Skeleton("raised_bar", "72,0 48,10 30,18! 29,40 24,56! 46,46 70,56 74,76 52,98 24,98 8,86"),
    ),
    (  # 6
        Skeleton("straight_back", "64,0 44,24 26,52 20,78 36,98 58,98 74,80 66,62 46,58 26,72", 2),
        Skeleton("curly", "76,8 56,1 32,18 18,48 18,78 36,98 62,98 80,78 70,56 46,52 22,70", 1.5),
        Skeleton("big_loop", "60,0 36,20 18,48 14,74 32,98 60,99 84,78 76,52 52,44 22,62", 1.5),
        Skeleton(
            "small_loop",
            "62,0 44,24 30,52 24,82 40,99 58,95 66,80 54,68 38,74 27,86",
            widest_pen=0.15,
        ),
        Skeleton(
            "spiral", "66,2 42,18 22,46 17,76 34,98 60,96 72,78 58,62 38,68 34,80", widest_pen=0.16
        ),
        Skeleton("upright", "30,0 24,30 20,62 22,88 42,100 68,94 80,74 66,58 42,60 22,76", 1.4),
        Skeleton(
            "wide_loop", "50,2 34,26 20,52 16,78 34,94 64,96 96,78 94,58 70,54 42,66 20,84", 1.2
        ),
        Skeleton("crossed", "66,0 42,26 24,54 22,84 44,100 68,86 72,64 52,54 28,64 8,78"),
        Skeleton("curl_in", "34,0 18,34 16,72 36,97 64,92 82,66 74,46 54,50 42,68 44,90", 1.4),
        Skeleton("curl_in_slanted", "62,0 34,36 14,72 30,96 60,92 86,68 80,50 60,55 44,72 48,92"),
        Skeleton("low_wide", "22,10 10,44 16,76 42,96 74,90 94,68 84,48 62,50 54,68 66,80", 0.8),
        Skeleton("tiny_loop", "60,0 46,28 34,60 34,90 50,100 64,86 56,70 38,78", widest_pen=0.12),
    ),
    (  # 7
        Skeleton("plain", "14,7 50,6 86,4! 68,34 52,66 42,100", 2.5),
        Skeleton("bar", "14,7 50,6 86,4! 68,34 52,66 42,100 / 34,54 58,52 84,49", 2),
        Skeleton("serif", "16,24 16,5! 50,5 86,4! 66,36 52,66 43,100", 1.2),
        Skeleton("serif_bar", "16,24 16,6! 50,5 86,4! 66,36 52,66 43,100 / 32,53 56,51 82,50"),
        Skeleton("curved", "14,9 48,6 84,5! 62,32 50,64 48,100"),
        Skeleton("rounded", "14,14 34,5 62,4 80,12 74,36 54,68 42,100"),
        Skeleton("wavy_top", "12,18 30,3 56,10 87,3! 68,36 54,68 46,100"),
        Skeleton("curved_bar", "14,9 48,6 84,5! 62,34 50,64 46,100 / 32,50 56,50 80,49", 0.7),
        Skeleton("upright", "14,8 46,6 78,5! 76,36 73,68 70,100"),
        Skeleton("upright_serif", "16,34 20,8! 48,7 76,5! 74,36 70,68 66,100", 0.7),
        Skeleton("upright_bar", "16,8 48,6 78,5! 74,36 68,68 64,100 / 46,52 70,50 94,48", 0.6),
        Skeleton("sagging", "16,10 34,20 56,18 84,3! 66,36 50,68 40,100", 0.8),
        Skeleton("long_serif", "12,44 18,8! 50,8 84,4! 68,40 52,70 44,100", 0.8),
        Skeleton("rising", "8,20 44,11 82,2! 64,36 50,68 42,100", 0.8),
        Skeleton("arched", "14,26 26,11 52,4 76,10 76,30 62,60 54,100", 0.7),
        Skeleton("narrow_serif", "22,40 27,6! 52,7 76,4! 68,40 58,70 52,100"),
    ),
    (  # 8
        Skeleton(
            "figure",
            "74,14 52,1 28,10 28,32 50,47 74,62 80,82 52,100 24,88 24,66 48,49 68,34 75,13",
            3,
        ),
        Skeleton(
            "circles",
            "50,46 28,37 26,14 50,1 74,14 72,36 50,46 / 50,47 24,58 18,82 50,100 82,82 76,58 50,47",
            1.2,
        ),
        Skeleton(
            "open_top", "68,4 42,3 27,20 38,40 62,54 76,76 58,98 32,96 24,74 44,52 66,34 80,10", 1.4
        ),
        Skeleton(
            "from_middle",
            "50,48 72,36 74,12 50,0 27,12 29,34 52,50 78,68 72,94 46,100 22,86 28,62 52,46",
        ),
        Skeleton(
            "lazy", "80,10 58,1 36,10 32,30 50,46 66,62 66,86 46,100 24,92 22,72 44,50 66,32 82,12"
        ),
        Skeleton(
            "big_top",
            "82,12 58,0 26,6 18,28 38,46 58,62 64,84 50,100 34,90 34,72 52,54 74,36 82,10",
            1.4,
        ),
        Skeleton(
            "flag",
            "92,8 62,4 34,8 26,24 42,42 60,58 66,82 50,100 32,90 32,70 50,52 70,32 84,4",
            1.4,
        ),
        Skeleton(
            "angular", "74,12 50,4 28,10 34,30 54,50 76,74 64,98 30,98 22,84! 46,56 64,36 76,12", 1
        ),
        Skeleton(
            "gap_top",
            "70,16 50,6 30,14 32,32 52,48 70,66 66,92 42,100 24,84 34,66 54,50 76,30 92,8",
        ),
        Skeleton(
            "small_bottom",
            "76,14 54,0 26,8 18,28 36,48 54,60 62,78 56,95 44,99 36,88 42,72 58,56 76,36 80,14",
            widest_pen=0.13,
        ),
        Skeleton(
            "from_bottom", "44,100 22,86 36,62 64,38 72,14 52,0 30,12 36,34 60,58 70,82 52,98 36,94"
        ),
        Skeleton(
            "s_open", "86,11 60,2 34,12 34,32 56,46 66,66 50,92 30,99 18,86 28,66 54,50 82,27", 1.2
        ),
    ),
    (  # 9
        Skeleton("straight", "76,18 56,2 30,8 20,30 34,48 58,44 76,16! 75,58 73,100", 2),
        Skeleton("curved", "76,16 52,1 28,10 22,34 42,49 66,38 77,14 78,46 68,78 40,100", 1.5),
        Skeleton("hooked", "78,18 56,2 30,8 20,30 36,48 62,42 79,16 79,56 74,86 50,100 22,92", 1.2),
        Skeleton("slanted", "80,14 56,1 30,12 22,36 40,50 64,38 80,12 66,54 50,100", 2),
        Skeleton("ball_and_stick", "74,18 52,3 26,12 22,38 48,50 74,30 76,12 / 78,4 76,52 73,100"),
        Skeleton(
            "small_loop",
            "74,14 56,1 36,8 32,26 50,34 68,24 75,10 72,50 62,100",
            1.2,
            widest_pen=0.14,
        ),
        Skeleton("big_loop", "84,22 62,2 30,6 12,34 26,60 54,58 78,30 84,12 80,58 72,100"),
        Skeleton("open_head", "78,4 50,3 28,14 24,36 44,46 64,34 76,8 70,52 58,100", 1.2),
        Skeleton("flat_head", "88,10 64,4 34,14 16,34 34,46 62,38 84,12 66,54 50,100"),
        Skeleton("stem_first", "70,100 74,56 76,20 60,2 34,6 22,28 34,48 58,46 75,28", 0.8),
        Skeleton("wide_head", "78,20 50,6 18,26 12,52 34,64 60,52 78,22! 80,60 84,100", 1.4),
        Skeleton(
            "tiny_head", "70,12 54,0 36,8 34,26 52,32 70,14 62,52 50,100", 1.2, widest_pen=0.13
        ),
        Skeleton("sharp_open", "84,4 56,5 32,17 27,34 46,43 72,28! 64,64 48,100", 0.5),
    ),
)
"""SKELETONS[digit] holds the ways of writing that digit."""
