"""What a reading is: its text, its status and its JSON document."""

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inkdigits.reading import CSV_COLUMNS, Alternative, Box, Digit, Line, Page, Status

PLACE = Box(0, 0, 10, 20)


def digit(value: str, status: Status = Status.OK, box: Box = PLACE) -> Digit:
    return Digit(value, 0.0 if status is Status.BLANK else 0.9, status, box)


def line(text: str, **statuses: Status) -> Line:
    """A line of digits, each beside the last; ``at_1=Status.REVIEW`` sets that of the second."""
    return Line(
        tuple(
            digit(value, statuses.get(f"at_{index}", Status.OK), Box(12 * index, 5, 10, 20))
            for index, value in enumerate(text)
        )
    )


def page(*lines: Line) -> Page:
    return Page("photo.jpg", lines, "convnet")


class TestText:
    def test_one_row_a_line(self):
        assert page(line("4071"), line("23")).text == "4071\n23"

    def test_leading_zeros_live(self):
        read = page(line("0071"), line("00"))
        assert read.text == "0071\n00"
        assert [row["text"] for row in read.to_dict()["lines"]] == ["0071", "00"]
        assert json.loads(read.to_json())["lines"][1]["digits"][0]["value"] == "0"

    def test_review_stands_in_the_text(self):
        assert page(line("407", at_1=Status.REVIEW)).text == "407"

    def test_what_was_rejected_has_no_place(self):
        assert page(line("407", at_1=Status.REJECT)).text == "47"

    def test_a_line_of_which_everything_was_rejected_is_left_out(self):
        assert page(line("4"), line("7", at_0=Status.REJECT), line("1")).text == "4\n1"

    def test_blank_has_no_text(self):
        assert page(Line((digit("", Status.BLANK),))).text == ""

    def test_nothing_to_read_is_no_text(self):
        assert page().text == ""

    @pytest.mark.parametrize(
        ("worst", "text"),
        [
            (Status.OK, "4?1\n?3"),
            (Status.REVIEW, "401\n23"),
            (Status.REJECT, "401\n23"),
            (Status.BLANK, "401\n23"),
        ],
    )
    def test_what_is_worse_than_asked_for_is_a_question_mark(self, worst, text):
        read = page(
            line("4071", at_1=Status.REVIEW, at_2=Status.REJECT),
            line("8", at_0=Status.REJECT),
            line("23", at_0=Status.REVIEW),
        )
        assert read.text_at_least(worst) == text

    @given(
        rows=st.lists(
            st.lists(
                st.tuples(st.sampled_from("0123456789"), st.sampled_from(list(Status))),
                min_size=1,
                max_size=5,
            ),
            max_size=4,
        ),
        worst=st.sampled_from(list(Status)),
    )
    def test_a_strict_text_has_the_shape_of_the_whole_one(self, rows, worst):
        read = page(*(Line(tuple(digit(*one) for one in row)) for row in rows))
        strict = read.text_at_least(worst)
        assert len(strict) == len(read.text)
        assert all(a in (b, "?") for a, b in zip(strict, read.text, strict=True))


class TestStatus:
    @pytest.mark.parametrize(
        ("statuses", "worst"),
        [
            ([Status.OK, Status.OK], Status.OK),
            ([Status.REVIEW, Status.OK], Status.REVIEW),
            ([Status.REVIEW, Status.REJECT, Status.OK], Status.REJECT),
            ([Status.REJECT], Status.REJECT),
            ([Status.BLANK], Status.BLANK),
            ([], Status.BLANK),
        ],
    )
    def test_of_a_page_is_the_worst_of_its_digits(self, statuses, worst):
        lines = (Line((digit("4", status),)) for status in statuses)
        assert page(*lines).status is worst

    def test_of_a_page_that_was_not_looked_at_as_a_whole_is_reject(self):
        for lines in ((), (line("4"),)):
            read = dataclasses.replace(page(*lines), note="too many marks")
            assert read.status is Status.REJECT
            assert read.to_dict()["note"] == "too many marks"

    def test_is_also_its_name(self):
        assert [str(status) for status in Status] == ["ok", "review", "reject", "blank"]
        assert Status("review") is Status.REVIEW


class TestBox:
    def test_edges(self):
        box = Box(3, 5, 10, 20)
        assert (box.right, box.bottom) == (13, 25)

    def test_around(self):
        boxes = [Box(3, 5, 10, 20), Box(0, 9, 4, 4), Box(8, 2, 6, 1)]
        assert Box.around(boxes) == Box(0, 2, 14, 23)
        assert Box.around(boxes[:1]) == boxes[0]

    @given(
        boxes=st.lists(
            st.builds(Box, *([st.integers(-99, 99)] * 2), *([st.integers(0, 99)] * 2)),
            min_size=1,
        )
    )
    def test_around_is_the_smallest_that_holds_all(self, boxes):
        whole = Box.around(boxes)
        assert whole.x == min(box.x for box in boxes)
        assert whole.y == min(box.y for box in boxes)
        assert whole.right == max(box.right for box in boxes)
        assert whole.bottom == max(box.bottom for box in boxes)

    def test_of_a_line_goes_around_its_digits(self):
        assert line("407").box == Box(0, 5, 34, 20)

    def test_of_a_line_holds_what_was_rejected_too(self):
        assert line("407", at_2=Status.REJECT).box == Box(0, 5, 34, 20)


