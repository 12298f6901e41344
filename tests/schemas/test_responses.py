"""Responses: all that endpoints in the field answer is taken, and nothing that would make a prediction wrong."""

from __future__ import annotations

import json
import re
from typing import Any

import jsonschema
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelbeam.pipelines.commands.schema import schema
from labelbeam.schemas.predictions import PREDICTIONS
from labelbeam.schemas.responses import (
    InvalidAnswerError,
    NotJsonError,
    TruncatedAnswerError,
    WrongCountError,
    parse_response,
    predictions_of,
)
from labelbeam.schemas.tasks import TASKS

CLASSIFICATION, MULTILABEL, DETECTION, SEGMENTATION = TASKS

LABELS: dict[str, Any] = {"probs": [0.125, 1, 2.5e-7], "labels": ["bolt", "gear", "nut"]}
BOX: dict[str, Any] = {
    "box": {"topX": 0.25, "topY": 0, "bottomX": 0.5, "bottomY": 1},
    "label": "gear",
    "score": 0.75,
}
POLYGON = [[0.25, 0, 0.5, 0, 0.5, 1], [0.3, 0.1, 0.4, 0.1, 0.4, 0.2, 0.3, 0.2]]
NOTHING = {"visualizations": None, "attributions": None}
ENTRIES: dict[str, dict[str, Any]] = {
    CLASSIFICATION: LABELS,
    MULTILABEL: LABELS,
    DETECTION: {"boxes": [BOX, BOX]},
    SEGMENTATION: {"boxes": [{**BOX, "polygon": POLYGON}]},
}


def encoded(value: Any) -> bytes:
    return json.dumps(value).encode()


def forms(entry: dict[str, Any]) -> list[bytes]:
    """An entry for one image as endpoints of each generation answer it."""
    named = {"filename": "/tmp/tmpq1", **entry}
    newest = {**named, **NOTHING}
    return [
        encoded(entry),
        encoded(named),
        encoded(newest),
        encoded([entry]),
        encoded([newest]),
        encoded(json.dumps(named)),
        encoded(json.dumps([newest])),
        encoded([{**newest, "a_new_key": {"a": [1]}}]),
        repr([newest]).replace("'", '"').encode(),
        # What scripts and models of people's own make of it.
        b"\xef\xbb\xbf" + encoded([entry]),
        encoded("\ufeff" + json.dumps([entry])),
        encoded(json.dumps(json.dumps([entry]))),
        encoded([json.dumps(entry)]),
        encoded({"predictions": [entry]}),
        encoded({"predictions": entry}),
        encoded({"predictions": [json.dumps(entry)]}),
        encoded({"predictions": json.dumps([entry])}),
        encoded({name: [value] for name, value in entry.items()}),
        encoded({"predictions": {name: {"0": value} for name, value in entry.items()}}),
    ]


FORMS = len(forms(LABELS))


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("form", range(FORMS))
def test_every_generation_of_every_task_becomes_the_same_prediction(task: str, form: int) -> None:
    body = forms(ENTRIES[task])[form]
    (prediction,) = predictions_of(parse_response(body, task, 1), ["https://host/1.jpg"])
    assert type(prediction) is PREDICTIONS[task]
    assert msgspec.to_builtins(prediction) == {"image_url": "https://host/1.jpg", **ENTRIES[task]}


@pytest.mark.parametrize("task", TASKS)
def test_answers_and_predictions_are_as_their_schemas_say(task: str) -> None:
    for body in forms(ENTRIES[task])[:5]:
        jsonschema.validate(json.loads(body), schema(f"response_{task}"))
        answers = parse_response(body, task, 1)
        line = json.loads(msgspec.json.encode(predictions_of(answers, ["a"])[0]))
        jsonschema.validate(line, schema(f"prediction_{task}"))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate([{"filename": "/tmp/x"}], schema(f"response_{task}"))


