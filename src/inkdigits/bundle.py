"""A bundle: one file that reads digits, and opens forever.

A ``.digits`` file is a zip of ``model.onnx`` and ``manifest.json``, no pickle, and perhaps of
``lines.onnx``, which reads digits that touch without cutting them apart, and ``strokes.onnx``,
which finds what was written on a page. The manifest names the SHA-256 of each member, and the
zip's comment that of the manifest. It is opened with ONNX Runtime alone.
"""

import hashlib
import io
import json
import math
import zipfile
from collections.abc import Mapping
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from inkdigits.errors import BundleError
from inkdigits.files import write_bytes

if TYPE_CHECKING:
    import onnxruntime

FORMAT_VERSION = 1
SHIPPED = "shipped"  # what the bundle is called that comes with inkdigits, where one is named
_MANIFEST, _GRAPH = "manifest.json", "model.onnx"
_LINES, _STROKES = "lines.onnx", "strokes.onnx"  # which not every bundle has
_MAX_MEMBER_BYTES = 256 * 2**20  # a zip that claims more is no bundle of ours
_ADVICE = "Get the file again, or export it again from its run."
_FIXED_DATE = (1980, 1, 1, 0, 0, 0)  # so that the same content is the same file
_REQUIRED = {"name": str, "classes": str, "calibration": dict, "members": dict}


class GraphOutput(NamedTuple):
    """What the graph says of n digits."""

    glyph: NDArray[np.float32]  # (n, 28, 28), what the network saw
    logits: NDArray[np.float32]  # (n, classes)
    novelty: NDArray[np.float32]  # (n,) log-odds of "no digit"; zeros where the graph has none


