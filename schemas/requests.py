"""Requests to a deployed endpoint: the two generations of requests and MLflow's, encoded for it and parsed as it parses them.

The first generation takes the bytes of one image as `application/octet-stream`; there is nothing to encode. The second takes
images in base64 as JSON, and where a model is to explain itself, each of them as a JSON *string* that holds the image and the
parameters. An endpoint applies the parameters of the first image of a request to all of them. `mlflow models serve` takes the same
items, each as a row of `dataframe_split`.
"""

from __future__ import annotations

import binascii
from collections.abc import Sequence
from typing import Annotated, Literal, NamedTuple, TypeAlias

import msgspec
from msgspec import Meta

from labelbeam.schemas.errors import LabelBeamError

BYTES_TYPE = "application/octet-stream"
JSON_TYPE = "application/json"

XaiAlgorithm: TypeAlias = Literal["xrai", "integrated_gradients", "guided_gradcam", "guided_backprop"]
Approximation: TypeAlias = Literal[
    "riemann_left", "riemann_right", "riemann_middle", "riemann_trapezoid", "gausslegendre"
]


class InvalidRequestError(LabelBeamError):
    """A request is not what an endpoint takes."""


class XaiParameters(msgspec.Struct, frozen=True, kw_only=True):
    """Parameters of a classification model's explanations.

    `n_steps` and `approximation_method` are for integrated_gradients, `n_steps` and `xrai_fast` for xrai. Of a multi-label model,
    labels with a probability above the threshold are explained.
    """

    xai_algorithm: XaiAlgorithm = "xrai"
    visualizations: bool = True
    attributions: bool = False
    confidence_score_threshold_multilabel: Annotated[float, Meta(ge=0, le=1)] = 0.5
    n_steps: Annotated[int, Meta(ge=1)] = 50
    xrai_fast: bool = True
    approximation_method: Approximation = "riemann_middle"


class ExplainedImage(msgspec.Struct):
    """An image that a model is to explain; it stands in a request as a string that holds this as JSON."""

    image_base64: str
    model_explainability: bool = True
    xai_parameters: XaiParameters = XaiParameters()


class InputData(msgspec.Struct):
    """The images of a request, in one column: each in base64, or an `ExplainedImage` as a JSON string."""

    columns: Annotated[list[Literal["image"]], Meta(min_length=1, max_length=1)]
    data: list[str]


class Request(msgspec.Struct):
    """A request of the second generation."""

    input_data: InputData


class DataframeSplit(msgspec.Struct):
    """The images of a request to MLflow's scoring server: rows of one image each, as `InputData` has them."""

    columns: Annotated[list[Literal["image"]], Meta(min_length=1, max_length=1)]
    data: list[Annotated[list[str], Meta(min_length=1, max_length=1)]]


class MlflowRequest(msgspec.Struct):
    """A request to MLflow's scoring server, which takes exactly one field."""

    dataframe_split: DataframeSplit


class RequestedImage(NamedTuple):
    """An image of a request: its bytes, and how it is to be explained, if it is."""

    image: bytes
    explain: XaiParameters | None


class Envelope(NamedTuple):
    """What stands before the items of a request, between two of them, and after the last one."""

    before: bytes
    between: bytes
    after: bytes


INPUT_DATA = Envelope(b'{"input_data":{"columns":["image"],"data":[', b",", b"]}}")
"""That of the second generation: a list of items."""

DATAFRAME_SPLIT = Envelope(b'{"dataframe_split":{"columns":["image"],"data":[[', b"],[", b"]]}}")
"""That of MLflow's scoring server: a list of rows, of one item each."""


_ENCODER = msgspec.json.Encoder()
"""Bytes become base64 as `binascii` makes it, in two thirds of the time."""


def encode_item(image: bytes, explain: XaiParameters | None = None) -> bytes:
    """An image as an item of a request's `data`.

    >>> encode_item(b"GIF")
    b'"R0lG"'
    """
    if explain is None:
        return _ENCODER.encode(image)
    text = binascii.b2a_base64(image, newline=False)
    return msgspec.json.encode(msgspec.json.encode(ExplainedImage(text.decode(), True, explain)).decode())


def item_size(size: int, explain: XaiParameters | None = None) -> int:
    """The bytes of `encode_item` for an image of `size` bytes.

    >>> item_size(3) == len(encode_item(b"GIF"))
    True
    """
    return len(encode_item(b"", explain)) + 4 * -(-size // 3)


def encode_request(items: Sequence[bytes], envelope: Envelope = INPUT_DATA) -> bytes:
    """The body of a request for images that `encode_item` has encoded; one or more of them.

    >>> encode_request([encode_item(b"GIF"), encode_item(b"")])
    b'{"input_data":{"columns":["image"],"data":["R0lG",""]}}'
    >>> encode_request([encode_item(b"GIF"), encode_item(b"")], DATAFRAME_SPLIT)
    b'{"dataframe_split":{"columns":["image"],"data":[["R0lG"],[""]]}}'
    """
    return b"".join((envelope.before, envelope.between.join(items), envelope.after))


def request_size(items_size: int, items: int, envelope: Envelope = INPUT_DATA) -> int:
    """The bytes of a body for so many items of so many bytes altogether."""
    return len(envelope.before) + items_size + len(envelope.between) * max(0, items - 1) + len(envelope.after)


def parse_request(body: bytes) -> list[RequestedImage]:
    """The images of a request of the second generation; base64 may hold line ends, as Python's `encodebytes` makes them.

    Raises:
        InvalidRequestError: it is not one. The message says where, and what was expected.
    """
    try:
        request = msgspec.json.decode(body, type=Request)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequestError(
            f'request: {error}; expected {{"input_data": {{"columns": ["image"], "data": ["BASE64", …]}}}}'
        ) from None
    return [
        _parse_item(item, f"request.input_data.data[{number}]") for number, item in enumerate(request.input_data.data)
    ]


def _parse_item(item: str, where: str) -> RequestedImage:
    if not item.lstrip().startswith("{"):
        return RequestedImage(_decoded(item, where), None)
    try:
        explained = msgspec.json.decode(item, type=ExplainedImage)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequestError(
            f"{where}: {error}; expected a JSON string that holds image_base64, model_explainability and xai_parameters"
        ) from None
    image = _decoded(explained.image_base64, f"{where}.image_base64")
    return RequestedImage(image, explained.xai_parameters if explained.model_explainability else None)


def _decoded(text: str, where: str) -> bytes:
    try:
        return binascii.a2b_base64("".join(text.split()), strict_mode=True)
    except ValueError as error:
        shown = text if len(text) <= 20 else f"{text[:20]}…"
        raise InvalidRequestError(f"{where}: found {shown!r}, expected an image in base64: {error}") from None
