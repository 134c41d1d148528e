"""inkdigits reads handwritten digits, and says so when it is not sure.

>>> from inkdigits import Reader
>>> reader = Reader()
>>> reader.read("examples/sums.jpg").text  # doctest: +SKIP
"""

from typing import TYPE_CHECKING, Any

from inkdigits import errors
from inkdigits.reading import Alternative, Box, Digit, Line, Page, Status

if TYPE_CHECKING:
    from inkdigits.imaging.decode import Source
    from inkdigits.reader import Reader

__all__ = [
    "Alternative",
    "Box",
    "Digit",
    "Line",
    "Page",
    "Reader",
    "Status",
    "__version__",
    "errors",
    "read",
]

_shared_reader: "Reader | None" = None


def read(source: "Source", *, single: bool = False) -> Page:
    """Read one picture with the bundle that ships; it is opened at the first call.

    Args:
        source: a path, the bytes of a file, an array (H, W) or (H, W, 3), or a Pillow image.
        single: the picture is one digit, so nothing is looked for.

    Returns:
        The page; its status is ``blank`` when there is no ink.

    Raises:
        errors.InputError: the picture cannot be read at all.
    """
    global _shared_reader
    if _shared_reader is None:
        from inkdigits.reader import Reader

        _shared_reader = Reader()
    return _shared_reader.read(source, single=single)


def __getattr__(name: str) -> Any:
    if name == "Reader":  # lazy, because it brings OpenCV
        from inkdigits.reader import Reader

        return Reader
    if name == "__version__":
        from importlib import metadata

        return metadata.version("inkdigits")
    raise AttributeError(f"module 'inkdigits' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