class TestAlternatives:
    def test_are_the_three_likeliest_others(self):
        probabilities = (0.01, 0.0, 0.05, 0.002, 0.03, 0.0, 0.0, 0.9, 0.0005, 0.0075)
        read = Digit("7", 0.9, Status.OK, PLACE, probabilities)
        assert read.alternatives == [
            Alternative("2", 0.05),
            Alternative("4", 0.03),
            Alternative("0", 0.01),
        ]

    def test_hardly_possible_ones_are_left_out(self):
        probabilities = (0.0009, 0.999, 0.0001, *[0.0] * 7)
        assert Digit("1", 0.999, Status.OK, PLACE, probabilities).alternatives == []

    def test_of_equals_the_smaller_comes_first(self):
        probabilities = (0.6, 0.0, 0.2, 0.0, 0.0, 0.2, *[0.0] * 4)
        others = Digit("0", 0.6, Status.OK, PLACE, probabilities).alternatives
        assert [other.value for other in others] == ["2", "5"]

    def test_there_are_none_without_probabilities(self):
        assert digit("3").alternatives == []


PAGE = Page(
    source="marks/page 1 – Zoë.png",
    lines=(
        Line(
            (
                Digit(
                    "0", 0.99912345678, Status.OK, Box(10, 20, 14, 28), (0.99912345678,) + (0,) * 9
                ),
                Digit(
                    "7",
                    0.61,
                    Status.REVIEW,
                    Box(30, 18, 12, 30),
                    (0.0, 0.33, 0.04, 0.0, 0.0, 0.0, 0.0, 0.61, 0.0, 0.02),
                ),
            )
        ),
        Line((Digit("", 0.0, Status.BLANK, Box(0, 60, 5, 5)),)),
    ),
    model="convnet-1",
    elapsed_ms=12.34567,
)

DOCUMENT = """\
{
  "source": "marks/page 1 – Zoë.png",
  "text": "07",
  "status": "blank",
  "note": "",
  "turned_deg": 0,
  "lines": [
    {
      "text": "07",
      "box": [10, 18, 32, 30],
      "digits": [
        {
          "value": "0",
          "status": "ok",
          "confidence": 0.999123,
          "box": [10, 20, 14, 28],
          "alternatives": []
        },
        {
          "value": "7",
          "status": "review",
          "confidence": 0.61,
          "box": [30, 18, 12, 30],
          "alternatives": [
            {"value": "1", "confidence": 0.33},
            {"value": "2", "confidence": 0.04},
            {"value": "9", "confidence": 0.02}
          ]
        }
      ]
    },
    {
      "text": "",
      "box": [0, 60, 5, 5],
      "digits": [
        {
          "value": "",
          "status": "blank",
          "confidence": 0.0,
          "box": [0, 60, 5, 5],
          "alternatives": []
        }
      ]
    }
  ],
  "model": "convnet-1",
  "elapsed_ms": 12.346
}
"""


class TestDocument:
    def test_is_the_published_one(self):
        assert PAGE.to_json(indent=2) == json.dumps(
            json.loads(DOCUMENT), indent=2, ensure_ascii=False
        )

    def test_is_one_line_unless_asked_otherwise(self):
        assert PAGE.to_json() == json.dumps(json.loads(DOCUMENT), ensure_ascii=False)
        assert "\n" not in PAGE.to_json()

    def test_holds_no_escapes_where_none_are_needed(self):
        assert "page 1 – Zoë.png" in PAGE.to_json()

    def test_of_nothing_to_read(self):
        assert page().to_dict() == {
            "source": "photo.jpg",
            "text": "",
            "status": "blank",
            "note": "",
            "turned_deg": 0,
            "lines": [],
            "model": "convnet",
            "elapsed_ms": 0.0,
        }


class TestPage:
    def test_digits_come_in_reading_order(self):
        assert [one.value for one in page(line("40"), line("7")).digits] == ["4", "0", "7"]

    def test_the_time_it_took_makes_no_difference(self):
        assert dataclasses.replace(PAGE, elapsed_ms=99.0) == PAGE
        assert dataclasses.replace(PAGE, source="other") != PAGE

    def test_nothing_can_be_changed_afterwards(self):
        with pytest.raises(dataclasses.FrozenInstanceError):
            PAGE.source = "other"  # type: ignore[misc]


class TestRows:
    def test_a_row_a_digit_counted_from_1(self):
        rows = list(page(line("40"), line("7", at_0=Status.REJECT)).to_rows())
        assert [row[:5] for row in rows] == [
            ("photo.jpg", 1, 1, "4", "ok"),
            ("photo.jpg", 1, 2, "0", "ok"),
            ("photo.jpg", 2, 1, "7", "reject"),
        ]
        assert [row[6:] for row in rows] == [(0, 5, 10, 20), (12, 5, 10, 20), (0, 5, 10, 20)]

    @pytest.mark.parametrize(("note", "status"), [("", "blank"), ("too many marks", "reject")])
    def test_one_row_without_any(self, note: str, status: str):
        (row,) = Page("photo.jpg", (), "convnet", note=note).to_rows()
        assert row == ("photo.jpg", "", "", "", status, "", "", "", "", "")
        assert len(row) == len(CSV_COLUMNS)
