"""An ensemble: its probabilities are the mean of its members', its energy too; also of views."""

from pathlib import Path

import keras
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, rotate
from scipy.special import log_softmax, logsumexp, softmax

from inkdigits.models import zoo
from inkdigits.models.ensemble import Turned, ensemble, seen_at_angles


def networks(rejects: bool) -> list[keras.Model]:
    """Two of the same name, and another one, with weights that make them sure of something."""
    made = [zoo.build_network(name, rejects=rejects) for name in ("mlp", "mlp", "convnet")]
    generator = np.random.default_rng(4)
    for network in made:
        kernel, bias = network.get_layer("logits").weights
        kernel.assign(generator.normal(0, 2, kernel.shape))
        bias.assign(generator.normal(0, 3, bias.shape))
    return made


@pytest.fixture
def glyphs() -> np.ndarray:
    return np.random.default_rng(1).random((5, 28, 28), np.float32)


@pytest.mark.parametrize("rejects", [False, True], ids=["10 outputs", "11 outputs"])
def test_probabilities_are_the_mean_of_the_members(rejects: bool, glyphs: np.ndarray):
    members = networks(rejects)
    apart = [np.asarray(member(glyphs), np.float64) for member in members]
    together = np.asarray(ensemble(members)(glyphs), np.float64)
    assert together.shape == (5, 10 + rejects)
    expected = np.mean([softmax(logits, axis=1) for logits in apart], axis=0)
    np.testing.assert_allclose(softmax(together, axis=1), expected, atol=1e-6)
    # Far from certain, or certain of different things: else the mean would be no test.
    assert max(np.abs(softmax(logits, axis=1) - expected).max() for logits in apart) > 0.2


def test_a_member_that_is_certain_does_not_make_infinities(glyphs: np.ndarray):
    sure, other = networks(rejects=False)[:2]
    bias = sure.get_layer("logits").weights[1]
    bias.assign(np.where(np.arange(10) == 3, 500, -500))
    found = softmax(np.asarray(ensemble([sure, other])(glyphs), np.float64), axis=1)
    expected = (np.eye(10)[3] + softmax(np.asarray(other(glyphs), np.float64), axis=1)) / 2
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_novelty_is_the_mean_energy_or_the_odds_of_the_mean(glyphs: np.ndarray):
    for rejects in (False, True):
        members = networks(rejects)
        apart = [np.asarray(member(glyphs), np.float64) for member in members]
        found = zoo.Novelty()(ensemble(members)(glyphs))["novelty"]
        if rejects:
            mean = np.mean([softmax(logits, axis=1) for logits in apart], axis=0)
            expected = np.log(mean[:, 10] / mean[:, :10].sum(axis=1))
        else:
            expected = -np.mean([logsumexp(logits, axis=1) for logits in apart], axis=0)
        np.testing.assert_allclose(np.asarray(found), expected, atol=1e-4)


def test_one_member_is_left_as_it_is(glyphs: np.ndarray):
    member = networks(rejects=False)[2]
    found = np.asarray(ensemble([member])(glyphs))
    np.testing.assert_allclose(found, np.asarray(member(glyphs)), atol=1e-4)
    np.testing.assert_allclose(log_softmax(found, 1), log_softmax(member(glyphs), 1), atol=1e-5)


def test_it_comes_back_from_a_file(glyphs: np.ndarray, tmp_path: Path):
    model = zoo.reading_model(ensemble(networks(rejects=True)))
    ink = np.pad(glyphs, ((0, 0), (3, 9), (7, 1)))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    for name, value in model(ink).items():
        np.testing.assert_array_equal(np.asarray(loaded(ink)[name]), np.asarray(value))


def test_it_costs_what_its_members_cost_together():
    members = networks(rejects=False)
    expected = sum(zoo.multiply_adds(member) for member in members)
    assert zoo.multiply_adds(ensemble(members)) == expected > 0


@pytest.fixture
def strokes() -> np.ndarray:
    """Glyphs of smooth ink, (5, 28, 28), within a rim of paper."""
    rough = np.random.default_rng(2).random((5, 24, 24))
    return np.pad(gaussian_filter(rough, (0, 2, 2)), ((0, 0), (2, 2), (2, 2))).astype(np.float32)


@pytest.mark.parametrize("angle_deg", [-8.0, 8.0, 30.0, 90.0])
def test_a_turned_glyph_is_what_scipy_turns(angle_deg: float, strokes: np.ndarray):
    expected = rotate(strokes, -angle_deg, axes=(1, 2), reshape=False, order=1)
    found = np.asarray(Turned([0.0, angle_deg])(strokes))
    np.testing.assert_array_equal(found[:5], strokes)
    np.testing.assert_allclose(found[5:], expected, atol=1e-5)
    upright = np.zeros((1, 28, 28), np.float32)
    upright[0, 4:24, 13:15] = 1  # a 1
    leaning = np.asarray(Turned([20.0])(upright))[0]
    assert leaning[:14, 14:].sum() > 3 * leaning[:14, :14].sum()  # clockwise: its head goes right


def test_three_looks_are_the_mean_of_the_turned_glyphs(strokes: np.ndarray):
    network = networks(rejects=True)[2]
    angles = [np.asarray(Turned([angle])(strokes)) for angle in (-8.0, 8.0)]
    beliefs = [softmax(np.asarray(network(seen)), axis=1) for seen in (*angles, strokes)]
    found = softmax(np.asarray(seen_at_angles(network, 8.0)(strokes)), axis=1)
    np.testing.assert_allclose(found, np.mean(beliefs, axis=0), atol=1e-5)
    assert np.ptp(beliefs, axis=0).max() > 0.02


def test_three_looks_share_the_weights_and_cost_three_times(strokes: np.ndarray, tmp_path: Path):
    network = networks(rejects=True)[2]
    thrice = seen_at_angles(network, 8.0)
    assert thrice.count_params() == network.count_params()
    assert zoo.multiply_adds(thrice) == 3 * zoo.multiply_adds(network)
    assert seen_at_angles(network, 0.0) is network
    model = zoo.reading_model(thrice)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    for name, value in model(strokes).items():
        np.testing.assert_array_equal(np.asarray(loaded(strokes)[name]), np.asarray(value))
