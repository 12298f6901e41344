"""Headers of requests: each once, whatever its case, and no secret among the arguments of a process."""

from __future__ import annotations

from typing import Any

import pytest

from labelbeam.pipelines.command_line.headers import VARIABLE, check_headers, headers_by_name
from labelbeam.schemas.errors import UsageError
from labelbeam.schemas.score_config import ScoreConfig


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (["X-A=1", "X-B = a=b "], {"X-A": "1", "X-B": "a=b"}),
        ("X-A=1", {"X-A": "1"}),
        ({" X-A ": " 1 "}, {"X-A": "1"}),
        ([], {}),
        (["X-A="], {"X-A": ""}),
    ],
)
def test_headers_are_pairs_or_a_mapping(given: Any, found: dict[str, str]) -> None:
    assert headers_by_name("--header", given) == found


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["X-A=1", "X-A=2"], "found X-A twice, expected each header once"),
        ({"X-A": "hunter2", " X-A": "hunter3"}, "found X-A twice, expected each header once"),
        (["hunter2"], "expected NAME=VALUE"),
        (["=hunter2"], "expected NAME=VALUE"),
        (["X A=hunter2"], "expected NAME=VALUE"),
        ({"X-A": 5}, "expected texts by name"),
        ({5: "hunter2"}, "expected texts by name"),
    ],
)
def test_what_is_none_or_stands_twice_is_refused_without_its_value(given: Any, words: str) -> None:
    with pytest.raises(UsageError, match=f"^--header: .*{words}$") as caught:
        headers_by_name("--header", given)
    assert "hunter" not in str(caught.value)


def test_a_variable_is_asked_for_where_one_is_meant() -> None:
    with pytest.raises(UsageError, match="expected NAME=VARIABLE"):
        headers_by_name("--header-env", ["x"])
    assert VARIABLE.fullmatch("_A1") and not VARIABLE.fullmatch("1A") and not VARIABLE.fullmatch("a-b")


def check(**options: Any) -> None:
    check_headers(ScoreConfig(source="s", output="o", endpoint="e", **options))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"header": {"X A": "hunter2"}}, "--header: found text that is no name of a header"),
        ({"header": {"Content-Type": "x"}}, "--header Content-Type: follows from --protocol"),
        ({"header": {"X-A": "1", "x-a": "2"}}, "--header X-A: is given twice"),
        ({"header": {"X-A": "1"}, "header_env": {"x-a": "V"}}, "--header X-A: is given twice"),
        ({"header": {"azureml-model-deployment": "a"}, "deployment": "b"}, "is given twice"),
        ({"header_env": {"X-A": "hunter2 secret"}}, "--header-env X-A: found text that names no environment variable"),
        ({"header": {"X-A": "a\nb"}}, "--header X-A: found a value that no header can have"),
        ({"header": {"X-A": ""}}, "--header X-A: found a value that no header can have"),
        ({"header": {"Authorization": "hunter2"}}, "--header Authorization: holds a secret"),
        ({"header": {"X-Api-Key": "hunter2"}}, "--header X-Api-Key: holds a secret"),
        ({"deployment": "a\nb"}, "--deployment: found"),
    ],
)
def test_headers_that_cannot_be_sent_or_hold_a_secret_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError) as caught:
        check(**options)
    assert words in str(caught.value) and "hunter2" not in str(caught.value)


def test_secrets_may_come_from_the_environment() -> None:
    check(header={"X-Team": "a"}, header_env={"Authorization": "V", "X-Api-Key": "W"}, deployment="blue")
