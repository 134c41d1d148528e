"""Reading over HTTP: the same answers as in Python, and a clear refusal of all else."""

import io
import json
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from inkdigits.errors import OUTCOMES
from inkdigits.reader import Reader
from inkdigits.reading import Status

PNG = {"content-type": "image/png"}
PROBLEM = "application/problem+json"


def plain(document: Any) -> Any:
    """The same without what differs from time to time."""
    if isinstance(document, list):
        return [plain(item) for item in document]
    return {name: value for name, value in document.items() if name != "elapsed_ms"}


def refused(answer: httpx.Response, status: int, *words: str) -> dict[str, str]:
    """The problem document, which says what came, what was expected, and whose request it was."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == PROBLEM
    document = answer.json()
    assert document.keys() == {"type", "title", "status", "detail", "request_id"}
    assert (document["status"], document["request_id"]) == (status, answer.headers["x-request-id"])
    assert document["title"] in {means.title for means in OUTCOMES.values()}
    assert re.fullmatch(r"urn:inkdigits:problem:[a-z-]+", document["type"])
    for word in words:
        assert word in document["detail"], document["detail"]
    return document


class TestRead:
    def test_a_form_and_a_bare_body_are_read_as_python_reads_them(
        self, client, reader, page, encoded
    ):
        content = encoded(page)
        expected = reader.read(content, name="note.png").to_dict()
        assert expected["text"] == "4071\n23"
        form = client.post("/v1/read", files={"file": ("note.png", content)})
        assert plain(form.json()) == plain(expected)
        bare = client.post("/v1/read", content=content, headers=PNG).json()
        assert plain(bare) == plain(expected) | {"source": "picture"}
        assert form.headers["content-type"] == "application/json"

    @pytest.mark.parametrize("kind", ["JPEG", "BMP", "GIF", "WEBP", "TIFF"])
    def test_every_format_is_taken(self, client, page, kind, encoded):
        answer = client.post("/v1/read", content=encoded(page, kind))
        assert answer.json()["text"] == "4071\n23"

    def test_line_and_single(self, client, reader, page, digits, encoded):
        row = page[:150]
        answer = client.post("/v1/read?mode=line", content=encoded(row))
        assert plain(answer.json())["lines"] == reader.read(row, line=True).to_dict()["lines"]
        answer = client.post("/v1/read?mode=single", content=encoded(digits[7]))
        assert (
            plain(answer.json())["lines"] == reader.read(digits[7], single=True).to_dict()["lines"]
        )

    def test_the_dial_is_turned_for_one_request(self, client, digits, encoded):
        def statuses(max_error: str) -> list[str]:
            answers = [
                client.post(f"/v1/digits{max_error}", content=encoded(digit)) for digit in digits
            ]
            return [answer.json()["digits"][0]["status"] for answer in answers]

        lax, usual = statuses("?max_error=0.02"), statuses("")
        assert lax.count("ok") == sum(status in ("ok", "review") for status in usual)
        assert statuses("?max_error=0.02") == lax

    def test_text_and_csv(self, client, reader, page, encoded):
        content = encoded(page)
        text = client.post("/v1/read?format=text", content=content)
        assert (text.text, text.headers["content-type"]) == (
            "4071\n23",
            "text/plain; charset=utf-8",
        )
        table = client.post("/v1/read?format=csv", files={"file": ("a,b.png", content)})
        assert table.headers["content-type"] == "text/csv; charset=utf-8"
        rows = table.text.splitlines()
        first = reader.read(page).digits[0]
        assert rows[0] == "source,line,position,value,status,confidence,x,y,width,height"
        assert rows[1].startswith(f'"a,b.png",1,1,4,{first.status},')
        assert rows[1].endswith(",".join(map(str, first.box)))
        assert [row.split(",")[4] for row in rows[1:]] == list("407123")

    def test_csv_is_what_the_command_line_prints(
        self, client, page, tmp_path, monkeypatch, capsys, encoded
    ):
        from inkdigits.cli.main import main

        (tmp_path / "note.png").write_bytes(encoded(page))
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr("sys.argv", ["inkdigits", "read", "note.png", "--format", "csv"])
        with pytest.raises(SystemExit):
            main()
        answer = client.post("/v1/read?format=csv", files={"file": ("note.png", encoded(page))})
        assert answer.text == capsys.readouterr().out

    def test_a_blank_picture_has_a_row_in_csv(self, client, page, encoded):
        content = encoded(np.full_like(page, 255))
        table = client.post("/v1/read?format=csv", files={"file": ("a.png", content)})
        assert table.text.splitlines()[1:] == ["a.png,,,,blank,,,,,"]

    def test_a_pdf_as_it_is(self, client, reader, page):
        file = io.BytesIO()
        Image.fromarray(page).save(file, "PDF", resolution=150)
        answer = client.post(
            "/v1/read", content=file.getvalue(), headers={"content-type": "application/pdf"}
        )
        assert answer.status_code == 200, answer.text
        assert answer.json()["text"] == reader.read(page).text

    def test_a_page_on_its_side_is_turned(self, client, reader, page):
        file = io.BytesIO()
        Image.fromarray(np.rot90(page)).save(file, "PNG")
        answer = client.post("/v1/read", files={"file": ("side.png", file.getvalue())}).json()
        assert (answer["text"], answer["turned_deg"]) == (reader.read(page).text, 90)

    def test_each_page_of_a_tiff_is_read(self, client, reader, page):
        file = io.BytesIO()
        sheets = [Image.fromarray(sheet) for sheet in (page, page[150:])]
        sheets[0].save(file, "TIFF", save_all=True, append_images=sheets[1:])
        content = file.getvalue()
        answer = client.post("/v1/read", files={"file": ("scan.tif", content)})
        expected = [found.to_dict() for found in reader.read_pages(content, name="scan.tif")]
        assert plain(answer.json()) == plain(expected)
        assert [found["text"] for found in answer.json()] == ["4071\n23", "23"]
        text = client.post("/v1/read?format=text", content=content)
        assert text.text == "4071\n23\f23"
        assert text.headers["x-inkdigits-status"] == ", ".join(
            found["status"] for found in answer.json()
        )


class TestDigits:
    def test_each_way_of_sending_gives_what_python_says(
        self, client, reader: Reader, digits, encoded
    ):
        expected = [digit.to_dict() for digit in reader.read_digits(np.stack(digits))]
        assert len({digit["value"] for digit in expected}) >= 8
        files = [("files", (f"{n}.png", encoded(digit))) for n, digit in enumerate(digits)]
        form = client.post("/v1/digits", files=files).json()
        arrays = client.post("/v1/digits", json={"images": [d.tolist() for d in digits]}).json()
        shares = [(digit / 255).tolist() for digit in digits]
        fractions = client.post("/v1/digits", json={"images": shares}).json()
        bare = [client.post("/v1/digits", content=encoded(digit)).json() for digit in digits]
        assert form["digits"] == arrays["digits"] == fractions["digits"] == expected
        assert [answer["digits"] for answer in bare] == [[digit] for digit in expected]
        assert form["model"] == reader.bundle.name

    @pytest.mark.mnist
    def test_200_digits_of_mnist_are_what_python_says(self, client, reader, mnist_dir, encoded):
        from inkdigits.data import load

        images = load("mnist", "test", data_dir=mnist_dir).images[:200]
        expected = [digit.to_dict() for digit in reader.read_digits(images)]
        answers = [client.post("/v1/digits", content=encoded(image)).json() for image in images]
        assert [answer["digits"] for answer in answers] == [[digit] for digit in expected]

    def test_any_size_and_polarity(self, client, reader, digits, encoded):
        large = np.kron(255 - digits[3], np.ones((10, 10), np.uint8))
        colour = np.stack([digits[8]] * 3, axis=2)
        pictures = [large, colour, digits[5], np.zeros((28, 28), np.uint8)]
        expected = [reader.read_digits([picture])[0].to_dict() for picture in pictures]
        files = [("files", ("x.png", encoded(picture))) for picture in pictures]
        answer = client.post("/v1/digits", files=files)
        assert answer.json()["digits"] == expected
        assert answer.json()["digits"][3]["status"] == Status.BLANK

    @pytest.mark.parametrize(
        ("document", "status", "word"),
        [
            ("{", 422, "no JSON"),
            ('{"images": NaN}', 422, "no JSON"),
            ("[" * 100_000, 422, "no JSON"),
            ("[]", 422, '{"images"'),
            ('{"images": 3}', 422, '{"images"'),
            ('{"images": []}', 422, "no picture"),
            ('{"images": [[[1, 2], [3]]]}', 422, "one length"),
            ('{"images": [["a"]]}', 422, "rows of numbers"),
            ('{"images": [[["0", "12"]]]}', 422, "rows of numbers"),
            ('{"images": [[[0, 300]]]}', 422, "0 to 255"),
            ('{"images": [[[0, -1]]]}', 422, "0 to 255"),
            ('{"images": [[[0, 65535]]]}', 422, "65535. Expected all within 0 to 1, or 0 to 255"),
            ('{"images": [[[0, 1e300]]]}', 422, "1e+300"),
            ('{"images": [[]]}', 422, "rows of numbers"),
            ('{"images": [5]}', 422, "rows of numbers"),
        ],
    )
    def test_what_is_no_list_of_pictures_is_refused(self, client, document, status, word):
        headers = {"content-type": "application/json"}
        refused(client.post("/v1/digits", content=document, headers=headers), status, word)

    def test_of_several_pictures_the_bad_one_is_named(self, client, digits, encoded):
        good = encoded(digits[3])
        large = encoded(np.zeros((60, 60), np.uint8))
        for bad in (good[: len(good) // 2], large[: len(large) // 2]):
            files = [("files", ("a.png", good)), ("files", ("b.png", bad))]
            refused(client.post("/v1/digits", files=files), 415, "Picture 2 of 2: ")
            assert "Picture" not in refused(client.post("/v1/digits", content=bad), 415)["detail"]
        ragged = {"images": [[[0, 1]], [[0, 1], [2]], [[0]]]}
        refused(client.post("/v1/digits", json=ragged), 422, "Picture 2 of 3: ", "one length")

    def test_one_bad_picture_refuses_the_request(self, client, digits, encoded):
        good = encoded(digits[1])
        files = [("files", ("a.png", good)), ("files", ("b.png", good[:-30]))]
        refused(client.post("/v1/digits", files=files), 415, "damaged")
        assert client.post("/v1/digits", content=good).status_code == 200


class TestRefusals:
    def test_an_image_that_is_none(self, client):
        refused(client.post("/v1/read", content=b"hello"), 415, "not an image")
        refused(client.post("/v1/read", content=b""), 415, "empty")
        refused(client.post("/v1/digits", content=b""), 415, "empty")

    def test_a_type_that_holds_no_picture(self, client):
        answer = client.post("/v1/read", content=b"x=1", headers={"content-type": "text/plain"})
        refused(answer, 415, "text/plain", "multipart/form-data")
        answer = client.post(
            "/v1/read", content=b"{}", headers={"content-type": "application/json"}
        )
        refused(answer, 415, "application/json")

    def test_a_body_that_is_compressed(self, client):
        headers = {**PNG, "content-encoding": "gzip"}
        refused(client.post("/v1/read", content=b"\x1f\x8b", headers=headers), 415, "compressed")

    def test_a_form_that_is_damaged_or_empty(self, client):
        kind = {"content-type": "multipart/form-data"}
        refused(client.post("/v1/read", content=b"x", headers=kind), 422, "boundary")
        kind = {"content-type": "multipart/form-data; boundary=b"}
        refused(client.post("/v1/read", content=b"nonsense", headers=kind), 422, "form")
        refused(client.post("/v1/read", files={}, data={"a": "b"}, headers=kind), 422)

    def test_a_form_that_names_codings_of_its_own(self, client, digits, encoded):
        kind = {"content-type": "multipart/form-data; boundary*=undefined''b"}
        refused(client.post("/v1/read", content=b"x", headers=kind), 422, "boundary")
        kind = {"content-type": "multipart/form-data; boundary=b"}
        name = b"form-data; name=file; filename*=unicode_escape''%5Cud800"
        body = b"--b\r\nContent-Disposition: %s\r\n\r\n%s\r\n--b--" % (name, encoded(digits[0]))
        answer = client.post("/v1/read?format=csv&mode=single", content=body, headers=kind)
        assert answer.text.splitlines()[1].startswith("?,1,1,0,")

    def test_what_the_query_may_not_say(self, client, page, encoded):
        content = encoded(page)
        refused(client.post("/v1/read?mode=word", content=content), 422, "page, line, single")
        refused(client.post("/v1/read?format=xml", content=content), 422, "json, text, csv")
        refused(client.post("/v1/read?max_error=low", content=content), 422, "number")
        refused(
            client.post("/v1/read?max_error=1e-9", content=content),
            422,
            "the dial of this bundle goes",
        )
        refused(
            client.post("/v1/digits?max_error=nan", content=content),
            422,
            "the dial of this bundle goes",
        )

    def test_a_parameter_that_is_not_there(self, client, page, encoded):
        content = encoded(page)
        answer = client.post("/v1/read?max_eror=0.5", content=content)
        refused(answer, 422, "'max_eror'", "Known: mode, format, max_error")
        refused(client.post("/v1/digits?format=csv", content=content), 422, "Known: max_error")
        form = {"files": {"file": ("x.png", content)}, "data": {"mode": "line"}}
        refused(client.post("/v1/read", **form), 422, "'mode'", "into the query: ?mode=")

    def test_head_asks_for_what_get_gives(self, client):
        for address in ("/v1/model", "/metrics", "/v2/health/live", "/openapi.json"):
            answer = client.head(address)
            assert (answer.status_code, answer.content) == (200, b"")
            assert answer.headers["content-type"] == client.get(address).headers["content-type"]
        assert "head" not in client.get("/openapi.json").json()["paths"]["/v1/model"]

    def test_an_address_or_method_that_is_not_there(self, client):
        refused(client.get("/v1/nothing"), 404, "/v1/nothing", "/openapi.json")
        answer = client.get("/v1/read")
        refused(answer, 405, "POST")
        assert answer.headers["allow"] == "POST"

    def test_each_limit(self, serve, page, digits, encoded):
        client = serve({"body_bytes": 30_000, "pixels": 10_000, "images": 2})
        refused(client.post("/v1/read", content=b"x" * 30_001), 413, "30,001", "30,000")
        chunks = (b"x" * 1000 for _ in range(100))
        refused(client.post("/v1/read", content=chunks), 413, "30,000")
        refused(client.post("/v1/read", content=encoded(page)), 413, "10,000")
        refused(client.post("/v1/digits", content=encoded(page)), 413, "10,000")
        three = [("files", ("x.png", encoded(digit))) for digit in digits[:3]]
        refused(client.post("/v1/digits", files=three), 413, "3 images", "limit of 2")
        arrays = {"images": [digit.tolist() for digit in digits[:3]]}
        refused(client.post("/v1/digits", json=arrays), 413, "3 images")
        wide = {"images": [[[0] * 10_001]]}
        refused(client.post("/v1/digits", json=wide), 413, "10,000")
        file = io.BytesIO()
        sheets = [Image.fromarray(digit) for digit in digits[:3]]
        sheets[0].save(file, "TIFF", save_all=True, append_images=sheets[1:])
        refused(client.post("/v1/read", content=file.getvalue()), 413, "limit of 2")
        assert client.post("/v1/digits", files=three[:2]).status_code == 200

    def test_pictures_that_are_little_to_send_and_much_to_hold(self, serve, encoded):
        large = encoded(np.zeros((100, 100), np.uint8))  # of 10,000 bytes, and sent as 100
        files = [("files", ("x.png", large))] * 3
        client = serve({"pixels": 20_000})
        refused(client.post("/v1/digits", files=files), 413, "30,000 pixels together", "20,000")
        arrays = {"images": [[[0] * 1000] * 10] * 3}
        refused(client.post("/v1/digits", json=arrays), 413, "30,000 pixels together")
        assert client.post("/v1/digits", files=files[:2]).status_code == 200
        client = serve({"held_bytes": 15_000})
        refused(client.post("/v1/digits", files=files[:2]), 413, "15,000")  # never, by itself
        assert client.post("/v1/digits", files=files[:1]).status_code == 200  # it was given back

    def test_what_is_held_by_all_together(self, serve):
        client = serve({"held_bytes": 2000})
        refused(client.post("/v1/read", content=b"x" * 2001), 413, "2,000")  # never, by itself
        refused(client.post("/v1/read", content=b"x" * 1999), 415)  # it was given back
        asked, may_go_on = threading.Event(), threading.Event()

        def halves():
            yield b"x" * 1500
            asked.set()
            may_go_on.wait(30)
            yield b"x"

        with ThreadPoolExecutor(1) as pool:
            first = pool.submit(client.post, "/v1/read", content=halves())
            assert asked.wait(30)
            while (answer := client.post("/v1/read", content=b"x" * 1000)).status_code == 415:
                time.sleep(0.01)  # the first half is still on its way
            may_go_on.set()
            refused(answer, 503, "2,000", "Try again in a moment")
            assert answer.headers["retry-after"] == "1"
            refused(first.result(30), 415)

    def test_more_digits_than_may_wait_are_too_many_at_once(self, serve, digits, encoded):
        client = serve({"waiting_digits": 2})
        files = [("files", ("x.png", encoded(digit))) for digit in digits[:3]]
        refused(client.post("/v1/digits", files=files), 413, "limit of 2")
        assert client.post("/v1/digits", files=files[:2]).status_code == 200


class TestToken:
    def test_without_the_right_one_nothing_is_answered(self, serve, digits, encoded):
        client = serve(token="open sesame", has_page=False)
        content = encoded(digits[0])
        for header in (None, "open sesame", "Bearer", "Bearer open", "Basic open sesame"):
            headers = {"authorization": header} if header else {}
            for method, path in (("POST", "/v1/digits"), ("GET", "/metrics"), ("GET", "/nothing")):
                answer = client.request(method, path, content=content, headers=headers)
                refused(answer, 401, "Authorization: Bearer")
                assert answer.headers["www-authenticate"] == "Bearer"
            assert client.get("/v2", headers=headers).status_code == 401
            assert client.get("/v2/health/live", headers=headers).status_code == 200
            assert client.get("/v2/health/ready", headers=headers).status_code == 200
        right = {"authorization": "Bearer open sesame"}
        assert client.post("/v1/digits", content=content, headers=right).status_code == 200
        document = client.get("/openapi.json", headers=right).json()
        assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"

    def test_a_line_end_after_the_token_is_no_part_of_it(self, serve):
        client = serve(token="open sesame\n", has_page=False)
        right = {"authorization": "Bearer open sesame"}
        assert client.get("/v1/model", headers=right).status_code == 200
        client = serve(token=" ", has_page=False)
        refused(client.get("/v1/model", headers={"authorization": "Bearer"}), 401)


class TestOperators:
    def test_a_request_keeps_its_id(self, client):
        answer = client.get("/v1/model", headers={"x-request-id": "mine-1"})
        assert answer.headers["x-request-id"] == "mine-1"
        found = [client.get("/v1/model").headers["x-request-id"] for _ in range(2)]
        assert found[0] != found[1]
        evil = client.get("/v1/model", headers={"x-request-id": '"}{' * 50})
        assert re.fullmatch(r"[0-9a-f]{16}", evil.headers["x-request-id"])

    def test_the_model_says_what_it_is(self, client, reader):
        document = client.get("/v1/model").json()
        assert document["name"] == reader.bundle.name
        assert document["threshold"] == reader.rule.threshold
        members = reader.bundle.manifest["members"]
        assert document["sha256"] == members["model.onnx"]
        assert document["lines_sha256"] == members["lines.onnx"]
        assert document["strokes_sha256"] == members["strokes.onnx"]

    def test_figures(self, serve, digits, page, encoded):
        client = serve()
        for digit in digits[:5]:
            client.post("/v1/digits", content=encoded(digit))
        client.post("/v1/read", content=encoded(page))
        client.post("/v1/read", content=b"hello")
        client.get("/wp-login.php")
        text = client.get("/metrics").text
        rows = dict(row.rsplit(" ", 1) for row in text.splitlines() if not row.startswith("#"))
        counted = 'inkdigits_requests_total{method="%s",route="%s",status="%s"}'
        assert float(rows[counted % ("POST", "/v1/digits", 200)]) == 5
        assert float(rows[counted % ("POST", "/v1/read", 200)]) == 1
        assert float(rows[counted % ("POST", "/v1/read", 415)]) == 1
        assert float(rows[counted % ("*", "(none)", 404)]) == 1
        assert float(rows['inkdigits_request_seconds_count{route="/v1/digits"}']) == 5
        by_status = [
            float(rows[f'inkdigits_digits_total{{status="{status}"}}']) for status in Status
        ]
        assert sum(by_status) == 5 + 6
        assert float(rows['inkdigits_waiting{queue="pages"}']) == 0
        assert float(rows["inkdigits_batch_digits_sum"]) == 5
        assert "wp-login" not in text

    def test_a_line_of_json_for_each_request_and_no_picture(self, serve, digits, capfd, encoded):
        client = serve(logs_requests=True)
        content = encoded(digits[0])
        client.post(
            "/v1/digits?max_error=0.01",
            files={"files": ("secret.png", content)},
            headers={"x-request-id": "abc"},
        )
        client.get("/nothing")
        client.close()
        deadline = 200
        rows: list[dict[str, object]] = []
        while len(rows) < 2 and (deadline := deadline - 1):
            time.sleep(0.02)
            rows += [json.loads(row) for row in capfd.readouterr().err.splitlines()]
        first, second = (row for row in rows if row["event"] == "request")
        assert (first["request_id"], first["path"], first["digits"]) == ("abc", "/v1/digits", 1)
        assert (second["status"], second["path"]) == (404, "/nothing")
        assert first.keys() == {
            "time", "level", "event", "request_id", "method", "path", "status", "ms", "digits"
        }  # fmt: skip

    def test_other_origins_may_call_only_when_named(self, client, serve):
        ask = {"origin": "https://example.edu", "access-control-request-method": "POST"}
        assert "access-control-allow-origin" not in client.get("/v1/model", headers=ask).headers
        named = serve(cors_origins=("https://example.edu",))
        allowed = named.options("/v1/read", headers=ask).headers
        assert allowed["access-control-allow-origin"] == "https://example.edu"
        other = named.get("/v1/model", headers={"origin": "https://example.com"})
        assert "access-control-allow-origin" not in other.headers

    def test_what_should_not_happen_is_logged_and_told_nothing_of(
        self, serve, digits, monkeypatch, caplog, encoded
    ):
        client = serve()
        monkeypatch.setattr(Reader, "read_digits", lambda *_: 1 / 0)
        answer = client.post("/v1/digits", content=encoded(digits[0]))
        document = refused(answer, 500, "log")
        assert "division" not in answer.text
        assert "ZeroDivisionError" in caplog.text
        assert caplog.records[-1].fields == {"request_id": document["request_id"]}
        monkeypatch.undo()
        monkeypatch.setattr(Reader, "read", lambda *_, **__: 1 / 0)
        refused(client.post("/v1/read", content=encoded(digits[0])), 500)
        assert client.get("/v1/model").status_code == 200