class Bundle:
    """An opened bundle: a graph from ink to logits, and all that is known of it.

    Attributes:
        path: the file, or None for one that was given as bytes.
        manifest: the document that describes the bundle.
        graph: the ONNX model that reads digits.
        lines: the one that reads strips of digits that touch; None where there is none.
        strokes: the one that finds what was written on a page; None where there is none.
        num_threads: that a graph may use; 0 leaves it to ONNX Runtime.
    """

    num_threads = 0

    def __init__(
        self,
        manifest: dict[str, Any],
        graph: bytes,
        path: Path | None = None,
        lines: bytes | None = None,
        strokes: bytes | None = None,
    ) -> None:
        self.path = path
        self.manifest = manifest
        self.graph = graph
        self.lines = lines
        self.strokes = strokes

    @classmethod
    def open(cls, path: str | Path | None = None) -> "Bundle":
        """Open a bundle and check every hash in it; None opens the one that ships.

        Raises:
            BundleError: missing, truncated, tampered with, of a newer format, or no bundle.
        """
        path = shipped_path() if path is None else Path(path)
        try:
            content = path.read_bytes()
        except OSError as error:
            raise BundleError(
                f"The bundle {path} cannot be opened: {error.strerror}. "
                "Give a .digits file, made with: inkdigits export RUN --to bundle --out FILE"
            ) from error
        manifest, members = _unpacked(content, str(path))
        graph, lines, strokes = (members[name] for name in (_GRAPH, _LINES, _STROKES))
        return cls(manifest, graph or b"", path, lines, strokes)

    @property
    def name(self) -> str:
        """What the bundle is called in every reading that it makes."""
        return str(self.manifest["name"])

    @property
    def classes(self) -> str:
        """One character a class, in the order of the logits."""
        return str(self.manifest["classes"])

    @property
    def num_bytes(self) -> int:
        """Size of the graph in bytes."""
        return len(self.graph)

    @property
    def has_lines(self) -> bool:
        """Whether it reads strips of digits that touch."""
        return self.lines is not None

    @property
    def has_strokes(self) -> bool:
        """Whether it finds what was written on a page."""
        return self.strokes is not None

    @cached_property
    def session(self) -> "onnxruntime.InferenceSession":
        """The running graph; started at the first use.

        Raises:
            BundleError: ONNX Runtime refuses the graph.
        """
        session = self._started(self.graph)
        shapes = {output.name: output.shape for output in session.get_outputs()}
        inputs = [given.name for given in session.get_inputs()]
        if (
            inputs != ["ink"]
            or not shapes.keys() >= {"glyph", "logits"}
            or shapes["logits"][-1] != len(self.classes)
        ):
            raise BundleError(
                f"The graph of {self.name!r} takes {', '.join(inputs)} and gives {shapes}. "
                f"Expected ink, and at least glyph and logits of {len(self.classes)} classes. "
                f"{_ADVICE}"
            )
        return session

    @property
    def lines_temperature(self) -> float:
        """What the line reader's logits are divided by.

        Raises:
            BundleError: the manifest does not say.
        """
        try:
            temperature = float(self.manifest["lines"]["calibration"]["temperature"])
            if not 0 < temperature < math.inf:
                raise ValueError(f"it is {temperature}")
            return temperature
        except (KeyError, TypeError, ValueError) as error:
            raise BundleError(
                f"The line reader of {self.name!r} has no temperature that can be used ({error}). "
                f"{_ADVICE}"
            ) from error

    @cached_property
    def lines_session(self) -> "onnxruntime.InferenceSession":
        """The running graph that reads strips; started at the first use.

        Raises:
            BundleError: there is none, or ONNX Runtime refuses it.
        """
        if self.lines is None:
            raise BundleError(f"The bundle {self.name!r} has no line reader. {_ADVICE}")
        session = self._started(self.lines)
        given = [value.shape for value in session.get_inputs()]
        shapes = [value.shape for value in session.get_outputs()]
        is_one = len(given) == len(shapes) == 1 and len(given[0]) == len(shapes[0]) == 3
        if not is_one or given[0][1] != 32 or shapes[0][2] != len(self.classes) + 2:
            raise BundleError(
                f"The line reader of {self.name!r} takes {given} and gives {shapes}. Expected "
                f"strips of 32 rows, and logits of {len(self.classes)} classes, of blank and of no "
                f"digit. {_ADVICE}"
            )
        return session

    @cached_property
    def strokes_session(self) -> "onnxruntime.InferenceSession":
        """The running graph that finds strokes; started at the first use.

        Raises:
            BundleError: there is none, or ONNX Runtime refuses it.
        """
        if self.strokes is None:
            raise BundleError(f"The bundle {self.name!r} has no stroke finder. {_ADVICE}")
        session = self._started(self.strokes)
        given = [value.shape for value in session.get_inputs()]
        shapes = [value.shape for value in session.get_outputs()]
        if not len(given) == len(shapes) == 1 or not len(given[0]) == len(shapes[0]) == 3:
            raise BundleError(
                f"The stroke finder of {self.name!r} takes {given} and gives {shapes}. Expected "
                f"pages (n, height, width), and as many logits. {_ADVICE}"
            )
        return session

    def _started(self, graph: bytes) -> "onnxruntime.InferenceSession":
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # errors only
        options.intra_op_num_threads = self.num_threads
        options.enable_mem_pattern = False  # it plans for sizes, and nearly every input has its own
        try:
            return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise BundleError(
                f"ONNX Runtime {onnxruntime.__version__} cannot run the graph of {self.name!r}: "
                f"{error}. Try: pip install --upgrade onnxruntime"
            ) from error

    def run_strip(self, strip: NDArray[np.float32]) -> NDArray[np.float32]:
        """Read a strip.

        Args:
            strip: (32, W) float32 in [0, 1], 1 is ink; see ``imaging.strips``.

        Returns:
            (frames, classes + 2) logits, of blank, each class, and no digit.
        """
        session = self.lines_session
        (logits,) = session.run(None, {session.get_inputs()[0].name: strip[None]})
        return np.asarray(logits[0], np.float32)

    def run_page(self, page: NDArray[np.float32]) -> NDArray[np.float32]:
        """Find what was written on a page.

        Args:
            page: (H, W) float32, sides multiples of 32; see ``imaging.strokes``.

        Returns:
            (H, W) logits.
        """
        session = self.strokes_session
        (logits,) = session.run(None, {session.get_inputs()[0].name: page[None]})
        if logits.shape != (1, *page.shape):
            raise BundleError(
                f"The stroke finder of {self.name!r} makes {logits.shape} of a page of "
                f"{page.shape}. {_ADVICE}"
            )
        return np.asarray(logits[0], np.float32)

    def run(self, ink: NDArray[np.float32]) -> GraphOutput:
        """Read a batch.

        Args:
            ink: (n, H, W) float32 in [0, 1], 1 is ink; one digit each, anywhere, any size.
        """
        outputs = {output.name for output in self.session.get_outputs()}
        wanted = [name for name in GraphOutput._fields if name in outputs]
        found = dict(zip(wanted, self.session.run(wanted, {"ink": ink}), strict=True))
        return GraphOutput(
            found["glyph"], found["logits"], found.get("novelty", np.zeros(len(ink), np.float32))
        )


def path_of(name: str | Path) -> Path:
    """Where it lies; ``shipped``, if nothing is called so, is what comes with inkdigits."""
    path = Path(name)
    return shipped_path() if path == Path(SHIPPED) and not path.exists() else path


def shipped_path() -> Path:
    """Where the bundle lies that comes with inkdigits."""
    return Path(str(resources.files("inkdigits") / "shipped.digits"))


