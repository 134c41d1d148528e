"""The network is off in tests: a test that depends on it would fail for others."""

import socket
import threading
import urllib.request

import pytest


@pytest.mark.parametrize("address", [("192.0.2.1", 80), ("2001:db8::1", 80), ("example.com", 80)])
def test_no_connection_leaves_this_machine(address):
    with pytest.raises(RuntimeError, match="network is off"):
        socket.create_connection(address, timeout=1)


def test_no_datagram_leaves_this_machine():
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
        pytest.raises(RuntimeError, match="network is off"),
    ):
        sender.sendto(b"hello", ("192.0.2.1", 9))


def test_no_page_is_fetched():
    with pytest.raises(RuntimeError, match="network is off"):
        urllib.request.urlopen("https://example.com")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_server_of_the_test_itself_is_reached(host):
    def answer(server: socket.socket) -> None:
        server.accept()[0].close()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=answer, args=(server,)).start()
        with socket.create_connection((host, server.getsockname()[1]), timeout=5) as client:
            assert client.recv(1) == b""
