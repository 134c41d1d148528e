"""One file from the first of several mirrors that gives it whole and right."""

import contextlib
import logging
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path

from inkdigits.errors import CorruptDataError, DownloadError, MissingExtraError

Progress = Callable[[str, int, int], None]
"""Called with a file's name, the bytes that came so far, and those expected (0: not known)."""

_CHUNK_BYTES = 8192
_SLOWEST_BYTES_PER_S = 4096
_PAUSE_S = 1.0

_log = logging.getLogger(__name__)


def download(
    name: str,
    target: Path,
    mirrors: Sequence[str],
    *,
    verify: Callable[[bytes], object],
    largest_bytes: int,
    timeout_s: float,
    rounds: int,
    progress: Progress | None,
) -> None:
    """Fetch a file, verify it, and only then put it into its place.

    Every mirror is tried in order; where all fail, all are tried again, from the beginning
    of the file. Nothing is left at the target, or beside it, by a download that fails.

    Args:
        name: what the file is called at the mirrors.
        target: where it goes; what is there is replaced. Its folder is made.
        mirrors: URLs of folders.
        verify: called with the bytes that came; raises CorruptDataError if they are wrong.
        largest_bytes: a mirror that sends more than this is left.
        timeout_s: longest wait for an answer, or for more of it. After as long, a mirror that
            sends less than 4 KiB a second is left too.
        rounds: how often to try all mirrors.
        progress: told about each piece that comes.

    Raises:
        DownloadError: no mirror gave the file, or the target cannot be written.
        MissingExtraError: the downloader is not installed.
    """

    def get(url: str) -> bytes:
        content = _content(url, _Sink(name, largest_bytes, timeout_s, progress), timeout_s)
        verify(content)
        return content

    partial = target.with_name(f".{target.name}.{uuid.uuid4().hex}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as stream:  # opened first: a folder that refuses is found out now
            stream.write(_first_right(name, mirrors, rounds, get))
        partial.replace(target)
    except OSError as error:
        raise DownloadError(
            f"{target} cannot be written: {error.strerror or error}. "
            "Free the space or give yourself the right to write there, or choose another folder."
        ) from error
    finally:
        with contextlib.suppress(OSError):  # it is not there after a success
            partial.unlink()


def _first_right(
    name: str, mirrors: Sequence[str], rounds: int, get: Callable[[str], bytes]
) -> bytes:
    reasons: dict[str, str] = {}
    for round_ in range(rounds):
        if round_:
            time.sleep(_PAUSE_S)
        for mirror in mirrors:
            url = f"{mirror.rstrip('/')}/{name}"
            try:
                return get(url)
            except (_MirrorError, CorruptDataError) as error:
                reasons[url] = str(error)
                _log.warning("%s %s", url, error)
    tried = "".join(f"\n  {url} {reason}" for url, reason in reasons.items())
    raise DownloadError(
        f"{name} came whole from none of {len(mirrors)} mirrors:{tried}\n"
        "Look whether the network is there and try again, or get the file in another way, put "
        "it into a folder, and name that with --data-dir or INKDIGITS_DATA_DIR."
    )


class _MirrorError(Exception):
    """What one mirror did wrong, said so that it can stand behind its URL."""


class _Sink:
    """What pooch writes a file into; it is also the progress bar that pooch tells the total."""

    total = 0

    def __init__(
        self, name: str, largest_bytes: int, patience_s: float, progress: Progress | None
    ) -> None:
        self.content = bytearray()
        self._name, self._largest_bytes = name, largest_bytes
        self._patience_s, self._progress = patience_s, progress
        self._began_s: float | None = None

    def write(self, chunk: bytes) -> None:
        now_s = time.monotonic()
        self._began_s = self._began_s or now_s
        elapsed_s = now_s - self._began_s
        self.content += chunk
        size_bytes = len(self.content)
        if size_bytes > self._largest_bytes:
            raise _MirrorError(f"sends more than the {self._largest_bytes} bytes it can have")
        if elapsed_s > self._patience_s and size_bytes < elapsed_s * _SLOWEST_BYTES_PER_S:
            raise _MirrorError(f"is too slow: {size_bytes} bytes in {elapsed_s:.0f} s")
        if self._progress:
            self._progress(self._name, size_bytes, self.total)

    def flush(self) -> None: ...
    def update(self, _: int) -> None: ...
    def reset(self) -> None: ...
    def close(self) -> None: ...


def _content(url: str, sink: _Sink, timeout_s: float) -> bytes:
    try:
        import pooch
        import requests  # what pooch downloads with
    except ImportError as error:
        raise MissingExtraError("Downloading data", "train") from error

    get = pooch.HTTPDownloader(
        progressbar=sink,
        chunk_size=_CHUNK_BYTES,
        timeout=timeout_s,
        headers={"Accept-Encoding": "identity"},  # the file as it is stored there
    )
    try:
        get(url, sink, None)
    except requests.Timeout as error:
        raise _MirrorError(f"gives no answer within {timeout_s:g} s") from error
    except requests.HTTPError as error:
        raise _MirrorError(f"refuses: {str(error).partition(' for url')[0]}") from error
    except requests.exceptions.ChunkedEncodingError as error:
        raise _MirrorError(f"is cut off after {len(sink.content)} bytes") from error
    except requests.ConnectionError as error:  # also when it falls silent half-way
        is_silent = "timed out" in str(error)
        reason = f"sends nothing for {timeout_s:g} s" if is_silent else "cannot be reached"
        raise _MirrorError(reason) from error
    except requests.RequestException as error:
        raise _MirrorError(f"fails: {error}") from error
    return bytes(sink.content)
