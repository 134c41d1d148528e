"""Every format and mode gives the pixels that were written; everything else a clear error."""

import contextlib
import io
import os
import struct
import subprocess
import sys
import threading
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inkdigits.errors import (
    BadArrayError,
    ImageTooLargeError,
    InputError,
    MissingInputError,
    UnreadableImageError,
)
from inkdigits.imaging.decode import MAX_PIXELS, decode, decode_pages


def grey(height: int = 11, width: int = 17) -> np.ndarray:
    """Every pixel differs from its neighbours, so that a flip or a shift shows."""
    return (np.arange(height * width) * 37 % 256).astype(np.uint8).reshape(height, width)


def rgb(height: int = 11, width: int = 17) -> np.ndarray:
    return np.stack([grey(height, width), 255 - grey(height, width), grey(height, width) // 2], 2)


def encoded(image: Image.Image, format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("format", ["PNG", "BMP", "TIFF"])
@pytest.mark.parametrize("pixels", [grey(), rgb()], ids=["grey", "rgb"])
def test_lossless_formats_give_back_what_was_written(format: str, pixels: np.ndarray) -> None:
    np.testing.assert_array_equal(decode(encoded(Image.fromarray(pixels), format)), pixels)


def test_webp_and_gif_give_back_what_was_written() -> None:
    webp = encoded(Image.fromarray(rgb()), "WEBP", lossless=True)
    np.testing.assert_array_equal(decode(webp), rgb())
    read = decode(encoded(Image.fromarray(grey()), "GIF"))
    np.testing.assert_array_equal(read, np.dstack([grey()] * 3) if read.ndim == 3 else grey())


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_jpeg_is_what_pillow_makes_of_it(mode: str) -> None:
    data = encoded(Image.fromarray(rgb(64, 48)).convert(mode), "JPEG", quality=90)
    np.testing.assert_array_equal(decode(data), np.asarray(Image.open(io.BytesIO(data))))


@pytest.mark.parametrize("kind", [str, Path])
def test_a_path_may_be_text(tmp_path: Path, kind: type) -> None:
    path = tmp_path / "größe 1.png"
    Image.fromarray(grey()).save(path)
    np.testing.assert_array_equal(decode(kind(path)), grey())


def test_a_wrong_suffix_does_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "picture.jpg"
    path.write_bytes(encoded(Image.fromarray(grey()), "PNG"))
    np.testing.assert_array_equal(decode(path), grey())


def test_animated_gif_and_many_pages_give_the_first() -> None:
    frames = [Image.fromarray(np.full((8, 9), value, np.uint8)) for value in (10, 200)]
    for format in ("GIF", "TIFF"):
        data = encoded(frames[0], format, save_all=True, append_images=frames[1:])
        assert np.unique(decode(data)).tolist() == [10]


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_sixteen_bit_grey(format: str) -> None:
    deep = (np.arange(187, dtype=np.uint16) * 350).reshape(11, 17)
    read = decode(encoded(Image.fromarray(deep), format))
    np.testing.assert_array_equal(read, np.rint(deep / 257).astype(np.uint8))


def test_one_bit_fax() -> None:
    bits = grey() > 99
    data = encoded(Image.fromarray(bits), "TIFF", compression="group4")
    np.testing.assert_array_equal(decode(data), np.where(bits, 255, 0))


def test_palette() -> None:
    image = Image.fromarray(grey() // 64).convert("P")
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9] + [0] * 756)
    colours = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [9, 9, 9]])
    np.testing.assert_array_equal(decode(encoded(image, "PNG")), colours[grey() // 64])


def test_palette_with_transparency_is_laid_on_white() -> None:
    image = Image.fromarray(grey() // 64).convert("P")
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9] + [0] * 756)
    colours = np.array([[255, 255, 255], [0, 255, 0], [0, 0, 255], [9, 9, 9]])
    for transparency in (0, b"\x00\xff\xff\xff"):
        data = encoded(image, "PNG", transparency=transparency)
        np.testing.assert_array_equal(decode(data), colours[grey() // 64])


@pytest.mark.parametrize("format", ["PNG", "TIFF", "WEBP"])
def test_alpha_is_laid_on_white(format: str) -> None:
    alpha = grey()[::-1]
    rgba = np.dstack([rgb(), alpha])
    share = alpha[..., None] / 255
    expected = rgb() * share + 255 * (1 - share)
    options = {"lossless": True, "exact": True} if format == "WEBP" else {}
    read = decode(encoded(Image.fromarray(rgba), format, **options))
    np.testing.assert_allclose(read, expected, atol=0.51)
    np.testing.assert_array_equal(decode(rgba), read)


def test_grey_with_alpha_stays_grey() -> None:
    image = Image.merge("LA", [Image.fromarray(grey()), Image.fromarray(grey()[::-1])])
    share = grey()[::-1] / 255
    read = decode(encoded(image, "PNG"))
    np.testing.assert_allclose(read, grey() * share + 255 * (1 - share), atol=0.51)


def test_white_ink_on_nothing_is_laid_on_black() -> None:
    rgba = np.dstack([np.full((*grey().shape, 3), 255, np.uint8), grey()])
    np.testing.assert_array_equal(decode(rgba), np.dstack([grey()] * 3))


@pytest.mark.parametrize("ink", [(255, 253, 245), (250, 250, 250)])
def test_nearly_white_ink_on_nothing_is_laid_on_black_too(ink: tuple) -> None:
    rgba = np.zeros((20, 20, 4), np.uint8)
    rgba[5:15, 5:15] = (*ink, 255)
    laid = decode(Image.fromarray(rgba, "RGBA"))
    assert int(laid[10, 10].min()) - int(laid[0, 0].max()) > 200


def test_cmyk() -> None:
    image = Image.fromarray(rgb(32, 32)).convert("CMYK")
    for format in ("TIFF", "JPEG"):
        data = encoded(image, format)
        expected = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
        np.testing.assert_array_equal(decode(data), expected)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(format: str, orientation: int) -> None:
    upright = np.kron(np.array([[0, 80, 160], [255, 200, 40]], np.uint8), np.ones((16, 16)))
    stored = {  # how a camera that is held so stores what stands upright
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.T,
        6: upright.T[::-1],
        7: upright.T[::-1, ::-1],
        8: upright.T[:, ::-1],
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if format == "WEBP" else {}
    data = encoded(Image.fromarray(stored.astype(np.uint8)), format, exif=exif, **options)
    for source in (data, Image.open(io.BytesIO(data))):
        read = decode(source)
        read = read if read.ndim == 2 else read[..., 0]
        np.testing.assert_allclose(read, upright, atol=20 if format == "JPEG" else 0)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "HSV"])
def test_any_pillow_image(mode: str) -> None:
    image = Image.fromarray(rgb()).convert(mode)
    expected = np.asarray(image.convert("RGB"), np.int16)
    read = decode(image)
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read if read.ndim == 3 else np.dstack([read] * 3), expected)


def test_a_pillow_image_that_is_damaged_is_refused_as_its_file_is() -> None:
    data = encoded(Image.fromarray(rgb()), "PNG")
    lazy = Image.open(io.BytesIO(data[: len(data) // 2]))
    with pytest.raises(UnreadableImageError, match="truncated or damaged"):
        decode(lazy)
    lazy.close()
    with pytest.raises(UnreadableImageError):
        decode(lazy)


def test_deep_pillow_images() -> None:
    deep = (np.arange(187) * 350).reshape(11, 17)
    expected = np.rint(deep / 257)
    np.testing.assert_array_equal(decode(Image.fromarray(deep.astype(np.int32))), expected)
    shares = (deep / 65_535).astype(np.float32)
    np.testing.assert_array_equal(decode(Image.fromarray(shares)), np.rint(255 * shares))


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (grey(), grey()),
        (rgb(), rgb()),
        (grey()[..., None], grey()),
        (grey().astype(np.int64), grey()),
        (grey().astype(np.uint16), grey()),
        (grey().astype(np.uint16) * 257, grey()),
        (grey().astype(np.float64), grey()),
        (grey().astype(np.float32) / 255, grey()),
        (grey().astype(np.float16), grey()),
        (grey() > 99, np.where(grey() > 99, 255, 0)),
        ((grey() > 99).astype(np.uint8), np.where(grey() > 99, 255, 0)),  # a bitmap of 0 and 1
        ((grey() > 99).astype(np.int64), np.where(grey() > 99, 255, 0)),
        (np.asfortranarray(rgb()), rgb()),
        (grey()[::-2, ::3], grey()[::-2, ::3]),
        ((grey() / 255 * 1.0001).astype(np.float32), grey()),  # rounding
    ],
)
def test_arrays(array: np.ndarray, expected: np.ndarray) -> None:
    before = array.copy()
    read = decode(array)
    assert read.dtype == np.uint8
    assert read.flags.c_contiguous
    np.testing.assert_array_equal(read, expected)
    np.testing.assert_array_equal(array, before)


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_file_of_0_and_1_is_a_mask(mode: str) -> None:
    pixels = (grey() > 99).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(file, "PNG")
    seen = decode(file.getvalue())
    np.testing.assert_array_equal(seen.reshape(*pixels.shape, -1)[..., 0], 255 * pixels)


@pytest.mark.parametrize("faint", [grey() / 255 / 200, (grey() > 99).astype(np.uint16) * 200])
def test_what_cannot_be_seen_stays_so_when_decoded_again(faint: np.ndarray) -> None:
    seen = decode(faint)
    np.testing.assert_array_equal(decode(seen), seen)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((0, 5)),
        np.zeros((5, 0, 3)),
        np.zeros(5),
        np.array(3.0),
        np.zeros((2, 28, 28)),
        np.zeros((2, 3, 4, 5)),
        np.zeros((5, 5, 2)),
        np.full((5, 5), np.nan),
        np.full((5, 5), np.inf),
        np.full((5, 5), -1),
        np.full((5, 5), -0.5),
        np.full((5, 5), 70_000),
        np.full((5, 5), 256.0),
        np.linspace(0, 1.02, 25).reshape(5, 5),  # not clipped: else black
        np.full((5, 5), "7"),
        np.full((5, 5), None),
        np.zeros((5, 5), complex),
        np.zeros((5, 5), "datetime64[s]"),
    ],
    ids=lambda array: f"{array.dtype}{array.shape}",
)
def test_arrays_that_are_no_picture(array: np.ndarray) -> None:
    with pytest.raises(BadArrayError, match=r"Expected|no pixel"):
        decode(array)


