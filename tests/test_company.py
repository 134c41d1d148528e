"""What a digit is worth beside others: between letters nothing, and a 1 may be a slash."""

from dataclasses import replace

import numpy as np
import pytest

from inkdigits.company import in_company
from inkdigits.reading import Box, Digit, Status

OK, REVIEW, REJECT = Status.OK, Status.REVIEW, Status.REJECT


def line_of(*statuses: Status, value: str = "4") -> list[Digit]:
    return [
        Digit(value, 0.99, status, Box(12 * index, 0, 10, 20))
        for index, status in enumerate(statuses)
    ]


def read(lines: list[list[Digit]], letter: float = 0.0, **given: bool) -> list[list[Digit]]:
    return in_company(lines, [np.full(len(line), letter) for line in lines], **given)


def test_what_is_written_stays_as_it_is():
    lines = [line_of(OK, REVIEW, OK, REJECT), line_of(REJECT, REJECT)]
    assert read(lines) == lines


def test_what_is_probably_a_letter_is_no_digit_and_what_may_be_one_not_sure():
    line = line_of(OK, OK, OK, REVIEW, REVIEW, REJECT)
    letters = np.array([0.01, 0.2, 0.95, 0.2, 0.95, 0.01])
    assert in_company([line], [letters]) == [line_of(OK, REVIEW, REJECT, REVIEW, REJECT, REJECT)]


def test_a_line_of_sure_digits_is_a_number_wherever_it_stands():
    number, other = line_of(OK, OK, OK), line_of(OK, OK, REVIEW)
    assert read([number, line_of(OK, OK)], 0.2) == [number, line_of(REVIEW, REVIEW)]
    assert read([other], 0.2) == [line_of(REVIEW, REVIEW, REVIEW)]
    assert read([number], 0.9) == [line_of(REJECT, REJECT, REJECT)]


def test_on_a_crowded_page_only_what_is_sure_is_a_digit():
    lines = [line_of(OK, OK, REVIEW), line_of(OK, REJECT)]
    assert read(lines, is_crowded=True) == [
        line_of(OK, OK, REJECT),
        line_of(OK, REJECT),
    ]
    foliage = line_of(OK, OK, OK)
    assert read([foliage], 0.2, is_crowded=True) == [line_of(REJECT, REJECT, REJECT)]
    fence = line_of(OK, REVIEW, value="1")
    assert read([fence], is_crowded=True) == [line_of(REJECT, REJECT, value="1")]


def test_bars_alone_are_no_sure_ones_unless_somebody_says_so():
    bars, mark = line_of(OK, OK, value="1"), line_of(REJECT)[0]
    doubted = line_of(REVIEW, REVIEW, value="1")
    assert read([bars, bars, [*bars, *bars, mark]])[0] == doubted
    assert read([bars], are_digits=True) == [bars]
    another = line_of(OK)
    assert read([bars, another]) == [bars, another]


def test_nor_are_rings_alone_sure_zeros():
    def zero(width: int, status: Status) -> list[Digit]:
        return [Digit("0", 0.99, status, Box(40, 0, width, 40))]

    bar = line_of(OK, value="1")
    for ring in (38, 42):
        assert read([zero(ring, OK)]) == [zero(ring, REVIEW)]
        assert read([zero(ring, OK), bar])[0] == zero(ring, REVIEW)
        assert read([zero(ring, OK)], are_digits=True) == [zero(ring, OK)]
        assert read([zero(ring, OK), line_of(OK)])[0] == zero(ring, OK)
    assert read([zero(28, OK), bar]) == [zero(28, OK), bar]  # an oval is written


def test_where_nothing_is_sure_and_most_marks_are_none_nothing_is_a_digit():
    """Bars and corners are in any photograph; it holds more that is nobody's digit."""
    bars, strange = line_of(OK, REVIEW, value="1"), line_of(*[REJECT] * 4)
    assert read([bars, strange]) == [line_of(REJECT, REJECT, value="1"), strange]
    assert read([line_of(REVIEW, REVIEW), strange])[0] == line_of(REJECT, REJECT)
    assert read([line_of(REVIEW, REVIEW, REVIEW), strange])[0] == line_of(REVIEW, REVIEW, REVIEW)
    assert read([line_of(REVIEW), strange[:3]])[0] == line_of(REVIEW)  # a 4 and a few specks
    assert read([line_of(OK), line_of(REVIEW), strange])[1] == line_of(REVIEW)
    assert read([bars, strange], are_digits=True) == [bars, strange]


@pytest.mark.parametrize(
    ("value", "height", "expected"),
    [
        *[("0", 9, REVIEW), ("1", 12, REVIEW), ("0", 11, OK), ("1", 14, OK), ("7", 9, OK)],
        *[("0", 37, REVIEW), ("1", 37, REVIEW), ("0", 35, OK), ("7", 37, OK)],
    ],
)
def test_a_0_or_1_of_another_size_than_others_may_be_a_sign(value, height, expected):
    """As the rings of a %, or of a cup, or the ticks of a form; on whatever line it stands."""
    small = Digit(value, 0.99, OK, Box(40, 0, height - 2, height))
    line = line_of(OK, OK)
    for lines in ([[*line, small]], [line, [small]]):
        assert read(lines)[-1][-1] == replace(small, status=expected)
    assert read([line, [small]], are_digits=True) == [line, [small]]


