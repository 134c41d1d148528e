"""The Open Inference Protocol, as its specification has it and as Triton's client speaks it."""

import json
import struct

import numpy as np
import pytest

from inkdigits.decide import Rule, decide
from inkdigits.reading import Box

NAME = "inkdigits-shipped"
INFER = f"/v2/models/{NAME}/infer"
JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def ink(digits):
    """(5, 28, 28) float32, 1 is a stroke."""
    return np.stack(digits[:5]).astype(np.float32) / 255


@pytest.fixture(scope="module")
def tensor(ink):
    """The same as the input of a request."""
    return {
        "name": "ink",
        "shape": list(ink.shape),
        "datatype": "FP32",
        "data": ink.ravel().tolist(),
    }


class TestHealthAndMetadata:
    def test_health(self, client):
        for path in ("live", "ready"):
            answer = client.get(f"/v2/health/{path}")
            assert (answer.status_code, answer.json()) == (200, {"live": True})

    @pytest.mark.parametrize("path", ["/v2", "/v2/"])
    def test_server(self, client, path):
        document = client.get(path).json()
        assert document.keys() == {"name", "version", "extensions"}
        assert document["extensions"] == ["binary_tensor_data"]

    @pytest.mark.parametrize("base", [f"/v2/models/{NAME}", f"/v2/models/{NAME}/versions/1"])
    def test_model(self, client, base):
        document = client.get(base).json()
        assert (document["name"], document["versions"]) == (NAME, ["1"])
        assert document["platform"] == "onnx_onnxv1"
        assert document["inputs"] == [{"name": "ink", "datatype": "FP32", "shape": [-1, -1, -1]}]
        assert {tensor["name"]: tensor["shape"] for tensor in document["outputs"]} == {
            "glyph": [-1, 28, 28],
            "logits": [-1, 10],
            "novelty": [-1],
            "value": [-1],
            "confidence": [-1],
            "status": [-1],
        }
        assert client.get(f"{base}/ready").json() == {"name": NAME, "ready": True}

    @pytest.mark.parametrize("path", ["models/other", f"models/{NAME}/versions/2"])
    def test_what_is_not_there_is_an_error_of_the_protocol(self, client, path):
        for answer in (client.get(f"/v2/{path}"), client.post(f"/v2/{path}/infer", content="{}")):
            assert answer.status_code == 404
            assert answer.headers["content-type"] == "application/json"
            assert answer.json().keys() == {"error"}


