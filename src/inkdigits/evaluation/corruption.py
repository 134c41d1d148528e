"""Our own ways to spoil a digit, to report what a reader can bear.

None of them imitates a family of MNIST-C (Mu & Gilmer 2019), apart from affine changes, so that
it stays a fair measure of what was never trained for. Each family has three severities, mild,
middling and hard; a person still reads nearly all that comes out of the hard one.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.errors import BadArrayError, ConfigError

Ink = NDArray[np.float32]  # (H, W) in [0, 1]; 1 is ink
Images = NDArray[np.uint8]  # (n, H, W); 255 is ink
Change = Callable[[Ink, float, np.random.Generator], Ink]
# The class of each image, and whether its status is ok.
ReadImages = Callable[[Images], tuple[NDArray[np.int64], NDArray[np.bool_]]]

SEVERITIES = ("mild", "middling", "hard")


class Family(NamedTuple):
    """One way to spoil a digit.

    Attributes:
        change: what happens to one image, at an amount.
        amounts: one for each severity.
        fields: those of the configuration that put images changed in the same way into a training.
    """

    change: Change
    amounts: tuple[float, float, float]
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Robustness:
    """How one family at one severity was read.

    Attributes:
        family: its name.
        severity: one of ``SEVERITIES``.
        is_trained_on: whether training images were changed in the same way, mildly or more.
        count: how many digits.
        correct: how many were read rightly, whatever their status.
        ok: how many have the status ``ok``.
        ok_wrong: of these, how many are wrong.
    """

    family: str
    severity: str
    is_trained_on: bool
    count: int
    correct: int
    ok: int
    ok_wrong: int

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self)


def corrupt(
    images: NDArray[np.uint8], family: str, severity: int, seed: int = 0
) -> NDArray[np.uint8]:
    """Spoil each of many digits; the same seed gives the same images.

    Args:
        images: (n, H, W) uint8, 255 is ink; not modified.
        family: a key of ``FAMILIES``.
        severity: 0, 1 or 2, as in ``SEVERITIES``.
        seed: of what is drawn at random.

    Returns:
        (n, H, W) uint8, of the same polarity.

    Raises:
        ConfigError: no such family or severity.
        BadArrayError: an array of another shape or dtype.
    """
    if family not in FAMILIES or severity not in range(len(SEVERITIES)):
        raise ConfigError(
            f"There is no corruption {family!r} of severity {severity}. Known: "
            f"{', '.join(FAMILIES)}, each of severity 0 to {len(SEVERITIES) - 1}."
        )
    if images.ndim != 3 or images.dtype != np.uint8 or 0 in images.shape[1:]:
        raise BadArrayError(
            f"The images are {images.dtype} of shape {images.shape}, but must be uint8 of shape "
            "(n, H, W), where 255 is ink."
        )
    change, amounts, _ = FAMILIES[family]
    rng = np.random.default_rng((seed, *family.encode(), severity))
    spoiled = np.empty_like(images)
    for index, image in enumerate(images):
        ink = change(image.astype(np.float32) / 255, amounts[severity], rng)
        spoiled[index] = np.rint(255 * np.clip(ink, 0, 1))
    return spoiled


def robustness(
    images: Images,
    labels: NDArray[np.int64],
    read: ReadImages,
    *,
    config: Mapping[str, Mapping[str, Any]],
    seed: int = 0,
) -> list[Robustness]:
    """Read the same digits spoiled in every way.

    Args:
        images: (n, H, W) uint8, 255 is ink.
        labels: (n,) the true classes.
        read: gives the class of each of n images, and whether its status is ``ok``.
        config: the configuration that the reader was trained with, as plain values.
        seed: of what is drawn at random.

    Returns:
        one row for each family and severity, in the order of ``FAMILIES``.
    """
    rows = []
    for family, (_, _, fields) in FAMILIES.items():
        places = (field.split(".") for field in fields)
        is_trained_on = any(config.get(section, {}).get(name) for section, name in places)
        for severity, name in enumerate(SEVERITIES):
            values, is_ok = read(corrupt(images, family, severity, seed))
            is_right = values == labels
            rows.append(
                Robustness(
                    family=family,
                    severity=name,
                    is_trained_on=is_trained_on,
                    count=len(images),
                    correct=int(is_right.sum()),
                    ok=int(is_ok.sum()),
                    ok_wrong=int((is_ok & ~is_right).sum()),
                )
            )
    return rows


# --- the pen and the paper -----------------------------------------------------------------------


def _thicker(ink: Ink, amount: float, _: np.random.Generator) -> Ink:
    """``amount`` of the original's pixels on either side."""
    large = _resized(ink, 4)
    side = 2 * round(4 * amount) + 1
    return _back(cv2.dilate(large, _disc(side)), ink)


