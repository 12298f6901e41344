"""JSON Lines, predictions, and answers of an endpoint."""

from __future__ import annotations

import json
import math
import zlib
from contextlib import suppress

import msgspec
from pycocotools import mask as coco_mask
from targets.target import SOURCES, Target, writable

from labelbeam.schemas.predictions import PREDICTIONS, LabelsPrediction
from labelbeam.schemas.requests import InvalidRequestError, encode_item, encode_request, parse_request
from labelbeam.schemas.responses import InvalidAnswerError, parse_response, predictions_of
from labelbeam.transforms.columns.fragments import fragments_of
from labelbeam.transforms.evaluation.objects import predicted_objects
from labelbeam.transforms.evaluation.predictions.checks import PredictionsError
from labelbeam.transforms.evaluation.predictions.coco import own_names
from labelbeam.transforms.evaluation.predictions.read import parse_predictions
from labelbeam.transforms.formats.jsonl.records import Lines
from labelbeam.transforms.geometry.rle import counts_from_string

_SIDES = {"topX": 0.1, "topY": 0.0, "bottomX": 1, "bottomY": 0.9}
_RINGS = [[0, 0, 1, 0, 1, 1, 0, 1], [0.2, 0.2, 0.8, 0.2, 0.5, 0.5]]
_RESULT = {"image_id": 1, "category_id": 2, "bbox": [0, 1, 2.5, 3], "score": 0.5}
JSON_LINES = (
    b'{"image_url": "AmlDatastore://d/a/1.jpg", "image_details": {"format": "jpg", "width": "499px", "height": 666}, "label": "can"}\n',
    b'{"image_url": "https://h/c/1.jpg", "image_width": 8.0, "image_height": 6, "label": ["can", 7], "label_confidence": [0.5, 1]}\n',
    b'{"image_url": "a/1.jpg", "label": [{"label": "can", "topX": 0.1, "topY": "0.2", "bottomX": 1.5, "bottomY": NaN, "isCrowd": "true"}]}\n[]',
    b'{"image_url": "https://h/c/%FF.png", "label": [{"label": "can", "isCrowd": true, "polygon": [[0.1, 0.1, 0.9, 0.1, 0.9, 0.9], [1]]}]}',
)
JSON_LINES_TOKENS = (
    *(
        b'"image_url"',
        b'"image_details"',
        b'"label"',
        b'"polygon"',
        b'"topX"',
        b'"isCrowd"',
        b'"width"',
        b"\n",
        b"{",
        b"}",
        b"[",
        b"]",
    ),
    *(
        b"NaN",
        b"1e999",
        b"null",
        b"true",
        b'""',
        b'"\\ud800"',
        b"99999999999999999999",
        b"-0.0",
        b"azureml://datastores/d/paths/",
        b"../",
    ),
)

PREDICTION_FILES = (
    *(
        (json.dumps(line) + "\n").encode() * 2
        for line in (
            {"image_url": "a.jpg", "boxes": [{"box": _SIDES, "label": "cat", "score": 0.5, "polygon": _RINGS}] * 2},
            {"image_url": "ü.jpg", "probs": [0.5, 1], "labels": ["cat", "dog"]},
            {"image_url": "a.jpg", "label": [_SIDES | {"label": "cat", "polygon": _RINGS}], "label_confidence": [0.5]},
        )
    ),
    json.dumps([_RESULT, _RESULT | {"segmentation": {"size": [4, 6], "counts": [3, 21]}}]).encode(),
    json.dumps([_RESULT | {"segmentation": [[0, 0, 5, 0, 5, 3]]}, _RESULT | {"segmentation": {"size": [4, 6], "counts": "3e0"}}]).encode(),
    json.dumps([_RESULT | {"segmentation": [[0, 0, 5, int("9" * 400), 5, 3]]}]).encode(),  # Once an error that nobody had declared.
    b"image_url,label_confidence,label\na.jpg,0.5,cat\nb.jpg,0.25,dog\n",
    f'image_url,label_confidence,label\na.jpg,"[0.5]","{[_SIDES | {"label": "cat", "polygon": _RINGS}]}"\n'.encode(),
    b'\xef\xbb\xbf,image_url,label_confidence,label\r\n0,a.jpg,"[0.5, 1]","[\'cat\', ""dog""]"\r\n',
)  # fmt: skip
PREDICTION_TOKENS = (
    *(b"{", b"}", b"[", b"]", b",", b":", b"'", b'"', b'""', b"\n", b"\r", b"\\", b"\0", b"\xff", b"\\ud800", b"[" * 2000, b"-", b"1e300"),
    *(b"NaN", b"1e999", b"null", b"None", b"True", b'"image_id":', b'"boxes":', b'"probs":', b'"label_confidence":', b'"polygon":', b"[[]]"),
    *(b"9" * 20, b"2147483648", b"1048577", b'"counts":', b'"size":', b'"segmentation":', b'"bbox":', b"0.5", b"*", b"()", b"\\d", b"#"),
)  # fmt: skip

