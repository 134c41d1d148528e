"""The loss against its definition, computed by NumPy, with a teacher and without."""

import keras
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import log_softmax, softmax

from inkdigits.training.losses import Loss, accuracy

N = 7


@pytest.fixture
def labels() -> NDArray[np.int64]:
    return np.array([0, 3, 9, 10, 5, 10, 3])


@pytest.fixture
def logits() -> NDArray[np.float32]:
    return np.random.default_rng(0).normal(size=(N, 11)).astype(np.float32)


@pytest.fixture
def opinion() -> NDArray[np.float32]:
    return np.random.default_rng(1).normal(0, 3, size=(N, 11)).astype(np.float32)


def hard(labels: NDArray[np.int64], logits: NDArray[np.float32], smoothing: float) -> np.ndarray:
    target = np.full(logits.shape, smoothing / logits.shape[1])
    target[np.arange(N), labels] += 1 - smoothing
    return -(target * log_softmax(logits.astype(float), axis=1)).sum(axis=1)


def soft(opinion: NDArray[np.float32], logits: NDArray[np.float32], temperature: float):
    """Kullback-Leibler divergence of the softened probabilities, times the temperature squared."""
    p = softmax(opinion.astype(float) / temperature, axis=1)
    difference = np.log(p) - log_softmax(logits.astype(float) / temperature, axis=1)
    return temperature**2 * (p * difference).sum(axis=1)


def test_without_a_teacher_it_is_smoothed_cross_entropy(labels, logits):
    found = Loss(label_smoothing=0.2, reduction=None)(labels, logits)
    np.testing.assert_allclose(np.asarray(found), hard(labels, logits, 0.2), atol=1e-5)
    assert float(Loss(0.2)(labels, logits)) == pytest.approx(hard(labels, logits, 0.2).mean(), 1e-5)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
@pytest.mark.parametrize("sees", ["clean", "augmented"])
def test_a_teacher_has_its_share(labels, logits, opinion, temperature: float, sees: str):
    loss = Loss(0.1, 0.3, temperature, 11, reduction=None)
    if sees == "clean":
        found = loss(np.column_stack([labels, opinion]).astype(np.float32), logits)
    else:
        found = loss(labels, np.stack([logits, opinion], axis=1))
    expected = 0.7 * hard(labels, logits, 0.1) + 0.3 * soft(opinion, logits, temperature)
    np.testing.assert_allclose(np.asarray(found), expected, rtol=1e-4)


def test_where_the_teacher_does_not_know_the_class_the_label_counts_alone(labels, logits, opinion):
    opinion[:, 10] = -1e9  # as of one with ten outputs
    found = np.asarray(
        Loss(0.1, 0.3, 2.0, 10, reduction=None)(labels, np.stack([logits, opinion], axis=1))
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        p = softmax(opinion.astype(float) / 2, axis=1)
        terms = np.where(p > 0, p * (np.log(p) - log_softmax(logits.astype(float) / 2, 1)), 0)
    taught = 0.7 * hard(labels, logits, 0.1) + 0.3 * 4 * terms.sum(axis=1)
    expected = np.where(labels == 10, hard(labels, logits, 0.1), taught)
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_a_student_that_agrees_with_its_teacher_has_nothing_to_learn(labels, opinion):
    loss = Loss(0.0, 1.0, 3.0, 11)
    assert float(loss(labels, np.stack([opinion, opinion], axis=1))) == pytest.approx(0, abs=1e-5)


def test_accuracy_is_the_students(labels, logits, opinion):
    right = logits.argmax(axis=1) == labels
    for target, prediction in (
        (labels, logits),
        (np.column_stack([labels, opinion]), logits),
        (labels, np.stack([logits, opinion], axis=1)),
    ):
        np.testing.assert_array_equal(np.asarray(accuracy(target, prediction)), right)


def test_it_is_in_a_checkpoint_under_the_name_that_it_always_had():
    loss = Loss(0.1, 0.3, 2.0, 10)
    config = keras.saving.serialize_keras_object(loss)
    assert config["registered_name"] == "inkdigits>_Loss"
    assert keras.saving.deserialize_keras_object(config).get_config() == loss.get_config()