class TestInferInJson:
    def test_all_outputs_are_those_of_the_graph_and_what_they_come_to(
        self, client, reader, ink, tensor
    ):
        answer = client.post(INFER, json={"id": "42", "inputs": [tensor]})
        document = answer.json()
        assert answer.headers["content-type"] == "application/json"
        assert (document["model_name"], document["model_version"]) == (NAME, "1")
        assert document["id"] == "42"
        found = {output["name"]: output for output in document["outputs"]}
        expected = reader.bundle.run(ink)
        for name in ("glyph", "logits", "novelty"):
            output, values = found[name], getattr(expected, name)
            assert (output["datatype"], output["shape"]) == ("FP32", list(values.shape))
            np.testing.assert_allclose(output["data"], values.ravel(), rtol=1e-5, atol=1e-5)
        rule = Rule.of(reader.bundle.manifest, 0.002)
        judged = decide(
            expected.logits, expected.novelty, [Box(0, 0, 28, 28)] * 5, np.zeros(5, bool), rule
        )
        assert found["value"]["datatype"] == "BYTES"
        assert found["value"]["data"] == [digit.value for digit in judged]
        assert found["status"]["data"] == [digit.status.value for digit in judged]

    def test_nested_data_is_the_same_as_flat(self, client, ink, tensor):
        wanted = [{"name": "logits"}]
        flat = client.post(INFER, json={"inputs": [tensor], "outputs": wanted}).json()
        nested = {**tensor, "data": ink.tolist()}
        document = client.post(INFER, json={"inputs": [nested], "outputs": wanted}).json()
        assert document == flat
        assert "id" not in document
        assert [output["name"] for output in document["outputs"]] == ["logits"]

    def test_blank_ink_has_no_value(self, client):
        tensor = {"name": "ink", "shape": [1, 3, 3], "datatype": "FP32", "data": [0] * 9}
        wanted = [{"name": "value"}, {"name": "status"}]
        document = client.post(INFER, json={"inputs": [tensor], "outputs": wanted}).json()
        assert [output["data"] for output in document["outputs"]] == [[""], ["blank"]]

    @pytest.mark.parametrize(
        "change",
        [
            {"name": "image"},
            {"datatype": "UINT8"},
            {"shape": [5, 28]},
            {"shape": [5, 28, -28]},
            {"shape": [5, 28, 28.0]},
            {"shape": [5, 28, True]},
            {"shape": None},
            {"shape": [5, 28, 27]},
            {"data": [[0.0]]},
            {"data": "x"},
            {"data": [2.0] * 3920},
            {"data": [1e300] * 3920},
            {"data": ["a"] * 3920},
            {"data": [[0.0], [0.0, 1.0]]},
            {"parameters": 3},
            {"parameters": {"binary_data_size": 15680}},
        ],
        ids=str,
    )
    def test_a_wrong_tensor_is_an_error_of_the_protocol(self, client, tensor, change):
        answer = client.post(INFER, json={"inputs": [{**tensor, **change}]})
        assert answer.status_code == 400
        assert answer.json().keys() == {"error"}

    @pytest.mark.parametrize(
        "body",
        [
            "",
            "[]",
            "{}",
            '{"inputs": []}',
            '{"inputs": [1]}',
            '{"id": 5, "inputs": [1]}',
            '{"inputs": [NaN]}',
        ],
    )
    def test_so_is_a_wrong_request(self, client, body):
        answer = client.post(INFER, content=body, headers=JSON)
        assert (answer.status_code, list(answer.json())) == (400, ["error"])

    @pytest.mark.parametrize(
        "outputs",
        [
            "logits",
            [3],
            [{"name": "softmax"}],
            [{"name": "logits", "parameters": {"binary_data": 1}}],
            [{"name": "logits", "parameters": {"classification": 3}}],
        ],
        ids=str,
    )
    def test_so_is_a_wrong_output(self, client, tensor, outputs):
        answer = client.post(INFER, json={"inputs": [tensor], "outputs": outputs})
        assert (answer.status_code, list(answer.json())) == (400, ["error"])

    def test_limits(self, serve, tensor):
        client = serve({"images": 4, "pixels": 784 * 4})
        answer = client.post(INFER, json={"inputs": [tensor]})
        assert (answer.status_code, list(answer.json())) == (413, ["error"])
        wide = {**tensor, "shape": [1, 100, 100]}
        assert client.post(INFER, json={"inputs": [wide]}).status_code == 413


class TestBinaryTensors:
    """Built by hand from the extension's text, byte by byte."""

    def test_there_and_back(self, client, reader, ink):
        document = {
            "inputs": [
                {
                    "name": "ink",
                    "shape": [5, 28, 28],
                    "datatype": "FP32",
                    "parameters": {"binary_data_size": 15680},
                }
            ],
            "outputs": [
                {"name": "logits", "parameters": {"binary_data": True}},
                {"name": "novelty"},
                {"name": "value", "parameters": {"binary_data": True}},
            ],
        }
        head = json.dumps(document).encode()
        body = head + struct.pack("<3920f", *ink.ravel())
        answer = client.post(
            INFER, content=body, headers={"inference-header-content-length": str(len(head))}
        )
        assert answer.headers["content-type"] == "application/octet-stream"
        length = int(answer.headers["inference-header-content-length"])
        outputs = json.loads(answer.content[:length])["outputs"]
        tail = answer.content[length:]
        expected = reader.bundle.run(ink)
        assert outputs[0] == {
            "name": "logits",
            "shape": [5, 10],
            "datatype": "FP32",
            "parameters": {"binary_data_size": 200},
        }
        np.testing.assert_allclose(
            struct.unpack("<50f", tail[:200]), expected.logits.ravel(), rtol=1e-5, atol=1e-5
        )
        np.testing.assert_allclose(outputs[1]["data"], expected.novelty, rtol=1e-5, atol=1e-5)
        values = [digit.value for digit in reader.read_digits(np.round(ink * 255).astype(np.uint8))]
        assert tail[200:] == b"".join(b"\1\0\0\0" + value.encode() for value in values)
        assert outputs[2]["parameters"] == {"binary_data_size": 25}

    @pytest.mark.parametrize("length", ["-1", "x", "999999"])
    def test_a_wrong_length_is_an_error(self, client, length):
        answer = client.post(
            INFER, content=b"{}", headers={"inference-header-content-length": length}
        )
        assert (answer.status_code, list(answer.json())) == (400, ["error"])

    def test_bytes_too_many_or_too_few_are_an_error(self, client, ink):
        tensor = {"name": "ink", "shape": [5, 28, 28], "datatype": "FP32"}
        raw = ink.tobytes()
        for size, tail in ((15680, raw[:-4]), (15676, raw), (15680, raw + b"1"), (None, raw)):
            parameters = {} if size is None else {"binary_data_size": size}
            head = json.dumps({"inputs": [{**tensor, "parameters": parameters}]}).encode()
            headers = {"inference-header-content-length": str(len(head))}
            assert client.post(INFER, content=head + tail, headers=headers).status_code == 400


