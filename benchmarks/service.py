"""Single digits over HTTP: the service against a bare FastAPI handler that calls ONNX Runtime.

    python benchmarks/service.py [--clients 1 16 64] [--seconds 5] [--rounds 3] [--record]
    python benchmarks/service.py --memory 50000

Both run with the same uvicorn, in one process each, on this machine, and take turns. The bare
handler has what people write: decode the PNG with OpenCV, run the graph once, softmax, a dict. It
comes as ``async def`` and as ``def`` (in FastAPI's threads); the ratio is to the faster of them.
Each client sends a request, waits for the answer, and sends the next. The load comes from one
more process of this machine, so all of them share its cores. ``--memory`` sends that many
requests and says how much the service holds after each tenth of them.
"""

import argparse
import asyncio
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from book import write_record

PATH = "/v1/digits"
OURS, ASYNC, SYNC = "inkdigits serve", "bare FastAPI, async def", "bare FastAPI, def"
MOST_REQUESTS = 200_000
LOG: list[str] = []


class Load(NamedTuple):
    """What a number of clients met with."""

    answers_a_second: float
    p50_ms: float
    p99_ms: float
    wrong: int


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 16, 64])
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--data", default="synthetic", help="mnist or synthetic")
    parser.add_argument("--memory", type=int, default=0, metavar="REQUESTS")
    parser.add_argument("--note", default="", help="a remark for the record")
    parser.add_argument("--record", action="store_true", help="write benchmarks/records/…")
    parser.add_argument("--bare", nargs=2, help=argparse.SUPPRESS)  # how it starts itself
    arguments = parser.parse_args()
    if arguments.bare:
        serve_bare(arguments.bare[0], int(arguments.bare[1]))
        return
    requests, values = digits(arguments.data)
    figures: dict[str, object] = {}
    if arguments.memory:
        figures["memory"] = memory(requests, values, arguments.memory)
    else:
        figures = compare(requests, values, arguments)
    if arguments.record:
        log = "\n".join(LOG)
        text = f"{(__doc__ or '').partition(chr(10))[0]}\n\n```text\n{log}\n```"
        if arguments.note:
            text += f"\n\n{arguments.note}"
        name = "service-memory" if arguments.memory else "service"
        print(write_record(name, text, figures, log + "\n"))


def digits(source: str) -> tuple[list[bytes], list[bytes]]:
    """The requests, and what stands in the right answer to each."""
    from inkdigits.data import load
    from inkdigits.reader import Reader

    images = load(source, "test").images[:256]
    found = Reader().read_digits(images)
    requests = []
    for image in images:
        png = cv2.imencode(".png", image)[1].tobytes()
        head = (
            f"POST {PATH} HTTP/1.1\r\nhost: localhost\r\ncontent-type: image/png\r\n"
            f"content-length: {len(png)}\r\n\r\n"
        )
        requests.append(head.encode() + png)
    return requests, [f'"value":"{digit.value}"'.encode() for digit in found]


def compare(
    requests: list[bytes], values: list[bytes], arguments: argparse.Namespace
) -> dict[str, object]:
    figures: dict[str, object] = {}
    with running(OURS) as ours, running(ASYNC) as bare_async, running(SYNC) as bare_sync:
        ports = {OURS: ours, ASYNC: bare_async, SYNC: bare_sync}
        for port in ports.values():
            measure(port, requests, values, 16, 1.0)  # warms up
        for num_clients in arguments.clients:
            found: dict[str, list[Load]] = {name: [] for name in ports}
            for _ in range(arguments.rounds):
                for name, port in ports.items():
                    seconds = arguments.seconds
                    found[name].append(measure(port, requests, values, num_clients, seconds))
            figures[f"{num_clients} clients"] = report(num_clients, found)
    return figures


def report(num_clients: int, found: dict[str, list[Load]]) -> dict[str, object]:
    say(f"{num_clients} clients, medians of {len(found[OURS])} rounds")
    middle = {
        name: Load(*(statistics.median(column) for column in zip(*loads, strict=True)))
        for name, loads in found.items()
    }
    for name, load in middle.items():
        rates = [one.answers_a_second for one in found[name]]
        say(
            f"  {name:<24}{load.answers_a_second:8,.0f} a second "
            f"({min(rates):,.0f} to {max(rates):,.0f}), p50 {load.p50_ms:6.2f} ms, "
            f"p99 {load.p99_ms:6.2f} ms, wrong {sum(one.wrong for one in found[name])}"
        )
    peer = max(middle[ASYNC], middle[SYNC])
    ratio = middle[OURS].answers_a_second / peer.answers_a_second
    p99_ratio = middle[OURS].p99_ms / peer.p99_ms
    say(f"  to the faster bare one: {ratio:.2f} times the answers, {p99_ratio:.2f} times its p99")
    loads = {name: load._asdict() for name, load in middle.items()}
    return {**loads, "throughput_ratio": ratio, "p99_ratio": p99_ratio}