def write_bundle(
    path: Path,
    *,
    name: str,
    graph: bytes,
    classes: str,
    calibration: Mapping[str, Any],
    training: Mapping[str, Any],
    attribution: list[str],
    licence: str = "Apache-2.0",
    lines: tuple[bytes, Mapping[str, Any]] | None = None,
    strokes: tuple[bytes, Mapping[str, Any]] | None = None,
) -> None:
    """Write a bundle, whole or not at all; the same content gives the same bytes.

    Args:
        path: the ``.digits`` file.
        name: shown in every reading.
        graph: an ONNX model with input ``ink`` (n, H, W) float32 and outputs
            ``glyph`` (n, 28, 28), ``logits`` (n, classes) and ``novelty`` (n,).
        classes: one character a class.
        calibration: ``temperature``, ``dial`` and what they were fitted on.
        training: configuration, environment and last figures of the run.
        attribution: whose data it was trained on, and under which licence.
        licence: of the weights.
        lines: an ONNX model from strips (n, 32, W) to logits (n, frames, classes + 2), and what
            is known of it: ``calibration`` with its ``temperature``, and ``training``.
        strokes: an ONNX model from pages (n, H, W) to logits (n, H, W), and what is known of it:
            ``training``.

    Raises:
        OSError: the file cannot be written.
    """
    manifest: dict[str, Any] = {
        "format": "inkdigits bundle",
        "format_version": FORMAT_VERSION,
        "name": name,
        "classes": classes,
        "input": {"name": "ink", "shape": ["n", "height", "width"], "meaning": "1 is ink"},
        "outputs": list(GraphOutput._fields),
        "calibration": dict(calibration),
        "training": dict(training),
        "licence": licence,
        "attribution": attribution,
        "members": {_GRAPH: hashlib.sha256(graph).hexdigest()},
    }
    members = [(_GRAPH, graph)]
    for key, member, part in (("lines", _LINES, lines), ("strokes", _STROKES, strokes)):
        if part:
            manifest[key] = dict(part[1])
            manifest["members"][member] = hashlib.sha256(part[0]).hexdigest()
            members.append((member, part[0]))
    text = json.dumps(manifest, indent=2, ensure_ascii=False).encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, content in ((_MANIFEST, text), *members):
            archive.writestr(zipfile.ZipInfo(member, _FIXED_DATE), content, zipfile.ZIP_DEFLATED)
        archive.comment = _seal(text)
    write_bytes(path, buffer.getvalue())


def _seal(manifest: bytes) -> bytes:
    return b"sha256 " + hashlib.sha256(manifest).hexdigest().encode()


def _unpacked(content: bytes, name: str) -> tuple[dict[str, Any], dict[str, bytes | None]]:
    """The manifest, and the graphs by their names; None where there is none."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            text = _member(archive, _MANIFEST)
            members: dict[str, bytes | None] = {_GRAPH: _member(archive, _GRAPH)}
            for part in (_LINES, _STROKES):
                members[part] = _member(archive, part) if part in archive.namelist() else None
            seal = archive.comment
        manifest = json.loads(text)
        version = manifest["format_version"]
    except Exception as error:  # damaged bytes raise whatever zipfile and zlib like
        reason = str(error) or type(error).__name__
        raise BundleError(
            f"{name} is no bundle, or a truncated or damaged one ({reason}); expected a zip of "
            f"{_MANIFEST} and {_GRAPH}. {_ADVICE}"
        ) from error
    if not isinstance(version, int) or version > FORMAT_VERSION:
        raise BundleError(
            f"{name} is of bundle format {version}, and this inkdigits knows formats up to "
            f"{FORMAT_VERSION}. Upgrade it with: pip install --upgrade inkdigits"
        )
    missing = [key for key, kind in _REQUIRED.items() if not isinstance(manifest.get(key), kind)]
    if missing:
        raise BundleError(f"The manifest of {name} lacks {', '.join(missing)}. {_ADVICE}")
    if seal != _seal(text):
        raise BundleError(f"The manifest of {name} is not the one it was sealed with. {_ADVICE}")
    for member, data in members.items():
        known = manifest["members"].get(member)
        if known != (hashlib.sha256(data).hexdigest() if data is not None else None):
            raise BundleError(
                f"The {member} in {name} does not have the SHA-256 it should. {_ADVICE}"
            )
    return manifest, members


def _member(archive: zipfile.ZipFile, member: str) -> bytes:
    size = archive.getinfo(member).file_size
    if size > _MAX_MEMBER_BYTES:
        raise ValueError(f"{member} claims {size} bytes")
    return archive.read(member)
