"""Responses of a deployed endpoint: parsed and checked, whichever generation it is of.

Endpoints in the field differ: the first generation answers with one object and often with a JSON string that holds it, the second
with a list of one entry an image, with or without `filename`, `visualizations` and `attributions`, which may be null. Scripts and
models of people's own add shapes: entries as JSON strings, columns in place of rows, all of it below `predictions` or `result`. All of that is taken,
wherever it can be read in one way only. What would make a prediction wrong is not: figures outside of [0, 1], boxes inside out, labels without
their probabilities or twice, another number of entries than images.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any, TypeAlias

import msgspec

from labelbeam.schemas.errors import LabelBeamError
from labelbeam.schemas.predictions import LabelsPrediction, ObjectsPrediction, PredictedObject, Prediction, Score, Sides
from labelbeam.schemas.python_json import WORDS, oddity, replaced
from labelbeam.schemas.records import Fraction, Name, Part


class InvalidAnswerError(LabelBeamError):
    """An answer is not what an endpoint of the task answers. The message says where, what was found and expected."""

    body = b""
    status = 200
    """The answer and its status, where whoever asked for it has kept them here."""


class NotJsonError(InvalidAnswerError):
    """It is no JSON."""


class TruncatedAnswerError(NotJsonError):
    """It is the beginning of JSON."""


class WrongCountError(InvalidAnswerError):
    """It has another number of entries than the request had images."""


class AnsweredSides(msgspec.Struct, gc=False):
    """A box by its left, top, right and bottom edges, in fractions of the image; topX <= bottomX and topY <= bottomY."""

    topX: Fraction  # noqa: N815  # the endpoint's name
    topY: Fraction  # noqa: N815
    bottomX: Fraction  # noqa: N815
    bottomY: Fraction  # noqa: N815


class AnsweredObject(msgspec.Struct, gc=False):
    """An object that was found; `polygon` is absent, null or empty where there is no more than a box."""

    box: AnsweredSides
    label: Name
    score: Score
    polygon: list[Part] | None = None


class ObjectsAnswer(msgspec.Struct):
    """An entry for detection or segmentation; `filename` is a temporary name of the server's."""

    boxes: list[AnsweredObject]
    filename: str | None = None


class LabelsAnswer(msgspec.Struct):
    """An entry for classification, of one label or several: as many probabilities as labels. See `LabelsPrediction`."""

    probs: list[Score]
    labels: list[Name]
    filename: str | None = None
    visualizations: str | list[str] | None = None
    attributions: list[Any] | None = None


Answer: TypeAlias = LabelsAnswer | ObjectsAnswer

LabelsResponse: TypeAlias = list[LabelsAnswer] | LabelsAnswer
ObjectsResponse: TypeAlias = list[ObjectsAnswer] | ObjectsAnswer

RESPONSES: dict[str, Any] = {
    "image_classification": LabelsResponse,
    "image_classification_multilabel": LabelsResponse,
    "image_object_detection": ObjectsResponse,
    "image_instance_segmentation": ObjectsResponse,
}
"""By task: a list with an entry an image (the second generation), or the entry of one image itself (the first)."""

_DECODERS = {id(form): msgspec.json.Decoder(form | str) for form in RESPONSES.values()}


class MlflowLabelsResponse(msgspec.Struct):
    """An answer of MLflow's scoring server."""

    predictions: LabelsResponse


class MlflowObjectsResponse(msgspec.Struct):
    """An answer of MLflow's scoring server."""

    predictions: ObjectsResponse


class _MlflowResponse(msgspec.Struct):
    predictions: msgspec.Raw


def mlflow_predictions(body: bytes) -> bytes:
    """The predictions in an answer of MLflow's scoring server; the body itself where it holds none, which then tells what it is.

    >>> mlflow_predictions(b'{"predictions": [{"boxes": []}]}')
    b'[{"boxes": []}]'
    """
    try:
        return bytes(msgspec.json.decode(body.removeprefix(codecs.BOM_UTF8), type=_MlflowResponse).predictions)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return body