@pytest.mark.parametrize("source", [None, 7, [[0, 1], [1, 0]], {"path": "a.png"}])
def test_what_is_no_picture_at_all(source: object) -> None:
    with pytest.raises(BadArrayError, match="Give a path, bytes"):
        decode(source)  # type: ignore[arg-type]


@pytest.mark.parametrize("format", ["PNG", "JPEG", "BMP", "TIFF", "WEBP", "GIF"])
@pytest.mark.parametrize("share", [0.05, 0.3, 0.6, 0.95])
def test_truncated(format: str, share: float) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (96, 96), np.uint8)
    data = encoded(Image.fromarray(noise), format)
    with pytest.raises(UnreadableImageError, match=r"\."):
        decode(data[: int(len(data) * share)])


@pytest.mark.parametrize("format", ["PNG", "JPEG", "BMP", "TIFF", "WEBP", "GIF"])
def test_damaged_bytes_are_read_or_refused_but_never_leak(format: str) -> None:
    rng = np.random.default_rng(1)
    data = encoded(Image.fromarray(rgb(40, 40)), format)
    for _ in range(60):
        damaged = bytearray(data)
        for place in rng.integers(0, len(data), 4):
            damaged[place] = rng.integers(256)
        with contextlib.suppress(InputError):
            assert decode(bytes(damaged), max_pixels=10**6).dtype == np.uint8


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty"),
        (b"4071\n", "not an image"),
        (b"%PDF-1.7 ...", "is a PDF that is truncated or damaged"),
        (b"\x00\x00\x00\x18ftypheic\x00\x00", "not an image"),
        (b"\x00\x00\x00\x18ftypavif\x00\x00", "not an image"),
        (b"\x89PNG\r\n\x1a\n", "image"),
        (b"\x00" * 1000, "not an image"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not an image"),
    ],
)
def test_bytes_that_are_no_image(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(data)
    with pytest.raises(UnreadableImageError, match=message):
        decode(data)
    with pytest.raises(UnreadableImageError, match=r"picture\.png"):
        decode(path)


@pytest.mark.parametrize(
    ("start", "module", "message"),
    [
        (b"%PDF-1.7 ...", "pypdfium2", r"PDF.*inkdigits\[formats\].*as PNG"),
        (b"\0\0\0\x18ftypheic", "pillow_heif", r"HEIC.*inkdigits\[formats\].*as JPEG"),
    ],
)
def test_what_needs_an_extra_says_which(
    monkeypatch: pytest.MonkeyPatch, start: bytes, module: str, message: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)  # as if it were not installed
    with pytest.raises(UnreadableImageError, match=message):
        decode(start)


def landscape() -> np.ndarray:
    """(240, 320, 3) whose corners differ, soft enough for any coding."""
    y, x = np.mgrid[0:240, 0:320]
    return np.dstack((x * 0.7, y, 255 - x * 0.4)).astype(np.uint8)


def test_heic_as_a_phone_saves_it() -> None:
    pillow_heif = pytest.importorskip("pillow_heif", reason="pip install 'inkdigits[formats]'")
    exif = Image.Exif()
    exif[0x0112] = 6  # held sideways: the decoder turns it, and nothing turns it again
    stored = Image.fromarray(np.ascontiguousarray(np.rot90(landscape())))
    file = io.BytesIO()
    pillow_heif.from_pillow(stored).save(file, quality=95, exif=exif.tobytes())
    read = decode(file.getvalue())
    assert read.shape == (240, 320, 3)
    assert np.abs(read.astype(int) - landscape()).mean() < 3


def test_avif() -> None:
    read = decode(encoded(Image.fromarray(landscape()), "AVIF", quality=95))
    assert np.abs(read.astype(int) - landscape()).mean() < 3


def png_that_claims(width: int, height: int) -> bytes:
    def chunk(name: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.parametrize("side", [11_000, 14_000, 50_000])
def test_a_bomb_is_refused_before_it_goes_off(side: int) -> None:
    with pytest.raises(ImageTooLargeError, match=f"limit of {MAX_PIXELS:,}"):
        decode(png_that_claims(side, side))


def test_the_limit_is_the_callers() -> None:
    data = encoded(Image.fromarray(grey()), "PNG")
    assert decode(data, max_pixels=187).shape == (11, 17)
    for source in (data, grey(), Image.fromarray(grey())):
        with pytest.raises(ImageTooLargeError, match="17 × 11"):
            decode(source, max_pixels=186)


def test_what_is_not_there(tmp_path: Path) -> None:
    for path in (tmp_path / "no.png", "no\0.png", "x" * 5000, ""):
        with pytest.raises(MissingInputError):
            decode(path)
    with pytest.raises(MissingInputError, match="folder"):
        decode(tmp_path)


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mine.png"
    path.write_bytes(b"x")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(UnreadableImageError, match="Permission denied"):
        decode(path)


def test_a_pipe_is_read(tmp_path: Path) -> None:
    pixels = rgb()
    os.mkfifo(tmp_path / "pipe")
    data = encoded(Image.fromarray(pixels), "PNG")
    with ThreadPoolExecutor() as pool:
        written = pool.submit((tmp_path / "pipe").write_bytes, data)
        ((_, found),) = decode_pages(tmp_path / "pipe")
        written.result()
    np.testing.assert_array_equal(found, pixels)


def test_deep_pictures_out_of_range_are_named(tmp_path: Path) -> None:
    path = tmp_path / "deep.tif"
    Image.fromarray(np.full((5, 5), 9_000.0, np.float32), "F").save(path)
    with pytest.raises(UnreadableImageError, match=r"deep\.tif holds no brightness.*9000"):
        decode(path)


def test_threads_leave_the_warning_filters_as_they_were() -> None:
    data = encoded(Image.fromarray(rgb(200, 200)), "PNG")
    before = list(warnings.filters)
    threads = [threading.Thread(target=lambda: [decode(data) for _ in range(10)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(warnings.filters) == before


def test_importing_it_does_not_import_pillow() -> None:
    program = (
        "import sys, inkdigits.imaging.decode, inkdigits.imaging.ink, inkdigits.imaging.segment, "
        "inkdigits.imaging.draw; sys.exit('PIL' in sys.modules or 'matplotlib' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def tiff(*levels: int, mode: str = "L") -> bytes:
    pages = [
        Image.new("L", (9 + index, 5), level).convert(mode) for index, level in enumerate(levels)
    ]
    file = io.BytesIO()
    pages[0].save(file, "TIFF", save_all=True, append_images=pages[1:])
    return file.getvalue()


@pytest.mark.parametrize("mode", ["L", "1", "RGB"])
def test_each_page_of_a_tiff(tmp_path: Path, mode: str) -> None:
    content = tiff(0, 255, 0, mode=mode)
    path = tmp_path / "fax.tif"
    path.write_bytes(content)
    for source in (content, path, str(path)):
        pages = list(decode_pages(source))
        assert [page.number for page in pages] == [1, 2, 3]
        pixels = [page.pixels for page in pages]
        assert [page.shape[:2] for page in pixels] == [(5, 9), (5, 10), (5, 11)]
        assert [int(page.min()) for page in pixels] == [0, 255, 0]
        np.testing.assert_array_equal(pixels[0], decode(source))


def test_each_page_is_turned_upright_by_itself() -> None:
    turned = Image.Exif()
    turned[0x0112] = 6
    pages = [Image.new("L", (9, 5)), Image.new("L", (9, 5)), Image.new("L", (9, 5))]
    pages[1].encoderinfo = {"exif": turned}
    data = encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    assert [page.pixels.shape for page in decode_pages(data)] == [(5, 9), (9, 5), (5, 9)]


@pytest.mark.parametrize("kind", [1, 4])
def test_a_thumbnail_or_mask_in_a_tiff_is_no_page(kind: int) -> None:
    pages = [Image.new("L", (9 + index, 5)) for index in range(3)]
    pages[1].encoderinfo = {"tiffinfo": {254: kind}}
    data = encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    assert [page.pixels.shape for page in decode_pages(data)] == [(5, 9), (5, 11)]


def test_what_has_no_pages_is_one() -> None:
    picture = np.arange(60, dtype=np.uint8).reshape(6, 10)
    one = encoded(Image.fromarray(picture), "PNG"), encoded(Image.fromarray(picture), "TIFF")
    for source in (picture, *one):
        ((number, page),) = decode_pages(source)
        assert number == 0
        np.testing.assert_array_equal(page, picture)


def test_a_damaged_page_does_not_lose_the_others(tmp_path: Path) -> None:
    content = bytearray(fax(3))
    with Image.open(io.BytesIO(content)) as image:
        image.seek(1)
        start = image.tag_v2[273][0]
    content[start : start + 30] = bytes(30)
    path = tmp_path / "fax.tif"
    path.write_bytes(content)
    first, second, third = decode_pages(path)
    assert first.pixels.shape == third.pixels.shape == (50, 60)
    assert isinstance(second.pixels, UnreadableImageError)
    assert "fax.tif, page 2, is truncated or damaged" in str(second.pixels)


def test_the_pages_before_a_break_are_read() -> None:
    content = fax(4)
    *whole, last = decode_pages(content[: len(content) * 3 // 5])
    assert [page.pixels.shape for page in whole] == [(50, 60)] * 2
    assert isinstance(last.pixels, UnreadableImageError)


def fax(num_pages: int) -> bytes:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 2, (num_pages, 50, 60)).astype(bool)
    first, *others = [Image.fromarray(page) for page in noise]
    return encoded(first, "TIFF", save_all=True, append_images=others, compression="group4")


def test_pages_that_cannot_be_read() -> None:
    with pytest.raises(UnreadableImageError):
        list(decode_pages(tiff(0)[:60]))
    with pytest.raises(MissingInputError):
        list(decode_pages("nowhere.tif"))
    with pytest.raises(MissingInputError, match="folder"):
        list(decode_pages("."))
    with pytest.raises(ImageTooLargeError):
        list(decode_pages(tiff(0), max_pixels=44))