@pytest.mark.parametrize(
    "said",
    [
        {"visualizations": "aGk=", "attributions": [[[0.5, -0.5]], [[0]], [[1]]]},
        {"visualizations": ["aGk=", "aGk="], "attributions": [[[[0.5]]], [[[0.5]]]]},
    ],
)
def test_what_a_model_says_to_explain_itself_is_kept(said: dict[str, Any]) -> None:
    (prediction,) = predictions_of(parse_response(encoded([{**LABELS, **said}]), MULTILABEL, 1), ["a"])
    assert msgspec.to_builtins(prediction) == {"image_url": "a", **LABELS, **said}


@pytest.mark.parametrize("polygon", [None, []])
def test_an_outline_may_be_missing(polygon: Any) -> None:
    for item in (BOX, {**BOX, "polygon": polygon}):
        (prediction,) = predictions_of(parse_response(encoded([{"boxes": [item]}]), SEGMENTATION, 1), ["a"])
        assert msgspec.to_builtins(prediction) == {"image_url": "a", "boxes": [BOX]}


def test_a_box_may_have_no_area_and_an_image_no_box() -> None:
    flat = {**BOX, "box": {"topX": 0.5, "topY": 1, "bottomX": 0.5, "bottomY": 1}}
    for boxes in ([flat], []):
        (prediction,) = predictions_of(parse_response(encoded([{"boxes": boxes}]), DETECTION, 1), ["a"])
        assert msgspec.to_builtins(prediction) == {"image_url": "a", "boxes": boxes}


def test_entries_are_those_of_the_images_in_their_order() -> None:
    body = encoded([{"boxes": []}, {"boxes": [BOX]}])
    first, second = predictions_of(parse_response(body, DETECTION, 2), ["a", "b"])
    assert msgspec.to_builtins([first, second]) == [
        {"image_url": "a", "boxes": []},
        {"image_url": "b", "boxes": [BOX]},
    ]


@pytest.mark.parametrize(
    "body",
    [
        {"boxes": [[], [BOX]]},
        {"boxes": {"0": [], "1": [BOX]}},
        {"0": {"boxes": []}, "1": {"boxes": [BOX]}},
        [json.dumps({"boxes": []}), json.dumps({"boxes": [BOX]})],
        {"predictions": {"boxes": [[], [BOX]]}},
        {"result": [{"boxes": []}, {"boxes": [BOX]}]},
        {"outputs": json.dumps({"boxes": [[], [BOX]]})},
        {"columns": ["boxes"], "index": [0, 1], "data": [[[]], [[BOX]]]},
        {"predictions": {"columns": ["filename", "boxes"], "data": [["x", []], ["y", [BOX]]]}},
    ],
)
def test_a_table_or_a_list_of_texts_has_an_entry_for_each_image(body: Any) -> None:
    first, second = predictions_of(parse_response(encoded(body), DETECTION, 2), ["a", "b"])
    assert msgspec.to_builtins([first, second]) == [
        {"image_url": "a", "boxes": []},
        {"image_url": "b", "boxes": [BOX]},
    ]


@pytest.mark.parametrize(
    "body",
    [
        {"boxes": [[BOX]], "masks": []},
        {"boxes": [[BOX], []]},
        ["{"],
        {"predictions": ["[]"]},
        {"predictions": {}},
        {"answer": [{"boxes": [BOX]}]},
        {"result": [{"boxes": [BOX]}], "time": 1},
        {"columns": ["boxes"], "data": [[[BOX], []]]},
        {"columns": [[]], "data": [[[BOX]]]},
        {},
        [[]],
    ],
)
def test_what_may_be_read_in_two_ways_or_none_is_refused(body: Any) -> None:
    with pytest.raises(InvalidAnswerError, match=r"^answer"):
        parse_response(encoded(body), DETECTION, 1)


