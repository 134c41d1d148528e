"""Where the ink of images lies, and what lies between their pixels: in ``keras.ops`` alone."""

from typing import Any

from keras import ops

from inkdigits.models.canonical import ink_extent

KNOTS = 6  # of a smooth displacement, along each axis


def ink_box(images: Any) -> list[tuple[Any, Any]]:
    """First and last row, then column, of each image's ink: (n, H, W) → (n, 1, 1) each."""
    is_inked = images > 0.2 * ops.max(images, axis=(1, 2), keepdims=True)
    extents = (ink_extent(ops.any(is_inked, axis=axis)) for axis in (2, 1))
    return [(first[:, :, None], last[:, :, None]) for first, last in extents]


def longer_side(images: Any) -> Any:
    """Of each image's ink, in pixels: (n, H, W) → (n, 1, 1)."""
    return ops.maximum(*(last - first for first, last in ink_box(images)))


def large_pixels(length: Any, pixel: Any, blend: Any, phase: Any) -> tuple[Any, Any]:
    """What makes large pixels of an axis, and what makes an axis of large pixels.

    Args:
        length: of the axis, in pixels of the image.
        pixel: (n, 1, 1) side of a large pixel, at least 1.
        blend: (n, 1, 1) how far one passes into the next: 1 gives squares, ``pixel`` a straight
            line from middle to middle.
        phase: (n, 1, 1) 0 to 1, how much of the first one lies before the axis.

    Returns:
        (n, large, length) and (n, length, large) float32.
    """
    place = ops.cast(ops.arange(length), "float32")[None, None, :]  # (1, 1, length)
    large = ops.cast(ops.arange(length + 1), "float32")[None, :, None]  # (1, large, 1)
    start = (large - phase) * pixel  # (n, large, 1)
    averages = overlap(start, start + pixel, place, place + 1.0) / pixel
    middle = place + 0.5
    spreads = overlap(start, start + pixel, middle - blend / 2, middle + blend / 2) / blend
    return averages, ops.transpose(spreads, (0, 2, 1))


def overlap(low: Any, high: Any, other_low: Any, other_high: Any) -> Any:
    """The length that two intervals share."""
    return ops.maximum(ops.minimum(high, other_high) - ops.maximum(low, other_low), 0.0)


def centred(length: Any) -> Any:
    """(length,) float32 pixel positions, 0 in the middle."""
    return ops.cast(ops.arange(length), "float32") - (ops.cast(length, "float32") - 1.0) / 2


def spline_basis(length: Any) -> Any:
    """(length, knots) float32 cubic B-spline weights; the outer knots lie beyond the ends."""
    spread = ops.cast(length, "float32") / (KNOTS - 3)
    at = centred(length)[:, None] / spread  # in knots, 0 in the middle
    knot = ops.cast(ops.arange(KNOTS), "float32")[None, :] - (KNOTS - 1) / 2
    distance = ops.abs(at - knot)
    near = 2 / 3 - distance**2 + distance**3 / 2
    far = ops.maximum(2.0 - distance, 0.0) ** 3 / 6
    return ops.where(distance < 1, near, far)


def sample(images: Any, y: Any, x: Any) -> Any:
    """Bilinear values of (n, H, W) at (n, H', W') positions; 0 outside."""
    num, height, width = ops.shape(images)
    padded = ops.pad(images, ((0, 0), (1, 2), (1, 2)))  # the last for the neighbour of the rest
    flat = ops.reshape(padded, (-1,))
    y = ops.clip(y + 1.0, 0.0, ops.cast(height, "float32") + 1.0)
    x = ops.clip(x + 1.0, 0.0, ops.cast(width, "float32") + 1.0)
    y_floor, x_floor = ops.floor(y), ops.floor(x)
    y_part, x_part = y - y_floor, x - x_floor
    image = ops.cast(ops.arange(num), "int32")[:, None, None] * ((height + 3) * (width + 3))
    corner = image + ops.cast(y_floor, "int32") * (width + 3) + ops.cast(x_floor, "int32")

    def at(offset: Any) -> Any:
        return ops.take(flat, corner + offset, axis=0)  # (n, H', W')

    top = at(0) * (1.0 - x_part) + at(1) * x_part
    bottom = at(width + 3) * (1.0 - x_part) + at(width + 4) * x_part
    return top * (1.0 - y_part) + bottom * y_part


def largest_near(images: Any) -> Any:
    """The largest value in each pixel's 3×3 neighbourhood: (n, H, W) in [-1, 1] → (n, H, W).

    Row-wise, then column-wise: much faster on a processor than pooling a single channel.
    """
    _, height, width = ops.shape(images)
    rows = ops.pad(images, ((0, 0), (1, 1), (0, 0)), constant_values=-1.0)
    most = ops.maximum(ops.maximum(rows[:, :height], rows[:, 2:]), images)
    columns = ops.pad(most, ((0, 0), (0, 0), (1, 1)), constant_values=-1.0)
    return ops.maximum(ops.maximum(columns[:, :, :width], columns[:, :, 2:]), most)
