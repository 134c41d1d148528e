"""Changes that a training image goes through around the canonicaliser, and only in training.

All geometry is one resampling, so that the image is blurred once: each output pixel asks an
affine map plus a smooth random displacement where in the image it comes from.
"""

import math
from typing import Any

import keras
from keras import ops

from inkdigits.config import AugmentConfig
from inkdigits.models.pixels import (
    KNOTS,
    centred,
    ink_box,
    large_pixels,
    largest_near,
    longer_side,
    sample,
    spline_basis,
)

_NUM_GAPS = 3  # in an image whose strokes are broken
_FEWEST_PX, _MOST_PX = 8.0, 20.0  # along the longer side of what is shown in few pixels
_BITMAP_LEVELS = 0.25, 0.5  # between which grey becomes ink in a bitmap; 1 is the darkest
_STRAY_DARKNESS = 0.3, 0.75  # of a ruled line: paler than one that strikes the digit out


class _TrainingOnly(keras.layers.Layer):
    """A layer that passes images (n, H, W) through unchanged, except in training."""

    def __init__(self, *, seed: int | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, images: Any, training: bool | None = None) -> Any:
        """(n, H, W) float32 → (n, H', W') float32."""
        return self.change(images) if training else images

    def change(self, images: Any) -> Any:
        """What happens in training."""
        raise NotImplementedError

    def uniform(self, shape: tuple[Any, ...], limit: float) -> Any:
        """Draw evenly from [-limit, limit]."""
        return self.between(shape, -limit, limit)

    def between(self, shape: tuple[Any, ...], low: float, high: float) -> Any:
        """Draw evenly from [low, high]."""
        return keras.random.uniform(shape, low, high, seed=self.seed_generator)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """(n, any, any)."""
        return (input_shape[0], None, None)

    def get_config(self) -> dict[str, Any]:
        """What it takes to build the layer again."""
        return {**super().get_config(), "seed": self.seed}


class _ByShare(_TrainingOnly):
    """One that knows a share: of the images that it changes, or of what it takes from each."""

    def __init__(self, *, share: float = 0.0, **options: Any) -> None:
        super().__init__(**options)
        self.share = share

    def get_config(self) -> dict[str, Any]:
        """What it takes to build the layer again."""
        return {**super().get_config(), "share": self.share}


class _OfSome(_ByShare):
    """One that changes a share of the images, and leaves the others as they are."""

    def change(self, images: Any) -> Any:
        """(n, H, W) → (n, H, W)."""
        changed = self.changed(images)
        is_chosen = self.between((ops.shape(images)[0], 1, 1), 0.0, 1.0) < self.share
        return ops.where(is_chosen, changed, images)

    def changed(self, images: Any) -> Any:
        """What each image would become: (n, H, W) → (n, H, W)."""
        raise NotImplementedError