_OBJECT = {
    "box": {"topX": 0.25, "topY": 0, "bottomX": 0.5, "bottomY": 1},
    "label": "cat",
    "score": 0.5,
    "polygon": [[0, 0, 1, 0, 1, 1]],
}
_LABELS = {
    "filename": "/tmp/t",
    "probs": [0.5, 1e-7],
    "labels": ["cat", "dog"],
    "visualizations": None,
    "attributions": None,
}
ANSWERS = (
    json.dumps([{"filename": "/tmp/t", "boxes": [_OBJECT, _OBJECT]}]).encode(),
    json.dumps(_LABELS).encode(),
    json.dumps(json.dumps([_LABELS])).encode(),
    repr([_LABELS]).replace("'", '"').encode(),
    json.dumps(
        {"input_data": {"columns": ["image"], "data": ["aGk=\n", json.dumps({"image_base64": "aGk="})]}}
    ).encode(),
)
ANSWER_TOKENS = (
    *(b"None", b"null", b"NaN", b"1e999", b"-0.0", b"1.5", b"[]", b"{}", b"[", b"]", b"{", b"}", b'"', b"\\", b'\\"', b","),
    *(b'"boxes":', b'"box":', b'"probs":', b'"labels":', b'"polygon":', b'"score":', b'"topX":', b"\xff", b"\0", b"[" * 2000),
    *(b'"image_base64":', b'"model_explainability":', b'"xai_parameters":{"xai_algorithm":"xrai"}', b"="),
)  # fmt: skip


def read_json_lines(data: bytes) -> None:
    """Each line that is not blank is an image or a rejection, and everything that is said of it can be written."""
    choice = zlib.crc32(data)
    prefix = (None, "", "AmlDatastore://d/", "https://h/c/")[choice % 4]
    lines = Lines("file:///x.jsonl", None, prefix)
    for number, line in enumerate(data.split(b"\n"), 1):
        lines.add(line, f"line {number}")
    images = sum(rejection.kind == "image" for rejection in lines.rejections)
    assert len(lines.images) + images == sum(bool(line.strip()) for line in data.split(b"\n"))
    found = sum(1 + len(image.objects) + len(image.rejected) for image in lines.images)
    found -= sum(any(item.kind == "image" for item in image.rejected) for image in lines.images)
    fragments = dict(fragments_of(lines.images, 3, 0))
    assert sum(fragment.records for fragment in fragments.values()) == found
    msgspec.json.encode(
        [lines.rejections, lines.evidence, [fragment.rejections for fragment in fragments.values()]], enc_hook=list
    )
    for fragment in fragments.values():
        msgspec.json.encode([fragment.labels, fragment.images.paths])


_NAMES = own_names(["a.jpg", "b.jpg"], ["cat", "dog"])


def read_any_predictions(data: bytes) -> None:
    """Predictions of any task are read with masks and boxes that pycocotools survives, or refused."""
    task = list(PREDICTIONS)[zlib.crc32(data) % 4]
    try:
        found = parse_predictions(data, "p", task, _NAMES)
        for said in found.said if found is not None else ():
            if isinstance(said.value, LabelsPrediction):
                assert len(said.value.probs) == len(set(said.value.labels))
                continue
            for item in predicted_objects(said.value, said.place, 6, 4, task == "image_instance_segmentation"):
                assert all(map(math.isfinite, item.box)) and min(item.box[2:]) >= 0
                if item.mask is not None:
                    assert 0 <= coco_mask.area(item.mask) <= 24
                    assert sum(counts_from_string(item.mask["counts"])) == 24
    except PredictionsError as error:
        writable(str(error).encode("utf-8", "backslashreplace").decode())


def read_answer(content: bytes) -> None:
    """An answer of an endpoint, and a request: what passes has the figures that predictions may have."""
    for task in ("image_classification", "image_instance_segmentation"):
        with suppress(InvalidAnswerError):
            for prediction in predictions_of(parse_response(content, task, 1), ["a"]):
                line = msgspec.json.encode(prediction)
                assert msgspec.json.decode(line, type=PREDICTIONS[task]) == prediction
    with suppress(InvalidRequestError):
        for item in parse_request(content):
            assert parse_request(encode_request([encode_item(*item)])) == [item]


TARGETS = {
    "json-lines": Target(read_json_lines, JSON_LINES, JSON_LINES_TOKENS, SOURCES),
    "predictions": Target(read_any_predictions, PREDICTION_FILES, PREDICTION_TOKENS, SOURCES),
    "answers": Target(read_answer, ANSWERS, ANSWER_TOKENS, ("/schemas/",)),
}
