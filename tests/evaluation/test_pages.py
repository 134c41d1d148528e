"""What whole pages are scored by, against counts made by hand and a slow, plain reference."""

import json
import math
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inkdigits.errors import CorruptDataError, MissingDataError
from inkdigits.evaluation.pages import (
    PageMetrics,
    figures,
    load_labels,
    measure_page,
    stands_for,
    total,
)


def read(*lines):
    """Lines such as ``"40 7? 1x"``: ok, review with ?, rejected with x."""
    statuses = {"?": "review", "x": "reject"}
    found = []
    for line in lines:
        digits = []
        for symbol in line.replace(" ", ""):
            if symbol in statuses:
                digits[-1] = (digits[-1][0], statuses[symbol])
            else:
                digits.append((symbol, "ok"))
        found.append(digits)
    return found


@pytest.mark.parametrize(
    ("true", "lines", "counts"),
    [
        pytest.param(
            ["4071", "23"],
            ["4071", "23"],
            {"pages_right": 1, "lines_right": 2, "edits": 0, "answered": 6, "ok": 6},
            id="exact",
        ),
        pytest.param(
            ["4071", "23"],
            ["4071 23"],
            {"pages_right": 0, "lines_right": 0, "edits": 0, "answered": 6, "ok": 6},
            id="a line break is no symbol",
        ),
        pytest.param(
            ["4071", "23"],
            ["4071", "9x", "23"],
            {"pages_right": 1, "lines_right": 2, "edits": 0, "answered": 6, "ok": 6},
            id="a line of rejected ink is not there",
        ),
        pytest.param(
            ["4071", "23"],
            ["4?071", "9", "23"],
            {
                "pages_right": 0,
                "lines_right": 2,
                "edits": 1,
                "answered": 5,
                "ok": 6,
                "ok_wrong": 1,
            },
            id="a line too many spoils no other",
        ),
        pytest.param(
            ["4071", "23"],
            ["23", "4071"],
            {"pages_right": 0, "lines_right": 1, "edits": 4, "answered": 4, "ok": 6, "ok_wrong": 2},
            id="lines in the wrong order",
        ),
        pytest.param(
            ["4071", "23"],
            ["40 8? 1", "2x 3"],
            {"pages_right": 0, "lines_right": 0, "edits": 2, "answered": 4, "ok": 4},
            id="changed unsurely, and rejected",
        ),
        pytest.param(
            ["111"],
            ["7", "111"],
            {"pages_right": 0, "lines_right": 1, "edits": 1, "answered": 3, "ok": 4, "ok_wrong": 1},
            id="invented",
        ),
        pytest.param(["4071", "23"], [], {"edits": 6}, id="nothing read"),
    ],
)
def test_counts_made_by_hand(true, lines, counts):
    whole = {"pages": 1, "lines": len(true), "digits": len("".join(true))}
    assert measure_page(true, read(*lines)) == PageMetrics(**(whole | counts))


@pytest.mark.parametrize(
    ("lines", "counts"),
    [
        ([], {"empty_right": 1, "empty_right_ok": 1}),
        (["7x"], {"empty_right": 1, "empty_right_ok": 1}),
        (["7?", "1x"], {"empty_right_ok": 1, "invented": 1}),
        (["7? 1", "3"], {"invented": 3, "invented_ok": 2}),
    ],
)
def test_a_page_without_digits(lines, counts):
    assert measure_page([], read(*lines)) == PageMetrics(empty_pages=1, **counts)


def test_a_page_that_cannot_be_opened_is_missed_whole_and_never_right():
    with_digits, without = measure_page(["407", "1"], None), measure_page([], None)
    assert with_digits == PageMetrics(pages=1, lines=2, digits=4, edits=4, unreadable=1)
    assert without == PageMetrics(empty_pages=1, unreadable=1)
    assert not with_digits.is_right
    assert not without.is_right


def test_more_equal_digits_decide_between_alignments_of_as_few_edits():
    assert stands_for(["12"], read("21")) in (["2", None], [None, "1"])  # not ["1", "2"]
    assert stands_for(["4071"], read("40", "9x", "1")) == ["4", "0", "1"]
    assert stands_for(["4071"], read("4", "8? 71")) == ["4", "0", "7", "1"]
    assert stands_for([], read("12")) == [None, None]