def parse_response(body: bytes, task: str, images: int) -> list[Answer]:
    """The entries of an answer to a request of so many images, one an image and in their order.

    Where a body is no JSON, it is tried with null for Python's None, as the endpoint's own documents print it.

    Raises:
        TruncatedAnswerError, NotJsonError: it is no JSON, or the beginning of some.
        WrongCountError: it has more or fewer entries.
        InvalidAnswerError: an entry is not what the task's models answer.
    """
    form = RESPONSES[task]
    found = _decoded(body, form, images)
    for _ in range(_STRINGS):
        # Text that is no JSON is what a script says of an error.
        if isinstance(found, str) and found.lstrip("\ufeff \t\r\n")[:1] in ("[", "{", '"'):
            found = _decoded(found.encode(), form, images)
    if isinstance(found, str):
        raise InvalidAnswerError(
            f"answer: found the text {_shown(found)}, expected a list with an entry for each image"
        )
    answers: list[Answer] = found if isinstance(found, list) else [found]
    if len(answers) != images:
        raise WrongCountError(f"answer: found {_count(len(answers))}, expected {images}: one for each image")
    for number, answer in enumerate(answers):
        where = f"answer[{number}]" if isinstance(found, list) else "answer"
        for problem in _labels_problems(answer) if isinstance(answer, LabelsAnswer) else _objects_problems(answer):
            raise InvalidAnswerError(f"{where}{problem}")
    return answers


def _count(number: int) -> str:
    return f"{number} {'entry' if number == 1 else 'entries'}"


def _decoded(body: bytes, form: Any, images: int) -> Any:
    decoder = _DECODERS[id(form)]
    body = body.removeprefix(codecs.BOM_UTF8)
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        # What is wrong with an entry may be found before what is wrong with the JSON as a whole, which matters more.
        repaired, value = _json(body)
        if repaired is not body:
            return _decoded(repaired, form, images)
        if isinstance(error, msgspec.ValidationError):
            with suppress(msgspec.DecodeError, RecursionError):
                for reading in _readings(value, images):
                    with suppress(msgspec.ValidationError):
                        return msgspec.convert(reading, form | str)
            raise InvalidAnswerError(_explained(error, value)) from None
        raise NotJsonError(f"answer: {error}; expected JSON") from None


_AROUND = frozenset({"predictions", "result", "results", "output", "outputs"})
"""Names below which servers and scoring scripts put their whole answer; the first is MLflow's, the second that of Azure's samples."""

_LOOKED_AT = 2**25
"""Bytes of an answer in which what is no JSON is looked for: that takes many times as long as parsing it."""

_STRINGS = 2
"""JSON strings that may stand in each other: a script makes one, and its server another one of that."""


def _readings(value: Any, images: int) -> Iterator[Any]:
    """Entries that an answer of another shape may hold: below `predictions` or another name of a result, as JSON strings, as columns of a
    table with a row an image or as pandas splits one, by the images' numbers.

    Raises:
        msgspec.DecodeError: a string holds no JSON.
    """
    if isinstance(value, dict) and len(value) == 1 and value.keys() <= _AROUND:
        (inner,) = value.values()
        yield inner
        yield from _readings(inner, images)
    elif isinstance(value, dict) and {"columns", "data"} <= value.keys() <= {"columns", "index", "data"}:
        if isinstance(value["columns"], list) and isinstance(value["data"], list):
            with suppress(TypeError, ValueError):  # Rows of other lengths than the columns.
                yield [dict(zip(value["columns"], row, strict=True)) for row in value["data"]]
    elif isinstance(value, dict):
        columns = [list(column.values()) if isinstance(column, dict) else column for column in value.values()]
        if columns and all(isinstance(column, list) and len(column) == images for column in columns):
            yield [dict(zip(value, row, strict=True)) for row in zip(*columns, strict=True)]
        if list(value) == [str(number) for number in range(images)]:
            yield list(value.values())
    elif isinstance(value, list) and any(isinstance(item, str) for item in value):
        yield [msgspec.json.decode(item) if isinstance(item, str) else item for item in value]


