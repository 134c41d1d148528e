import hashlib
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from inkdigits.data import load
from inkdigits.data.folder import CANVAS_PX, fitted, load_folder, load_npz
from inkdigits.errors import CorruptDataError, DataError, MissingDataError

# Pictures whose ink is known exactly: a filled rectangle on even ground.


def _picture(
    width: int, height: int, box: tuple[int, int, int, int], inverted: bool = False
) -> Image.Image:
    """Ink from (left, top) to (right, bottom), both inside."""
    paper, pen = ("black", "white") if inverted else ("white", "black")
    image = Image.new("RGB", (width, height), paper)
    ImageDraw.Draw(image).rectangle(box, fill=pen)
    return image


def _bars(height: int = 60) -> Image.Image:
    return _picture(50, height, (20, 10, 24, height - 11))


@pytest.fixture
def digits(tmp_path) -> Path:
    """Two pictures of each class."""
    root = tmp_path / "mine"
    for label in range(10):
        (root / str(label)).mkdir(parents=True)
        _bars().save(root / str(label) / "b.png")
        _bars(90).save(root / str(label) / "a.jpg", quality=95)
    return root


def test_classes_are_the_names_of_the_sub_folders(digits):
    data = load(str(digits), "train")
    assert data.labels.tolist() == [label for label in range(10) for _ in range(2)]
    assert data.images.shape == (20, 56, 56)
    assert data.images.dtype == np.uint8
    assert data.writers is None
    assert data.name == "mine"
    assert list(data.hashes) == ["mine"]


@pytest.mark.parametrize("inverted", [False, True])
@pytest.mark.parametrize(
    ("size", "box"),
    [
        ((300, 200), (250, 20, 269, 119)),  # 20 × 100, near a corner: shrunk
        ((14, 24), (5, 6, 8, 17)),  # 4 × 12: grown
        ((70, 60), (10, 20, 49, 29)),  # 40 × 10: as it is
    ],
)
def test_ink_is_fitted_whatever_its_size_place_and_polarity(digits, size, box, inverted):
    _picture(*size, box, inverted).save(digits / "3" / "a.jpg.png")
    image = load_folder(digits).images[7]
    assert image.max() > 250
    rows, columns = (np.flatnonzero((image > 127).any(axis=axis)) for axis in (1, 0))
    height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
    ink_width, ink_height = box[2] - box[0] + 1, box[3] - box[1] + 1
    scale = 40 / max(ink_width, ink_height)
    assert abs(width - ink_width * scale) <= 1.5
    assert abs(height - ink_height * scale) <= 1.5
    assert abs(rows.mean() - 27.5) <= 1
    assert abs(columns.mean() - 27.5) <= 1


def test_fitted_ink_of_the_right_size_is_only_moved():
    ink = np.zeros((100, 90), np.float32)
    stroke = np.random.default_rng(0).integers(128, 256, (40, 18)).astype(np.uint8)
    ink[3:43, 70:88] = stroke / np.float32(255)
    image = fitted(ink)
    assert np.array_equal(image[8:48, 19:37], stroke)
    assert image.sum() == stroke.sum(dtype=np.int64)


def test_faint_noise_around_the_ink_does_not_widen_its_box():
    ink = np.random.default_rng(0).uniform(0, 0.15, (200, 200)).astype(np.float32)
    ink[50:90, 60:80] = 1
    assert (fitted(ink)[8:48, 18:38] == 255).all()


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 500), (500, 1), (3, 2000)])
def test_fitted_takes_any_shape(height, width):
    image = fitted(np.ones((height, width), np.float32))
    assert image.shape == (CANVAS_PX, CANVAS_PX)
    assert image.any()
    assert not fitted(np.zeros((height, width), np.float32)).any()


def test_train_and_test_sub_folders_are_the_splits(digits, tmp_path):
    both = tmp_path / "both"
    both.mkdir()
    digits.rename(both / "train")
    (both / "test" / "7").mkdir(parents=True)
    _bars().save(both / "test" / "7" / "a.png")
    train, test = (load(str(both), split) for split in ("train", "test"))
    assert (len(train), train.name) == (20, "both-train")
    assert (len(test), test.name) == (1, "both-test")
    assert test.labels.tolist() == [7]
    (both / "test" / "7" / "a.png").unlink()
    with pytest.raises(DataError, match="no picture"):
        load_folder(both, "test")


def test_train_alone_has_no_test(digits, tmp_path):
    (tmp_path / "both").mkdir()
    digits.rename(tmp_path / "both" / "train")
    with pytest.raises(MissingDataError, match="no sub-folder 'test'"):
        load_folder(tmp_path / "both", "test")


def test_a_folder_without_splits_gives_all_for_either(digits):
    train, test = (load(str(digits), split) for split in ("train", "test"))
    assert train.hashes == test.hashes
    assert np.array_equal(train.images, test.images)


