"""The list of test images whose label is disputed."""

from pathlib import Path

import pytest

from inkdigits.data.disputed import DISPUTED
from inkdigits.data.mnist import load_mnist


def test_fifteen_images_each_once_in_order():
    assert len(DISPUTED) == 15  # as many as Northcutt et al. 2021 found
    assert list(DISPUTED) == sorted(set(DISPUTED))
    assert all(0 <= index < 10_000 for index in DISPUTED)


@pytest.mark.mnist
def test_the_labels_are_those_that_the_source_says_were_given(mnist_dir: Path):
    given = load_mnist("test", mnist_dir).labels[list(DISPUTED)]
    assert given.tolist() == [8, 0, 9, 4, 2, 5, 6, 6, 5, 5, 0, 1, 4, 6, 5]