@pytest.mark.parametrize("task", TASKS)
def test_answers_of_mlflow_are_as_their_schemas_say(task: str) -> None:
    jsonschema.validate({"predictions": [ENTRIES[task]]}, schema(f"mlflow_response_{task}"))
    for other in ([ENTRIES[task]], {"predictions": [{"filename": "x"}]}, {"error_code": "BAD_REQUEST"}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(other, schema(f"mlflow_response_{task}"))


def changed(**changes: Any) -> dict[str, Any]:
    return {"boxes": [BOX, {**BOX, **changes}]}


def sides(**changes: Any) -> dict[str, Any]:
    return changed(box={**BOX["box"], **changes})


@pytest.mark.parametrize(
    ("task", "entry", "words"),
    [
        (DETECTION, sides(bottomX=1.0000001), "answer[0].boxes[1].box.bottomX: found 1.0000001: expected"),
        (DETECTION, sides(topY=-1e-9), "answer[0].boxes[1].box.topY: found -1e-9"),
        (DETECTION, sides(topX="0.5"), 'answer[0].boxes[1].box.topX: found "0.5"'),
        (DETECTION, sides(topX=0.75), "answer[0].boxes[1].box: found (0.75, 0.0) to (0.5, 1.0), expected topX <="),
        (DETECTION, sides(topY=1, bottomY=0), "expected topX <= bottomX and topY <= bottomY"),
        (DETECTION, changed(score=1.5), "answer[0].boxes[1].score: found 1.5"),
        (DETECTION, changed(score=None), "answer[0].boxes[1].score: found null"),
        (DETECTION, changed(label=""), "answer[0].boxes[1].label"),
        (
            DETECTION,
            changed(box={"topX": 0}),
            "answer[0].boxes[1].box: found an object of topX: object missing required",
        ),
        (DETECTION, LABELS, "answer[0]: found an object of labels, probs: object missing required field `boxes`"),
        (CLASSIFICATION, {"boxes": []}, "answer[0]: found an object of boxes: object missing required field `probs`"),
        (CLASSIFICATION, {"error": "None"}, "answer[0]: found an object of error"),
        (CLASSIFICATION, {**LABELS, "probs": [0.5]}, "answer[0]: found 3 labels and 1 probs, expected as many of each"),
        (CLASSIFICATION, {"labels": [], "probs": []}, "answer[0].labels: found none"),
        (CLASSIFICATION, {**LABELS, "labels": ["a", "b", "a"]}, 'answer[0].labels: found "a" twice, expected each'),
        (MULTILABEL, {**LABELS, "probs": [0.5, 0.5, -0.5]}, "answer[0].probs[2]: found -0.5"),
        (MULTILABEL, {**LABELS, "labels": ["a", "b", 3]}, "answer[0].labels[2]: found 3"),
        (SEGMENTATION, changed(polygon=[[0, 0, 1, 1]]), "answer[0].boxes[1].polygon[0]: found a list of 4"),
        (SEGMENTATION, changed(polygon=[POLYGON[0], [0] * 7]), ".boxes[1].polygon[1]: found 7 numbers, expected pairs"),
        (SEGMENTATION, changed(polygon=[[0, 0, 0, 1, 1, 1.5]]), "answer[0].boxes[1].polygon[0][5]: found 1.5"),
    ],
)
def test_what_would_make_a_prediction_wrong_is_refused_with_its_place(
    task: str, entry: dict[str, Any], words: str
) -> None:
    with pytest.raises(InvalidAnswerError) as refused:
        parse_response(encoded([entry]), task, 1)
    assert words in str(refused.value)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
def test_a_number_that_is_not_finite_is_refused(number: str) -> None:
    with pytest.raises(InvalidAnswerError):
        parse_response(f'[{{"probs": [{number}], "labels": ["a"]}}]'.encode(), CLASSIFICATION, 1)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'[{"probs": [NaN], "labels": ["a"]}]', "found NaN at byte 12, which JSON does not have"),
        (b'[{"probs": [-Infinity], "labels": ["a"]}]', "found Infinity at byte 13, which JSON does not have"),
        (b'[{"probs": [nan], "labels": [None]}]', "found nan at byte 12, which JSON does not have"),
        (b'{"predictions": [[NaN, 1.0]]}', "found NaN at byte 18, which JSON does not have"),
    ],
)
def test_a_number_that_python_writes_and_json_does_not_have_is_told(body: bytes, words: str) -> None:
    with pytest.raises(NotJsonError, match=re.escape(words)) as refused:
        parse_response(body, CLASSIFICATION, 1)
    assert not isinstance(refused.value, TruncatedAnswerError)


