"""Examples that take minutes to make, made on all cores: the same ones however many there are."""

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

_Job = TypeVar("_Job")
_Part = TypeVar("_Part")

_DIGITS: list[NDArray[Any]] = []  # of a process that makes chunks


def in_chunks(
    make: Callable[[NDArray[np.uint8], NDArray[np.integer], _Job], _Part],
    digits: tuple[NDArray[np.uint8], NDArray[np.integer]],
    jobs: Sequence[_Job],
) -> Iterator[_Part]:
    """Do jobs in processes of their own, and give what they made in the order of the jobs.

    Args:
        make: does a job, given the digits; of a module, so that another process finds it.
        digits: images (n, 28, 28) uint8 and labels (n,), sent to each process once.
        jobs: what ``make`` is given, one after another; each with its own seed.

    Yields:
        what each job made.
    """
    context = multiprocessing.get_context("spawn")  # TensorFlow's threads do not survive a fork
    with ProcessPoolExecutor(mp_context=context, initializer=_set_digits, initargs=digits) as pool:
        yield from pool.map(partial(_done, make), jobs)


def _done(make: Callable[..., _Part], job: _Job) -> _Part:
    return make(*_DIGITS, job)


def _set_digits(images: NDArray[np.uint8], labels: NDArray[np.integer]) -> None:
    _DIGITS[:] = images, labels
