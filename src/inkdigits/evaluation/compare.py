"""Is one network better than another, on the same images, or was it luck?"""

import math
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from inkdigits.errors import BadArrayError


class Paired(NamedTuple):
    """Two readers of the same images.

    Attributes:
        only_a: how many images the first one misread more often than the second.
        only_b: how many images the second one misread more often than the first.
        p_value: how often readers that are equally good would differ by as much or more.
    """

    only_a: int
    only_b: int
    p_value: float


def mcnemar(wrong_a: Collection[int], wrong_b: Collection[int]) -> Paired:
    """Compare two readers by the images that only one of them misread.

    What both read rightly, or both misread, says nothing on which is better. Of the others, each
    is as likely to be the one's as the other's, if they are equally good: so the test is that of
    a fair coin, two-sided and exact.

    Args:
        wrong_a: the indices of the images that the first one misread, each once.
        wrong_b: those of the second one, of the same images.

    Raises:
        BadArrayError: an index comes twice.

    Source: McNemar 1947, "Note on the sampling error of the difference between correlated
    proportions or percentages"; Dietterich 1998 on when to use it for classifiers.
    """
    return mcnemar_of_runs([wrong_a], [wrong_b])


def mcnemar_of_runs(
    wrong_a: Sequence[Collection[int]], wrong_b: Sequence[Collection[int]]
) -> Paired:
    """Compare two recipes, of each of which as many runs were made, on the same images.

    The runs of a recipe misread much the same images, so an image counts once, however many runs
    were made: for the recipe of which more runs misread it. With another number of runs on one
    side this would be unfair, as more runs find more images that are misread now and then.

    Args:
        wrong_a: for each run of the first recipe, the indices of the images that it misread.
        wrong_b: the same of the second recipe.

    Raises:
        BadArrayError: no runs, not as many on both sides, or an index twice in one run.
    """
    if not wrong_a or len(wrong_a) != len(wrong_b):
        raise BadArrayError(
            f"{len(wrong_a)} runs came to be compared with {len(wrong_b)}, but there must be as "
            "many on both sides, and at least one."
        )
    times_a, times_b = _times(wrong_a), _times(wrong_b)
    images = times_a.keys() | times_b.keys()
    only_a = sum(times_a[image] > times_b[image] for image in images)
    only_b = sum(times_a[image] < times_b[image] for image in images)
    return Paired(only_a, only_b, coin_p_value(only_a, only_b))


def coin_p_value(heads: int, tails: int) -> float:
    """How often a fair coin, thrown as often, falls at least as unevenly; exact, two-sided."""
    num_throws = heads + tails
    uneven = sum(math.comb(num_throws, few) for few in range(min(heads, tails) + 1))
    # Whole numbers until the last step: 2 ** 2000 would be too much for a float.
    share: float = 2 * uneven / 2**num_throws
    return min(1.0, share)


def _times(runs: Iterable[Collection[int]]) -> Counter[int]:
    """How many runs misread each image."""
    times: Counter[int] = Counter()
    for wrong in runs:
        if len(set(wrong)) < len(wrong):
            raise BadArrayError(
                f"{len(wrong)} misread images came, but only {len(set(wrong))} of them differ: "
                "give the index of each image once."
            )
        times.update(wrong)
    return times