def _thinner(ink: Ink, amount: float, _: np.random.Generator) -> Ink:
    """Down to the ridge of the stroke: what lies deeper than ``amount`` of the way stays."""
    large = _resized(ink, 4)
    depth = cv2.distanceTransform((large > 0.5).astype(np.uint8), cv2.DIST_L2, 5)
    deepest = cv2.dilate(depth, _disc(13))  # nearby: the ridge of this stroke
    return _back(large * (depth > amount * deepest), ink)


def _gaps(ink: Ink, amount: float, rng: np.random.Generator) -> Ink:
    """Cut across the stroke in a few places, each ``amount`` pixels wide."""
    ink = ink.copy()
    rows, columns = np.nonzero(ink > 0.5)
    y, x = _grid(ink)
    for at in rng.integers(len(rows), size=3) if len(rows) else ():
        across, along = _turned(y - rows[at], x - columns[at], rng.uniform(0, math.pi))
        far = np.maximum(np.abs(across) - amount / 2, np.abs(along) - 3)
        ink *= np.clip(far + 0.5, 0, 1)
    return ink


def _fading(ink: Ink, amount: float, rng: np.random.Generator) -> Ink:
    """The pen runs dry from one side to the other, down to ``1 − amount`` of the ink."""
    y, x = _grid(ink)
    height, width = ink.shape
    way, _ = _turned(
        (y - (height - 1) / 2) / height, (x - (width - 1) / 2) / width, rng.uniform(0, 2 * math.pi)
    )
    return np.asarray(ink * (1 - amount * np.clip(way / 0.7 + 0.5, 0, 1)), np.float32)


def _pale(ink: Ink, amount: float, _: np.random.Generator) -> Ink:
    """``1 − amount`` of the contrast, about the middle grey."""
    return amount / 2 + (1 - amount) * ink


def _ruled(ink: Ink, amount: float, rng: np.random.Generator) -> Ink:
    """A straight ruled line through the digit, ``amount`` pixels wide, nearly level."""
    y, x = _grid(ink)
    height, width = ink.shape
    at = height * rng.uniform(0.3, 0.7) + (x - width / 2) * math.tan(rng.uniform(-0.05, 0.05))
    line = np.clip(amount / 2 + 0.5 - np.abs(y - at), 0, 1)
    return np.asarray(np.maximum(ink, 0.6 * line), np.float32)


def _neighbour(ink: Ink, amount: float, rng: np.random.Generator) -> Ink:
    """A piece of a next digit's bow at one side, reaching ``amount`` of the width inwards."""
    height, width = ink.shape
    radius = height * rng.uniform(0.2, 0.35)
    beyond = width * amount - radius
    y, x = _grid(ink)
    distance = np.hypot(y - height * rng.uniform(0.3, 0.7), x - beyond)
    arc = np.clip(1.5 * height / 28 - np.abs(distance - radius), 0, 1)
    return np.asarray(np.maximum(ink, arc if rng.random() < 0.5 else arc[:, ::-1]), np.float32)


# --- the camera and the file ---------------------------------------------------------------------


def _defocus(ink: Ink, amount: float, _: np.random.Generator) -> Ink:
    """A Gaussian blur with this standard deviation, in pixels of a 28-pixel image."""
    sigma = amount * max(ink.shape) / 28
    return np.asarray(cv2.GaussianBlur(ink, (0, 0), sigma), np.float32)


def _few_pixels(ink: Ink, amount: float, _: np.random.Generator) -> Ink:
    """Down to ``amount`` pixels on the longer side, and back, smoothly."""
    small = cv2.resize(ink, _fitted(ink, amount), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, ink.shape[::-1], interpolation=cv2.INTER_CUBIC))


def _jagged(ink: Ink, amount: float, _: np.random.Generator) -> Ink:
    """A bitmap without grey, ``amount`` pixels on the longer side, enlarged in squares."""
    small = cv2.resize(ink, _fitted(ink, amount), interpolation=cv2.INTER_AREA)
    bitmap = (small > 0.4 * small.max()).astype(np.float32)
    return np.asarray(cv2.resize(bitmap, ink.shape[::-1], interpolation=cv2.INTER_NEAREST))