@pytest.fixture(scope="module")
def triton(client):
    http = pytest.importorskip(
        "tritonclient.http", reason="needs tritonclient[http], which is locked for Linux x86-64"
    )
    found = http.InferenceServerClient(client.base_url.netloc.decode())
    yield found
    found.close()


class TestTritonsClient:
    """NVIDIA's own client, which knows nothing of us."""

    def test_health_and_metadata(self, triton):
        assert triton.is_server_live()
        assert triton.is_server_ready()
        assert triton.is_model_ready(NAME)
        assert triton.is_model_ready(NAME, "1")
        assert triton.get_server_metadata()["name"] == "inkdigits"
        assert triton.get_model_metadata(NAME, "1")["inputs"][0]["name"] == "ink"

    @pytest.mark.parametrize("binary", [True, False])
    def test_infer(self, triton, reader, ink, binary):
        from tritonclient import http

        given = http.InferInput("ink", list(ink.shape), "FP32")
        given.set_data_from_numpy(ink, binary_data=binary)
        wanted = [
            http.InferRequestedOutput(name, binary_data=binary)
            for name in ("logits", "value", "confidence")
        ]
        result = triton.infer(NAME, [given], outputs=wanted, request_id="7", model_version="1")
        expected = reader.bundle.run(ink)
        assert result.get_response()["id"] == "7"
        np.testing.assert_allclose(result.as_numpy("logits"), expected.logits, rtol=1e-5, atol=1e-5)
        found = reader.read_digits(np.round(ink * 255).astype(np.uint8))
        values = [
            value.decode() if isinstance(value, bytes) else value
            for value in result.as_numpy("value")
        ]
        assert values == [digit.value for digit in found]
        confidences = [digit.confidence for digit in found]
        np.testing.assert_allclose(result.as_numpy("confidence"), confidences, atol=1e-5)

    def test_all_outputs_come_when_none_is_named(self, triton, ink):
        from tritonclient import http

        given = http.InferInput("ink", list(ink.shape), "FP32")
        given.set_data_from_numpy(ink)
        result = triton.infer(NAME, [given])
        assert result.as_numpy("glyph").shape == (5, 28, 28)
        assert result.as_numpy("status").shape == (5,)

    def test_an_error_comes_as_one(self, triton, ink):
        from tritonclient import http
        from tritonclient.utils import InferenceServerException

        given = http.InferInput("picture", list(ink.shape), "FP32")
        given.set_data_from_numpy(ink)
        with pytest.raises(InferenceServerException, match="must be 'ink'"):
            triton.infer(NAME, [given])
        with pytest.raises(InferenceServerException, match="no model 'other'"):
            triton.infer("other", [given])


class TestWhatPythonWouldStumbleOver:
    def test_numbers_of_thousands_of_digits(self, client, tensor):
        headers = {**JSON, "inference-header-content-length": "9" * 5000}
        answer = client.post(INFER, content=b"{}", headers=headers)
        assert (answer.status_code, "Inference-Header" in answer.json()["error"]) == (400, True)
        shape = [1, 10**4000, 10**4000]
        answer = client.post(INFER, json={"inputs": [{**tensor, "shape": shape}]})
        assert (answer.status_code, "shape" in answer.json()["error"]) == (400, True)

    def test_an_id_that_is_half_a_character(self, client, tensor):
        asked = {"id": "\ud800", "inputs": [tensor], "parameters": {"binary_data_output": True}}
        answer = client.post(INFER, content=json.dumps(asked), headers=JSON)
        length = int(answer.headers["inference-header-content-length"])
        assert json.loads(answer.content[:length])["id"] == "\ud800"

    def test_outputs_that_are_no_list(self, client, tensor):
        answer = client.post(INFER, json={"inputs": [tensor], "outputs": {}})
        assert (answer.status_code, "list" in answer.json()["error"]) == (400, True)
