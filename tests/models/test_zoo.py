"""What every network of the registry must keep, and the figures of each."""

from pathlib import Path

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from inkdigits.config import AugmentConfig
from inkdigits.errors import ConfigError
from inkdigits.export import export
from inkdigits.models import NAMES, zoo
from inkdigits.models.canonical import Canonical
from inkdigits.models.ensemble import ensemble
from inkdigits.synthesis.strokes import synthetic_digits

MOST_PARAMETERS = {
    "mlp": 101_770,
    "lenet5": 61_706,
    "convnet": 150_000,
    "residual": 370_000,  # 1.5 MB as float32
    "deep_residual": 370_000,
    "wide_residual": 1_200_000,
    "plain3": 100_000,
    "plain5": 100_000,
    "plain7": 150_000,
    "wide_plain3": 1_200_000,
    "wide_plain5": 1_200_000,
    "wide_plain7": 2_300_000,
    "tiny": 9_999,
    "micro": 999,
}


def plain_by_hand(size: int, channels: list[int]) -> int:
    """Each layer takes ``size`` - 1 rows and columns away; then what is left × 10."""
    side, total = 28, 0
    for narrow, wide in zip([1, *channels], channels, strict=False):
        side -= size - 1
        total += side**2 * size**2 * narrow * wide
    return total + side**2 * channels[-1] * 10


def deep_by_hand(stem: int, wide: int) -> int:
    """Two convolutions, two blocks of two, one that halves the side, three blocks; then × 10."""
    near = 28 * 28 * 9 * 1 * stem + 14 * 14 * 9 * (stem * wide + 4 * wide**2)
    return near + 7 * 7 * 9 * (wide * 2 * wide + 6 * (2 * wide) ** 2) + 7 * 7 * 2 * wide * 10


# By hand: output rows × columns × kernel × channels in × channels out, then features × 10.
MULTIPLY_ADDS = {
    "mlp": 784 * 128 + 128 * 10,
    "lenet5": 28 * 28 * 25 * 6 + 10 * 10 * 25 * 6 * 16 + 400 * 120 + 120 * 84 + 84 * 10,
    "convnet": 14 * 14 * 25 * 1 * 24
    + 14 * 14 * 9 * 24 * 48
    + 7 * 7 * 9 * 48 * 64
    + 7 * 7 * 9 * 64 * 80
    + 3920 * 10,
    "residual": 14 * 14 * 25 * 1 * 32
    + 2 * (14 * 14 * 9 * 32 * 32)
    + 7 * 7 * 9 * 32 * 64
    + 4 * (7 * 7 * 9 * 64 * 64)
    + 3136 * 10,
    "deep_residual": deep_by_hand(12, 32),
    "wide_residual": deep_by_hand(32, 64),
    "plain3": plain_by_hand(3, [8, 12, 16, 20, 24, 28, 32, 36, 40, 44]),
    "plain5": plain_by_hand(5, [8, 16, 24, 32, 40]),
    "plain7": plain_by_hand(7, [12, 24, 36, 48]),
    "wide_plain3": plain_by_hand(3, [32, 48, 64, 80, 96, 112, 128, 144, 160, 176]),
    "wide_plain5": plain_by_hand(5, [32, 64, 96, 128, 160]),
    "wide_plain7": plain_by_hand(7, [48, 96, 144, 192]),
    "tiny": 28 * 28 * 9 * (1 * 8 + 8 * 12)
    + 14 * 14 * 9 * (12 * 16 + 16 * 16)
    + 7 * 7 * 9 * 16 * 16
    + 7 * 7 * 16
    + 16 * 10,
    "micro": 28 * 28 * 9 * 4 + 14 * 14 * 9 * (4 * 4 + 4 * 5) + 5 * 5 * 9 * 5 * 6 + 2 * 2 * 6 * 10,
}
MOST_MULTIPLY_ADDS = 20_000_000


def test_the_names_that_are_known_without_keras():
    assert tuple(zoo.NETWORKS) == NAMES


@pytest.fixture(scope="module")
def digits() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    images, labels = synthetic_digits(32, seed=6)
    return images.astype(np.float32) / 255, labels