def _jpeg(ink: Ink, amount: float, _: np.random.Generator) -> Ink:
    """JPEG's blocks, at this quality."""
    pixels = np.rint(255 * ink).astype(np.uint8)
    jpeg = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, int(amount)])[1]
    grey = np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_GRAYSCALE), np.float32)
    return grey / np.float32(255)


# --- geometry ------------------------------------------------------------------------------------


def _rotated(ink: Ink, amount: float, rng: np.random.Generator) -> Ink:
    """By ``amount`` degrees, either way."""
    angle = math.radians(amount) * rng.choice((-1, 1))
    cos, sin = math.cos(angle), math.sin(angle)
    return _warped(ink, np.array([[cos, -sin], [sin, cos]]))


def _slanted(ink: Ink, amount: float, rng: np.random.Generator) -> Ink:
    """Sideways by ``amount`` of the height, either way."""
    return _warped(ink, np.array([[1, amount * rng.choice((-1, 1))], [0, 1]]))


def _stretched(ink: Ink, amount: float, rng: np.random.Generator) -> Ink:
    """Width against height by this factor, either way; what would grow stays, the other shrinks."""
    scale = np.array([1, 1 / amount])
    return _warped(ink, np.diag(scale if rng.random() < 0.5 else scale[::-1]))


_CROPS = "data.crops"  # of photographed pages: all that pens, rulings, neighbours and cameras do
FAMILIES: dict[str, Family] = {
    "thick pen": Family(_thicker, (0.75, 1.25, 1.75), ("augment.pen_width", _CROPS)),
    "thin pen": Family(_thinner, (0.4, 0.6, 0.75), ("augment.pen_width", _CROPS)),
    "gaps": Family(_gaps, (1.0, 1.8, 2.6), ("augment.gaps", _CROPS)),
    "fading ink": Family(_fading, (0.6, 0.8, 0.95)),
    "pale": Family(_pale, (0.7, 0.85, 0.93), (_CROPS,)),
    "ruled line": Family(_ruled, (0.8, 1.4, 2.0), ("augment.strays", _CROPS)),
    "neighbour": Family(_neighbour, (0.06, 0.1, 0.14), ("augment.strays", _CROPS)),
    "defocus": Family(_defocus, (1.0, 1.6, 2.2), (_CROPS,)),
    "few pixels": Family(_few_pixels, (14, 10, 8), ("augment.few_pixels", _CROPS)),
    "jagged": Family(_jagged, (20, 14, 11), ("augment.few_pixels",)),
    "JPEG": Family(_jpeg, (10, 4, 1), (_CROPS,)),
    "rotation": Family(_rotated, (12, 22, 32), ("augment.rotation_deg", _CROPS)),
    "slant": Family(_slanted, (0.25, 0.45, 0.65), ("augment.shear",)),
    "stretch": Family(_stretched, (1.3, 1.6, 2.0), ("augment.aspect",)),
}


def _resized(ink: Ink, factor: int) -> Ink:
    size = (factor * ink.shape[1], factor * ink.shape[0])
    return np.asarray(cv2.resize(ink, size, interpolation=cv2.INTER_CUBIC), np.float32)


def _back(large: Any, ink: Ink) -> Ink:
    return np.asarray(cv2.resize(large, ink.shape[::-1], interpolation=cv2.INTER_AREA), np.float32)


def _fitted(ink: Ink, longer_side: float) -> tuple[int, int]:
    """The width and height that a picture takes in fewer pixels."""
    height, width = (max(1, round(side * longer_side / max(ink.shape))) for side in ink.shape)
    return width, height


def _disc(side: int) -> NDArray[np.uint8]:
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)), np.uint8)


def _grid(ink: Ink) -> tuple[Ink, Ink]:
    y, x = np.mgrid[: ink.shape[0], : ink.shape[1]].astype(np.float32)
    return y, x


def _turned(y: Ink, x: Ink, angle: float) -> tuple[Ink, Ink]:
    cos, sin = math.cos(angle), math.sin(angle)
    return cos * y - sin * x, sin * y + cos * x


def _warped(ink: Ink, matrix: NDArray[np.float64]) -> Ink:
    """Move (x, y), taken from the middle, by a matrix (2, 2)."""
    middle = (np.array(ink.shape[::-1]) - 1) / 2
    affine = np.column_stack((matrix, middle - matrix @ middle))
    return np.asarray(cv2.warpAffine(ink, affine, ink.shape[::-1], flags=cv2.INTER_LINEAR))
