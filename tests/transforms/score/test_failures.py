"""Answers of an endpoint in place of predictions: which of them are the scoring script's, and what is told of them."""

from __future__ import annotations

import pytest

from labelbeam.transforms.score.failures import SHEDDING, StatusError, model_headers

STATUS = "ms-azureml-model-error-statuscode"


@pytest.mark.parametrize(
    ("status", "inner", "is_its_own"),
    [
        (500, None, True),
        (424, "500", True),
        (424, " 503 ", True),
        (424, "408", True),
        (424, "429, 429", True),
        (424, "404", False),
        (424, "5", False),
        (424, "5xx", False),
        (424, "\u0665\u0660\u0660", False),
        (424, None, False),
        (502, "500", False),
        (400, None, False),
    ],
)
def test_a_scoring_script_fails_by_itself_or_behind_a_managed_endpoint(
    status: int, inner: str | None, is_its_own: bool
) -> None:
    model = {} if inner is None else {STATUS: inner}
    assert StatusError(status, {}, "", model).is_of_scoring_script is is_its_own


def test_an_error_says_what_the_model_s_server_and_the_answer_said() -> None:
    assert str(StatusError(424, {}, "", {})) == "424"
    error = StatusError(424, {}, "x" * 300, {STATUS: "500"})
    assert str(error) == f"{STATUS}: 500; {'x' * 200}"
    assert error.answer == "x" * 300


def test_headers_of_the_model_s_server_are_known_in_any_case_and_no_others() -> None:
    headers = {"MS-AzureML-Model-Error-StatusCode": "500", "ms-azureml-model-time": "3", "x-ms-client": "no"}
    assert model_headers(headers) == {STATUS: "500", "ms-azureml-model-time": "3"}


def test_load_is_shed_by_four_statuses_and_a_broken_gateway_is_none() -> None:
    assert {int(status) for status in SHEDDING} == {408, 429, 503, 504}


@pytest.mark.parametrize(
    ("status", "inner", "sheds"),
    [
        (429, None, True),
        (503, "500", True),
        (424, "429", True),
        (424, "503", True),
        (424, "500", False),
        (424, None, False),
        (500, "429", False),
    ],
)
def test_a_model_s_server_sheds_load_behind_a_managed_endpoint(status: int, inner: str | None, sheds: bool) -> None:
    assert StatusError(status, {}, "", {} if inner is None else {STATUS: inner}).is_shedding is sheds
