"""Pictures that are no handwriting: print, textures, blobs, shapes and silhouettes.

Each function draws one at any size: ``(rng, size_px)`` to (size_px, size_px) float32, 1 is ink,
placed as MNIST places its digits. The same state of ``rng`` draws the same picture at every size,
up to its finest detail.
"""

import math
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Ink = NDArray[np.float32]
Mask = NDArray[np.uint8]
Points = NDArray[np.float64]

INK_SHARE = 20 / 28  # longer side of the ink against the side of the square, as in MNIST
_PRINT_PX = 112  # height that characters are rendered at

_PRINTED_LETTERS = "ACEFHKLMNPRTUVWXYacdefhijkmnprtuvwx"
_PRINTED_OTHERS = (
    "ΓΔΞΠΣΦΨΩαηκλμπφψωЖИПЦШЩЯжийпцшщяאהחטמצ"
    "+±×÷=≠≈∞∑∏∇∈∉⊂⊕⊗√←→↔⇐⇒⇔✓✗★☆♥♣♠☺☹☂☎✉♫☀€¥#%&@?!*~<{[…:∀∪∩«»"
    "ⴳⴻⴼⴽⵅⵎⵜⵟⵣⵥԱԲԵԸԺԽՄՈՓՔխմնպտփთდლტფქჟჩჯᐁᐃᐊᐯᐳᐸᑌᑎᑐᑕᑭᒥᒪ"
)
_FONTS = (
    "DejaVuSans",
    "DejaVuSans-Bold",
    "DejaVuSans-Oblique",
    "DejaVuSansMono",
    "DejaVuSerif",
    "DejaVuSerif-Bold",
    "DejaVuSerif-Italic",
    "STIXGeneral",
    "STIXGeneralBol",
    "STIXGeneralItalic",
)
_HERSHEY = (
    cv2.FONT_HERSHEY_SIMPLEX,
    cv2.FONT_HERSHEY_DUPLEX,
    cv2.FONT_HERSHEY_COMPLEX,
    cv2.FONT_HERSHEY_SCRIPT_SIMPLEX,
    cv2.FONT_HERSHEY_SCRIPT_COMPLEX,
)


