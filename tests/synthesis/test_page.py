import math
from itertools import pairwise

import cv2
import numpy as np
import pytest

from inkdigits.synthesis import synthetic_digits
from inkdigits.synthesis.page import Layout, SyntheticPage, synthetic_page


def clean_page(seed: int, **options: object) -> SyntheticPage:
    """Ink on paper, with nothing else on it."""
    settings = {"layout": "lines", "ruling": False, "photo": False, "digit_px": 40.0} | options
    return synthetic_page(np.random.default_rng(seed), **settings)  # type: ignore[arg-type]


def marked(page: SyntheticPage) -> np.ndarray:
    """Where the picture differs much from its paper."""
    grey = page.picture.astype(int)
    paper = np.median(grey.reshape(-1, 3), axis=0)
    off = np.abs(grey - paper).max(axis=2)
    return off > 0.4 * np.quantile(off, 0.998)


@pytest.fixture(scope="module")
def pool() -> tuple[np.ndarray, np.ndarray]:
    return synthetic_digits(200, seed=1)


class TestSyntheticPage:
    def test_same_state_same_page(self, pool: tuple[np.ndarray, np.ndarray]) -> None:
        for seed in range(4):
            first = synthetic_page(np.random.default_rng(seed), digits=pool, digit_px=20)
            again = synthetic_page(np.random.default_rng(seed), digits=pool, digit_px=20)
            assert np.array_equal(first.picture, again.picture)
            assert first.lines == again.lines
            assert first.boxes == again.boxes

    @pytest.mark.parametrize("seed", range(12))
    def test_a_page_and_its_truth(self, seed: int, pool: tuple[np.ndarray, np.ndarray]) -> None:
        page = synthetic_page(np.random.default_rng(seed), digits=pool if seed % 2 else None)
        height, width = page.picture.shape[:2]
        assert page.picture.shape == (height, width, 3)
        assert page.picture.dtype == np.uint8
        assert max(height, width) < 3000
        assert len(page.lines) == len(page.boxes) >= 1
        for line, boxes in zip(page.lines, page.boxes, strict=True):
            assert line.isdecimal()
            assert len(line) == len(boxes) >= 1
            middles = [box.x + box.width / 2 for box in boxes]
            assert middles == sorted(middles)
            for box in boxes:
                assert box.x >= 0
                assert box.y >= 0
                assert box.right <= width
                assert box.bottom <= height
                assert min(box.width, box.height) >= 1
        levels = [np.mean([box.y + box.height / 2 for box in boxes]) for boxes in page.boxes]
        assert levels == sorted(levels)

    @pytest.mark.parametrize("seed", range(5))
    def test_all_ink_lies_in_boxes_and_every_box_has_ink(self, seed: int) -> None:
        page = clean_page(seed)
        is_ink = marked(page)
        elsewhere = is_ink.copy()
        for box in (box for boxes in page.boxes for box in boxes):
            part = is_ink[box.y : box.bottom, box.x : box.right]
            assert part.mean() > 0.02
            rows, columns = np.flatnonzero(part.any(axis=1)), np.flatnonzero(part.any(axis=0))
            assert rows[0] <= 4
            assert rows[-1] >= box.height - 5
            assert columns[0] <= 4
            assert columns[-1] >= box.width - 5
            elsewhere[box.y - 1 : box.bottom + 1, box.x - 1 : box.right + 1] = False
        assert elsewhere.sum() < 10

    @pytest.mark.parametrize("seed", range(5))
    def test_digits_apart_are_marks_apart(self, seed: int) -> None:
        page = clean_page(seed, touching=0.0)
        marks = cv2.connectedComponentsWithStats(marked(page).astype(np.uint8))[2][1:]
        digits = sum(map(len, page.lines))
        large = (marks[:, cv2.CC_STAT_HEIGHT] > 20).sum()
        assert digits * 0.9 <= large <= digits * 1.3

    def test_touching_digits_make_fewer_marks(self) -> None:
        def marks_per_digit(touching: float) -> float:
            pages = [clean_page(seed, touching=touching) for seed in range(6)]
            marks = [
                cv2.connectedComponentsWithStats(marked(page).astype(np.uint8))[2][1:]
                for page in pages
            ]
            large = sum((each[:, cv2.CC_STAT_HEIGHT] > 20).sum() for each in marks)
            return float(large / sum(len(line) for page in pages for line in page.lines))

        assert marks_per_digit(1.0) < 0.5 * marks_per_digit(0.0)

    @pytest.mark.parametrize("pitch", [1.0, 1.2, 2.4])
    def test_lines_stand_as_far_apart_as_asked_for(self, pitch: float) -> None:
        feet = [
            [np.median([box.bottom for box in boxes]) for boxes in page.boxes]
            for page in (clean_page(seed, digit_px=40, pitch=pitch) for seed in range(8))
        ]
        steps = np.concatenate([np.diff(rows) for rows in feet])
        assert len(steps) > 8
        assert np.median(steps) == pytest.approx(40 * pitch, rel=0.08)

    @pytest.mark.parametrize("digit_px", [12.0, 40.0, 150.0])
    def test_digits_are_as_high_as_asked_for(self, digit_px: float) -> None:
        pages = [clean_page(seed, digit_px=digit_px) for seed in range(3)]
        heights = [box.height for page in pages for boxes in page.boxes for box in boxes]
        assert np.median(heights) == pytest.approx(digit_px, rel=0.2)

    def test_uneven_figures_are_of_different_heights_the_same_ones_all_over_a_page(self) -> None:
        def spread(uneven: float) -> tuple[float, float]:
            between, within = [], []
            for seed in range(8):
                page = clean_page(seed, uneven=uneven)
                heights: dict[str, list[float]] = {}
                for line, boxes in zip(page.lines, page.boxes, strict=True):
                    for value, box in zip(line, boxes, strict=True):
                        heights.setdefault(value, []).append(math.log(box.height))
                between.append(np.std([np.mean(found) for found in heights.values()]))
                within.append(np.mean([np.std(found) for found in heights.values()]))
            return float(np.mean(between)), float(np.mean(within))

        usual, uneven = spread(0.0), spread(0.25)
        assert uneven[0] > 0.15 > 2 * usual[0]
        assert uneven[1] == pytest.approx(usual[1], abs=0.03)

    def test_varied_rules_are_thin_and_thick(self) -> None:
        def shares(varied: bool) -> list[float]:
            """Of each page, how much of it is rules; the digits are the same."""
            found = []
            for seed in range(12):
                page = clean_page(seed, layout="table", varied=varied)
                found.append(float((marked(page) & (page.ink < 0.05)).mean()))
            return found

        usual, varied = shares(False), shares(True)
        assert np.std(varied) > 2 * np.std(usual)

    def test_varied_pages_are_turned_further(self) -> None:
        def turned_deg(varied: bool) -> list[float]:
            """Of each row of digits, by how much it climbs."""
            found = []
            for seed in range(20):
                page = clean_page(seed, layout="boxes", photo=True, digit_px=20, varied=varied)
                for boxes in (boxes for boxes in page.boxes if len(boxes) > 4):
                    x, y = np.array([[b.x + b.width / 2, b.y + b.height / 2] for b in boxes]).T
                    found.append(math.degrees(math.atan(np.polyfit(x, y, 1)[0])))
            return found

        assert max(np.abs(turned_deg(False))) < 9  # 5, and the camera stands aside
        assert 9 < max(np.abs(turned_deg(True))) < 20

    @pytest.mark.parametrize("layout", ["boxes", "table"])
    def test_so_many_cells_are_filled(self, layout: Layout) -> None:
        def rows(filled: float) -> list[list[int]]:
            """Of each page, how many digits stand in each row."""
            pages = (clean_page(s, layout=layout, filled=filled, digit_px=20) for s in range(12))
            return [list(map(len, page.lines)) for page in pages]

        full = rows(1.0)  # the same cells, whatever stands in them
        assert all(len(set(of_page)) == 1 for of_page in full)
        assert sum(map(sum, rows(0.4))) == pytest.approx(0.4 * sum(map(sum, full)), rel=0.15)
        assert rows(0.0) == [[1]] * 12  # no page is without a digit

    @pytest.mark.parametrize("layout", ["boxes", "table"])
    def test_cells_hold_a_digit_each(self, layout: Layout) -> None:
        page = clean_page(0, layout=layout)
        apart = [b.x - a.right for boxes in page.boxes for a, b in pairwise(boxes)]
        assert np.mean(np.array(apart) > 0) > 0.95

    def test_boxes_move_with_the_camera(self) -> None:
        # Dark ink on light paper is darkest within its boxes, wherever the camera stood.
        found = 0
        for seed in range(8):
            page = synthetic_page(
                np.random.default_rng(seed), layout="lines", ruling=False, shadow=False, digit_px=40
            )
            grey = page.picture.mean(axis=2)
            inside = np.zeros(grey.shape, bool)
            for box in (box for boxes in page.boxes for box in boxes):
                inside[box.y : box.bottom, box.x : box.right] = True
            ring = cv2.dilate(inside.astype(np.uint8), np.ones((9, 9))).astype(bool) & ~inside
            found += grey[inside].std() > 2 * grey[ring].std()
        assert found >= 7

    def test_shadow_darkens_a_part(self) -> None:
        def evenness(page: SyntheticPage) -> float:
            paper = cv2.resize(cv2.medianBlur(page.picture, 41), (8, 8)).mean(axis=2)
            return float(paper.min() / paper.max())

        lit = [evenness(clean_page(seed, shadow=False)) for seed in range(5)]
        dim = [evenness(clean_page(seed, shadow=True)) for seed in range(5)]
        assert np.mean(dim) < np.mean(lit) - 0.1

    def test_refuses_nonsense(self, pool: tuple[np.ndarray, np.ndarray]) -> None:
        rng = np.random.default_rng(0)
        with pytest.raises(ValueError, match="digit_px is 5"):
            synthetic_page(rng, digit_px=5)
        with pytest.raises(ValueError, match="touching is 2"):
            synthetic_page(rng, touching=2)
        with pytest.raises(ValueError, match="pitch is 3"):
            synthetic_page(rng, pitch=3)
        with pytest.raises(ValueError, match="strange is -1"):
            synthetic_page(rng, strange=-1)
        with pytest.raises(ValueError, match=r"uneven is 0\.9"):
            synthetic_page(rng, uneven=0.9)
        with pytest.raises(ValueError, match=r"filled is 1\.5"):
            synthetic_page(rng, filled=1.5)
        only = pool[1] == 4
        with pytest.raises(ValueError, match="no image of"):
            synthetic_page(rng, digits=(pool[0][only], pool[1][only]))

    @pytest.mark.parametrize("seed", range(6))
    def test_owners_stand_in_their_boxes(self, seed: int) -> None:
        page = synthetic_page(np.random.default_rng(seed))
        boxes = [box for line in page.boxes for box in line]
        assert page.owners.shape == page.picture.shape[:2]
        assert set(np.unique(page.owners)) <= set(range(len(boxes) + 1))
        for number, box in enumerate(boxes, start=1):
            rows, columns = np.nonzero(page.owners == number)
            assert len(rows)
            inside = (
                (rows >= box.y - 2)
                & (rows < box.bottom + 2)
                & (columns >= box.x - 2)
                & (columns < box.right + 2)
            )
            assert inside.mean() > 0.97

    @pytest.mark.parametrize("photo", [False, True])
    def test_ink_is_everything_written_and_nothing_printed(self, photo: bool) -> None:
        for seed in range(6):
            page = synthetic_page(
                np.random.default_rng(seed), layout="table", photo=photo, digit_px=30
            )
            assert page.ink.shape == page.picture.shape[:2]
            assert page.ink.dtype == np.float32
            is_digit = page.owners > 0
            assert np.mean(page.ink[is_digit] > 0.05) > 0.95
            near = cv2.dilate(is_digit.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
            assert not page.ink[~near].any()

    def test_what_is_strange_is_on_the_page_but_not_in_its_lines(self) -> None:
        num_strange = 0
        for seed in range(8):
            page = clean_page(seed, strange=0.6)
            assert all(line.isdecimal() for line in page.lines)  # a line of words alone is none
            assert [len(line) for line in page.lines] == [len(boxes) for boxes in page.boxes]
            num_digits = len("".join(page.lines))
            assert set(np.unique(page.owners)) <= set(range(num_digits + 1))
            far = cv2.dilate((page.owners > 0).astype(np.uint8), np.ones((5, 5))) == 0
            num_strange += int((marked(page) & far).sum())
        assert num_strange > 2000

    def test_strange_things_only_is_a_page_without_lines(self) -> None:
        alone = next(
            page for seed in range(50) if not (page := clean_page(seed, strange=1.0)).lines
        )
        assert alone.boxes == ()
        assert not alone.owners.any()
        assert marked(alone).sum() > 100
