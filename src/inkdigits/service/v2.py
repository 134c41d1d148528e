"""The Open Inference Protocol (KServe V2) over REST, with the binary tensor data extension.

What is served is the graph of the bundle, from ink to logits, and beside its outputs what they
come to: value, confidence and status of each digit.

Source: github.com/kserve/open-inference-protocol, specification/protocol/inference_rest.md;
github.com/triton-inference-server/server, docs/protocol/extension_binary_data.md.
"""

import json
import math
from collections.abc import Mapping
from importlib import metadata
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from starlette.responses import Response

from inkdigits.decide import decide
from inkdigits.errors import RequestError, RequestTooLargeError, UnknownAddressError
from inkdigits.reader import Reader
from inkdigits.reading import Box
from inkdigits.service.core import Call, answer
from inkdigits.service.decoding import parse_json
from inkdigits.service.settings import LimitsConfig

VERSION = "1"
HEADER_LENGTH = b"inference-header-content-length"
_BINARY = "application/octet-stream"
_LARGEST_SIDE = 2**31 - 1
_MOST_DIGITS = 18  # of a number of bytes; Python refuses to parse thousands
_INPUT = {"name": "ink", "datatype": "FP32", "shape": [-1, -1, -1]}


class _Wanted(NamedTuple):
    name: str
    is_binary: bool


class _Request(NamedTuple):
    id: str | None
    ink: NDArray[np.float32]
    outputs: list[_Wanted]


def tensors(num_classes: int) -> list[dict[str, Any]]:
    """Name, type and shape of each output."""
    rows = (
        ("glyph", "FP32", [-1, 28, 28]),
        ("logits", "FP32", [-1, num_classes]),
        ("novelty", "FP32", [-1]),
        ("value", "BYTES", [-1]),
        ("confidence", "FP32", [-1]),
        ("status", "BYTES", [-1]),
    )
    return [{"name": name, "datatype": kind, "shape": shape} for name, kind, shape in rows]


async def live(call: Call) -> Response:
    """Whether the server can be spoken to at all."""
    return answer({"live": True})


async def ready(call: Call) -> Response:
    """Whether requests should be sent here; false from the moment that a stop was asked for."""
    is_ready = call.service.is_ready
    return answer({"live": is_ready}, status=200 if is_ready else 503)


async def server(call: Call) -> Response:
    """Name, version and extensions of the server."""
    version = metadata.version("inkdigits")
    return answer({"name": "inkdigits", "version": version, "extensions": ["binary_tensor_data"]})


async def model(call: Call) -> Response:
    """Inputs and outputs of the model."""
    _check_address(call)
    bundle = call.service.bundle
    return answer(
        {
            "name": bundle.name,
            "versions": [VERSION],
            "platform": "onnx_onnxv1",
            "inputs": [_INPUT],
            "outputs": tensors(len(bundle.classes)),
        }
    )


async def model_ready(call: Call) -> Response:
    """Whether the model can be asked."""
    _check_address(call)
    is_ready = call.service.is_ready
    document = {"name": call.service.bundle.name, "ready": is_ready}
    return answer(document, status=200 if is_ready else 503)


async def infer(call: Call) -> Response:
    """Run the model on a tensor of ink."""
    _check_address(call)
    body = await call.content()
    service = call.service
    names = [tensor["name"] for tensor in tensors(0)]
    return await service.workers.run(
        _infer, service.default_reader, body, call.field(HEADER_LENGTH), names, service.limits
    )


def _infer(
    reader: Reader, body: bytes, header_length: str, names: list[str], limits: LimitsConfig
) -> Response:
    request = _parsed(body, header_length, names, limits)
    found = outputs(reader, request.ink)
    described: list[dict[str, Any]] = []
    tail: list[bytes] = []
    kinds = {tensor["name"]: tensor["datatype"] for tensor in tensors(0)}
    for name, is_binary in request.outputs:
        values = found[name]
        tensor: dict[str, Any] = {
            "name": name,
            "shape": list(values.shape),
            "datatype": kinds[name],
        }
        if is_binary:
            tail.append(_to_bytes(values))
            tensor["parameters"] = {"binary_data_size": len(tail[-1])}
        else:
            tensor["data"] = values.ravel().tolist()
        described.append(tensor)
    document: dict[str, Any] = {"model_name": reader.bundle.name, "model_version": VERSION}
    if request.id is not None:
        document["id"] = request.id
    document["outputs"] = described
    if not any(is_binary for _, is_binary in request.outputs):
        return answer(document)
    head = json.dumps(document).encode()
    headers = {HEADER_LENGTH.decode(): str(len(head))}
    return Response(b"".join([head, *tail]), media_type=_BINARY, headers=headers)


