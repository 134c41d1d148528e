"""An ensemble: its probabilities are the mean of its members', its energy too."""

from pathlib import Path

import keras
import numpy as np
import pytest
from scipy.special import log_softmax, logsumexp, softmax

from inkdigits.models import zoo
from inkdigits.models.ensemble import ensemble


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