@pytest.mark.parametrize(
    ("value", "height", "status", "space", "expected"),
    [
        ("0", 30, REJECT, 2, REVIEW),
        ("0", 20, REJECT, 2, OK),  # as high as it
        ("0", 30, REVIEW, 2, OK),  # a digit
        ("0", 30, REJECT, 12, OK),  # far away
        ("6", 30, REJECT, 2, OK),
    ],
)
def test_a_0_behind_a_capital_may_be_an_o(value, height, status, space, expected):
    capital = Digit("0", 0.1, status, Box(0, 20 - height, 20, height))
    small = Digit(value, 0.99, OK, Box(20 + space, 0, 14, 20))
    others = [replace(digit, box=Box(60 + x, 0, 10, 20)) for x, digit in enumerate(line_of(OK, OK))]
    (found,) = read([[capital, small, *others]])
    assert found[1] == replace(small, status=expected)


@pytest.mark.parametrize(
    ("top", "bottom", "expected"),
    [(-4, 24, REVIEW), (-4, 20, OK), (0, 24, OK), (1, 19, OK)],
)
def test_a_1_that_reaches_beyond_its_neighbours_may_be_a_slash(top, bottom, expected):
    """As in 12/34, not as in 12134, nor as in 12|134 with a long foot or head."""
    line = line_of(OK, OK, OK, OK, OK)
    line[2] = replace(line[2], value="1", box=Box(26, top, 6, bottom - top))
    (found,) = read([line])
    assert [digit.status for digit in found] == [OK, OK, expected, OK, OK]
    assert read([line], are_digits=True) == [line]
    assert read([line[::-1]])[0] == found[::-1]


def test_a_long_1_at_the_end_or_far_from_others_is_no_slash():
    long = Digit("1", 0.99, OK, Box(60, -4, 6, 28))
    for line in ([*line_of(OK, OK), long], [*line_of(OK), long, line_of(*[OK] * 12)[11]]):
        assert read([line]) == [line]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ("121412026", {2, 4}),  # 12/4/2026
        ("1210412024", {2, 5}),
        ("311126", {1, 3}),
        ("3011112", {2, 4}),  # 30/1/12, but not 30 1/1 12
        ("4012026", set()),  # no second slash
        ("451412026", set()),  # a 45th
        ("131141261", set()),  # a 13th and a 14th, and then three digits
        ("1411326", set()),
    ],
)
def test_leaning_1s_that_make_a_date_may_be_slashes(values, expected):
    line = [
        Digit(value, 0.99, OK, Box(14 * place, 0, 10, 20)) for place, value in enumerate(values)
    ]
    (found,) = read([line])
    assert {at for at, digit in enumerate(found) if digit.status is REVIEW} == expected
    assert read([line], are_digits=True) == [line]
    upright = [replace(digit, box=digit.box._replace(width=5)) for digit in line]
    assert read([upright]) == [upright]
    apart = [
        replace(digit, box=digit.box._replace(x=digit.box.x + 40 * (place > 1)))
        for place, digit in enumerate(line)
    ]
    assert read([apart]) == [apart]


def test_a_date_stands_among_other_words():
    words = [
        Digit(value, 0.99, OK, Box(14 * place + 40 * (place > 3), 0, 10, 20))
        for place, value in enumerate("4071311126")
    ]
    (found,) = read([words])
    assert [at for at, digit in enumerate(found) if digit.status is REVIEW] == [5, 7]


@pytest.mark.parametrize(
    ("piece", "beside", "expected"),
    [
        (Box(11, 24, 12, 9), None, REVIEW),  # the foot of a 3 whose pen skipped
        (Box(11, -9, 12, 6), None, REVIEW),
        (Box(11, 24, 12, 9), Box(20, 26, 8, 7), REVIEW),  # in two pieces
        (Box(11, 24, 12, 9), Box(32, 24, 12, 9), OK),  # letters below it
        (Box(11, 30, 12, 9), None, OK),  # too far away,
        (Box(11, 24, 12, 3), None, OK),  # too low,
        (Box(2, 24, 40, 9), None, OK),  # too wide,
        (Box(20, 24, 12, 9), None, OK),  # or beside it
    ],
)
def test_a_digit_beside_what_may_be_a_piece_of_it_is_not_sure(piece, beside, expected):
    digit = Digit("2", 0.99, OK, Box(12, 0, 10, 20))
    others = [Digit("9", 0.01, REJECT, box) for box in (piece, beside) if box]
    (line, rest) = read([[digit], others])
    assert [one.status for one in line] == [expected]
    assert rest == others


def test_an_empty_page_stays_empty():
    assert read([]) == []


def test_what_is_left_out_is_not_for_the_dial_to_say():
    strange = line_of(REJECT, REJECT, REJECT, REJECT)
    strict, loose, usual = line_of(REVIEW, REVIEW), line_of(OK, OK), line_of(OK, REVIEW)
    nothing = np.zeros(6)

    def first(by_dial: list[Digit], at_usual: list[Digit], **given: bool) -> list[Digit]:
        lines = [[*by_dial, *strange]]
        return in_company(lines, [nothing], usual=[[*at_usual, *strange]], **given)[0][:2]

    assert first(strict, usual) == strict
    assert first(strict, strict) == line_of(REJECT, REJECT)
    assert first(loose, strict) == line_of(REJECT, REJECT)
    assert first(strict, usual, is_crowded=True) == line_of(REVIEW, REJECT)
    assert first(loose, usual, is_crowded=True) == line_of(OK, REJECT)