def outputs(reader: Reader, ink: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
    """All that the model says of (n, H, W) ink: of the graph, and judged."""
    output = reader.bundle.run(ink)
    box = Box(0, 0, ink.shape[2], ink.shape[1])
    is_blank = np.asarray(~ink.any(axis=(1, 2)))
    digits = decide(output.logits, output.novelty, [box] * len(ink), is_blank, reader.rule)
    return {
        **output._asdict(),
        "value": np.array([digit.value for digit in digits], np.str_),
        "confidence": np.array([digit.confidence for digit in digits], np.float32),
        "status": np.array([digit.status.value for digit in digits], np.str_),
    }


def _check_address(call: Call) -> None:
    name, version = call.path_params["name"], call.path_params.get("version", VERSION)
    if name != call.service.bundle.name:
        raise UnknownAddressError(
            f"There is no model {name!r} here. There is one: {call.service.bundle.name!r}."
        )
    if version != VERSION:
        raise UnknownAddressError(f"There is no version {version!r} here, only {VERSION!r}.")


def _parsed(body: bytes, header_length: str, names: list[str], limits: LimitsConfig) -> _Request:
    length = len(body)
    if header_length:
        is_number = header_length.isdecimal() and len(header_length) <= _MOST_DIGITS
        if not is_number or int(header_length) > len(body):
            raise RequestError(
                f"Inference-Header-Content-Length is {header_length!r}, but the body has "
                f"{len(body)} bytes."
            )
        length = int(header_length)
    document = _object(parse_json(body[:length]), "The request")
    request_id = document.get("id")
    if not isinstance(request_id, str | None):
        raise RequestError("id must be a text.")
    inputs = document.get("inputs")
    if not isinstance(inputs, list) or len(inputs) != 1:
        raise RequestError("inputs must be a list of one tensor, which is called ink.")
    ink = _ink(_object(inputs[0], "The input"), body[length:], limits)
    all_binary = _flag(document, "binary_data_output", default=False)
    wanted = document.get("outputs")
    if not isinstance(wanted, list | None):
        raise RequestError("outputs must be a list of objects, each with a name.")
    asked = []
    for output in wanted or [{"name": name} for name in names]:
        output = _object(output, "An output")
        name = output.get("name")
        if name not in names:
            raise RequestError(f"There is no output {name!r}. There are: {', '.join(names)}.")
        if "classification" in _parameters(output):
            raise RequestError("The classification extension is not supported: ask for logits.")
        asked.append(_Wanted(name, _flag(output, "binary_data", default=all_binary)))
    return _Request(request_id, ink, asked)


def _ink(tensor: Mapping[str, Any], tail: bytes, limits: LimitsConfig) -> NDArray[np.float32]:
    """The one input: (n, H, W) float32 in [0, 1]."""
    name, kind, shape = (tensor.get(key) for key in ("name", "datatype", "shape"))
    if (name, kind) != (_INPUT["name"], _INPUT["datatype"]):
        raise RequestError(f"The input is {name!r} of {kind!r}, but must be 'ink' of 'FP32'.")
    is_shape = isinstance(shape, list) and all(
        type(side) is int and 0 < side <= _LARGEST_SIDE for side in shape
    )
    if not is_shape or shape is None or len(shape) != 3:
        raise RequestError(f"shape is {shape!r}, but must be three whole numbers from 1: n, H, W.")
    if shape[0] > limits.digits:
        raise RequestTooLargeError(
            f"The tensor holds {shape[0]} images, more than the limit of {limits.digits}. "
            "Send several requests."
        )
    if math.prod(shape) > limits.pixels:
        raise RequestTooLargeError(
            f"The tensor holds {math.prod(shape):,} pixels, more than the limit of "
            f"{limits.pixels:,}. Send several requests."
        )
    num_bytes = _parameters(tensor).get("binary_data_size")
    if num_bytes is not None:
        if num_bytes != len(tail) or num_bytes != 4 * math.prod(shape) or "data" in tensor:
            raise RequestError(
                f"binary_data_size is {num_bytes!r} and {len(tail)} bytes follow the JSON, but "
                f"{shape} of FP32 has {4 * math.prod(shape)}, and then there is no data in JSON."
            )
        values = np.frombuffer(tail, "<f4").astype(np.float32)
    else:
        if tail:
            raise RequestError("Bytes follow the JSON, but the input has no binary_data_size.")
        values = _numbers(tensor.get("data"), shape)
    if not (np.isfinite(values).all() and values.min() >= 0 and values.max() <= 1):
        raise RequestError("ink must lie between 0 (paper) and 1 (stroke).")
    return values.reshape(shape)


def _numbers(data: Any, shape: list[int]) -> NDArray[np.float32]:
    """Tensor data as JSON: in its shape, or flat."""
    try:
        with np.errstate(over="ignore"):  # infinity is refused with all that is not within 0 and 1
            values = np.array(data if isinstance(data, list) else [], np.float32)
    except (TypeError, ValueError, OverflowError):
        values = np.zeros(0, np.float32)
    if values.shape not in (tuple(shape), (math.prod(shape),)):
        raise RequestError(
            f"data must be {math.prod(shape)} numbers, flat or nested as the shape {shape} is."
        )
    return values


def _to_bytes(values: NDArray[Any]) -> bytes:
    """Little-endian, row by row; a text behind its length in 4 bytes."""
    if values.dtype.kind != "U":
        return values.astype("<f4").tobytes()
    texts = [text.encode() for text in values.ravel().tolist()]
    return b"".join(len(text).to_bytes(4, "little") + text for text in texts)


def _object(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise RequestError(f"{what} must be a JSON object.")
    return value


def _parameters(owner: Mapping[str, Any]) -> dict[str, Any]:
    return _object(owner.get("parameters", {}), "parameters")


def _flag(owner: Mapping[str, Any], name: str, *, default: bool) -> bool:
    value = _parameters(owner).get(name, default)
    if not isinstance(value, bool):
        raise RequestError(f"{name} is {value!r}, but must be true or false.")
    return value