def reference(true: str, found: str) -> tuple[int, int]:
    """(fewest edits, most equal digits among those), by trying everything."""

    @cache
    def best(i: int, j: int) -> tuple[int, int]:
        if i == len(true) or j == len(found):
            return len(true) - i + len(found) - j, 0
        edits, unequal = best(i + 1, j + 1)
        is_same = true[i] == found[j]
        ways = [(edits + (not is_same), unequal - is_same)]
        ways += [(way[0] + 1, way[1]) for way in (best(i + 1, j), best(i, j + 1))]
        return min(ways)

    edits, negative = best(0, 0)
    return edits, -negative


digits = st.text("0123", max_size=9)


@given(st.lists(st.text("0123", min_size=1, max_size=4), min_size=1, max_size=3), digits)
def test_the_edit_distance_is_the_least_one(true, found):
    metrics = measure_page(true, read(found))
    edits, num_same = reference("".join(true), found)
    assert metrics.edits == edits
    assert metrics.ok - metrics.ok_wrong == num_same


@given(digits, digits)
def test_the_alignment_keeps_the_order(true, found):
    truths = [digit for digit in stands_for([true], read(found)) if digit is not None]
    rest = iter(true)
    assert all(digit in rest for digit in truths)


def test_totals_and_shares():
    pages = [
        measure_page(["4071", "23"], read("4? 071", "29")),
        measure_page([], read("1 2?")),
        measure_page(["5"], None),
    ]
    metrics = total(pages)
    assert metrics == PageMetrics(
        pages=2,
        lines=3,
        lines_right=1,
        digits=7,
        edits=2,
        answered=5,
        ok=5,
        ok_wrong=1,
        empty_pages=1,
        invented=2,
        invented_ok=1,
        unreadable=1,
    )
    assert metrics.digit_error_rate == 2 / 7
    assert metrics.coverage == 5 / 7
    assert metrics.error_when_ok == 1 / 5
    plain = json.loads(json.dumps(metrics.to_dict(), allow_nan=False))
    assert plain["share_of_lines_right"] == 1 / 3
    assert plain["share_of_pages_right"] == 0
    assert plain["invented"] == 2
    assert [figure.value for figure in figures(metrics)][:2] == ["28.57%", "33.33%"]


def test_what_is_undefined_is_said_so():
    nothing = total([])
    assert math.isnan(nothing.digit_error_rate)
    assert nothing.to_dict()["coverage"] is None
    assert {figure.value for figure in figures(nothing)} == {"–"}


def test_a_text_of_thousands_of_digits_is_scored():
    metrics = measure_page(["0123456789" * 20], read("9" * 3000))
    assert metrics.edits == 3000 - 20


def test_labels(tmp_path):
    path = tmp_path / "labels.json"
    path.write_text(
        json.dumps(
            [
                {"file": "a/é.png", "lines": ["40 71", "23"], "licence": "MIT"},
                {"file": "b.png", "lines": []},
            ]
        )
    )
    first, second = load_labels(path)
    assert first == ("a/é.png", tmp_path / "a/é.png", ("4071", "23"))
    assert second.lines == ()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "are not JSON"),
        ("[" * 100_000, "are not JSON"),
        (b"\xff\xfe\x00", "are not JSON"),
        ('{"file": "a.png", "lines": []}', "hold a dict"),
        ("[]", "an empty list"),
        ("[3]", "Entry 0 of"),
        ('[{"file": "a.png", "lines": []}, {"file": "b.png"}]', "Entry 1"),
        ('[{"lines": []}]', "lacks file"),
        ('[{"file": 3, "lines": []}]', "the file 3"),
        ('[{"file": "", "lines": []}]', "no name"),
        ('[{"file": "a.png", "lines": "12"}]', "no list"),
        ('[{"file": "a.png", "lines": ["1a"]}]', "'1a'"),
        ('[{"file": "a.png", "lines": ["٣"]}]', "'٣'"),
        ('[{"file": "a.png", "lines": [" "]}]', "at least one digit"),
        ('[{"file": "a.png", "lines": [12]}]', "line 12"),
    ],
)
def test_labels_that_cannot_be_used(tmp_path, content, said):
    path = tmp_path / "labels.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(CorruptDataError) as caught:
        load_labels(path)
    assert said in str(caught.value)
    assert "labels.json" in str(caught.value)


def test_labels_that_are_not_there(tmp_path):
    for path in (tmp_path / "none.json", tmp_path):
        with pytest.raises(MissingDataError, match="cannot be opened"):
            load_labels(path)
