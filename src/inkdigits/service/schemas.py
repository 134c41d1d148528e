"""The documents that come and go, for the OpenAPI document. Nothing is checked with them."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Probability = Annotated[float, Field(ge=0, le=1)]
BoxDocument = Annotated[
    list[int],
    Field(min_length=4, max_length=4, description="x, y, width, height in pixels as given"),
]
Status = Literal["ok", "review", "reject", "blank"]
Shape = list[int]
TensorData = list[Any]


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Alternative(_Document):
    """Another digit that the ink could be."""

    value: str
    confidence: Probability


class Digit(_Document):
    """One digit as it was read."""

    value: str = Field(description="'0' to '9'; empty where there is no ink")
    status: Status = Field(
        description="ok: within the error asked for. review: a person should look. "
        "reject: no digit. blank: no ink"
    )
    confidence: Probability
    box: BoxDocument
    alternatives: list[Alternative]


class Line(_Document):
    """Digits beside one another."""

    text: str
    box: BoxDocument
    digits: list[Digit]


class Page(_Document):
    """Everything that was read from one picture."""

    source: str = Field(description="the name of the file as it was sent")
    text: str = Field(description="one row a line, without what was rejected")
    status: Status = Field(description="the worst of its digits")
    note: str = Field(description="why part of the page was not looked at, or empty")
    turned_deg: Literal[0, 90, 180, 270] = Field(
        description="by how much it was turned clockwise to be read; boxes are of it as sent"
    )
    lines: list[Line]
    model: str
    elapsed_ms: float


class Digits(_Document):
    """Single digits, in the order in which their pictures came."""

    digits: list[Digit]
    model: str
    elapsed_ms: float


class Arrays(BaseModel):
    """Pictures of one digit each, as rows of brightness: all within 0 to 1, or 0 to 255."""

    images: list[list[list[Annotated[float, Field(ge=0, le=255)]]]] = Field(
        min_length=1, description="n × height × width; the sizes may differ"
    )


class Setting(_Document):
    """One setting of the dial."""

    max_error: float
    threshold: float = Field(description="confidence from which on a digit is ok; above 1, never")
    share_answered: Probability
    num_calibration: int


class Model(_Document):
    """What reads."""

    name: str
    classes: str
    max_error: float
    threshold: float
    dial: list[Setting]
    rejects: bool = Field(description="it was taught what is no digit")
    num_bytes: int
    sha256: str
    lines_sha256: str | None = Field(
        description="of the line reader, for digits that touch; null without"
    )
    strokes_sha256: str | None = Field(
        description="of the stroke finder, for what was written on a page; null without"
    )
    licence: str
    attribution: list[str]


class Problem(_Document):
    """What was wrong, as RFC 9457 has it."""

    type: str
    title: str
    status: int
    detail: str = Field(description="what came, what was expected, how to fix it")
    request_id: str


class Live(_Document):
    """Whether it lives, or is ready."""

    live: bool


class Server(_Document):
    """The server's metadata."""

    name: str
    version: str
    extensions: list[str]


class Tensor(_Document):
    """A tensor's metadata; -1 is any size."""

    name: str
    datatype: str
    shape: Shape


class ModelMetadata(_Document):
    """The model's metadata."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[Tensor]
    outputs: list[Tensor]


class ModelReady(_Document):
    """Whether the model is ready."""

    name: str
    ready: bool


class RequestInput(BaseModel):
    """The input; its data as JSON, or as bytes behind the JSON."""

    name: Literal["ink"]
    shape: Annotated[
        list[Annotated[int, Field(ge=1)]],
        Field(min_length=3, max_length=3, description="n, height, width"),
    ]
    datatype: Literal["FP32"]
    parameters: dict[str, Any] = Field(default={}, description="binary_data_size")
    data: TensorData = Field(
        default=[], description="flat, or nested as the shape: 1 is ink, 0 paper"
    )


class RequestOutput(BaseModel):
    """An output that is wanted."""

    name: Literal["glyph", "logits", "novelty", "value", "confidence", "status"]
    parameters: dict[str, Any] = Field(default={}, description="binary_data")


class InferRequest(BaseModel):
    """A request for inference."""

    id: str | None = None
    parameters: dict[str, Any] = Field(default={}, description="binary_data_output")
    inputs: list[RequestInput] = Field(min_length=1, max_length=1)
    outputs: list[RequestOutput] = Field(default=[], description="none: all of them")


class ResponseOutput(_Document):
    """An output."""

    name: str
    shape: Shape
    datatype: str
    parameters: dict[str, Any] = {}
    data: TensorData = []


class InferResponse(_Document):
    """The answer to a request for inference."""

    model_name: str
    model_version: str
    id: str | None = None
    outputs: list[ResponseOutput]


class InferError(_Document):
    """What was wrong, as the protocol has it."""

    error: str
