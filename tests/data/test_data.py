import subprocess
import sys

import numpy as np
import pytest

from inkdigits.data import LabelledImages, load
from inkdigits.errors import BadArrayError, MissingDataError


def _arrays(**changes) -> dict:
    return {
        "name": "mine",
        "images": np.arange(5 * 4, dtype=np.uint8).reshape(5, 2, 2),
        "labels": np.arange(5),
        "writers": np.arange(5) // 2,
        "disputed": np.arange(5) == 3,
        "hashes": {"a": "b"},
    } | changes


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": np.zeros((5, 4), np.uint8)}, r"images of mine are uint8 \(5, 4\)"),
        ({"images": np.zeros((5, 2, 2))}, "images of mine are float64"),
        ({"labels": np.zeros(5, np.uint8)}, "labels of mine are uint8"),
        ({"labels": np.zeros((5, 1), np.int64)}, r"labels of mine are int64 \(5, 1\)"),
        ({"labels": np.zeros(4, np.int64)}, "labels of mine are 4, but there are 5 images"),
        ({"labels": np.full(5, 10)}, "labels of mine hold 10"),
        ({"labels": np.full(5, -1)}, "labels of mine hold -1"),
        ({"writers": np.zeros(6, np.int64)}, "writers of mine are 6"),
        ({"writers": np.zeros(5)}, "writers of mine are float64"),
        ({"disputed": np.zeros(5)}, "disputed of mine are float64"),
        ({"disputed": np.zeros(4, bool)}, "disputed of mine are 4"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(changes, message):
    with pytest.raises(BadArrayError, match=message):
        LabelledImages(**_arrays(**changes))


@pytest.mark.parametrize(
    "indices", [[4, 0, 4], np.array([], np.int64), [], np.array([True, False, False, True, True])]
)
def test_take_takes_the_same_of_each(indices):
    data = LabelledImages(**_arrays())
    chosen = np.arange(5)[np.asarray(indices, None if len(indices) else np.int64)]
    taken = data.take(indices)
    assert taken.labels.tolist() == chosen.tolist()
    assert taken.writers.tolist() == [writer // 2 for writer in chosen]
    assert taken.disputed.tolist() == [index == 3 for index in chosen]
    assert np.array_equal(taken.images, data.images[chosen])
    assert (len(taken), taken.name, taken.hashes) == (len(chosen), "mine", {"a": "b"})
    bare = LabelledImages(**_arrays(writers=None, disputed=None)).take(indices)
    assert bare.writers is None
    assert bare.disputed is None


def test_drawn_digits_are_seeded_and_never_shared_by_train_and_test():
    drawn = {
        (split, seed): load("synthetic", split, count=30, seed=seed)
        for split in ("train", "test")
        for seed in (0, 1, 2)
    }
    for (split, _), data in drawn.items():
        assert data.name == f"synthetic-{split}"
        assert data.images.shape == (30, 28, 28)
        assert np.bincount(data.labels).tolist() == [3] * 10
    pictures = {image.tobytes() for data in drawn.values() for image in data.images}
    assert len(pictures) == 6 * 30
    again = load("synthetic", "train", count=30, seed=1)
    assert np.array_equal(again.images, drawn["train", 1].images)
    assert again.hashes == drawn["train", 1].hashes
    assert again.hashes != drawn["train", 2].hashes


def test_unknown_source_says_which_there_are(tmp_path):
    with pytest.raises(MissingDataError, match=r"'mnits'.*mnist, synthetic, a folder"):
        load("mnits", "train")


def test_import_is_light():
    heavy = "{'cv2', 'PIL', 'pooch', 'requests', 'keras', 'tensorflow', 'inkdigits.imaging'}"
    code = f"import sys, inkdigits.data; print(sorted({heavy} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
