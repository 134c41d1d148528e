import numpy as np
import pytest

from inkdigits.data import LabelledImages
from inkdigits.data.mnist import load_mnist
from inkdigits.data.splits import split_validation
from inkdigits.errors import ConfigError, DataError


def _data(labels, writers=None, name="mine") -> LabelledImages:
    labels = np.asarray(labels, np.int64)
    return LabelledImages(
        name=name,
        images=np.zeros((len(labels), 4, 4), np.uint8),
        labels=labels,
        writers=None if writers is None else np.asarray(writers, np.int64),
        hashes={},
    )


@pytest.fixture
def made_up() -> LabelledImages:
    """40 writers of 5 to 44 images each, in no order."""
    generator = np.random.default_rng(0)
    writers = generator.permutation(np.repeat(np.arange(40) * 7, np.arange(40) + 5))
    return _data(generator.integers(0, 10, len(writers)), writers)


def _assert_whole(split, data):
    """Each image is on exactly one side."""
    both = np.concatenate([split.train, split.validation])
    assert sorted(both.tolist()) == list(range(len(data)))
    assert split.train.size
    assert split.validation.size


@pytest.mark.parametrize("share", [0.001, 0.1, 0.25, 0.5, 0.999])
def test_no_writer_stands_on_both_sides(made_up, share):
    split = split_validation(made_up, share, seed=3)
    _assert_whole(split, made_up)
    held = set(made_up.writers[split.validation].tolist())
    assert not held & set(made_up.writers[split.train].tolist())
    assert split.by_writer
    assert len(held) == min(max(round(share * 40), 1), 39)
    assert f"{len(split.validation)} images of {len(held)} writers" in split.note


@pytest.mark.mnist
def test_no_writer_of_mnist_stands_on_both_sides(full_mnist):
    data = load_mnist("train", full_mnist)
    if data.writers is None:
        pytest.skip("needs QMNIST's table beside MNIST: run `inkdigits data fetch mnist`")
    split = split_validation(data, 0.1, seed=0)
    _assert_whole(split, data)
    trained, held = (set(data.writers[side].tolist()) for side in (split.train, split.validation))
    assert not trained & held
    assert len(trained) + len(held) == 539
    assert 0.08 < len(split.validation) / 60_000 < 0.12
    assert np.bincount(data.labels[split.validation], minlength=10).min() > 400
    # What the split is for: MNIST's last images, which are often kept, do not do it.
    assert len(set(data.writers[:50_000].tolist()) & set(data.writers[50_000:].tolist())) == 251


def test_without_writers_each_class_gives_its_share_and_the_note_says_so():
    data = _data(np.repeat(np.arange(10), np.arange(10, 110, 10)))
    split = split_validation(data, 0.2, seed=1)
    _assert_whole(split, data)
    assert np.bincount(data.labels[split.validation]).tolist() == list(range(2, 22, 2))
    assert not split.by_writer
    assert "writers are not known" in split.note
    assert "seed 1" in split.note
    assert "fetch" not in split.note


def test_mnist_without_its_table_says_how_to_get_it():
    split = split_validation(_data([1, 1, 2, 2], name="mnist-train"), 0.5, seed=0)
    assert "inkdigits data fetch mnist" in split.note


def test_one_writer_alone_cannot_be_split_by_writer():
    data = _data([0, 0, 0, 1, 1], writers=[7, 7, 7, 7, 7])
    split = split_validation(data, 0.3, seed=0)
    _assert_whole(split, data)
    assert not split.by_writer
    assert "one writer only" in split.note


def test_a_class_of_one_image_is_trained_on():
    data = _data([0, 1, 1, 1])
    split = split_validation(data, 0.9, seed=0)
    _assert_whole(split, data)
    assert 0 in split.train
    assert set(data.labels[split.train].tolist()) == {0, 1}


@pytest.mark.parametrize("with_writers", [True, False])
def test_the_seed_decides(made_up, with_writers):
    data = made_up if with_writers else _data(made_up.labels)
    one, same, other = (split_validation(data, 0.2, seed) for seed in (5, 5, 6))
    assert np.array_equal(one.validation, same.validation)
    assert not np.array_equal(one.validation, other.validation)
    assert (np.diff(one.train) > 0).all()
    assert (np.diff(one.validation) > 0).all()


@pytest.mark.parametrize("share", [0, 1, -0.1, float("nan")])
def test_impossible_share_is_refused(made_up, share):
    with pytest.raises(ConfigError, match="between 0 and 1"):
        split_validation(made_up, share, seed=0)


@pytest.mark.parametrize("labels", [[], [3], [0, 1, 2]])
def test_too_few_images_are_refused(labels):
    with pytest.raises(DataError, match="give more images"):
        split_validation(_data(labels), 0.1, seed=0)