def assert_model_contract(
    name: str, ink: NDArray[np.float32], labels: NDArray[np.int64], folder: Path
) -> None:
    """What holds for each network: shapes, size, learning, saving, and ONNX."""
    network = zoo.build_network(name)
    assert network.name == name
    assert network.input.shape == (None, 28, 28)
    assert network.output.shape == (None, 10)
    assert network.layers[-1].name == "logits"
    assert network.layers[-1].activation is keras.activations.linear  # logits, not probabilities
    assert network.count_params() <= MOST_PARAMETERS[name]

    glyphs = np.asarray(Canonical()(ink))
    logits = network(glyphs)
    assert logits.shape == (len(ink), 10)
    assert logits.dtype == "float32"
    assert np.isfinite(logits).all()
    assert network(glyphs[:1]).shape == (1, 10)

    training = zoo.training_model(network, AugmentConfig(), seed=0)
    assert [layer.name for layer in training.layers[1:]] == ["warp", "pen_width", "canonical", name]
    np.testing.assert_allclose(training(ink), logits, atol=1e-4)  # not augmented
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    rate = 3e-3 if network.count_params() > 10_000 else 2e-2
    training.compile(optimizer=keras.optimizers.Adam(rate), loss=loss)
    losses = [float(training.train_on_batch(ink, labels)) for _ in range(10)]
    assert np.isfinite(losses).all()
    assert losses[-1] < 0.7 * losses[0]
    assert (np.asarray(network(glyphs)) != np.asarray(logits)).all()  # the very same network

    reading = zoo.reading_model(network)
    assert reading.input.name == "ink"
    reading.save(folder / "model.keras")
    loaded = keras.saving.load_model(folder / "model.keras")
    for images in (ink[:4], np.pad(ink[:4], ((0, 0), (9, 3), (0, 40)))):
        expected, found = reading.predict_on_batch(images), loaded.predict_on_batch(images)
        assert set(found) == {"glyph", "logits", "novelty"}
        np.testing.assert_array_equal(found["novelty"], expected["novelty"])
        np.testing.assert_array_equal(found["logits"], expected["logits"])
        np.testing.assert_array_equal(found["glyph"], expected["glyph"])
        np.testing.assert_allclose(found["glyph"], glyphs[:4], atol=1e-4)
    parity = export(reading, "onnx", folder / "model.onnx", ink=ink, labels=labels, facts={})
    assert parity.max_difference < 1e-4


@pytest.mark.parametrize("name", zoo.NETWORKS)
def test_each_network_keeps_the_contract(
    name: str, digits: tuple[NDArray[np.float32], NDArray[np.int64]], tmp_path: Path
):
    assert_model_contract(name, *digits, tmp_path)


@pytest.mark.parametrize("rejects", [False, True])
def test_novelty_is_the_log_odds_of_no_digit(
    rejects: bool, digits: tuple[NDArray[np.float32], NDArray[np.int64]]
):
    network = zoo.build_network("mlp", rejects=rejects)
    outputs = np.asarray(network(np.asarray(Canonical()(digits[0]))), np.float64)
    assert outputs.shape[1] == 10 + rejects
    found = zoo.reading_model(network).predict_on_batch(digits[0])
    np.testing.assert_allclose(found["logits"], outputs[:, :10], atol=1e-4)
    none = outputs[:, 10] if rejects else 0.0  # the energy score
    expected = none - np.log(np.exp(outputs[:, :10]).sum(axis=1))
    np.testing.assert_allclose(found["novelty"], expected, atol=1e-4)


def test_mlp_is_the_classic_one():
    network = zoo.build_network("mlp")
    assert [tuple(weight.shape) for weight in network.weights] == [
        (784, 128),
        (128,),
        (128, 10),
        (10,),
    ]
    assert network.count_params() == 101_770
    assert network.layers[2].activation is keras.activations.relu


@pytest.mark.parametrize("name", zoo.NETWORKS)
def test_multiply_adds_are_those_counted_by_hand(name: str):
    assert zoo.multiply_adds(zoo.build_network(name)) == MULTIPLY_ADDS[name]
    assert name.startswith("wide") or MULTIPLY_ADDS[name] <= MOST_MULTIPLY_ADDS


def test_multiply_adds_of_networks_within_a_network_are_added_up():
    both = ensemble([zoo.build_network("mlp"), zoo.build_network("tiny")])
    assert zoo.multiply_adds(both) == MULTIPLY_ADDS["mlp"] + MULTIPLY_ADDS["tiny"]
    reading = zoo.reading_model(both)
    assert zoo.multiply_adds(reading) == zoo.multiply_adds(both)


@pytest.mark.parametrize("name", zoo.NETWORKS)
def test_no_digit_is_one_more_output_and_fits_the_bound_too(name: str):
    network = zoo.build_network(name, rejects=True)
    assert network.output.shape == (None, 11)
    if name in ("tiny", "micro"):
        assert network.count_params() <= MOST_PARAMETERS[name]


def test_the_pen_comes_before_the_camera_and_erasing_behind_the_canonicaliser():
    augment = AugmentConfig(gaps=0.1, strays=0.1, few_pixels=0.1, erase=0.3)
    training = zoo.training_model(zoo.build_network("mlp"), augment, seed=0)
    names = [layer.name for layer in training.layers[1:]]
    assert names == [
        "warp", "pen_width", "gaps", "strays", "few_pixels", "canonical", "erase", "mlp"
    ]  # fmt: skip


def test_weights_follow_from_the_seed():
    def weights(seed: int) -> NDArray[np.float32]:
        keras.utils.set_random_seed(seed)
        return np.asarray(zoo.build_network("mlp").weights[0])

    np.testing.assert_array_equal(weights(1), weights(1))
    assert (weights(1) != weights(2)).any()


@pytest.mark.parametrize("name", ["resnet", "", "MLP"])
def test_an_unknown_network_is_an_error_that_names_those_there_are(name: str):
    with pytest.raises(ConfigError, match=r"train\.model is .*: mlp, lenet5, .*, micro\."):
        zoo.build_network(name)


def test_a_network_without_augmentation_has_no_layers_of_it():
    off = AugmentConfig(rotation_deg=0, shear=0, scale=0, aspect=0, elastic_px=0, pen_width=0)
    model = zoo.training_model(zoo.build_network("mlp"), off, seed=0)
    assert [layer.name for layer in model.layers] == ["ink", "canonical", "mlp"]
