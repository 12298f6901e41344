"""The key of an endpoint and its headers: where they are read, what they may be, and that no message repeats them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelbeam.schemas.errors import UsageError
from labelbeam.schemas.score_config import DEFAULT_KEY, DEFAULT_SCOPE, ScoreConfig
from labelbeam.transforms.messages.redact import redact
from labelbeam.transforms.score.credentials import (
    Headers,
    KeySource,
    headers_of,
    hidden,
    is_deployment,
    is_header_value,
    key_source,
    read_headers,
    read_key,
    scope_of,
)

NAME = "LABELBEAM_TEST_KEY"


def config(**options: Any) -> ScoreConfig:
    return ScoreConfig(source="s", output="o", endpoint="https://host/score", **options)


@pytest.mark.parametrize("text", ["hunter2+/=", " hunter2+/=\n"])
def test_a_key_is_read_from_the_environment_or_a_file_without_blanks(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(NAME, text)
    file = tmp_path / "key.txt"
    file.write_text(text, encoding="utf-8-sig")
    assert read_key(KeySource(NAME, None, True)) == "hunter2+/="
    assert read_key(KeySource("UNSET", str(file), True)) == "hunter2+/="


@pytest.mark.parametrize("text", ["hunter2 secret", "hunter2\nsecret", "hunter2\u00e9", "hunter2\x07"])
def test_what_is_no_key_is_refused_without_being_repeated(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(NAME, text)
    file = tmp_path / "key.txt"
    file.write_text(text, encoding="utf-8")
    for source, where in ((KeySource(NAME, None, False), NAME), (KeySource(NAME, str(file), False), str(file))):
        with pytest.raises(UsageError, match="found text that is no key") as caught:
            read_key(source)
        assert where in str(caught.value) and "hunter2" not in str(caught.value)


def test_a_key_is_missed_only_where_one_is_required(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(NAME, raising=False)
    (tmp_path / "empty").touch()
    assert read_key(KeySource(NAME, None, False)) is None
    for source in (KeySource(NAME, None, True), KeySource(NAME, str(tmp_path / "empty"), False)):
        with pytest.raises(UsageError, match="holds no key here"):
            read_key(source)


@pytest.mark.parametrize(("content", "words"), [(None, "No such file"), (b"\xff\xfe\xff", "it is no text")])
def test_a_file_that_holds_no_text_is_named(content: bytes | None, words: str, tmp_path: Path) -> None:
    file = tmp_path / "key.txt"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(UsageError, match=f"--key-file {file}: cannot be read: {words}"):
        read_key(KeySource(NAME, str(file), False))


def test_a_key_is_required_where_its_place_was_named_or_the_driver_has_one() -> None:
    assert key_source(config()) == KeySource(DEFAULT_KEY, None, False)
    assert key_source(config(key_env="MINE")).required
    assert key_source(config(), required=True).required


def test_tokens_are_asked_for_only_in_place_of_a_key() -> None:
    assert scope_of(config()) is None
    assert scope_of(config(auth="entra")) == DEFAULT_SCOPE
    assert scope_of(config(auth="entra", auth_scope="api://x/.default")) == "api://x/.default"


def test_headers_are_those_given_and_those_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, " hunter2 ")
    headers = headers_of(config(header={"X-A": "1"}, header_env={"X-B": NAME}, deployment="blue"))
    assert headers.deployment == "blue"
    assert read_headers(headers) == {"X-A": "1", "X-B": "hunter2"}


@pytest.mark.parametrize(("value", "words"), [("", "nothing here"), ("hunter2\nX: y", "text that no header can hold")])
def test_a_variable_that_no_header_can_be_is_named_and_not_repeated(
    value: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(NAME, value)
    with pytest.raises(UsageError, match=f"--header-env X-B: the environment variable {NAME} holds {words}") as caught:
        read_headers(Headers(from_env=(("X-B", NAME),)))
    assert "hunter2" not in str(caught.value)


@given(st.text())
def test_a_value_of_a_header_holds_no_end_of_a_line(value: str) -> None:
    if is_header_value(value):
        assert value and value.encode("ascii") and not set(value) & set("\r\n\0\t")


def test_messages_repeat_no_secret_and_name_the_deployment_that_was_asked() -> None:
    sources = Headers((("User-Agent", "mine"), ("X-Team", "sesame7")), (("Accept", "V"),), "blue")
    options = hidden(
        "https://host/score?code=open9sesame",
        "hunter2",
        sources,
        {"X-Team": "sesame7", "Accept": "envsecret1", "azureml-model-deployment": "blue"},
    )
    told = redact("hunter2 sesame7 envsecret1 open9sesame blue", options)
    assert told.split() == ["***", "***", "***", "***", "blue"]


def test_the_header_of_a_deployment_is_known_in_any_case() -> None:
    assert is_deployment("AzureML-Model-Deployment") and not is_deployment("azureml-model")
