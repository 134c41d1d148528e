"""Many callers, slow callers, and the end: every request is answered, right or refused."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import httpx
import numpy as np
import pytest

from inkdigits.reader import Reader

TOO_LONG_S = 60


def _ask_all(base_url, contents, num_clients):
    """Every content as a request of its own, from many connections: (index, answer)."""

    async def ask() -> list[tuple[int, httpx.Response]]:
        limits = httpx.Limits(max_connections=num_clients)
        async with httpx.AsyncClient(base_url=base_url, limits=limits, timeout=60) as client:

            async def one(index: int) -> tuple[int, httpx.Response]:
                return index, await client.post("/v1/digits", content=contents[index])

            return await asyncio.gather(*map(one, range(len(contents))))

    return asyncio.run(ask())


class TestTogether:
    def test_who_is_read_with_others_gets_the_answer_of_who_is_alone(
        self, client, reader, digits, encoded
    ):
        alone = [reader.read_digits([digit])[0].to_dict() for digit in digits]
        contents = [encoded(digit) for digit in digits] * 3
        for index, answer in _ask_all(client.base_url, contents, 64):
            assert answer.json()["digits"] == [alone[index % len(digits)]]
        figures = client.get("/metrics").text.splitlines()
        rows = dict(row.rsplit(" ", 1) for row in figures if not row.startswith("#"))
        batches = float(rows["inkdigits_batch_digits_count"])
        assert batches < float(rows["inkdigits_batch_digits_sum"])  # some were read together

    def test_with_different_dials_too(self, client, digits, encoded):
        contents = [encoded(digit) for digit in digits]
        addresses = [f"/v1/digits{dial}" for dial in ("", "?max_error=0.02", "?max_error=0.005")]
        asked = [(address, content) for content in contents for address in addresses]

        def ask(request):
            return client.post(request[0], content=request[1]).json()["digits"]

        one_by_one = [ask(request) for request in asked]
        with ThreadPoolExecutor(16) as pool:
            assert list(pool.map(ask, asked)) == one_by_one


class TestOverload:
    def test_digits_are_right_or_refused(self, serve, reader, digits, encoded, monkeypatch):
        patient = Reader.read_digits

        def slow(self, images):
            time.sleep(0.02)
            return patient(self, images)

        monkeypatch.setattr(Reader, "read_digits", slow)
        client = serve({"waiting_digits": 8, "batch": 4})
        right = [digit.to_dict() for digit in reader.read_digits(np.stack(digits))]
        contents = [encoded(digit) for digit in digits] * 5
        seen: Counter[int] = Counter()
        for index, answer in _ask_all(client.base_url, contents, 100):
            seen[answer.status_code] += 1
            if answer.status_code == 200:
                assert answer.json()["digits"] == [right[index % len(digits)]]
            else:
                assert answer.headers["retry-after"] == "1"
                assert answer.json()["title"] == "Too busy"
        assert set(seen) == {200, 503}
        assert sum(seen.values()) == 200
        assert client.post("/v1/digits", content=contents[0]).status_code == 200

    def test_pages_are_right_or_refused_or_late(self, serve, page, encoded, monkeypatch):
        go_on = threading.Event()
        patient = Reader.read

        def waits(self, *arguments, **options):
            go_on.wait(TOO_LONG_S)
            return patient(self, *arguments, **options)

        monkeypatch.setattr(Reader, "read", waits)
        client = serve({"threads": 1, "waiting_pages": 2, "deadline_s": 1.0})
        content = encoded(page)
        with ThreadPoolExecutor(6) as pool:
            asked = [pool.submit(client.post, "/v1/read", content=content) for _ in range(6)]
            answers = [one.result(TOO_LONG_S) for one in asked]
        seen = Counter(answer.status_code for answer in answers)
        assert seen == {504: 3, 503: 3}
        assert client.get("/v2/health/live").status_code == 200
        go_on.set()
        for _ in range(100):  # the one that was begun must end first
            answer = client.post("/v1/read", content=content)
            if answer.status_code == 200:
                break
            time.sleep(0.05)
        assert answer.json()["text"] == "4071\n23"


class TestSlowSenders:
    def test_a_slow_body_is_refused_and_holds_up_nobody(self, serve, digits, encoded):
        client = serve({"receive_s": 0.5, "threads": 1})
        address = (client.base_url.host, client.base_url.port)
        slow = [socket.create_connection(address) for _ in range(50)]
        for connection in slow:
            connection.sendall(
                b"POST /v1/digits HTTP/1.1\r\nhost: x\r\ncontent-length: 5000\r\n\r\n\x89PNG"
            )
        content = encoded(digits[0])
        assert client.post("/v1/digits", content=content).status_code == 200
        for connection in slow:
            connection.settimeout(TOO_LONG_S)
            answer = b""
            while chunk := connection.recv(65_536):
                answer += chunk
            assert answer.startswith(b"HTTP/1.1 408")
            assert b"4 bytes came in 0.5 s" in answer
            connection.close()

    @pytest.mark.parametrize("sent", [b"", b"POST /v1/digits HTTP/1.1\r\nhost:"])
    def test_a_slow_head_is_hung_up_on(self, serve, sent):
        client = serve({"receive_s": 0.3})
        with socket.create_connection((client.base_url.host, client.base_url.port)) as connection:
            connection.settimeout(TOO_LONG_S)
            connection.sendall(sent)
            assert connection.recv(1000) == b""

    @pytest.mark.parametrize("headers", [b"a:b\r\n" * 1000, b"a" * 5000])
    def test_a_head_without_end_is_refused(self, serve, headers):
        client = serve()
        with socket.create_connection((client.base_url.host, client.base_url.port)) as connection:
            connection.settimeout(TOO_LONG_S)
            connection.sendall(b"GET /v1/model HTTP/1.1\r\nhost: x\r\nx:")
            answer = b""
            for _ in range(1000):
                try:
                    connection.sendall(headers)
                    connection.settimeout(0.01)
                    answer = connection.recv(1000)
                    break
                except TimeoutError:
                    connection.settimeout(TOO_LONG_S)
            assert answer.startswith(b"HTTP/1.1 431")
        assert client.get("/v1/model", headers={"x": "a" * 60_000}).status_code == 200

    @pytest.mark.parametrize(
        ("request_", "rest"),
        [
            (b"GET /v2/health/live HTTP/1.1\r\nhost: x\r\n\r\n", b"\r\n"),
            (b"POST /nothing HTTP/1.1\r\nhost: x\r\ncontent-length: 99\r\n\r\n", b"x"),
        ],
    )
    def test_what_comes_after_the_answer_keeps_no_connection_open(self, serve, request_, rest):
        client = serve({"receive_s": 0.3})
        with socket.create_connection((client.base_url.host, client.base_url.port)) as connection:
            connection.settimeout(10)
            connection.sendall(request_)
            assert connection.recv(10_000)
            time.sleep(0.1)
            connection.sendall(rest)
            while connection.recv(10_000):
                pass

    def test_a_refused_body_that_comes_soon_leaves_the_connection_usable(self, serve):
        client = serve({"receive_s": 5})
        with socket.create_connection((client.base_url.host, client.base_url.port)) as connection:
            connection.settimeout(10)
            head = b"POST /nothing HTTP/1.1\r\nhost: x\r\ncontent-length: 200000\r\n\r\n"
            connection.sendall(head)
            assert connection.recv(10_000).startswith(b"HTTP/1.1 404")
            connection.sendall(b"x" * 200_000 + b"GET /v2/health/live HTTP/1.1\r\nhost: x\r\n\r\n")
            answer = b""
            while b'{"live": true}' not in answer:
                chunk = connection.recv(10_000)
                assert chunk
                answer += chunk

    def test_who_hangs_up_is_forgotten(self, serve, digits, encoded, caplog):
        client = serve()
        for _ in range(5):
            with socket.create_connection((client.base_url.host, client.base_url.port)) as gone:
                gone.sendall(b"POST /v1/read HTTP/1.1\r\nhost: x\r\ncontent-length: 5000\r\n\r\nx")
        assert client.post("/v1/digits", content=encoded(digits[0])).status_code == 200
        for _ in range(100):
            if 'status="499"} 5.0' in client.get("/metrics").text:
                assert "failure" not in caplog.text
                return
            time.sleep(0.05)
        pytest.fail("the five that hung up were not counted")


@pytest.fixture
def process(tmp_path):
    """`inkdigits serve` in a process of its own: (process, client)."""
    started = []

    def start(*options):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        command = [sys.executable, "-m", "inkdigits", "serve", "--port", str(port), *options]
        with (tmp_path / "out").open("wb") as out, (tmp_path / "err").open("wb") as err:
            process = subprocess.Popen(command, stdout=out, stderr=err, env=os.environ)
        client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=TOO_LONG_S)
        started.append((process, client))
        for _ in range(600):
            assert process.poll() is None, (tmp_path / "err").read_text()
            try:
                client.get("/v2/health/ready")
                break
            except httpx.TransportError:
                time.sleep(0.05)
        return process, client

    yield start
    for process, client in started:
        client.close()
        process.kill()
        process.wait()


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGTERM as Unix has it")
class TestStop:
    def test_first_not_ready_then_finished_then_gone(self, process, page, encoded, tmp_path):
        server, client = process("--limit", "drain_s=1.5")
        address = (client.base_url.host, client.base_url.port)
        content = encoded(page)
        head = f"POST /v1/read HTTP/1.1\r\nhost: x\r\ncontent-length: {len(content)}\r\n\r\n"
        with socket.create_connection(address) as begun:
            begun.sendall(head.encode() + content[:100])
            server.send_signal(signal.SIGTERM)
            for _ in range(100):
                if (answer := client.get("/v2/health/ready")).status_code == 503:
                    break
                time.sleep(0.01)
            assert (answer.status_code, answer.json()) == (503, {"live": False})
            assert client.get("/v2/models/inkdigits-shipped/ready").status_code == 503
            assert client.get("/v2/health/live").status_code == 200
            assert client.post("/v1/read", content=content).json()["text"] == "4071\n23"
            client.close()
            for _ in range(200):  # until nobody listens any more
                with socket.socket() as probe:
                    if probe.connect_ex(address):
                        break
                time.sleep(0.05)
            begun.sendall(content[100:])
            begun.settimeout(TOO_LONG_S)
            taken = b""
            while chunk := begun.recv(65_536):
                taken += chunk
        assert taken.startswith(b"HTTP/1.1 200")
        assert json.loads(taken.partition(b"\r\n\r\n")[2])["text"] == "4071\n23"
        assert server.wait(TOO_LONG_S) in (0, -signal.SIGTERM)
        rows = [json.loads(row) for row in (tmp_path / "err").read_text().splitlines()]
        assert "draining" in [row["event"] for row in rows]
        assert (tmp_path / "out").read_text().startswith("inkdigits at http://127.0.0.1:")

    def test_several_workers_count_together_and_stop_together(self, process, digits, encoded):
        server, client = process("--workers", "2", "--limit", "drain_s=0", "--no-log-requests")
        for digit in digits[:20]:
            with httpx.Client(base_url=client.base_url, timeout=TOO_LONG_S) as another:
                assert another.post("/v1/digits", content=encoded(digit)).status_code == 200
        row = 'inkdigits_requests_total{method="POST",route="/v1/digits",status="200"} 20.0'
        assert row in client.get("/metrics").text
        client.close()
        server.send_signal(signal.SIGTERM)
        assert server.wait(TOO_LONG_S) in (0, -signal.SIGTERM)