@keras.saving.register_keras_serializable(package="inkdigits")
class Warp(_TrainingOnly):
    """Rotate, shear, scale, stretch and bend each image, on a canvas half as large again.

    Args:
        rotation_deg: largest rotation either way, in degrees.
        shear: largest sideways slant, as a share of the height.
        scale: largest change of size, as a factor above or below 1.
        aspect: largest stretch of width against height, as a factor above or below 1.
        elastic_px: standard deviation of the displacement of a knot, in pixels.
        seed: of the random numbers.

    Source: Simard et al. 2003 (elastic distortions), with cubic B-splines over a few random
    knots in place of a smoothed random field, because that needs two small matrix products.
    """

    def __init__(
        self,
        *,
        rotation_deg: float = 0.0,
        shear: float = 0.0,
        scale: float = 0.0,
        aspect: float = 0.0,
        elastic_px: float = 0.0,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.rotation_deg = rotation_deg
        self.shear = shear
        self.scale = scale
        self.aspect = aspect
        self.elastic_px = elastic_px

    def change(self, images: Any) -> Any:
        """(n, H, W) → (n, H + H // 4 · 2, W + W // 4 · 2)."""
        num, height, width = ops.shape(images)
        out_height, out_width = height + height // 4 * 2, width + width // 4 * 2
        y = centred(out_height)[None, :, None]  # (1, H', 1)
        x = centred(out_width)[None, None, :]  # (1, 1, W')
        angle = self.uniform((num, 1, 1), math.radians(self.rotation_deg))
        slant = self.uniform((num, 1, 1), self.shear)
        size = ops.exp(self.uniform((num, 1, 1), math.log1p(self.scale)))
        stretch = ops.exp(self.uniform((num, 1, 1), math.log1p(self.aspect) / 2))
        cos, sin = ops.cos(angle), ops.sin(angle)
        from_y = (cos * y + sin * x) * stretch / size  # (n, H', W')
        from_x = (cos * x - sin * y) / stretch / size + slant * from_y
        if self.elastic_px:
            knots = keras.random.normal((2, num, KNOTS, KNOTS), seed=self.seed_generator)
            rows, columns = spline_basis(out_height), spline_basis(out_width)  # (H', knots)
            bend = ops.matmul(ops.matmul(rows, knots), ops.transpose(columns))  # (2, n, H', W')
            from_y = from_y + self.elastic_px * bend[0]
            from_x = from_x + self.elastic_px * bend[1]
        half_height = (ops.cast(height, "float32") - 1.0) / 2
        half_width = (ops.cast(width, "float32") - 1.0) / 2
        return sample(images, from_y + half_height, from_x + half_width)

    def get_config(self) -> dict[str, Any]:
        """What it takes to build the layer again."""
        names = ("rotation_deg", "shear", "scale", "aspect", "elastic_px")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@keras.saving.register_keras_serializable(package="inkdigits")
class PenWidth(_TrainingOnly):
    """Thicken or thin each image's strokes, by up to ``amount`` of a pixel on either side."""

    def __init__(self, *, amount: float = 0.0, **options: Any) -> None:
        super().__init__(**options)
        self.amount = amount

    def change(self, images: Any) -> Any:
        """(n, H, W) → (n, H, W)."""
        amount = self.uniform((ops.shape(images)[0], 1, 1), self.amount)
        way = ops.where(amount > 0, 1.0, -1.0)  # the paper of a thinner stroke is thicker
        target = way * largest_near(way * images)
        return images + ops.abs(amount) * (target - images)

    def get_config(self) -> dict[str, Any]:
        """What it takes to build the layer again."""
        return {**super().get_config(), "amount": self.amount}


@keras.saving.register_keras_serializable(package="inkdigits")
class Gaps(_OfSome):
    """Break the strokes of some images, as a dry pen, a fax or a hard threshold does.

    Three cuts in any direction, each about a place with ink, a quarter of the ink's longer side
    long and up to an eighth of it wide.

    Args:
        share: of the images.
        seed: of the random numbers.
    """

    def changed(self, images: Any) -> Any:
        """(n, H, W) → (n, H, W)."""
        num, height, width = ops.shape(images)
        shape = (num, 1, 1, _NUM_GAPS)
        is_ink = ops.reshape(images > 0.5 * ops.max(images, axis=(1, 2), keepdims=True), (num, -1))
        place = keras.random.categorical(
            ops.where(is_ink, 0.0, -1e9), _NUM_GAPS, seed=self.seed_generator
        )  # (n, gaps)
        at = ops.cast(ops.reshape(place, shape), "float32")
        row = ops.floor(at / ops.cast(width, "float32"))
        y = ops.cast(ops.arange(height), "float32")[None, :, None, None] - row
        x = ops.cast(ops.arange(width), "float32")[None, None, :, None]
        x = x - (at - row * ops.cast(width, "float32"))  # y, x from the place: (n, H or 1, …, gaps)
        angle = self.uniform(shape, math.pi)
        cos, sin = ops.cos(angle), ops.sin(angle)
        longer = longer_side(images)[..., None]
        half_width = longer * self.between(shape, 0.02, 0.065)
        far = ops.maximum(
            ops.abs(cos * y + sin * x) - half_width, ops.abs(cos * x - sin * y) - 0.12 * longer
        )
        kept = ops.prod(ops.clip(far + 0.5, 0.0, 1.0), axis=3)  # (n, H, W)
        return images * kept


@keras.saving.register_keras_serializable(package="inkdigits")
class Strays(_OfSome):
    """Leave in some images what is not of the digit: half a ruled line, half a neighbour's bow.

    A line is level to 3 degrees, up to a twelfth of the ink's longer side wide, and goes through it
    or close by; a bow reaches at most an eighth of that side over the ink's left or right end.

    Args:
        share: of the images.
        seed: of the random numbers.
    """

    def changed(self, images: Any) -> Any:
        """(n, H, W) → (n, H, W)."""
        num, height, width = ops.shape(images)
        one = (num, 1, 1)
        (top, bottom), (left, right) = ink_box(images)
        longer = ops.maximum(bottom - top, right - left)
        y = ops.cast(ops.arange(height), "float32")[None, :, None]
        x = ops.cast(ops.arange(width), "float32")[None, None, :]
        margin = longer * self.between(one, 0.05, 0.2)
        is_seen = ops.logical_and(x >= left - margin, x < right + margin)
        level = top + (bottom - top) * self.between(one, 0.0, 1.1)
        level = level + (x - (left + right) / 2) * self.uniform(one, math.tan(math.radians(3)))
        half_width = longer * self.between(one, 0.012, 0.04)
        line = ops.clip(half_width + 0.5 - ops.abs(y - level), 0.0, 1.0)
        line = line * self.between(one, *_STRAY_DARKNESS)
        radius = longer * self.between(one, 0.2, 0.5)
        reach = longer * self.between(one, -0.1, 0.125)  # over the end of the ink
        middle = ops.where(
            self.uniform(one, 1.0) < 0, left + reach - radius, right - reach + radius
        )
        distance = ops.sqrt(
            (x - middle) ** 2 + (y - top - (bottom - top) * self.between(one, 0.2, 0.8)) ** 2
        )
        half_pen = longer * self.between(one, 0.03, 0.075)
        bow = ops.clip(half_pen + 0.5 - ops.abs(distance - radius + half_pen), 0.0, 1.0)
        stray = ops.where(self.uniform(one, 1.0) < 0, line, bow) * ops.cast(is_seen, "float32")
        stray = stray * ops.max(images, axis=(1, 2), keepdims=True)
        return ops.maximum(images, stray)


@keras.saving.register_keras_serializable(package="inkdigits")
class FewPixels(_OfSome):
    """Show some images in few pixels, as small scans, screenshots and bitmaps have them.

    The longer side of the ink takes 8 to 20 pixels, or what it has where that is less; one image in
    two of these becomes a bitmap without grey. They are enlarged again in squares, smoothly, or
    anyhow between.

    Args:
        share: of the images.
        seed: of the random numbers.
    """

    def changed(self, images: Any) -> Any:
        """(n, H, W) → (n, H, W)."""
        num, height, width = ops.shape(images)
        one = (num, 1, 1)
        fewer = ops.exp(self.between(one, math.log(_FEWEST_PX), math.log(_MOST_PX)))
        # Side of a large pixel, in pixels of the image.
        pixel = ops.maximum(longer_side(images) / fewer, 1.0)
        blend = ops.maximum(self.between(one, 0.0, 1.0) * pixel, 1.0)
        rows, columns = (
            large_pixels(length, pixel, blend, self.between(one, 0.0, 1.0))
            for length in (height, width)
        )
        small = ops.matmul(ops.matmul(rows[0], images), ops.transpose(columns[0], (0, 2, 1)))
        level = self.between(one, *_BITMAP_LEVELS) * ops.max(small, axis=(1, 2), keepdims=True)
        bitmap = ops.cast(small > level, "float32")
        small = ops.where(self.between(one, 0.0, 1.0) < 0.5, bitmap, small)
        large = ops.matmul(ops.matmul(rows[1], small), ops.transpose(columns[1], (0, 2, 1)))
        return ops.minimum(large, 1.0)  # shares of a pixel add up to 1 but for rounding


@keras.saving.register_keras_serializable(package="inkdigits")
class Erase(_ByShare):
    """Make a rectangle of each image paper; its height and width are drawn apart.

    Behind the canonicaliser, so that what is missing does not move or enlarge what is left.

    Args:
        share: of the image's height and width, the largest side that is erased.
        seed: of the random numbers.

    Source: Zhong et al. 2017, "Random erasing data augmentation", with paper in place of noise.
    """

    def change(self, images: Any) -> Any:
        """(n, H, W) → (n, H, W)."""
        num, height, width = ops.shape(images)
        rows, columns = self._stripe(num, height), self._stripe(num, width)
        is_erased = ops.logical_and(rows[:, :, None], columns[:, None, :])
        return ops.where(is_erased, 0.0, images)

    def _stripe(self, num: Any, length: Any) -> Any:
        """(n, length) bool: around a middle that lies anywhere along an axis."""
        side = ops.cast(length, "float32")
        middle = self.uniform((num, 1), 0.5) * side
        half = ops.abs(self.uniform((num, 1), 0.5)) * self.share * side
        return ops.abs(centred(length)[None, :] - middle) <= half

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """That of the input."""
        return input_shape


def augmentation(config: AugmentConfig, seed: int) -> list[keras.layers.Layer]:
    """The layers before the canonicaliser that are asked for; none for what is switched off."""
    geometry = {
        "rotation_deg": config.rotation_deg,
        "shear": config.shear,
        "scale": config.scale,
        "aspect": config.aspect,
        "elastic_px": config.elastic_px,
    }
    layers: list[keras.layers.Layer] = []
    if any(geometry.values()):
        layers.append(Warp(**geometry, seed=seed, name="warp"))
    if config.pen_width:
        layers.append(PenWidth(amount=config.pen_width, seed=seed + 1, name="pen_width"))
    if config.gaps:
        layers.append(Gaps(share=config.gaps, seed=seed + 4, name="gaps"))
    if config.strays:
        layers.append(Strays(share=config.strays, seed=seed + 5, name="strays"))
    if config.few_pixels:
        layers.append(FewPixels(share=config.few_pixels, seed=seed + 3, name="few_pixels"))
    return layers


def glyph_augmentation(config: AugmentConfig, seed: int) -> list[keras.layers.Layer]:
    """The layers behind the canonicaliser that are asked for; none for what is switched off."""
    return [Erase(share=config.erase, seed=seed + 2, name="erase")] if config.erase else []