def memory(requests: list[bytes], values: list[bytes], count: int) -> list[dict[str, float]]:
    """Megabytes that the service holds, after each tenth of the requests."""
    rows = []
    with running(OURS) as port:
        for tenth in range(11):
            if tenth:
                measure(port, requests, values, 64, 600.0, most=count // 10)
            rows.append({"requests": tenth * (count // 10), "megabytes": held_mb(port)})
            say(f"{rows[-1]['requests']:>8,} requests: {rows[-1]['megabytes']:.1f} MB")
    return rows


def held_mb(port: int) -> float:
    import urllib.request

    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        for line in answer.read().decode().splitlines():
            if line.startswith("process_resident_memory_bytes "):
                return float(line.split()[1]) / 2**20
    raise SystemExit("The service tells no process_resident_memory_bytes: is this Linux?")


@contextmanager
def running(name: str) -> Iterator[int]:
    """A server in a process of its own, ready to be asked."""
    port = free_port()
    python = sys.executable
    with tempfile.TemporaryDirectory() as folder:
        if name == OURS:
            command = [str(Path(python).with_name("inkdigits")), "serve", "--port", str(port)]
        else:
            command = [python, __file__, "--bare", name, str(port)]
        with (Path(folder) / "log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ)
            try:
                wait_for(port, process)
                yield port
            finally:
                process.terminate()
                process.wait(30)


def wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(300):
        if process.poll() is not None:
            raise SystemExit(f"A server ended by itself: {process.args!r}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise SystemExit("A server did not start in 30 seconds.")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# --- the bare handler -----------------------------------------------------------------------------


def serve_bare(name: str, port: int) -> None:
    import onnxruntime
    import uvicorn
    from fastapi import Body, FastAPI, Request

    from inkdigits.bundle import Bundle

    session = onnxruntime.InferenceSession(Bundle.open().graph, providers=["CPUExecutionProvider"])
    app = FastAPI()

    def read(content: bytes) -> dict[str, object]:
        image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_GRAYSCALE)
        logits = session.run(["logits"], {"ink": image[None].astype(np.float32) / 255})[0][0]
        shares = np.exp(logits - logits.max())
        best = int(shares.argmax())
        return {"value": str(best), "confidence": float(shares[best] / shares.sum())}

    async def read_async(request: Request) -> dict[str, object]:
        return read(await request.body())

    def read_sync(content: bytes = Body(media_type="image/png")) -> dict[str, object]:
        return read(content)

    app.post(PATH)(read_async if name == ASYNC else read_sync)
    uvicorn.run(app, port=port, log_level="warning", access_log=False)


# --- the load -------------------------------------------------------------------------------------


def measure(
    port: int,
    requests: list[bytes],
    values: list[bytes],
    num_clients: int,
    seconds: float,
    most: int = MOST_REQUESTS,
) -> Load:
    import uvloop

    started = time.perf_counter()
    clients: list[Client] = []
    uvloop.run(load(port, requests, values, num_clients, started + seconds, most, clients))
    elapsed = time.perf_counter() - started
    times = np.array([ms for client in clients for ms in client.times_ms])
    wrong = sum(client.wrong for client in clients)
    p50, p99 = np.percentile(times, [50, 99])
    return Load(len(times) / elapsed, float(p50), float(p99), wrong)


async def load(
    port: int,
    requests: list[bytes],
    values: list[bytes],
    num_clients: int,
    stop_at: float,
    most: int,
    clients: "list[Client]",
) -> None:
    loop = asyncio.get_running_loop()
    each = most // num_clients
    for number in range(num_clients):
        client = Client(requests, values, number, stop_at, each)
        await loop.create_connection(lambda client=client: client, "127.0.0.1", port)
        clients.append(client)
    for client in clients:
        client.ask()
    await asyncio.gather(*(client.done for client in clients))


class Client(asyncio.Protocol):
    """One connection, with one request on its way at a time."""

    def __init__(
        self, requests: list[bytes], values: list[bytes], number: int, stop_at: float, most: int
    ) -> None:
        self.requests, self.values, self.number = requests, values, number * 7
        self.stop_at, self.most = stop_at, most
        self.done = asyncio.get_running_loop().create_future()
        self.times_ms: list[float] = []
        self.wrong = 0
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def ask(self) -> None:
        self.number = (self.number + 1) % len(self.requests)
        self.started = time.perf_counter()
        self.transport.write(self.requests[self.number])

    def data_received(self, data: bytes) -> None:
        self.buffer = buffer = self.buffer + data if self.buffer else data
        end = buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        start = buffer.find(b"content-length: ", 0, end) + 16
        if len(buffer) - end - 4 < int(buffer[start : buffer.index(b"\r", start)]):
            return
        now = time.perf_counter()
        self.times_ms.append((now - self.started) * 1000)
        if not buffer.startswith(b"HTTP/1.1 200") or self.values[self.number] not in buffer.replace(
            b'": "', b'":"'
        ):
            self.wrong += 1
        self.buffer = b""
        if now < self.stop_at and len(self.times_ms) < self.most:
            self.ask()
        else:
            self.done.set_result(None)
            self.transport.close()

    def connection_lost(self, _: Exception | None) -> None:
        if not self.done.done():
            self.wrong += 1
            self.done.set_result(None)


def say(row: str) -> None:
    LOG.append(row)
    print(row, flush=True)


if __name__ == "__main__":
    main()
