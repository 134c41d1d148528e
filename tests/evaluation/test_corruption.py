"""Our corruptions: the same for the same seed, and no more than they say."""

import dataclasses

import numpy as np
import pytest

from inkdigits.config import Config
from inkdigits.errors import BadArrayError, ConfigError
from inkdigits.evaluation.corruption import FAMILIES, SEVERITIES, corrupt, robustness
from inkdigits.synthesis.strokes import synthetic_digits

# Mu & Gilmer 2019, without what affine changes are allowed to share.
MNIST_C = {
    "shot_noise", "impulse_noise", "glass_blur", "motion_blur", "brightness", "spatter", "stripe",
    "fog", "dotted_line", "zigzag", "canny_edges",
}  # fmt: skip


@pytest.fixture(scope="module")
def images():
    return synthetic_digits(40, 11)[0]


def every():
    return pytest.mark.parametrize("family", FAMILIES)


@every()
def test_the_same_seed_gives_the_same_images(images, family):
    before = images.copy()
    first, again = corrupt(images, family, 1, seed=4), corrupt(images, family, 1, seed=4)
    assert first.shape == images.shape
    assert first.dtype == np.uint8
    assert (first == again).all()
    assert (images == before).all()


@every()
def test_each_severity_changes_more(images, family):
    mild, _, hard = (
        np.abs(corrupt(images, family, severity).astype(float) - images).mean()
        for severity in range(len(SEVERITIES))
    )
    assert 0.5 < mild < hard


@every()
def test_ink_stays(images, family):
    """A digit is spoiled and not wiped out: some pixels stand out clearly."""
    hard = corrupt(images, family, 2).astype(int)
    assert (hard.max(axis=(1, 2)) - np.median(hard, axis=(1, 2)) > 15).all()


@every()
@pytest.mark.parametrize("shape", [(2, 1, 1), (2, 5, 40), (2, 64, 31), (0, 28, 28)])
def test_any_size(family, shape):
    pictures = np.full(shape, 255, np.uint8)
    assert corrupt(pictures, family, 2).shape == shape
    assert corrupt(np.zeros(shape, np.uint8), family, 2).shape == shape


def test_what_is_known_of_some():
    square = np.zeros((1, 28, 28), np.uint8)
    square[0, 8:20, 8:20] = 255  # 12 pixels a side
    area = (corrupt(square, "thick pen", 1)[0] / 255).sum()
    assert area == pytest.approx(14.5**2, rel=0.06)  # 1.25 pixels on every side, corners round
    assert set(np.unique(corrupt(square, "jagged", 0))) == {0, 255}
    assert np.ptp(corrupt(square, "pale", 2)[0].astype(int)) == pytest.approx(0.07 * 255, abs=1)
    column = corrupt(square, "stretch", 2)[0] > 127
    sides = sorted((column.any(axis=0).sum(), column.any(axis=1).sum()))
    assert sides == pytest.approx([6, 12], abs=1)


def test_names():
    known = {
        f"{section.name}.{field.name}"
        for section in dataclasses.fields(Config)
        for field in dataclasses.fields(section.default)
    }
    for name, family in FAMILIES.items():
        assert set(family.fields) <= known
        assert name.lower().replace(" ", "_") not in MNIST_C


def test_robustness_counts(images):
    labels = np.arange(len(images)) % 10

    def reads(pictures):
        values = labels.copy()
        values[:8] = -1  # 8 wrong, of which 3 are ok
        is_ok = np.arange(len(pictures)) >= 5
        return values, is_ok

    config = {"augment": {"shear": 0.2, "pen_width": 0.0}, "data": {}}
    rows = robustness(images, labels, reads, config=config)
    assert [(row.family, row.severity) for row in rows] == [
        (family, severity) for family in FAMILIES for severity in SEVERITIES
    ]
    assert {(row.count, row.correct, row.ok, row.ok_wrong) for row in rows} == {(40, 32, 35, 3)}
    assert {row.family for row in rows if row.is_trained_on} == {"slant"}
    assert rows[0].to_dict()["severity"] == "mild"
    with_crops = robustness(images, labels, reads, config={"data": {"crops": 9}})
    families = {row.family for row in with_crops if row.is_trained_on}
    assert {"defocus", "JPEG", "neighbour"} <= families
    assert "jagged" not in families
    few = robustness(images, labels, reads, config={"augment": {"few_pixels": 0.1, "gaps": 0.0}})
    assert {row.family for row in few if row.is_trained_on} == {"few pixels", "jagged"}


def test_what_is_refused(images):
    with pytest.raises(ConfigError, match="fog"):
        corrupt(images, "fog", 0)
    with pytest.raises(ConfigError, match="severity 3"):
        corrupt(images, "gaps", 3)
    with pytest.raises(BadArrayError, match="float64"):
        corrupt(images / 255, "gaps", 0)
