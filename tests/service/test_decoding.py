"""What is decoded quickly is what is decoded carefully."""

import io
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from inkdigits.errors import InputError, RequestError, RequestTooLargeError
from inkdigits.imaging.decode import decode
from inkdigits.imaging.ink import digit_ink, digits_ink
from inkdigits.service.decoding import SMALL_PX, decode_small, is_small_png, uploads


def _png(pixels, **options):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", **options)
    return file.getvalue()


def _either(function, content):
    try:
        return function(content).tolist()
    except InputError as error:
        return type(error)


SHAPES = st.tuples(st.integers(1, SMALL_PX), st.integers(1, SMALL_PX))


@given(SHAPES, st.integers(0, 2**32 - 1), st.booleans())
def test_small_pngs_have_the_pixels_that_pillow_finds(shape, seed, is_smooth):
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, shape, np.uint8)
    if is_smooth:  # so that every filter of PNG is used
        pixels = np.sort(pixels, axis=seed % 2)
    content = _png(pixels)
    assert is_small_png(content)
    np.testing.assert_array_equal(decode_small(content), pixels)


def test_a_mask_of_0_and_1_is_what_the_reader_sees():
    content = _png(np.random.default_rng(0).integers(0, 2, (9, 7), np.uint8))
    np.testing.assert_array_equal(decode_small(content), decode(content))
    assert decode_small(content).max() == 255


@given(st.data())
def test_what_is_damaged_is_what_pillow_says_it_is(data):
    rng = np.random.default_rng(data.draw(st.integers(0, 1000)))
    content = bytearray(_png(rng.integers(0, 256, (9, 7), np.uint8)))
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(0, len(content)))]
    else:
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] ^= 1 << data.draw(st.integers(0, 7))
    assert _either(decode_small, bytes(content)) == _either(decode, bytes(content))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_every_other_kind_of_png_goes_the_careful_way(mode):
    rng = np.random.default_rng(1)
    image = Image.fromarray(rng.integers(0, 256, (8, 8), np.uint8))
    image = image.convert("I").convert("I;16") if mode == "I;16" else image.convert(mode)
    file = io.BytesIO()
    image.save(file, "PNG")
    np.testing.assert_array_equal(decode_small(file.getvalue()), decode(file.getvalue()))


@given(SHAPES, st.integers(0, 2**32 - 1))
def test_small_pictures_have_the_same_ink_alone_and_in_a_batch(shape, seed):
    pixels = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    np.testing.assert_array_equal(digit_ink(pixels), digits_ink(pixels[None])[0])


def test_the_files_of_a_form_come_in_order_with_their_names():
    body = (
        b"--b\r\ncontent-disposition: form-data; name=note\r\n\r\nleft out\r\n"
        b'--b\r\nContent-Disposition: form-data; name="x"; filename="a b.png"\r\n'
        b"Content-Type: image/png\r\n\r\n\r\n--\r\n\x00\xff\r\n"
        b'--b\r\ncontent-disposition: form-data; name="file"\r\n\r\nraw\r\n--b--\r\n'
    )
    found = uploads(body, 'multipart/form-data; boundary="b"', 5)
    assert found == [("a b.png", b"\r\n--\r\n\x00\xff"), ("picture", b"raw")]


@given(st.binary(max_size=200))
def test_a_form_of_any_bytes_is_read_or_refused(body):
    with suppress(RequestError):
        uploads(b"--b\r\n" + body, "multipart/form-data; boundary=b", 5)


def test_a_form_without_its_end_is_refused_whatever_came_before():
    part = b"--b\r\nContent-Disposition: form-data; name=files\r\n\r\nx"
    kind = "multipart/form-data; boundary=b"
    assert len(uploads(part + b"\r\n" + part + b"\r\n--b--", kind, 2)) == 2
    for body in (part, part + b"\r\n" + part, part + b"\r\n--b\r\n"):
        with pytest.raises(RequestError, match="its end is missing"):
            uploads(body, kind, 2)


def test_a_form_of_too_many_files_is_not_taken_apart_to_its_end():
    part = b"--b\r\nContent-Disposition: form-data; name=files\r\n\r\nx\r\n"
    with pytest.raises(RequestTooLargeError, match="at least 3 images"):
        uploads(part * 100 + b"what is not looked at", "multipart/form-data; boundary=b", 2)
