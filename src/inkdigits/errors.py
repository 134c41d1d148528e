"""Every error that inkdigits raises on purpose, and what each means to a caller.

InkdigitsError
├── InputError                 something that was given to read
│   ├── MissingInputError      no such file, or a folder without images
│   ├── UnreadableImageError   empty, truncated, or not an image
│   ├── ImageTooLargeError     more pixels than the limit
│   └── BadArrayError          an array of the wrong shape, dtype or range
├── DataError                  a labelled data set
│   ├── MissingDataError       not at any of the places looked in
│   ├── CorruptDataError       truncated, wrong magic, count or hash
│   └── DownloadError          no mirror gave the whole file
├── BundleError                a ``.digits`` file: tampered, truncated, too new, or not one
├── ConfigError                an unknown key, or a value out of its range
├── RunError                   a run folder: not there, half there, or already there
├── ExportError                an export that failed, or that disagrees with Keras
├── MissingExtraError          a part of inkdigits that was not installed
└── RequestError               a request that the service cannot understand
    ├── UnauthorizedError      without the token that the service asks for
    ├── UnknownAddressError    nothing is there
    ├── WrongMethodError       such as GET where only POST is
    ├── SlowSenderError        not all of it came in time
    ├── RequestTooLargeError   too many bytes, or too many images
    ├── WrongTypeError         a type of content that is not taken
    ├── BusyError              refused, because too many others wait
    └── DeadlineError          could not be answered in time

Every message says what came, what was expected and how to fix it.
"""

from typing import NamedTuple


class InkdigitsError(Exception):
    """Anything that inkdigits refuses to do, with a message made for the person who asked."""


class InputError(InkdigitsError):
    """Something that was given to read cannot be read."""


class MissingInputError(InputError):
    """No such file, or a folder without images."""


class UnreadableImageError(InputError):
    """The bytes are empty, truncated, or no image at all."""


class ImageTooLargeError(InputError):
    """The picture holds more pixels than the limit."""


class BadArrayError(InputError):
    """An array has the wrong shape, dtype or range."""


class DataError(InkdigitsError):
    """A labelled data set cannot be used."""


class MissingDataError(DataError):
    """The data set is at none of the places looked in."""


class CorruptDataError(DataError):
    """A file is truncated, or has the wrong magic number, count or hash."""


class DownloadError(DataError):
    """No mirror gave the whole, right file."""


class BundleError(InkdigitsError):
    """A ``.digits`` file is tampered with, truncated, too new, or not a bundle."""


class ConfigError(InkdigitsError):
    """A configuration has an unknown key, or a value out of its range."""


class RunError(InkdigitsError):
    """A run folder is missing, incomplete, not writable, or already in use."""


class ExportError(InkdigitsError):
    """An export failed, or disagrees with the Keras model that it was made from."""


class MissingExtraError(InkdigitsError):
    """A part of inkdigits is needed that was not installed."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(
            f"{what} needs the extra '{extra}', which is not installed. "
            f"Install it with: pip install 'inkdigits[{extra}]'"
        )
        self.what = what
        self.extra = extra

    def __reduce__(self) -> tuple[type, tuple[str, str]]:
        return type(self), (self.what, self.extra)  # so that it comes whole out of a worker process


class RequestError(InkdigitsError):
    """A request to the service cannot be understood."""


class UnauthorizedError(RequestError):
    """The service asks for a token, and none or another one came."""


class UnknownAddressError(RequestError):
    """Nothing is at this address of the service."""


class WrongMethodError(RequestError):
    """The address is there, but not for this method."""


class SlowSenderError(RequestError):
    """The request did not arrive in time."""


class RequestTooLargeError(RequestError):
    """The request has more bytes or more images than the service takes."""


class WrongTypeError(RequestError):
    """The service does not take this type of content here."""


class BusyError(RequestError):
    """Too many requests wait already; this one may be sent again."""


class DeadlineError(RequestError):
    """The answer was not there in time."""


class Outcome(NamedTuple):
    """What an error means outside Python."""

    exit_code: int  # of the command line: 1, an input could not be processed; 2, wrong usage
    http_status: int  # of the service
    title: str  # of the service's problem document (RFC 9457)


OUTCOMES: dict[type[InkdigitsError], Outcome] = {
    InkdigitsError: Outcome(1, 500, "Cannot be done"),
    InputError: Outcome(1, 422, "Cannot be read"),
    MissingInputError: Outcome(1, 404, "No such picture"),
    UnreadableImageError: Outcome(1, 415, "Not an image"),
    ImageTooLargeError: Outcome(1, 413, "Picture too large"),
    BadArrayError: Outcome(1, 422, "Not an array of images"),
    DataError: Outcome(1, 500, "Data set unusable"),
    MissingDataError: Outcome(1, 500, "Data set missing"),
    CorruptDataError: Outcome(1, 500, "Data set corrupt"),
    DownloadError: Outcome(1, 502, "Download failed"),
    BundleError: Outcome(1, 500, "Bundle unusable"),
    ConfigError: Outcome(2, 422, "Wrong configuration"),
    RunError: Outcome(1, 500, "Run folder unusable"),
    ExportError: Outcome(1, 500, "Export failed"),
    MissingExtraError: Outcome(2, 501, "Not installed"),
    RequestError: Outcome(1, 422, "Malformed request"),
    UnauthorizedError: Outcome(1, 401, "Token missing or wrong"),
    UnknownAddressError: Outcome(1, 404, "No such address"),
    WrongMethodError: Outcome(1, 405, "Method not allowed"),
    SlowSenderError: Outcome(1, 408, "Request came too slowly"),
    RequestTooLargeError: Outcome(1, 413, "Request too large"),
    WrongTypeError: Outcome(1, 415, "Type not taken"),
    BusyError: Outcome(1, 503, "Too busy"),
    DeadlineError: Outcome(1, 504, "Not done in time"),
}


def outcome(error: InkdigitsError) -> Outcome:
    """Look up what an error means, by its class or the nearest parent in the table."""
    return next(OUTCOMES[kind] for kind in type(error).__mro__ if kind in OUTCOMES)