def _json(body: bytes) -> tuple[bytes, Any]:
    """The body, or the one that is meant by it, and what it holds."""
    try:
        return body, msgspec.json.decode(body)
    except msgspec.ValidationError as error:
        raise InvalidAnswerError(f"answer: {error}") from None  # A number beyond all bounds.
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        is_looked_at = len(body) <= _LOOKED_AT
        repaired = replaced(WORDS, body, lambda word: b"null" if word[0] == b"None" else None) if is_looked_at else body
        if repaired is not body:
            return repaired, _json(repaired)[1]
        if is_looked_at and (odd := oddity(body)) is not None:
            kind = NotJsonError if odd.is_number else InvalidAnswerError
            raise kind(f"answer: {odd.words}; expected {'JSON' if odd.is_number else 'text'}") from None
        # A number that ends with the body may be whole or not, and is called invalid where it ends in a point.
        at_the_end = (
            not body.strip() or "truncated" in str(error) or str(error).endswith(f"invalid number (byte {len(body)})")
        )
        kind = TruncatedAnswerError if at_the_end else NotJsonError
        raise kind(f"answer: {error}; expected JSON") from None


_PATH = re.compile(r"^(?P<what>.*?)(?: - at `\$(?P<path>.*)`)?$", re.DOTALL)
_STEP = re.compile(r"\[(\d+)\]|\.(\w+)")


def _explained(error: msgspec.ValidationError, value: Any) -> str:
    """msgspec's words with what was found at the place that they name."""
    match = _PATH.match(str(error))
    what, path = (match["what"], match["path"] or "") if match else (str(error), "")
    try:
        for number, name in _STEP.findall(path):
            value = value[int(number) if number else name]
    except (LookupError, TypeError):
        # A key occurs twice, and what is wrong is not what it stands for in the end.
        return f"answer{path}: {what[:1].lower()}{what[1:]}"
    return f"answer{path}: found {_shown(value)}: {what[:1].lower()}{what[1:]}"


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return f"an object of {', '.join(sorted(value)[:8]) or 'nothing'}"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= 60 else f"{text[:60]}…"


def _labels_problems(answer: LabelsAnswer) -> Iterator[str]:
    if len(answer.labels) != len(answer.probs):
        yield f": found {len(answer.labels)} labels and {len(answer.probs)} probs, expected as many of each"
    elif not answer.labels:
        yield ".labels: found none, expected every label of the model"
    elif len(set(answer.labels)) < len(answer.labels):
        twice = next(label for label in answer.labels if answer.labels.count(label) > 1)
        yield f".labels: found {_shown(twice)} twice, expected each label once"


def _objects_problems(answer: ObjectsAnswer) -> Iterator[str]:
    for number, item in enumerate(answer.boxes):
        box = item.box
        if not (box.topX <= box.bottomX and box.topY <= box.bottomY):
            yield (
                f".boxes[{number}].box: found ({box.topX}, {box.topY}) to ({box.bottomX}, {box.bottomY}), expected "
                "topX <= bottomX and topY <= bottomY"
            )
        for part, ring in enumerate(item.polygon or ()):
            if len(ring) % 2:
                yield f".boxes[{number}].polygon[{part}]: found {len(ring)} numbers, expected pairs"


def predictions_of(answers: Sequence[Answer], image_urls: Sequence[str]) -> list[Prediction]:
    """The entries as predictions of the images that were sent."""
    return [_prediction(answer, url) for answer, url in zip(answers, image_urls, strict=True)]


def _prediction(answer: Answer, url: str) -> Prediction:
    if isinstance(answer, LabelsAnswer):
        return LabelsPrediction(url, answer.probs, answer.labels, answer.visualizations, answer.attributions)
    boxes = [
        PredictedObject(
            Sides(item.box.topX, item.box.topY, item.box.bottomX, item.box.bottomY),
            item.label,
            item.score,
            item.polygon or None,
        )
        for item in answer.boxes
    ]
    return ObjectsPrediction(url, boxes)