def test_hidden_and_other_files_are_passed_over(digits):
    (digits / "notes.txt").write_text("mine")
    (digits / ".cache").mkdir()
    (digits / "__MACOSX").mkdir()
    (digits / "0" / "Thumbs.db").write_bytes(b"x")
    (digits / "0" / "._a.png").write_bytes(b"x")
    (digits / "0" / "more").mkdir()
    _bars().save(digits / "0" / "more" / "c.PNG")
    assert len(load_folder(digits)) == 21


def test_the_hash_knows_names_classes_and_pixels(digits):
    hashes = [load_folder(digits).hashes["mine"]]
    (digits / "0" / "a.jpg").rename(digits / "0" / "z.jpg")
    hashes.append(load_folder(digits).hashes["mine"])
    (digits / "0" / "z.jpg").rename(digits / "1" / "z.jpg")
    hashes.append(load_folder(digits).hashes["mine"])
    _bars(70).save(digits / "1" / "z.jpg")
    hashes.append(load_folder(digits).hashes["mine"])
    assert len(set(hashes)) == 4


def _remove_class(digits: Path) -> None:
    for file in (digits / "8").iterdir():
        file.unlink()
    (digits / "8").rmdir()


def _empty_class(digits: Path) -> None:
    for file in (digits / "8").iterdir():
        file.unlink()


def _no_class(digits: Path) -> None:
    for label in range(10):
        (digits / str(label)).rename(digits / f"class {label}")


FOLDERS = {
    "nine classes": (_remove_class, DataError, "9 of 10 classes; there is no sub-folder 8"),
    "empty class": (_empty_class, DataError, "no picture in .*8"),
    "no class at all": (_no_class, MissingDataError, "no sub-folder named after a class"),
    "eleven classes": (lambda at: (at / "10").mkdir(), DataError, "are no class: 10"),
    "not an image": (
        lambda at: (at / "4" / "x.png").write_bytes(b"garbage"),
        CorruptDataError,
        r"4.x\.png",
    ),
    "truncated": (
        lambda at: (at / "4" / "a.jpg").write_bytes((at / "4" / "a.jpg").read_bytes()[:300]),
        CorruptDataError,
        r"4.a\.jpg",
    ),
    "empty file": (
        lambda at: (at / "4" / "x.png").write_bytes(b""),
        CorruptDataError,
        r"4.x\.png .*empty",
    ),
    "blank": (
        lambda at: Image.new("L", (30, 30), 255).save(at / "4" / "x.png"),
        CorruptDataError,
        r"4.x\.png holds no ink",
    ),
}


@pytest.mark.parametrize(("spoil", "error", "message"), FOLDERS.values(), ids=FOLDERS)
def test_wrong_folder_is_named_with_what_is_wrong(digits, spoil, error, message):
    spoil(digits)
    with pytest.raises(error, match=message) as caught:
        load_folder(digits)
    assert str(digits) in str(caught.value)


def test_every_class_is_checked_before_a_picture_is_opened(digits):
    (digits / "0" / "a.jpg").write_bytes(b"garbage")
    _empty_class(digits)
    with pytest.raises(DataError, match="no picture in"):
        load_folder(digits)


def test_nine_classes_may_be_measured_on(digits):
    _remove_class(digits)
    assert len(load_folder(digits, "test")) == 18


def test_no_folder(tmp_path):
    with pytest.raises(MissingDataError, match="no folder"):
        load_folder(tmp_path / "not there")


# The .npz file.


def _images(n: int = 20, height: int = 28, width: int = 28) -> np.ndarray:
    """(n, height, width) uint8: bars of full ink on empty ground, each somewhere else."""
    images = np.zeros((n, height, width), np.uint8)
    for index, image in enumerate(images):
        left = 2 + index % (width // 2)
        image[height // 5 : -height // 5, left : left + max(2, width // 8)] = 255
    return images


LABELS = np.arange(20) % 10


def _saved(path: Path, **arrays) -> Path:
    np.savez(path, **arrays)
    return path


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x,
        lambda x: 255 - x,
        lambda x: np.where((np.arange(20) % 2 == 0)[:, None, None], x, 255 - x),
        lambda x: x[..., None],
        lambda x: x.reshape(20, -1),
        lambda x: x / 255,
        lambda x: (x / 255).astype(np.float16),
        lambda x: x.astype(np.float64),
        lambda x: x > 0,
        lambda x: x == 0,
        lambda x: (x > 0).astype(np.uint8),
        lambda x: x.astype(np.int64) // 16,
        lambda x: x.astype(np.uint16) * 257,
    ],
    ids=[
        "uint8",
        "dark ink",
        "both polarities",
        "channel",
        "flat",
        "float to 1",
        "half",
        "float to 255",
        "bool",
        "bool, dark ink",
        "0 and 1",
        "0 to 15",
        "16 bit",
    ],
)
def test_small_images_of_any_kind_become_the_same_ink(tmp_path, change):
    path = _saved(tmp_path / "mine.npz", x=change(_images()), y=LABELS)
    data = load(str(path), "train")
    assert np.array_equal(data.images, _images())
    assert np.array_equal(data.labels, LABELS)
    assert data.labels.dtype == np.int64
    assert data.name == "mine"
    assert data.writers is None
    assert dict(data.hashes) == {"mine.npz": hashlib.sha256(path.read_bytes()).hexdigest()}


