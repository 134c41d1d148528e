"""Single digits of all callers, read together.

A digit that comes while none is being read is read at once. Those that come meanwhile wait for
the end of that reading, a few milliseconds, and are then read together. So nothing waits for
company, and the more callers there are, the larger the batches.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from inkdigits.errors import BusyError, DeadlineError, InputError
from inkdigits.reader import Reader
from inkdigits.reading import Digit
from inkdigits.service.decoding import SMALL_PX, Pixels, decode_small

Picture = Pixels | bytes  # bytes are a PNG that ``is_small_png``


class _Job(NamedTuple):
    reader: Reader
    picture: Picture
    until: float  # in the loop's time
    answer: "asyncio.Future[Digit]"


class Batcher:
    """Reads pictures of one digit each, in a thread of its own.

    Args:
        max_batch: most that are read together, so that nobody waits long.
        max_waiting: most that may wait.
        deadline_s: what has waited longer is not read any more.
        observe: told the size of each batch.
    """

    def __init__(
        self,
        *,
        max_batch: int,
        max_waiting: int,
        deadline_s: float,
        observe: Callable[[int], object] = int,
    ) -> None:
        self._max_batch = max_batch
        self._max_waiting = max_waiting
        self._deadline_s = deadline_s
        self._observe = observe
        self._waiting: deque[_Job] = deque()
        self._is_busy = False
        self._thread = ThreadPoolExecutor(1, "digits")

    @property
    def num_waiting(self) -> int:
        """How many digits wait for their turn."""
        return len(self._waiting)

    def submit(self, reader: Reader, picture: Picture) -> "asyncio.Future[Digit]":
        """Let a picture be read as soon as may be.

        Returns:
            The digit to come; or an InputError, if it was bytes and no picture, or a
            DeadlineError.

        Raises:
            BusyError: too many wait already.
        """
        if len(self._waiting) >= self._max_waiting:
            raise BusyError(
                f"{len(self._waiting)} digits wait already, and at most {self._max_waiting} may. "
                "Try again in a moment."
            )
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Digit] = loop.create_future()
        self._waiting.append(_Job(reader, picture, loop.time() + self._deadline_s, answer))
        if not self._is_busy:
            self._is_busy = True
            loop.call_soon(self._start, loop)  # soon: others may come in this turn of the loop
        return answer

    def close(self) -> None:
        """Finish what is being read."""
        self._thread.shutdown()

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        jobs: list[_Job] = []
        now = loop.time()
        while self._waiting and len(jobs) < self._max_batch:
            job = self._waiting.popleft()
            if job.answer.done():  # nobody waits for it any more
                continue
            if job.until < now:
                job.answer.set_exception(late(self._deadline_s))
            else:
                jobs.append(job)
        if not jobs:
            self._is_busy = False
            return
        self._observe(len(jobs))
        self._thread.submit(self._work, loop, jobs)

    def _work(self, loop: asyncio.AbstractEventLoop, jobs: list[_Job]) -> None:
        answers: list[Digit | Exception]
        try:
            answers = read_together([(job.reader, job.picture) for job in jobs])
        except Exception as error:  # noqa: BLE001 - whoever waits is to hear of it
            answers = [error] * len(jobs)
        loop.call_soon_threadsafe(self._finish, loop, jobs, answers)

    def _finish(
        self,
        loop: asyncio.AbstractEventLoop,
        jobs: list[_Job],
        answers: list[Digit | Exception],
    ) -> None:
        self._start(loop)
        for job, answer in zip(jobs, answers, strict=True):
            if job.answer.done():
                continue
            if isinstance(answer, Exception):
                job.answer.set_exception(answer)
            else:
                job.answer.set_result(answer)


def late(deadline_s: float) -> DeadlineError:
    """What is said to somebody who waited in vain."""
    return DeadlineError(
        f"The answer was not there in {deadline_s:g} s. Send a smaller picture, or try again later."
    )


def is_small(picture: Picture) -> bool:
    """Whether it is read in no time, because there is no room for a shadow in it."""
    return isinstance(picture, bytes) or (picture.ndim == 2 and max(picture.shape) <= SMALL_PX)


def read_together(asked: Sequence[tuple[Reader, Picture]]) -> list[Digit | Exception]:
    """Read pictures by whichever reader, each exactly as if it came alone.

    Only pictures of one shape share a run of the network: margins that make them equal would
    change the last bits of an answer.

    Returns:
        For each a digit, or why its bytes are no picture.
    """
    answers: dict[int, Digit | Exception] = {}
    groups: dict[tuple[int, tuple[int, ...]], list[tuple[int, Pixels]]] = {}
    for index, (reader, picture) in enumerate(asked):
        try:
            pixels = decode_small(picture) if isinstance(picture, bytes) else picture
        except InputError as error:
            answers[index] = error
        else:
            groups.setdefault((id(reader), pixels.shape), []).append((index, pixels))
    for chosen in groups.values():
        numbers, pictures = zip(*chosen, strict=True)
        reader = asked[numbers[0]][0]
        together = np.stack(pictures) if is_small(pictures[0]) else pictures
        answers.update(zip(numbers, reader.read_digits(together), strict=True))
    return [answers[index] for index in range(len(asked))]
