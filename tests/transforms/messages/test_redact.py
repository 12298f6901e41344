"""No message repeats a credential, and what is none stays readable."""

from __future__ import annotations

from typing import Any

import pytest

from labelbeam.transforms.messages.redact import redact


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://me:HIDE@host/a.json", "https://***@host/a.json"),
        ("ftp://me:HI@DE@host/a.json: it does not exist", "ftp://***@host/a.json: it does not exist"),
        ("Invalid endpoint: me:HIDE@127.0.0.1:9000", "Invalid endpoint: ***@127.0.0.1:9000"),
        ("Invalid endpoint: me:HIDE@s3.example.org", "Invalid endpoint: ***@s3.example.org"),
        ("https://h/c?sv=2024&sig=HIDE%3D&se=1", "https://h/c?sv=2024&sig=***&se=1"),
        ("404, url='https://h/c?X-Amz-Signature=HIDE'", "404, url='https://h/c?X-Amz-Signature=***'"),
        ("https://h/c?X-Goog-Credential=HIDE&a=1", "https://h/c?X-Goog-Credential=***&a=1"),
        ("https://h/c?AWSAccessKeyId=HIDE", "https://h/c?AWSAccessKeyId=***"),
        ("zip://a::https://h/c.zip?token=HIDE", "zip://a::https://h/c.zip?token=***"),
        ("AccountName=a;AccountKey=HIDE==;EndpointSuffix=core", "AccountName=a;AccountKey=***;EndpointSuffix=core"),
        ("no way in with password = HIDE", "no way in with password = ***"),
    ],
)
def test_credentials_in_urls_and_connection_strings_are_hidden(text: str, shown: str) -> None:
    assert redact(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "abfs://container@account.dfs.core.windows.net/data",
        "https://host:8080/a@b/c.json?version=3",
        "file:///data/a:b@2.0.1/c.jpg: icon:home@2x.png",
        "12:30:04 someone@host.example.org",
        "file:///data/key=1/token=2/a b?c=d.jpg",
        "s3://bucket/secret/password.jpg",
        "",
    ],
)
def test_what_is_no_credential_stays(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ({"secret": "hunter2hunter2"}, "refused: ***"),
        ({"target_options": {"connection_string": "hunter2hunter2"}}, "refused: ***"),
        ({"account_key": "hunter2"}, "refused: ******"),
        ({"endpoint_url": "hunter2hunter2"}, "refused: hunter2hunter2"),
        ({"token": "hunt"}, "refused: hunter2hunter2"),
        ({"token": None, "key": b"hunter2"}, "refused: hunter2hunter2"),
        ({"connection_string": "AccountName=a;AccountKey=hunter2hunter2;Suffix=b"}, "refused: ***"),
        ({"endpoint_url": "https://host/?sig=hunter2%68unter2"}, "refused: ***"),
        ({"proxy": "http://me:hunter2hunter2@host"}, "refused: ***"),
    ],
)
def test_secrets_among_storage_options_are_hidden_by_the_options_names(options: dict[str, Any], shown: str) -> None:
    assert redact("refused: hunter2hunter2", options) == shown


def test_a_secret_that_holds_another_is_hidden_whole() -> None:
    assert redact("abcdefgh", {"key": "abcde", "secret": "abcdefgh"}) == "***"


def test_a_secret_is_hidden_as_a_url_encodes_it() -> None:
    assert redact("at /a%2Fb%2Bc%3D and /a/b%2Bc%3D", {"secret": "a/b+c="}) == "at /*** and /***"
