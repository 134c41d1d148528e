"""`inkdigits read`: every picture that can be read is, and the rest is said."""

import csv
import io
import json
import struct
import sys
import zlib

import pytest
from PIL import Image

from inkdigits.bundle import Bundle, shipped_path, write_bundle
from inkdigits.cli.read import _caption
from inkdigits.imaging.segment import find_atoms
from inkdigits.reader import Reader
from inkdigits.reading import Box, Digit, Status


class TestText:
    def test_of_one_picture_is_the_digits_alone(self, inkdigits, write):
        write("marks.png", "407", "13")
        assert inkdigits("read", "marks.png") == (0, "407\n13\n", "")

    def test_leading_zeros_live(self, inkdigits, write):
        write("number.png", "0073")
        assert inkdigits("read", "number.png").out == "0073\n"

    def test_of_many_names_each(self, inkdigits, write):
        write("b.png", "23")
        write("a.png", "407", "1")
        done = inkdigits("read", "b.png", "a.png")
        assert done == (0, "b.png: 23\na.png: 407\na.png: 1\n", "")

    def test_of_a_folder_names_each_in_order(self, inkdigits, write, tmp_path):
        write("box/b.PNG", "23")
        write("box/a.png", "407")
        (tmp_path / "box" / "notes.txt").write_text("no picture")
        done = inkdigits("read", "box")
        assert done == (0, "box/a.png: 407\nbox/b.PNG: 23\n", "")

    def test_a_folder_of_one_picture_is_named_too(self, inkdigits, write):
        write("box/a.png", "407")
        assert inkdigits("read", "box").out == "box/a.png: 407\n"

    def test_what_a_folder_holds_besides_is_told(self, inkdigits, write, tmp_path, monkeypatch):
        for module in ("pillow_heif", "pypdfium2"):  # as if the extra were not installed
            monkeypatch.setitem(sys.modules, module, None)
        write("box/a.png", "407")
        (tmp_path / "box" / "d").mkdir()
        for name in ("b.HEIC", "c.pdf", "e.pdf", "notes.txt"):
            (tmp_path / "box" / name).touch()
        done = inkdigits("read", "box")
        assert (done.code, done.out) == (0, "box/a.png: 407\n")
        assert done.err == (
            "box: left out b.HEIC, c.pdf, d and 1 more; sub-folders are not read, "
            "PDF and HEIC need: pip install 'inkdigits[formats]'\n"
        )

    def test_a_folder_of_nothing_else_tells_what_is_left_out(self, inkdigits, tmp_path):
        (tmp_path / "box" / "inner").mkdir(parents=True)
        done = inkdigits("read", "box")
        assert done.code == 1
        assert "box: left out inner; sub-folders are not read\n" in done.err
        assert "holds no image" in done.err

    def test_the_pages_of_a_pdf_in_a_folder(self, inkdigits, write, tmp_path):
        with Image.open(write("407.png", "407")) as one, Image.open(write("23.png", "23")) as two:
            (tmp_path / "box").mkdir()
            one.save(tmp_path / "box" / "scan.pdf", save_all=True, append_images=[two])
        done = inkdigits("read", "box")
        assert done == (0, "box/scan.pdf#1: 407\nbox/scan.pdf#2: 23\n", "")

    def test_a_picture_given_twice_is_read_twice(self, inkdigits, write):
        write("a.png", "4")
        assert inkdigits("read", "a.png", "a.png").out == "a.png: 4\n" * 2

    def test_standard_input(self, inkdigits, write):
        content = write("a.png", "407").read_bytes()
        assert inkdigits("read", "-", stdin=content) == (0, "407\n", "")

    def test_standard_input_among_files(self, inkdigits, write):
        content = write("a.png", "407").read_bytes()
        assert inkdigits("read", "a.png", "-", stdin=content).out == "a.png: 407\n-: 407\n"

    def test_a_blank_picture_is_no_error_but_is_said(self, inkdigits, write):
        write("blank.png")
        done = inkdigits("read", "blank.png")
        assert (done.code, done.out) == (0, "")
        assert done.err == "blank.png: blank: nothing that could be a digit\n"

    def test_a_dial_that_promises_too_much_is_said(self, inkdigits, write):
        write("a.png", "407")
        done = inkdigits("read", "a.png", "--max-error", "0.001")
        assert (done.code, done.out) == (0, "407\n")
        assert "no digit is ok: inkdigits-shipped cannot promise so few errors as 0.001" in done.err

    def test_single_takes_the_picture_for_one_digit(self, inkdigits, write):
        write("marks.png", "407")
        write("seven.png", "7")
        assert inkdigits("read", "--single", "seven.png").out == "7\n"
        document = json.loads(inkdigits("read", "--single", "marks.png", "--format", "json").out)
        assert [len(line["digits"]) for line in document["lines"]] == [1]

    def test_one_line(self, inkdigits, write):
        write("marks.png", "407")
        assert inkdigits("read", "--line", "marks.png").out == "407\n"
        both = inkdigits("read", "--line", "--single", "marks.png")
        assert both.code == 2
        assert "one digit or one line" in both.err

    def test_what_is_not_sure_is_said_and_marked(self, inkdigits, write, tmp_path):
        """A threshold amid their confidences makes some digits doubtful; which, the reader says."""
        path = write("marks.png", *["0123467890"] * 6)
        shipped = Bundle.open()
        mine = tmp_path / "doubtful.digits"

        def read(threshold):
            dial = [{"max_error": 0.002, "threshold": threshold}]
            write_bundle(
                mine,
                name="doubtful",
                graph=shipped.graph,
                classes=shipped.classes,
                calibration=shipped.manifest["calibration"] | {"dial": dial},
                training={},
                attribution=[],
            )
            return Reader(mine).read(path)

        confidences = sorted(digit.confidence for digit in read(0.5).digits)
        page = read(confidences[len(confidences) // 2])
        num_unsure = sum(str(digit.status) == "review" for digit in page.digits)
        assert 0 < num_unsure < len(page.digits), "draw other digits"
        done = inkdigits("read", path, "--bundle", mine, "--min-status", "ok")
        assert done.code == 0
        assert done.out.count("?") == num_unsure
        assert done.out.replace("\n", "") == "".join(
            "?" if str(digit.status) == "review" else digit.value
            for digit in page.digits
            if str(digit.status) != "reject"
        )
        num_digits = sum(str(digit.status) != "reject" for digit in page.digits)
        assert f"not sure of {num_unsure} of {num_digits} digits: " in done.err
        told = done.err.rstrip().partition("digits: ")[2]
        unsure = [row for row in done.out.split() if "?" in row]
        assert len(unsure) > 3, "draw more lines"
        assert told == f"{', '.join(unsure[:3])} and {len(unsure) - 3} more"
        plain = inkdigits("read", path, "--bundle", mine, "--min-status", "review")
        assert plain.out == page.text + "\n"


class TestDocuments:
    def test_json_of_one_picture_is_its_document(self, inkdigits, write):
        write("a.png", "407", "13")
        done = inkdigits("read", "a.png", "--format", "json")
        document = json.loads(done.out)
        expected = Reader().read("a.png").to_dict()
        assert (done.code, done.err) == (0, "")
        assert document.keys() == expected.keys()
        assert document | {"elapsed_ms": 0} == json.loads(json.dumps(expected | {"elapsed_ms": 0}))

    def test_json_of_many_is_a_list(self, inkdigits, write):
        write("box/a.png", "407")
        write("box/b.png", "13")
        for arguments in (["box"], ["box/a.png", "box/b.png"]):
            documents = json.loads(inkdigits("read", *arguments, "--format", "json").out)
            assert [(one["source"], one["text"]) for one in documents] == [
                ("box/a.png", "407"),
                ("box/b.png", "13"),
            ]

    def test_json_of_a_folder_of_one_is_still_a_list(self, inkdigits, write):
        write("box/a.png", "407")
        (document,) = json.loads(inkdigits("read", "box", "--format", "json").out)
        assert document["text"] == "407"

    def test_json_holds_what_could_be_read(self, inkdigits, write):
        write("a.png", "407")
        done = inkdigits("read", "a.png", "nowhere.png", "--format", "json")
        assert done.code == 1
        assert [document["text"] for document in json.loads(done.out)] == ["407"]
        assert inkdigits("read", "nowhere.png", "--format", "json").out == ""

    def test_json_holds_what_was_read_until_ctrl_c(self, inkdigits, write, monkeypatch):
        look_pages = Reader.look_pages

        def stop(self, source, **options):
            if source.name == "b.png":
                raise KeyboardInterrupt
            return look_pages(self, source, **options)

        monkeypatch.setattr(Reader, "look_pages", stop)
        write("a.png", "407")
        write("b.png", "13")
        done = inkdigits("read", "a.png", "b.png", "--format", "json")
        assert done.code == 130
        assert [document["text"] for document in json.loads(done.out)] == ["407"]
        done = inkdigits("read", "b.png", "a.png", "--format", "json")
        assert (done.code, done.out) == (130, "")

    def test_jsonl_is_a_document_a_line(self, inkdigits, write):
        write("a.png", "407", "1")
        write("b.png")
        done = inkdigits("read", "a.png", "b.png", "--format", "jsonl")
        documents = [json.loads(line) for line in done.out.splitlines()]
        assert [document["text"] for document in documents] == ["407\n1", ""]
        assert documents[1]["status"] == "blank"
        assert done.err == ""  # the documents say it

    def test_csv_is_a_row_a_digit(self, inkdigits, write):
        write("a, b.png", "07", "1")
        done = inkdigits("read", "a, b.png", "--format", "csv")
        header, *rows = csv.reader(io.StringIO(done.out))
        assert header == [
            *("source", "line", "position", "value", "status", "confidence"),
            *("x", "y", "width", "height"),
        ]
        page = Reader().read("a, b.png")
        assert [row[:4] for row in rows] == [
            ["a, b.png", "1", "1", "0"],
            ["a, b.png", "1", "2", "7"],
            ["a, b.png", "2", "1", "1"],
        ]
        for row, digit in zip(rows, page.digits, strict=True):
            assert row[4] == str(digit.status)
            assert float(row[5]) == pytest.approx(digit.confidence, abs=1e-6)
            assert [int(side) for side in row[6:]] == list(digit.box)

    def test_a_picture_without_digits_has_a_row_in_csv(self, inkdigits, write):
        write("a.png")
        write("b.png", "4")
        rows = list(csv.reader(io.StringIO(inkdigits("read", ".", "--format", "csv").out)))
        assert rows[1] == ["a.png", "", "", "", "blank", "", "", "", "", ""]
        assert [row[0] for row in rows[1:]] == ["a.png", "b.png"]

    def test_csv_of_many_has_one_header(self, inkdigits, write):
        write("a.png", "40")
        write("b.png")
        done = inkdigits("read", "a.png", "b.png", "a.png", "--format", "csv")
        rows = list(csv.DictReader(io.StringIO(done.out)))
        assert [row["value"] for row in rows] == ["4", "0", "", "4", "0"]
        assert done.err == "b.png: blank: nothing that could be a digit\n"


class TestPages:
    @pytest.fixture
    def scan(self, write, tmp_path):
        """A TIFF of three pages."""
        rows = {"a.png": "407", "b.png": "13", "c.png": "2"}
        first, *others = [Image.open(write(name, row)) for name, row in rows.items()]
        path = tmp_path / "scan.tif"
        first.save(path, save_all=True, append_images=others, compression="tiff_lzw")
        return path

    def test_each_is_a_result(self, inkdigits, scan):
        done = inkdigits("read", "scan.tif")
        assert done == (0, "scan.tif#1: 407\nscan.tif#2: 13\nscan.tif#3: 2\n", "")
        documents = json.loads(inkdigits("read", "scan.tif", "--format", "json").out)
        assert [(one["source"], one["text"]) for one in documents] == [
            ("scan.tif#1", "407"),
            ("scan.tif#2", "13"),
            ("scan.tif#3", "2"),
        ]
        piped = inkdigits("read", "-", stdin=scan.read_bytes())
        assert piped.out == "-#1: 407\n-#2: 13\n-#3: 2\n"

    def test_a_damaged_one_is_said_and_loses_no_other(self, inkdigits, scan):
        content = bytearray(scan.read_bytes())
        with Image.open(scan) as image:
            image.seek(1)
            start = image.tag_v2[273][0]
        content[start : start + 30] = bytes(30)
        scan.write_bytes(content)
        done = inkdigits("read", "scan.tif", "--format", "jsonl")
        assert done.code == 1
        assert [json.loads(row)["source"] for row in done.out.splitlines()] == [
            "scan.tif#1",
            "scan.tif#3",
        ]
        assert done.err.startswith("inkdigits: scan.tif, page 2, is truncated or damaged")
        assert done.err.count("\n") == 1

    def test_each_is_shown(self, inkdigits, scan, tmp_path):
        inkdigits("read", "scan.tif", "--show", "seen")
        assert {path.name for path in (tmp_path / "seen").iterdir()} == {
            f"scan-{page}-{what}.png" for page in (1, 2, 3) for what in ("page", "ink", "glyphs")
        }


class TestCrowds:
    def test_it_is_said_why_little_is_read(self, inkdigits, monkeypatch, write):
        def crowded(*args, **options):
            return find_atoms(*args, **options)._replace(note="too many marks: 9,999")

        monkeypatch.setattr("inkdigits.reader.find_atoms", crowded)
        write("a.png", "407")
        done = inkdigits("read", "a.png")
        assert (done.code, done.err) == (0, "a.png: reject: too many marks: 9,999\n")
        document = json.loads(inkdigits("read", "a.png", "--format", "json").out)
        assert (document["status"], document["note"]) == ("reject", "too many marks: 9,999")


class TestShow:
    def test_saves_what_was_seen_into_a_new_folder(self, inkdigits, write, tmp_path):
        write("marks.png", "407")
        assert inkdigits("read", "marks.png", "--show", "what/was/seen").code == 0
        seen = tmp_path / "what" / "was" / "seen"
        assert sorted(path.name for path in seen.iterdir()) == [
            "marks-glyphs.png",
            "marks-ink.png",
            "marks-page.png",
        ]
        with Image.open(seen / "marks-page.png") as drawn, Image.open("marks.png") as given:
            assert drawn.mode == "RGB"
            assert drawn.size[0] % given.size[0] == 0
            assert len(drawn.getcolors(1 << 20) or []) > 2  # boxes in colour

    def test_pictures_of_one_name_do_not_replace_each_other(self, inkdigits, write, tmp_path):
        for name in ("a/one.png", "b/one.png", "b/one-2.png"):
            write(name, "4")
        blank = write("b/blank.png").read_bytes()
        inkdigits("read", "a", "b", "-", "--show", "seen", stdin=blank)
        assert {path.name for path in (tmp_path / "seen").glob("*-page.png")} == {
            "blank-page.png",
            "one-page.png",  # a/one.png
            "one-2-page.png",
            "one-3-page.png",  # b/one.png
            "stdin-page.png",
        }
        assert not (tmp_path / "seen" / "blank-glyphs.png").exists()

    def test_one_that_cannot_be_saved_loses_no_other(self, inkdigits, write, tmp_path):
        write("a.png", "407")
        write(f"{'b' * 250}.png", "52")  # a name of its pictures would be too long
        write("c.png", "9")
        names = ["a.png", f"{'b' * 250}.png", "c.png"]
        done = inkdigits("read", *names, "--show", "seen", "--format", "json")
        assert done.code == 1
        assert [page["text"] for page in json.loads(done.out)] == ["407", "52", "9"]
        assert "cannot be written" in done.err
        assert {path.name for path in (tmp_path / "seen").glob("*-page.png")} == {
            "a-page.png",
            "c-page.png",
        }

    def test_prints_the_same(self, inkdigits, write):
        write("marks.png", "407", "1")
        plain = inkdigits("read", "marks.png")
        assert inkdigits("read", "marks.png", "--show", "seen") == plain

    @pytest.mark.parametrize("place", ["taken", "taken/below", "/proc/nowhere"])
    def test_a_folder_that_cannot_be_made_is_said_before_anything_is_read(
        self, inkdigits, write, tmp_path, place
    ):
        write("marks.png", "407")
        (tmp_path / "taken").write_text("a file")
        done = inkdigits("read", "marks.png", "--show", place)
        assert (done.code, done.out) == (1, "")
        assert done.err.startswith(f"inkdigits: The folder {place} cannot be written: ")
        assert done.err.endswith("Give another one with --show.\n")
        assert done.err.count("\n") == 1


def png_that_claims(width: int, height: int) -> bytes:
    """The header of a PNG, with hardly anything behind it."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        checksum = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    content = zlib.compress(bytes(100))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        (chunk(b"IHDR", header), chunk(b"IDAT", content), chunk(b"IEND", b""))
    )


class TestRefusals:
    @pytest.fixture
    def bad(self, write, tmp_path):
        """Files that cannot be read, each with what is said of it."""
        whole = write("whole.png", "407").read_bytes()
        contents = {
            "empty.png": (b"", "is empty"),
            "text.png": (b"hello\n" * 50, "is not an image that can be read"),
            "paper.pdf": (
                b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n",
                "is a PDF that is truncated or damaged",
            ),
            "truncated.png": (whole[: len(whole) // 2], "truncated"),
            "huge.png": (png_that_claims(60_000, 60_000), "pixels"),
            "larger.png": (png_that_claims(20_000, 10_000), "pixels"),
        }
        for name, (content, _) in contents.items():
            (tmp_path / name).write_bytes(content)
        (tmp_path / "papers").mkdir()
        (tmp_path / "papers" / "notes.txt").touch()
        return {name: message for name, (_, message) in contents.items()} | {
            "nowhere.png": "There is no nowhere.png",
            "*.jpg": "There is no *.jpg",  # the shell found nothing
            "papers": "holds no image. Looked for: .avif .bmp",
            "x" * 5000: "There is no xxx",
        }

    def test_each_is_said_and_the_others_are_read(self, inkdigits, write, bad):
        write("a.png", "407")
        write("z.png", "13")
        done = inkdigits("read", "a.png", *bad, "z.png")
        assert done.code == 1
        assert done.out == "a.png: 407\nz.png: 13\n"
        messages = done.err.splitlines()
        assert len(messages) == len(bad)
        for (name, said), message in zip(bad.items(), messages, strict=True):
            assert message.startswith("inkdigits: ")
            assert name in message
            assert said in message
        assert "Traceback" not in done.err

    @pytest.mark.parametrize("form", ["text", "json", "jsonl", "csv"])
    def test_in_every_format(self, inkdigits, bad, form):
        for name, said in bad.items():
            done = inkdigits("read", name, "--format", form)
            assert done.code == 1
            assert said in done.err
            assert "407" not in done.out

    @pytest.mark.parametrize("content", [b"", b"hello"])
    def test_standard_input_that_is_no_picture(self, inkdigits, content):
        done = inkdigits("read", "-", stdin=content)
        assert (done.code, done.out) == (1, "")
        assert "empty" in done.err or "not an image" in done.err


class TestUsage:
    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            ([], "Missing argument"),
            (["a.png", "--frmat", "json"], "--frmat"),
            (["a.png", "--format", "xml"], "'xml'"),
            (["a.png", "--min-status", "reject"], "'reject'"),
            (["a.png", "--max-error", "little"], "--max-error"),
            (["a.png", "--max-error", "0"], "max_error is 0.0"),
            (["a.png", "--max-error", "-1"], "max_error is -1.0"),
            (["a.png", "--max-error", "1"], "max_error is 1.0"),
            (["a.png", "--max-error", "nan"], "max_error is nan"),
            (["a.png", "--max-error", "1e-12"], "the dial of this bundle goes from"),
            (["a.png", "--show"], "--show"),
            ([".", "--show", "."], "would be read as others the next time"),
        ],
    )
    def test_that_is_wrong_ends_with_2(self, inkdigits, write, arguments, said):
        write("a.png", "407")
        done = inkdigits("read", *arguments)
        assert (done.code, done.out) == (2, "")
        assert said in done.message

    def test_a_bundle_of_ones_own(self, inkdigits, write, tmp_path):
        write("a.png", "407")
        (tmp_path / "mine.digits").write_bytes(shipped_path().read_bytes())
        assert inkdigits("read", "a.png", "--bundle", "mine.digits").out == "407\n"

    def test_a_bundle_that_is_none(self, inkdigits, write):
        write("a.png", "407")
        done = inkdigits("read", "a.png", "--bundle", "a.png")
        assert (done.code, done.out) == (1, "")
        assert done.err.startswith("inkdigits: a.png is no bundle")
        missing = inkdigits("read", "a.png", "--bundle", "nowhere.digits")
        assert missing.code == 1
        assert "nowhere.digits cannot be opened: No such file" in missing.err


class TestProcess:
    """What only shows between processes."""

    def test_a_reader_that_has_seen_enough_is_no_error_to_print(self, process, write):
        for name in "abc":
            write(f"box/{name}.png", "407")
        done = process("inkdigits read box box box box | head -1")
        assert done.out == "box/a.png: 407\n"
        assert done.err == ""
        done = process("inkdigits read box --format json | true")
        assert (done.out, done.err) == ("", "")

    def test_a_full_disk_is_one_line(self, process, write):
        write("a.png", "407")
        done = process("test -e /dev/full || exit 77; inkdigits read a.png > /dev/full")
        if done.code == 77:
            pytest.skip("needs /dev/full: run it on Linux")
        assert done.code == 1
        assert "No space left on device" in done.err
        assert "Traceback" not in done.err

    def test_a_name_that_is_no_text(self, process, write, tmp_path):
        write("whole.png", "407").rename(tmp_path / "whole")
        script = r"mv whole $'caf\xe9 \u6570.png' && inkdigits read *.png --format jsonl"
        for encoding in ("utf-8", "ascii"):
            done = process(
                script if encoding == "utf-8" else script.partition("&&")[2],
                LC_ALL="C.UTF-8",
                PYTHONIOENCODING=f"{encoding}:strict",
            )
            assert (done.code, done.err) == (0, "")
            document = json.loads(done.out)
            assert document["text"] == "407"
            assert (
                document["source"].encode(errors="surrogateescape") == b"caf\xe9 \xe6\x95\xb0.png"
            )

    def test_bytes_come_through_a_pipe(self, process, write):
        write("a.png", "407")
        assert process("cat a.png | inkdigits read -").out == "407\n"

    def test_nothing_to_read_from_and_nobody_to_tell(self, process, write):
        write("a.png", "407")
        done = process("inkdigits read - <&-")
        assert (done.code, done.out) == (1, "")
        assert "empty" in done.err
        assert "Traceback" not in done.err
        assert process("inkdigits read a.png nothing.png 2>&-").out == "a.png: 407\n"

    def test_no_output_wanted(self, process, write):
        write("a.png", "407")
        assert process("inkdigits read a.png >&-") == (0, "", "")


@pytest.mark.parametrize(
    ("of_nine", "caption"), [(0.98, "no digit, though 9 98%"), (0.02, "no digit 98%")]
)
def test_the_caption_of_a_rejected_digit_says_why(of_nine, caption):
    """For what stands beside it, or by itself."""
    probabilities = (*[0.0] * 9, of_nine)
    digit = Digit("9", of_nine, Status.REJECT, Box(0, 0, 9, 9), probabilities)
    assert _caption(digit) == caption
