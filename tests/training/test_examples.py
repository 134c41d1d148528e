"""What is learned from and validated on: never the same, and settled by the data's own seed."""

from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest

from inkdigits import data
from inkdigits.config import Config
from inkdigits.errors import DataError
from inkdigits.synthesis.fonts import font_characters, open_fonts
from inkdigits.synthesis.strokes import synthetic_digits
from inkdigits.training.examples import as_ink, load_examples, shuffled, validation_images


def test_validation_images_are_never_trained_on(small_config: Config):
    ink, labels = validation_images(small_config)
    whole = data.load("synthetic", "train", count=200, seed=small_config.data.seed)
    assert ink.dtype == np.float32
    assert ink.max() == 1
    known = {
        image.tobytes(): label for image, label in zip(whole.images, whole.labels, strict=True)
    }
    pixels = np.round(ink * 255).astype(np.uint8)
    assert [known[image.tobytes()] for image in pixels] == labels.tolist()
    seen = as_ink(load_examples(small_config.data, None).images)
    assert len(seen) == 210 - len(ink)
    held = {image.tobytes() for image in ink}
    assert not held & {image.tobytes() for image in seen}


def test_the_datas_seed_alone_settles_them(small_config: Config):
    config = small_config.replace(data={"nondigits": 20})
    examples = load_examples(config.data, None)
    same = load_examples(config.replace(train={"seed": 77}).data, None)
    other = load_examples(config.replace(data={"seed": 6}).data, None)
    np.testing.assert_array_equal(same.images, examples.images)
    assert same.facts() == examples.facts()
    assert other.facts()["validation_sha256"] != examples.facts()["validation_sha256"]
    assert not np.array_equal(other.images, examples.images)
    assert "(seed 5)" in examples.note
    # The non-digits that are added change nothing about the digits that are validated on.
    assert (
        load_examples(small_config.data, None).facts()["validation_sha256"]
        == (examples.facts()["validation_sha256"])
    )


def test_non_digits_are_validated_on_too(small_config: Config):
    plain = load_examples(small_config.data, None)
    assert plain.validation()[0] is plain.validation_images
    examples = load_examples(small_config.replace(data={"nondigits": 20}).data, None)
    assert examples.validation_nondigits is not None
    ink, labels = examples.validation()
    num_digits = len(examples.validation_labels)
    assert len(ink) == len(labels) == num_digits + len(examples.validation_nondigits)
    assert set(labels[:num_digits]) <= set(range(10))
    assert set(labels[num_digits:]) == {10}
    assert (examples.labels == 10).sum() == 20


def test_of_fonts_some_are_kept_to_validate_with(small_config: Config):
    fonts = str(Path(mpl.get_data_path()) / "fonts" / "ttf" / "DejaVuSansMono*.ttf")
    config = small_config.replace(data={"fonts": fonts, "characters": 60})
    examples = load_examples(config.data, None)
    assert "60 characters of fonts were added." in examples.note
    learned, labels = examples.images[-60:], examples.labels[-60:]
    assert (labels == 10).any()
    assert (labels < 10).any()
    assert examples.validation_nondigits is not None
    held = {image.tobytes() for image in examples.validation_nondigits}
    assert not held & {image.tobytes() for image in as_ink(learned)}
    paths = open_fonts(fonts)
    own, _ = font_characters([path for path in paths if path not in paths[::10]], 60, seed=10)
    np.testing.assert_array_equal(learned, own)


def test_characters_of_no_fonts_are_an_error_before_anything_is_drawn(small_config: Config):
    config = small_config.replace(data={"characters": 60, "synthetic": 1_000_000})
    with pytest.raises(DataError, match="No file matches data.fonts"):
        load_examples(config.data, None)


def test_what_is_disputed_is_validated_on_but_not_calibrated_on(small_config: Config):
    config = small_config.replace(data={"nondigits": 20})
    examples = load_examples(config.data, None)
    assert not examples.validation_disputed.any()
    ink, labels = examples.validation()
    kept = np.arange(len(labels)) != 3
    disputed = ~kept[: len(examples.validation_labels)]
    without = replace(examples, validation_disputed=disputed).calibration()
    np.testing.assert_array_equal(without[0], ink[kept])
    np.testing.assert_array_equal(without[1], labels[kept])


@pytest.mark.mnist
def test_two_of_mnists_disputed_images_are_validated_on(mnist_dir: Path):
    mnist = Config().replace(data={"synthetic": 0, "nondigits": 0, "crops": 0})
    examples = load_examples(mnist.data, mnist_dir)
    assert examples.validation_disputed.sum() == 2
    assert len(examples.calibration()[1]) == len(examples.validation_labels) - 2


def test_an_epoch_holds_each_image_once_in_an_order_of_its_own():
    images = np.arange(11, dtype=np.uint8)[:, None, None]

    def epoch(number: int, seed: int = 1) -> list[int]:
        ink, labels = shuffled(images, np.arange(11), seed, number)
        np.testing.assert_array_equal(ink.ravel(), labels.astype(np.float32) / 255)
        return labels.tolist()

    assert sorted(epoch(0)) == sorted(epoch(1)) == list(range(11))
    assert epoch(0) == epoch(0)
    assert len({tuple(epoch(0)), tuple(epoch(1)), tuple(epoch(0, seed=2))}) == 3


def test_ink_is_between_0_and_1():
    images = np.array([[[0, 51, 255]]], np.uint8)
    np.testing.assert_allclose(as_ink(images), [[[0, 0.2, 1]]], atol=1e-7)
    assert as_ink(images).dtype == np.float32


@pytest.mark.parametrize(("limit", "expected"), [(34, range(0, 100, 3)), (0, range(100))])
def test_a_limit_takes_images_evenly_spaced(
    small_config: Config, tmp_path: Path, limit: int, expected: range
):
    images, labels = synthetic_digits(100, seed=0)
    np.savez(tmp_path / "mine.npz", x=images, y=labels)
    source = str(tmp_path / "mine.npz")
    config = small_config.replace(data={"source": source, "limit": limit, "synthetic": 0})
    whole = data.load(config.data.source, "train")
    numbers = {image.tobytes(): number for number, image in enumerate(as_ink(whole.images))}
    examples = load_examples(config.data, None)
    used = np.concatenate([as_ink(examples.images), examples.validation_images])
    assert sorted(numbers[image.tobytes()] for image in used) == list(expected)