def test_shape_is_kept_up_to_64_pixels_and_fitted_above(tmp_path):
    kept = load_npz(_saved(tmp_path / "a.npz", x=_images(20, 64, 30), y=LABELS))
    assert kept.images.shape == (20, 64, 30)
    large = load_npz(_saved(tmp_path / "b.npz", x=255 - _images(20, 65, 30), y=LABELS))
    assert large.images.shape == (20, 56, 56)
    assert ((large.images > 127).any(axis=2).sum(axis=1) == 40).all()  # the longer side of the ink


def test_writers_are_taken_where_given(tmp_path):
    writers = np.arange(20, dtype=np.uint8) // 5
    path = _saved(tmp_path / "a.npz", x=_images(), y=LABELS.astype(np.float32), writers=writers)
    data = load_npz(path)
    assert data.writers.dtype == np.int64
    assert data.writers.tolist() == writers.tolist()


def test_some_classes_may_be_measured_on_but_not_trained_on(tmp_path):
    path = _saved(tmp_path / "a.npz", x=_images(), y=LABELS % 9)
    assert len(load(str(path), "test")) == 20
    with pytest.raises(DataError, match=r"y of .*a\.npz has no image of 9"):
        load(str(path), "train")


NPZ = {
    "no x": ({"y": LABELS}, "has no x; it has y"),
    "no y": ({"x": _images(), "labels": LABELS}, "has no y; it has x, labels"),
    "lengths": ({"x": _images(), "y": LABELS[:-1]}, "20 images x, but 19 y"),
    "writers' length": ({"x": _images(), "y": LABELS, "writers": [1, 2]}, "but 2 writers"),
    "label 10": ({"x": _images(), "y": LABELS + 1}, "y of .* holds 1 to 10"),
    "label -1": ({"x": _images(), "y": LABELS - 1}, "y of .* holds -1 to 8"),
    "label 1.5": ({"x": _images(), "y": LABELS + 0.5}, "must be whole numbers"),
    "label nan": ({"x": _images(), "y": LABELS * np.nan}, "must be whole numbers"),
    "text labels": ({"x": _images(), "y": LABELS.astype(str)}, "must be whole numbers"),
    "one-hot": ({"x": _images(), "y": np.eye(10)[LABELS]}, r"float64 \(20, 10\)"),
    "empty": ({"x": _images(0), "y": LABELS[:0]}, "x of .* is empty"),
    "no pixels": ({"x": np.zeros((20, 0, 3)), "y": LABELS}, "x of .* is empty"),
    "one number": ({"x": 3, "y": LABELS}, "x of .* is empty"),
    "colour": ({"x": np.zeros((20, 28, 28, 3)), "y": LABELS}, r"shape \(20, 28, 28, 3\)"),
    "flat, not square": ({"x": np.ones((20, 783)), "y": LABELS}, r"shape \(20, 783\)"),
    "negative": ({"x": _images() / 255 - 0.5, "y": LABELS}, "holds -0.5 to 0.5"),
    "nan": ({"x": _images() * np.nan, "y": LABELS}, "holds nan"),
    "infinite": ({"x": np.where(_images() > 0, np.inf, 0), "y": LABELS}, "holds 0 to inf"),
    "complex": ({"x": _images() * 1j, "y": LABELS}, "x of .* is complex128"),
    "all blank": ({"x": _images() * 0, "y": LABELS}, "20 images without ink, at 0, 1"),
    "a blank one": (
        {"x": _images() * (np.arange(20) != 13)[:, None, None], "y": LABELS},
        "1 images without ink, at 13",
    ),
    "objects": ({"x": np.array([None] * 20), "y": LABELS}, "Python objects"),
}


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")  # of 0 * nan, in the table above
@pytest.mark.parametrize(("arrays", "message"), NPZ.values(), ids=NPZ)
def test_wrong_npz_is_named_with_what_is_wrong(tmp_path, arrays, message):
    path = _saved(tmp_path / "a.npz", **arrays)
    with pytest.raises(CorruptDataError, match=message) as caught:
        load_npz(path)
    assert str(path) in str(caught.value)


def _npz_bytes() -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, x=_images(), y=LABELS)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "content",
    [b"", b"garbage", b"PK\x03\x04", _npz_bytes()[:-30], b"\x93NUMPY" + bytes(200)],
    ids=["empty", "garbage", "head", "truncated", "npy"],
)
def test_what_is_no_npz_is_refused(tmp_path, content):
    path = tmp_path / "a.npz"
    path.write_bytes(content)
    with pytest.raises(CorruptDataError, match=r"a\.npz is not a whole \.npz file"):
        load(str(path), "test")


def test_damaged_npz_is_refused(tmp_path):
    content = bytearray(_npz_bytes())
    content[60:90] = bytes(30)
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(CorruptDataError, match=r"a\.npz is damaged"):
        load_npz(tmp_path / "a.npz")


def test_no_file(tmp_path):
    with pytest.raises(MissingDataError, match="cannot be read: No such file"):
        load_npz(tmp_path / "a.npz")
