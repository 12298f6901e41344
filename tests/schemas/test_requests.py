"""Requests: what is encoded is parsed as it was meant, and what is no request is refused where it is none."""

from __future__ import annotations

import base64
import json

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelbeam.pipelines.commands.schema import schema
from labelbeam.schemas.requests import (
    DATAFRAME_SPLIT,
    InvalidRequestError,
    RequestedImage,
    XaiParameters,
    encode_item,
    encode_request,
    parse_request,
    request_size,
)

EXPLAIN = st.none() | st.builds(
    XaiParameters,
    xai_algorithm=st.sampled_from(["xrai", "integrated_gradients", "guided_gradcam", "guided_backprop"]),
    visualizations=st.booleans(),
    attributions=st.booleans(),
    confidence_score_threshold_multilabel=st.floats(0, 1),
    n_steps=st.integers(1, 500),
    xrai_fast=st.booleans(),
)


@given(st.lists(st.binary(max_size=200), max_size=5), EXPLAIN)
def test_a_request_that_was_encoded_holds_the_images_and_their_parameters(
    images: list[bytes], explain: XaiParameters | None
) -> None:
    items = [encode_item(image, explain) for image in images]
    body = encode_request(items)
    assert parse_request(body) == [RequestedImage(image, explain) for image in images]
    assert request_size(sum(map(len, items)), len(items)) == len(body)


def test_a_request_is_the_json_that_the_documents_show() -> None:
    body = json.loads(encode_request([encode_item(b"\xff\xd8a"), encode_item(b"b")]))
    assert body == {"input_data": {"columns": ["image"], "data": ["/9hh", "Yg=="]}}


def test_a_request_to_mlflow_is_as_its_schema_says() -> None:
    body = json.loads(encode_request([encode_item(b"a"), encode_item(b"b")], DATAFRAME_SPLIT))
    assert body == {"dataframe_split": {"columns": ["image"], "data": [["YQ=="], ["Yg=="]]}}
    jsonschema.validate(body, schema("mlflow_request"))
    for rows in (["YQ=="], [["YQ==", "Yg=="]], [[1]]):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({"dataframe_split": {"columns": ["image"], "data": rows}}, schema("mlflow_request"))


def test_an_image_to_be_explained_is_a_string_that_holds_json_with_the_documented_defaults() -> None:
    (item,) = json.loads(encode_request([encode_item(b"a", XaiParameters())]))["input_data"]["data"]
    assert json.loads(item) == {
        "image_base64": "YQ==",
        "model_explainability": True,
        "xai_parameters": {
            "xai_algorithm": "xrai",
            "visualizations": True,
            "attributions": False,
            "confidence_score_threshold_multilabel": 0.5,
            "n_steps": 50,
            "xrai_fast": True,
            "approximation_method": "riemann_middle",
        },
    }


def test_base64_may_be_broken_into_lines() -> None:
    image = bytes(range(256))
    data = [base64.encodebytes(image).decode(), json.dumps({"image_base64": base64.encodebytes(image).decode()})]
    assert data[0].count("\n") > 3
    body = json.dumps({"input_data": {"columns": ["image"], "data": data}}).encode()
    assert parse_request(body) == [RequestedImage(image, None), RequestedImage(image, XaiParameters())]


def test_an_image_whose_explanation_is_declined_is_not_explained() -> None:
    item = json.dumps({"image_base64": "YQ==", "model_explainability": False})
    body = json.dumps({"input_data": {"columns": ["image"], "data": [item]}}).encode()
    assert parse_request(body) == [RequestedImage(b"a", None)]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"\xff\xd8", 'expected {"input_data"'),
        (b'{"a":' + b"[" * 3_000_000, "while deserializing an object"),
        (b"{}", "missing required field `input_data`"),
        (b'{"input_data": {"columns": ["picture"], "data": []}}', "$.input_data.columns[0]"),
        (b'{"input_data": {"columns": ["image", "image"], "data": []}}', "$.input_data.columns"),
        (
            b'{"input_data": {"columns": ["image"], "data": ["YQ==", "Y!=="]}}',
            "request.input_data.data[1]: found 'Y!=='",
        ),
        (
            b'{"input_data": {"columns": ["image"], "data": ["{}"]}}',
            "data[0]: Object missing required field `image_base64`",
        ),
        (
            b'{"input_data": {"columns": ["image"], "data": ["{\\"image_base64\\": \\"?\\"}"]}}',
            "request.input_data.data[0].image_base64: found '?'",
        ),
        (
            b'{"input_data": {"columns": ["image"], "data": '
            b'["{\\"image_base64\\": \\"\\", \\"xai_parameters\\": {\\"xai_algorithm\\": \\"magic\\"}}"]}}',
            "$.xai_parameters.xai_algorithm",
        ),
    ],
)
def test_what_is_no_request_is_refused_with_its_place(body: bytes, words: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        parse_request(body)
    assert words in str(refused.value)
