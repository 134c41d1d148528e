"""Strings of labels, against all ways to spell them written out."""

from itertools import groupby, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inkdigits.strings import BLANK, greedy, likely, log_probability, log_softmax, where

NUM_LABELS = 4
NONE = 3  # no digit: the last label


def frames_of(seed: int, num_frames: int) -> np.ndarray:
    return log_softmax(2 * np.random.default_rng(seed).standard_normal((num_frames, NUM_LABELS)))


def spelled(way: tuple[int, ...]) -> tuple[int, ...]:
    """What a way of frames says: of equal ones in a row one, and no blanks.

    What is no digit goes on over blanks.
    """
    said = [label for label, _ in groupby(way) if label != BLANK]
    return tuple(
        label
        for label, before in zip(said, [BLANK, *said], strict=False)
        if not label == before == NONE
    )


def all_strings(frames: np.ndarray) -> dict[tuple[int, ...], float]:
    """The probability of each string, summed over all ways of all frames."""
    found: dict[tuple[int, ...], float] = {}
    for way in product(range(NUM_LABELS), repeat=len(frames)):
        probability = np.exp(sum(frame[label] for frame, label in zip(frames, way, strict=True)))
        found[spelled(way)] = found.get(spelled(way), 0.0) + float(probability)
    return found


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 5))
def test_a_string_is_as_probable_as_all_its_ways(seed, num_frames):
    frames = frames_of(seed, num_frames)
    for string, probability in all_strings(frames).items():
        assert np.exp(log_probability(frames, string)) == pytest.approx(probability, abs=1e-12)


def test_what_has_no_way_has_no_probability():
    frames = frames_of(0, 3)
    assert log_probability(frames, (1, 1, 1)) == -np.inf  # two blanks are wanting


def test_no_digit_said_twice_is_one():
    frames = log_softmax(8 * np.eye(NUM_LABELS)[[3, 0, 3, 0, 1, 3, 0]])
    assert likely(frames, 1) == [greedy(frames)] == [(NONE, 1, NONE)]
    assert np.exp(log_probability(frames, (NONE, 1, NONE))) > 0.98
    assert where(frames, (NONE, 1, NONE)) == [1.0, 4.0, 5.0]


def test_the_empty_string_is_all_blanks():
    frames = frames_of(1, 4)
    assert log_probability(frames, ()) == pytest.approx(frames[:, BLANK].sum())


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 5))
def test_the_search_finds_the_most_probable_string(seed, num_frames):
    """With so few strings the beam holds nearly all that matter."""
    frames = frames_of(seed, num_frames)
    every = all_strings(frames)
    best = max(every.values())
    assert every[likely(frames, 1)[0]] >= 0.95 * best


def test_the_search_gives_no_string_twice_and_no_more_than_asked():
    frames = frames_of(7, 6)
    found = likely(frames, 5)
    assert len(found) == len(set(found)) == 5
    probabilities = [log_probability(frames, string) for string in found]
    assert probabilities == sorted(probabilities, reverse=True)


def test_greedy_takes_each_frame_for_itself():
    best = [0, 2, 2, 0, 2, 3, 3, 1]
    assert greedy(np.eye(NUM_LABELS)[best]) == spelled(tuple(best)) == (2, 2, 3, 1)


def test_each_label_stands_where_it_is_said():
    way = [0, 1, 1, 1, 0, 0, 2, 0, 2, 0]
    frames = log_softmax(8 * np.eye(NUM_LABELS)[way])
    assert where(frames, (1, 2, 2)) == [2.0, 6.0, 8.0]


def test_a_string_that_must_squeeze_has_places_from_left_to_right():
    places = where(frames_of(3, 5), (1, 2, 1, 2, 1))
    assert places == [0.0, 1.0, 2.0, 3.0, 4.0]


def test_a_temperature_flattens():
    logits = np.array([[4.0, 0.0, 0.0, 0.0]])
    assert np.exp(log_softmax(logits)).sum() == pytest.approx(1)
    assert log_softmax(logits, 2.0)[0, 0] < log_softmax(logits)[0, 0]
