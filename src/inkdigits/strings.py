"""What a line reader's frames say: which strings of digits, and how probable each is.

Between two labels that are alike lies a blank, and a label may last for many frames. The
probability of a string is that of all ways to spell it so.

Source: Graves et al. 2006, "Connectionist temporal classification"; but that what is no digit,
however often it is said in a row, is one: the line reader learns of no string that says it twice.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

BLANK = 0  # the label of nothing; that of a digit is its value + 1, that of no digit the last
_LEAST = 1e-3  # a label that is less probable does not begin or go on a string
_BEAM = 12

Labels = tuple[int, ...]


def log_softmax(logits: NDArray[np.floating], temperature: float = 1.0) -> NDArray[np.float64]:
    """Logits (…, labels) → natural logarithms of probabilities."""
    scaled = logits.astype(np.float64) / temperature
    scaled -= scaled.max(axis=-1, keepdims=True)
    return np.asarray(scaled - np.log(np.exp(scaled).sum(axis=-1, keepdims=True)))


def greedy(logits: NDArray[np.floating]) -> Labels:
    """The string of the most probable label of each frame: (frames, labels) → labels."""
    best = logits.argmax(axis=-1)
    is_new = np.concatenate([[True], best[1:] != best[:-1]])
    said = best[is_new & (best != BLANK)]
    is_more = (said[1:] == said[:-1]) & (said[1:] == _none(logits))
    return tuple(said[np.concatenate([[True], ~is_more])[: len(said)]].tolist())


def likely(log_probabilities: NDArray[np.float64], count: int) -> list[Labels]:
    """The most probable strings, as far as a search with a beam finds them.

    Args:
        log_probabilities: (frames, labels).
        count: at most so many.

    Returns:
        Strings, the most probable first.
    """
    # Of each string so far: the log-probability of all ways that end in a blank, and in its last.
    beam: dict[Labels, tuple[float, float]] = {(): (0.0, -np.inf)}
    threshold, none = np.log(_LEAST), _none(log_probabilities)
    for frame in log_probabilities:
        blank = float(frame[BLANK])
        labels = [int(k) for k in np.flatnonzero(frame > threshold) if k != BLANK]
        grown: dict[Labels, tuple[float, float]] = {}
        for string, (in_blank, in_last) in beam.items():
            both = np.logaddexp(in_blank, in_last)
            last = string[-1] if string else BLANK
            _add(grown, string, both + blank, in_last + float(frame[last]) if string else -np.inf)
            for label in labels:
                start = in_blank if label == last else both
                longer = string if label == last == none else (*string, label)
                _add(grown, longer, -np.inf, start + float(frame[label]))
        best = sorted(grown, key=lambda string: -np.logaddexp(*grown[string]))[:_BEAM]
        beam = {string: grown[string] for string in best}
    return list(beam)[:count]


def _add(
    grown: dict[Labels, tuple[float, float]], string: Labels, in_blank: float, in_last: float
) -> None:
    before = grown.get(string, (-np.inf, -np.inf))
    grown[string] = (
        float(np.logaddexp(before[0], in_blank)),
        float(np.logaddexp(before[1], in_last)),
    )


def log_probability(log_probabilities: NDArray[np.float64], string: Sequence[int]) -> float:
    """How probable a string is: all ways to spell it, summed.

    Args:
        log_probabilities: (frames, labels).
        string: labels, none of them blank, and never no digit twice in a row.
    """
    states = _states(string)
    none = _none(log_probabilities)
    forth = np.full(len(states), -np.inf)
    forth[:2] = log_probabilities[0, states[:2]]
    for frame in log_probabilities[1:]:
        forth = np.logaddexp.reduce(_ways(forth, states, none)) + frame[states]
    return float(np.logaddexp.reduce(forth[-2:]))


def where(log_probabilities: NDArray[np.float64], string: Sequence[int]) -> list[float]:
    """In which frame each label of a string stands: the middle of its most probable place.

    Args:
        log_probabilities: (frames, labels).
        string: as in ``log_probability``; at most as many labels as there are frames.
    """
    states = _states(string)
    none = _none(log_probabilities)
    best = np.full(len(states), -np.inf)
    best[:2] = log_probabilities[0, states[:2]]
    came = np.zeros((len(log_probabilities), len(states)), np.int64)
    index = np.arange(len(states))
    for number, frame in enumerate(log_probabilities[1:], start=1):
        ways = _ways(best, states, none)
        way = ways.argmax(axis=0)
        came[number] = index + _STEPS[way]
        best = ways[way, index] + frame[states]
    state = len(states) - 1 if best[-1] >= best[-2:-1].max(initial=-np.inf) else len(states) - 2
    path = [state]
    for number in range(len(log_probabilities) - 1, 0, -1):
        path.append(int(came[number, path[-1]]))
    place = np.array(path[::-1])
    return [float(np.flatnonzero(place == 2 * k + 1).mean()) for k in range(len(string))]


def _none(frames: NDArray[np.floating]) -> int:
    """The label of what is no digit."""
    return int(frames.shape[-1]) - 1


def _states(string: Sequence[int]) -> NDArray[np.int64]:
    """The labels with blanks around each."""
    states = np.full(2 * len(string) + 1, BLANK)
    states[1::2] = string
    return states


_STEPS = np.array([0, -1, -2, 1])  # from where each of the ways comes


def _ways(values: NDArray[np.float64], states: NDArray[np.int64], none: int) -> NDArray[np.float64]:
    """Into each state: from itself, from the one before, from two before, from the one after.

    A blank may be left out between labels that differ, and come amidst what is no digit.
    """
    ways = np.full((len(_STEPS), len(values)), -np.inf)
    ways[0], ways[1, 1:] = values, values[:-1]
    ways[2, 3::2] = np.where(states[3::2] != states[1:-2:2], values[1:-2:2], -np.inf)
    ways[3, 1::2] = np.where(states[1::2] == none, values[2::2], -np.inf)
    return ways