@pytest.mark.parametrize(
    "label", [r"\ud800", r"\udc00", r"a\uD800x", r"\ud800\n", r"\ud83d\u0041", r"\\\udfff", r"\ude00\ud83d"]
)
@pytest.mark.parametrize("other", [b"", b' , "attributions": None'])
def test_half_of_a_surrogate_pair_is_no_truncation(label: str, other: bytes) -> None:
    body = b'[{"probs": [1], "labels": ["%s"]%s}]' % (label.encode(), other)
    for answer in (body, json.dumps(body.decode()).encode()):
        with pytest.raises(
            InvalidAnswerError, match=r"found \\u[dD].{3} at byte \d+, half of a surrogate pair"
        ) as refused:
            parse_response(answer, CLASSIFICATION, 1)
        assert not isinstance(refused.value, NotJsonError)


@pytest.mark.parametrize("label", [r"\ud83d\ude00", r"\\ud800", r"NaN"])
def test_what_looks_like_half_of_a_pair_and_is_none_is_text(label: str) -> None:
    (answer,) = predictions_of(
        parse_response(b'[{"probs": [1], "labels": ["%s"]}]' % label.encode(), CLASSIFICATION, 1), ["a"]
    )
    assert answer.labels == [json.loads(f'"{label}"')]  # type: ignore[union-attr]


@pytest.mark.parametrize("body", [rb"it went wrong in C:\udead: nan", rb'[{"probs": [NaN], "labels": ["\ud800"'])
def test_a_page_that_holds_such_things_is_a_page(body: bytes) -> None:
    with pytest.raises(NotJsonError, match="malformed"):
        parse_response(body, CLASSIFICATION, 1)


@pytest.mark.parametrize(("entries", "images"), [(0, 1), (2, 1), (1, 2)])
def test_there_must_be_as_many_entries_as_images(entries: int, images: int) -> None:
    with pytest.raises(WrongCountError, match=f"found {entries} entr.*, expected {images}"):
        parse_response(encoded([LABELS] * entries), CLASSIFICATION, images)


def test_the_beginning_of_an_answer_is_told_from_what_is_no_json() -> None:
    body = encoded([{**LABELS, "filename": None}])
    for end in range(len(body) - 1):
        with pytest.raises(TruncatedAnswerError):
            parse_response(body[:end], CLASSIFICATION, 1)
    for other in (b"<html>", b"it went wrong", body + b"]", b"\xff\xfe", b"[" * 100_000 + b"x"):
        with pytest.raises(NotJsonError) as refused:
            parse_response(other, CLASSIFICATION, 1)
        assert not isinstance(refused.value, TruncatedAnswerError)


def test_what_a_script_says_of_an_error_is_repeated() -> None:
    with pytest.raises(InvalidAnswerError, match='found the text "no image", expected a list') as refused:
        parse_response(b'"no image"', DETECTION, 1)
    assert not isinstance(refused.value, NotJsonError)


@pytest.mark.parametrize("body", [b'"only text"', b'"[1"', b'"\\"\\\\\\"twice\\\\\\"\\""', b"3", b"null", b"[null]"])
def test_json_that_is_no_entry_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidAnswerError):
        parse_response(body, CLASSIFICATION, 1)


def test_a_key_that_stands_twice_is_checked_both_times() -> None:
    body = b'[{"probs": [1], "labels": ["a"], "visualizations": [0.5], "visualizations": null}]'
    with pytest.raises(InvalidAnswerError, match=r"answer\[0\].visualizations\[0\]: expected `str`, got `float`"):
        parse_response(body, CLASSIFICATION, 1)


def test_none_is_taken_for_null_but_not_inside_of_text() -> None:
    body = b'[{"probs": [1], "labels": ["None \\" None"], "visualizations": None, "attributions":None}]'
    (answer,) = predictions_of(parse_response(body, CLASSIFICATION, 1), ["a"])
    assert msgspec.to_builtins(answer) == {"image_url": "a", "probs": [1], "labels": ['None " None']}


@given(st.binary(max_size=60) | st.text('[]{}":,None0.5 \\', max_size=60).map(str.encode))
def test_no_answer_whatever_it_holds_ends_in_another_error(body: bytes) -> None:
    for task in (CLASSIFICATION, DETECTION):
        try:
            parse_response(body, task, 1)
        except InvalidAnswerError as error:
            assert str(error).startswith("answer")
