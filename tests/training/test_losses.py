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
def test_a_teacher_is_heard_where_it_agrees(labels, logits, opinion, temperature: float, sees: str):
    opinion[np.arange(N), labels] = 9.0
    opinion[1, 7] = opinion[5, 2] = 10.0  # of these two it says something else than the label
    loss = Loss(0.1, 0.3, temperature, reduction=None)
    if sees == "clean":
        found = loss(np.column_stack([labels, opinion]).astype(np.float32), logits)
    else:
        found = loss(labels, np.stack([logits, opinion], axis=1))
    alone = hard(labels, logits, 0.1)
    taught = 0.7 * alone + 0.3 * soft(opinion, logits, temperature)
    expected = np.where(np.isin(np.arange(N), (1, 5)), alone, taught)
    np.testing.assert_allclose(np.asarray(found), expected, rtol=1e-4)


def test_what_the_teacher_does_not_know_is_left_to_the_labels(labels, logits, opinion):
    opinion[np.arange(N), labels] = 9.0
    opinion[:, 10] = -1e9  # as of one with ten outputs
    stacked = np.stack([logits, opinion], axis=1)
    found = np.asarray(Loss(0.1, 0.3, 2.0, reduction=None)(labels, stacked))
    p = softmax(opinion.astype(float) / 2, axis=1)
    terms = p[:, :10] * (np.log(p[:, :10]) - log_softmax(logits.astype(float) / 2, axis=1)[:, :10])
    taught = 0.7 * hard(labels, logits, 0.1) + 0.3 * 4 * terms.sum(axis=1)
    expected = np.where(labels == 10, hard(labels, logits, 0.1), taught)
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_a_student_that_agrees_with_its_teacher_has_nothing_to_learn(opinion):
    loss, labels = Loss(0.0, 1.0, 3.0), opinion.argmax(axis=1)
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
    loss = Loss(0.1, 0.3, 2.0)
    config = keras.saving.serialize_keras_object(loss)
    assert config["registered_name"] == "inkdigits>_Loss"
    config["config"]["teacher_classes"] = 0  # as an older checkpoint has it
    assert keras.saving.deserialize_keras_object(config).get_config() == loss.get_config()
