"""PDF: each page as it is shown, and never more pixels than can be held."""

import io
import threading
import time
from typing import Any

import numpy as np
import pytest
from PIL import Image

from inkdigits.errors import InputError, UnreadableImageError
from inkdigits.imaging import pdf as pdf_module
from inkdigits.imaging.decode import decode, decode_pages

pytest.importorskip("pypdfium2", reason="pip install 'inkdigits[formats]'")

LOCKED = b"""%%PDF-1.4
1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj
2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj
3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 72 72]>>endobj
4 0 obj<</Filter/Standard/V 1/R 2/P -4/O<%s>/U<%s>>>endobj
trailer<</Root 1 0 R/Size 5/Encrypt 4 0 R/ID[<00><00>]>>
""" % (b"41" * 32, b"42" * 32)


def shade(value: int) -> Image.Image:
    """An inch of paper with a dark half on the left."""
    pixels = np.full((100, 100, 3), value, np.uint8)
    pixels[:, :50] = 20
    return Image.fromarray(pixels)


def pdf(pages: list[Image.Image], resolution: float = 100.0) -> bytes:
    file = io.BytesIO()
    pages[0].save(file, "PDF", save_all=True, append_images=pages[1:], resolution=resolution)
    return file.getvalue()


def drawn(media_box: str, rotation: int = 0) -> bytes:
    """A page with a black square of 36 points in its lower left corner."""
    content = b"0 0 36 36 re f"
    return (
        b"%%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
        b"2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
        b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[%s]/Rotate %d/Contents 4 0 R>>endobj\n"
        b"4 0 obj<</Length %d>>stream\n%s\nendstream endobj\n"
        b"trailer<</Root 1 0 R/Size 5>>\n"
    ) % (media_box.encode(), rotation, len(content), content)


def test_pages_in_order() -> None:
    pages = list(decode_pages(pdf([shade(120), shade(180), shade(240)])))
    assert [page.number for page in pages] == [1, 2, 3]
    for page, value in zip(pages, (120, 180, 240), strict=True):
        assert not isinstance(page.pixels, InputError)
        assert page.pixels.shape == (200, 200, 3)  # of an inch
        assert abs(int(np.median(page.pixels[20:-20, 120:-20])) - value) <= 3
        assert np.median(page.pixels[20:-20, 20:80]) < 30


def test_one_page_has_no_number_and_decode_gives_the_first() -> None:
    (alone,) = decode_pages(pdf([shade(200)]))
    assert alone.number == 0
    assert np.array_equal(decode(pdf([shade(200), shade(90)])), alone.pixels)


def test_colours_are_not_swapped() -> None:
    red = decode(pdf([Image.new("RGB", (100, 100), (250, 20, 10))]))
    assert np.abs(red[100, 100].astype(int) - (250, 20, 10)).max() <= 4


@pytest.mark.parametrize(("rotation", "corner"), [(0, (1, 0)), (90, (0, 0)), (180, (0, 1))])
def test_a_page_is_drawn_as_it_is_shown(rotation: int, corner: tuple[int, int]) -> None:
    page = decode(drawn("0 0 72 72", rotation))[..., 0]
    quarters = page.reshape(2, 100, 2, 100).mean(axis=(1, 3))
    assert np.unravel_index(quarters.argmin(), (2, 2)) == corner
    assert np.sort(quarters, axis=None)[1] > 250  # paper is white


def test_a_page_as_large_as_a_photograph_is_drawn_smaller() -> None:
    huge = drawn("0 0 14400 14400")
    assert 7_000_000 < decode(huge)[..., 0].size < 8_100_000
    assert decode(huge, max_pixels=1_000_000)[..., 0].size < 1_010_000
    with pytest.raises(UnreadableImageError, match="points large"):
        decode(drawn("0 0 0.01 100000000"))  # as narrow as a pixel, and 278 million high


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (LOCKED, "locked with a password"),
        (b"%PDF-1.7", "truncated or damaged"),
        (drawn("0 0 72 72").replace(b"/Kids[3 0 R]/Count 1", b"/Kids[]/Count 0"), "damaged"),
    ],
)
def test_what_cannot_be_drawn_says_why(content: bytes, message: str) -> None:
    with pytest.raises(UnreadableImageError, match=message):
        decode(content)
    with pytest.raises(UnreadableImageError, match=message):
        list(decode_pages(content))


def test_damaged_bytes_are_drawn_or_refused_but_never_leak() -> None:
    rng = np.random.default_rng(1)
    whole = pdf([shade(120), shade(180)])
    for _ in range(60):
        damaged = bytearray(whole)
        for place in rng.integers(8, len(whole), 6):
            damaged[place] = rng.integers(256)
        try:
            pages = list(decode_pages(bytes(damaged), max_pixels=10**6))
        except InputError:
            continue
        assert all(isinstance(of.pixels, InputError) or of.pixels.ndim == 3 for of in pages)


@pytest.mark.parametrize("before", [b"\n", b"\xef\xbb\xbf"])
def test_what_some_programs_put_before_a_pdf_does_not_matter(before: bytes) -> None:
    assert decode(before + drawn("0 0 72 72")).shape == (200, 200, 3)


def test_pdfium_is_called_by_one_thread_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    content, found, inside, most = pdf([shade(200)] * 3), [], [], [0]
    original = pdf_module._drawn

    def drawn_slowly(*given: Any) -> Any:
        inside.append(1)
        most[0] = max(most[0], len(inside))
        time.sleep(0.01)
        inside.pop()
        return original(*given)

    monkeypatch.setattr(pdf_module, "_drawn", drawn_slowly)

    def read() -> None:
        found.extend(page.pixels for page in decode_pages(content))

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]
    assert len(found) == 24
    assert all(np.array_equal(page, found[0]) for page in found)
