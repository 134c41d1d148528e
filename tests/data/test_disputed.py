"""The lists of images whose label is disputed."""

from pathlib import Path

import numpy as np
import pytest

from inkdigits.data.disputed import DISPUTED
from inkdigits.data.mnist import load_mnist


# As many as Northcutt et al. 2021 found in each, and the size of each.
@pytest.mark.parametrize(("split", "count", "size"), [("test", 15, 10_000), ("train", 17, 60_000)])
def test_each_image_once_in_order(split, count, size):
    assert len(DISPUTED[split]) == count
    assert list(DISPUTED[split]) == sorted(set(DISPUTED[split]))
    assert all(0 <= index < size for index in DISPUTED[split])


@pytest.mark.mnist
def test_the_labels_are_those_that_the_source_says_were_given(mnist_dir: Path):
    test, train = load_mnist("test", mnist_dir), load_mnist("train", mnist_dir)
    assert np.flatnonzero(test.disputed).tolist() == list(DISPUTED["test"])
    assert test.labels[test.disputed].tolist() == [8, 0, 9, 4, 2, 5, 6, 6, 5, 5, 0, 1, 4, 6, 5]
    assert np.flatnonzero(train.disputed).tolist() == list(DISPUTED["train"])
    assert train.labels[40144] == 5  # the one label that the notebook prints