def frame(picture: Ink | Mask, rng: np.random.Generator, size_px: int) -> Ink:
    """Fit what is inked into a square as MNIST places its digits.

    Args:
        picture: (H, W) float32 in [0, 1] or uint8, 1 or 255 is ink; some of it is inked.
        rng: moves and scales it a little.
        size_px: side of the square in pixels.

    Returns:
        (size_px, size_px) float32 in [0, 1]; the longer side of the ink is about 20/28 of it.
    """
    ink = picture if picture.dtype == np.float32 else picture.astype(np.float32) / np.float32(255)
    left, top, width, height = cv2.boundingRect((ink > 0.1).astype(np.uint8))
    crop = ink[top : top + height, left : left + width]
    longer_px = size_px * INK_SHARE * rng.uniform(0.95, 1.04)
    shift_x, shift_y = rng.normal(0.0, size_px / 60, 2).tolist()
    scale = longer_px / max(width, height)
    out_width, out_height = max(1, round(width * scale)), max(1, round(height * scale))
    shrinks = scale < 1
    small = cv2.resize(
        crop, (out_width, out_height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    )
    x = min(max(0, round((size_px - out_width) / 2 + shift_x)), size_px - out_width)
    y = min(max(0, round((size_px - out_height) / 2 + shift_y)), size_px - out_height)
    framed = np.zeros((size_px, size_px), np.float32)
    framed[y : y + out_height, x : x + out_width] = np.minimum(small, 1)
    return framed


def printed_letter(rng: np.random.Generator, size_px: int) -> Ink:
    """Print one Latin letter."""
    return _printed(_pick(rng, _PRINTED_LETTERS), rng, size_px)


def printed_other(rng: np.random.Generator, size_px: int) -> Ink:
    """Print one symbol, or one letter of another script."""
    return _printed(_pick(rng, _PRINTED_OTHERS), rng, size_px)


def printed_word(rng: np.random.Generator, size_px: int) -> Ink:
    """Print two to five letters."""
    count = int(rng.integers(2, 6))
    return _printed("".join(_pick(rng, _PRINTED_LETTERS) for _ in range(count)), rng, size_px)


def _printed(text: str, rng: np.random.Generator, size_px: int) -> Ink:
    fonts = _fonts()
    choice, *change = rng.random(5).tolist()
    hershey = not fonts or (choice < 0.25 and text.isascii())
    if hershey:
        text = text if text.isascii() else "#"
        mask = _hershey(text, _HERSHEY[int(rng.integers(len(_HERSHEY)))], int(rng.integers(2, 12)))
    else:
        mask = _typeset(text, fonts[int(rng.integers(len(fonts)))])
    return frame(varied(mask, *change), rng, size_px)


def varied(mask: Mask, slant: float, turn: float, stretch: float, bold: float) -> Mask:
    """Change what was typeset as a hand would: (H, W) to (H2, W2) uint8, each amount in [0, 1]."""
    angle = 0.24 * (turn - 0.5)
    cos, sin = math.cos(angle), math.sin(angle)
    lean = np.array([[0.75 + 0.5 * stretch, -0.5 * (slant - 0.3)], [0.0, 1.0]])
    matrix = np.array([[cos, -sin], [sin, cos]]) @ lean
    height, width = mask.shape
    middle = np.array([width, height]) / 2
    out = np.abs(matrix) @ middle * 2 + 4
    move = out / 2 - matrix @ middle
    warped = cv2.warpAffine(
        mask, np.column_stack((matrix, move)), (int(out[0]), int(out[1])), flags=cv2.INTER_LINEAR
    )
    if bold > 0.8:
        warped = cv2.dilate(warped, np.ones((5, 5), np.uint8))
    return np.asarray(warped, np.uint8)


@cache
def _fonts() -> tuple[str, ...]:
    """The fonts that Matplotlib brings; none where it is not installed."""
    try:
        import matplotlib as mpl  # slow, and an extra
    except ImportError:
        return ()
    folder = Path(mpl.get_data_path()) / "fonts" / "ttf"
    return tuple(
        str(folder / f"{name}.ttf") for name in _FONTS if (folder / f"{name}.ttf").exists()
    )


@cache
def typeface(path: str) -> ImageFont.FreeTypeFont:
    """Open a font at the size that all print is rendered at; raises OSError where it is none."""
    return ImageFont.truetype(path, _PRINT_PX, layout_engine=ImageFont.Layout.BASIC)


@cache
def _lacks(path: str) -> bytes:
    return bytes(typeface(path).getmask("\uffff"))


def _typeset(text: str, path: str) -> Mask:
    """Render with the given font, or with DejaVu Sans where it lacks a character."""
    font = typeface(path)
    if not text.isascii() and bytes(font.getmask(text)) == _lacks(path):
        font = typeface(_fonts()[0])
    return typeset(text, font)


def typeset(text: str, font: ImageFont.FreeTypeFont) -> Mask:
    """Render with the given font: (H, W) uint8, 255 is ink, with 4 px of paper around it."""
    left, top, right, bottom = (int(edge) for edge in font.getbbox(text))
    image = Image.new("L", (right - left + 8, bottom - top + 8))
    ImageDraw.Draw(image).text((4 - left, 4 - top), text, fill=255, font=font)
    return np.asarray(image, np.uint8)


def _hershey(text: str, font: int, thickness_px: int) -> Mask:
    (width, height), low = cv2.getTextSize(text, font, 3.0, thickness_px)
    pad = 20
    mask = np.zeros((height + low + 2 * pad, width + 2 * pad), np.uint8)
    cv2.putText(mask, text, (pad, height + pad), font, 3.0, 255, thickness_px, cv2.LINE_AA)
    return mask


def texture(rng: np.random.Generator, size_px: int) -> Ink:
    """Draw what ink extraction leaves of a photograph: foliage, bricks, craters, grain."""
    side = max(64, 2 * size_px)
    draw = (_foliage, _bricks, _craters, _grain, _contours)[int(rng.integers(5))]
    ink = draw(rng, side)
    if rng.random() < 0.5:  # a part of it, as one connected mark would be
        ink = ink * (_field(rng, 3, side) > -0.4)
    if not (ink > 0.1).any():
        ink[:: max(1, side // 8)] = 1
    return frame(ink.astype(np.float32), rng, size_px)


def _field(rng: np.random.Generator, cells: int, side: int, wide: int | None = None) -> Ink:
    """Smooth noise of deviation 1: (side, side) from a grid of ``cells`` × ``wide`` values."""
    grid = rng.standard_normal((cells + 3, (wide or cells) + 3)).astype(np.float32)
    whole = cv2.resize(grid, (side, side), interpolation=cv2.INTER_CUBIC)
    return np.asarray(whole / max(1e-6, float(whole.std())), np.float32)


def _foliage(rng: np.random.Generator, side: int) -> Ink:
    cells = int(rng.integers(5, 14))
    rough = _field(rng, cells, side) + 0.6 * _field(rng, 2 * cells, side)
    return _soft(rough - rng.uniform(0.0, 0.7))


def _grain(rng: np.random.Generator, side: int) -> Ink:
    cells = int(rng.integers(6, 16))
    wide = max(2, cells // int(rng.integers(3, 6)))
    ink = _soft(_field(rng, cells, side, wide) - 0.3)
    return np.ascontiguousarray(ink.T) if rng.random() < 0.5 else ink


def _contours(rng: np.random.Generator, side: int) -> Ink:
    cells, step, width = int(rng.integers(4, 8)), rng.uniform(0.7, 1.2), rng.uniform(0.12, 0.2)
    height = _field(rng, cells, side) / step
    return _soft(width - np.abs(height - np.rint(height)), 12.0)


def _bricks(rng: np.random.Generator, side: int) -> Ink:
    rows, columns = int(rng.integers(3, 7)), int(rng.integers(2, 5))
    y, x = np.mgrid[0:side, 0:side].astype(np.float32) / side
    angle = rng.uniform(-0.3, 0.3)
    wobble = 0.02 * _field(rng, 5, side)
    v = (y + angle * x + wobble) * rows
    row = np.floor(v)
    u = (x - angle * y + wobble) * columns + 0.5 * (row % 2)
    mortar = rng.uniform(0.06, 0.16)
    edge_v = np.minimum(v - row, 1 - v + row)
    edge_u = np.minimum(u - np.floor(u), 1 - u + np.floor(u)) * rows / columns
    joint = np.minimum(edge_v, edge_u) - mortar
    ink = _soft(joint if rng.random() < 0.4 else -joint, 8.0)
    return np.asarray(ink * (0.8 + 0.2 * np.tanh(_field(rng, 12, side))), np.float32)


def _craters(rng: np.random.Generator, side: int) -> Ink:
    ink = np.zeros((side, side), np.float32)
    for _ in range(int(rng.integers(6, 16))):
        x, y = (rng.random(2) * side).astype(int).tolist()
        radius = int(side * 0.04 * math.exp(1.3 * rng.random()))
        start, sweep = rng.uniform(0, 360), rng.uniform(150, 260)
        cv2.ellipse(
            ink, (x, y), (radius, radius), start, 0, sweep, rng.uniform(0.5, 1), max(1, radius // 3)
        )
    return np.asarray(np.maximum(ink, 0.7 * _soft(_field(rng, 10, side) - 1.6)), np.float32)


def _soft(level: NDArray[np.floating], steepness: float = 4.0) -> Ink:
    """1 where above 0, 0 where below, with a soft edge."""
    return np.asarray(np.clip(level * np.float32(steepness) + 0.5, 0, 1), np.float32)


def blob(rng: np.random.Generator, size_px: int) -> Ink:
    """Draw one filled blot with a ragged outline, or several small ones."""
    angles = np.linspace(0, 2 * math.pi, 48, endpoint=False)
    waves = np.arange(2, 9)
    gain = rng.standard_normal((2, len(waves))) * rng.uniform(0.1, 0.4) / waves
    radius = (
        1 + gain[0] @ np.cos(np.outer(waves, angles)) + gain[1] @ np.sin(np.outer(waves, angles))
    )
    radius = np.maximum(radius, 0.3)
    outline = radius[:, None] * np.column_stack((np.cos(angles), np.sin(angles)))
    outline *= (1.0, rng.uniform(0.5, 1.0))
    ink = _filled([_not_upright(_turned(outline, rng.uniform(0, 2 * math.pi)))], size_px)
    if rng.random() < 0.4:
        holes = _soft(1.3 - _field(rng, int(rng.integers(9, 14)), ink.shape[0]))
        ink = ink * holes
    return frame(ink, rng, size_px)


def shape(rng: np.random.Generator, size_px: int) -> Ink:
    """Draw a polygon or star, filled, or the outlines of two that overlap."""
    if rng.random() < 0.6:
        return frame(_filled([_not_upright(_polygon(rng))], size_px), rng, size_px)
    side = max(64, 2 * size_px)
    ink = np.zeros((side, side), np.uint8)
    thickness = max(1, round(side * rng.uniform(0.02, 0.07)))
    apart = _turned(np.array([[0.15, 0.0], [-0.15, 0.0]]), rng.uniform(0, 2 * math.pi))
    for place in apart:
        corners = (_polygon(rng) * 0.3 + 0.5 + place) * side
        cv2.polylines(ink, [np.rint(corners).astype(np.int32)], True, 255, thickness, cv2.LINE_AA)
    return frame(ink, rng, size_px)


def _polygon(rng: np.random.Generator) -> Points:
    """Three to nine corners around the origin, every other one drawn in for a star: (n, 2)."""
    corners = int(rng.integers(3, 7))
    angles = (np.arange(corners) + rng.uniform(-0.3, 0.3, corners)) / corners * 2 * math.pi
    points = np.column_stack((np.cos(angles), np.sin(angles)))
    if corners > 3 and rng.random() < 0.5:
        inner = points + np.roll(points, -1, axis=0)
        points = np.stack((points, rng.uniform(0.12, 0.3) * inner), axis=1).reshape(-1, 2)
    return _turned(points * (1.0, rng.uniform(0.6, 1.0)), rng.uniform(0, 2 * math.pi))


def _turned(points: Points, angle: float) -> Points:
    cos, sin = math.cos(angle), math.sin(angle)
    return np.asarray(points @ np.array([[cos, sin], [-sin, cos]]), np.float64)


def _not_upright(points: Points) -> Points:
    """Lay down what stands tall and thin, as a bold 1 does."""
    width, height = np.ptp(points, axis=0)
    return points[:, ::-1] if width < 0.6 * height else points


def _filled(polygons: list[Points], size_px: int) -> Ink:
    """Fill polygons of any extent: float32 on a canvas at least twice the square's side."""
    side = max(64, 2 * size_px)
    points = np.concatenate(polygons)
    low, extent = points.min(axis=0), float(np.ptp(points, axis=0).max())
    mask = np.zeros((side, side), np.uint8)
    for polygon in polygons:
        pixels = (polygon - low) * ((side - 5) / extent) + 2
        cv2.fillPoly(mask, [np.rint(pixels * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    return mask.astype(np.float32) / np.float32(255)


# Right halves of garments, from the middle of the top to the middle of the bottom, in percent;
# the left half is the mirror image. Trousers stand with their legs apart.
_GARMENTS = {
    "shirt": "8,4 18,0 46,14 40,34 26,26 27,100 0,100",
    "pullover": "8,3 20,0 36,12 50,86 38,90 27,36 28,100 0,100",
    "dress": "6,8 12,0 18,2 17,22 14,40 34,100 0,100",
    "coat": "6,0 20,4 34,14 44,88 34,92 27,40 30,100 3,100 0,12",
    "trousers": "22,0 25,10 34,100 16,100 0,26",
    "skirt": "16,0 36,100 0,100",
    "vest": "10,0 18,0 18,26 28,40 28,100 0,100",
    "lamp": "14,0 40,44 6,46 6,90 26,100 0,100",
    "vase": "18,0 14,14 34,44 36,70 18,100 0,100",
    "tree": "4,0 26,32 14,34 36,64 10,68 10,100 0,100",
}
# What is not symmetrical: shoes, boots, bags, a car, a bird, a hand: whole outlines.
_THINGS = {
    "shoe": "2,40 22,34 48,52 86,62 98,72 98,84 2,84",
    "boot": "6,0 40,0 42,52 86,66 98,84 98,98 4,98",
    "sandal": "0,30 12,24 26,62 60,50 90,70 100,84 60,86 30,82 14,90 4,90",
    "bag": "4,36 28,36 32,10 66,10 70,36 96,36 90,94 10,94",
    "car": "0,60 16,56 30,34 68,34 82,56 100,60 100,78 84,78 78,88 68,78 32,78 24,88 14,78 0,78",
    "bird": "0,30 22,20 40,40 96,16 70,60 88,74 44,76 22,56",
    "fish": "0,50 30,24 64,38 98,16 90,50 98,84 64,62 30,78",
    "house": "50,0 100,46 86,46 86,100 14,100 14,46 0,46",
}


def silhouette(rng: np.random.Generator, size_px: int) -> Ink:
    """Draw a garment, a shoe, a bag or another thing, filled and shaded."""
    outlines = (*_GARMENTS.items(), *_THINGS.items())
    name, written = outlines[int(rng.integers(len(outlines)))]
    points = np.array([pair.split(",") for pair in written.split()], np.float64) / 100
    points += rng.normal(0.0, 0.018, points.shape)
    if name in _GARMENTS:
        points *= (rng.uniform(0.8, 1.25), 1.0)
        points[:, 0] = np.maximum(points[:, 0], 0)
        points = np.concatenate((points, points[::-1] * (-1, 1)))
    elif rng.random() < 0.5:
        points = points * (-1, 1)
    ink = _filled([_turned(points, rng.normal(0.0, 0.06))], size_px)
    shade = 0.75 + rng.uniform(0.0, 0.2) * _field(rng, int(rng.integers(2, 8)), ink.shape[0])
    return frame(np.asarray(ink * np.clip(shade, 0.25, 1), np.float32), rng, size_px)


def _pick(rng: np.random.Generator, characters: str) -> str:
    return characters[int(rng.integers(len(characters)))]
