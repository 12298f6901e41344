"""No message repeats a credential, and what is none stays readable."""

from __future__ import annotations

import base64
import html
import json
import quopri
import time
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from labelbeam.transforms.messages.redact import hide_in_bytes, redact, stable, with_environment


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://me:HIDE@host/a.json", "https://***@host/a.json"),
        ("ftp://me:HI@DE@host/a.json: it does not exist", "ftp://***@host/a.json: it does not exist"),
        ("Invalid endpoint: me:HIDE@127.0.0.1:9000", "Invalid endpoint: ***@127.0.0.1:9000"),
        ("Invalid endpoint: me:HIDE@s3.example.org", "Invalid endpoint: ***@s3.example.org"),
        ("https://h/c?sv=2024&sig=HIDE%3D&se=1", "https://h/c?sv=***&sig=***&se=***"),
        ("404, url='https://h/c?X-Amz-Signature=HIDE'", "404, url='https://h/c?X-Amz-Signature=***'"),
        ("https://h/c?X-Goog-Credential=HIDE&a=1", "https://h/c?X-Goog-Credential=***&a=***"),
        ("https://h/c?AWSAccessKeyId=HIDE", "https://h/c?AWSAccessKeyId=***"),
        ("zip://a::https://h/c.zip?token=HIDE", "zip://a::https://h/c.zip?token=***"),
        ("AccountName=a;AccountKey=HIDE==;EndpointSuffix=core", "AccountName=a;AccountKey=***;EndpointSuffix=core"),
        ("no way in with password = HIDE", "no way in with password = ***"),
        # By where it stands, whatever it is called.
        ("https://h/api/score?code=HIDE: it does not exist", "https://h/api/score?code=***: it does not exist"),
        ("https://h/c?HIDE", "https://h/c?***"),
        ("https://h/c?a=HIDE;b=HIDE, again", "https://h/c?a=***;b=***, again"),
        ("https://HIDE@h/c", "https://***@h/c"),
        ("s3://HIDE:HIDE@h/c", "s3://***@h/c"),
        ("abfs://me:HIDE@h/c", "abfs://***@h/c"),
        (r"https:\/\/HIDE@h\/c?code=HI\/DE", r"https:\/\/***@h\/c?code=***"),
        ('{"url":"https://h/c?a=HIDE","n":1}', '{"url":"https://h/c?a=***","n":1}'),
        ("zip://a::https://HIDE@h/c.zip?x=HIDE", "zip://a::https://***@h/c.zip?x=***"),
        ("HTTPS://h/c?code=HIDE", "HTTPS://h/c?code=***"),
        ("abfs://c@a.dfs.core.windows.net/x?what=HIDE", "abfs://c@a.dfs.core.windows.net/x?what=***"),
        ("zip://a::gs://b/c.zip?userProject=HIDE", "zip://a::gs://b/c.zip?userProject=***"),
        ("https://h/c.json#access_token=HIDE&x=HIDE: gone", "https://h/c.json#access_token=***&x=***: gone"),
        ("https://h/c;jsessionid=HIDE", "https://h/c;jsessionid=***"),
    ],
)
def test_credentials_in_urls_and_connection_strings_are_hidden(text: str, shown: str) -> None:
    assert redact(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "abfs://container@account.dfs.core.windows.net/data",
        "https://host:8080/a@b/c.json",
        "zip://photos@2x/a::s3://bucket/a.zip",
        "s3://bucket/img?.json",
        "s3://bucket/a;b=2.json",
        "https://h/a#1.jpg; see https://h/b;",
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
        ({"pin": "hunter2hunter2"}, "refused: ***"),
        ({"headers": {"X-Anything": "hunter2hunter2"}}, "refused: ***"),
        ({"headers": {"Authorization": "Bearer hunter2hunter2"}}, "refused: ***"),
        ({"cookies": [["a", "hunter2hunter2"]]}, "refused: ***"),
        ({"endpoint_url": "https://hunter2hunter2@host"}, "refused: ***"),
        ({"endpoint": {"url": "https://host/score?code=hunter2hunter2"}}, "refused: ***"),
        ({"token": "hunt"}, "refused: hunter2hunter2"),
        ({"token": None, "key": b"hunter2"}, "refused: hunter2hunter2"),
        ({"connection_string": "AccountName=a;AccountKey=hunter2hunter2;Suffix=b"}, "refused: ***"),
        ({"endpoint_url": "https://host/?sig=hunter2%68unter2"}, "refused: ***"),
        ({"proxy": "http://me:hunter2hunter2@host"}, "refused: ***"),
    ],
)
def test_all_of_storage_options_is_secret_but_where_a_store_is(options: dict[str, Any], shown: str) -> None:
    assert redact("refused: hunter2hunter2", options) == shown


def test_a_secret_that_holds_another_is_hidden_whole() -> None:
    assert redact("abcdefgh", {"key": "abcde", "secret": "abcdefgh"}) == "***"


def test_a_secret_is_hidden_as_a_url_encodes_it() -> None:
    assert redact("at /a%2Fb%2Bc%3D and /a/b%2Bc%3D", {"secret": "a/b+c="}) == "at /*** and /***"


def test_lines_without_a_secret_stay_as_they_are() -> None:
    text = "a\n  b\\nc\r\n\r\nkey of\nmine %0A"
    assert redact(text, {"key": "abcdefgh"}) == text
    assert redact(f"{text}ab\n cdefgh.{text}", {"key": "abcdefgh"}) == f"{text}***.{text}"


@pytest.mark.parametrize("at", [5, 2**20 - 30, 2**20 - 8, 2**20])
@pytest.mark.parametrize("form", ["key-of-müne", "key-of-\\n m\\u00fcne"])
def test_a_secret_in_bytes_of_any_size_is_hidden_wherever_it_stands(at: int, form: str) -> None:
    data = b"\xff" * at + form.encode() + b"\n1" * 2**10
    assert hide_in_bytes(data, ("key-of-müne",)) == b"\xff" * at + b"***" + b"\n1" * 2**10


def test_bytes_without_a_secret_stay_as_they_are() -> None:
    data = bytes(range(256)) * (2**12 + 1)
    assert hide_in_bytes(data, ("key-of-mine",)) == data


SECRET = "AbCd/efGH12+3456=789xyz&KEY"


@pytest.mark.parametrize(
    "said",
    [
        SECRET,
        json.dumps(SECRET).replace("/", r"\/"),
        json.dumps(json.dumps({"key": SECRET.replace("/", r"\/")})),
        "".join(f"\\u{ord(character):04X}" for character in SECRET),
        "".join(f"\\x{ord(character):02x}" for character in SECRET),
        quote(SECRET, safe=""),
        quote(SECRET, safe="").replace("%2F", "%2f").replace("%3D", "%3d"),
        quote(quote(SECRET, safe=""), safe=""),
        quote_plus(SECRET),
        html.escape(SECRET),
        html.escape(html.escape(SECRET)),
        "".join(f"&#{ord(character)};" for character in SECRET),
        "".join(f"&#x{ord(character):X};" for character in SECRET),
        SECRET.replace("/", "&sol;").replace("+", "&plus;"),
        SECRET.encode().hex(),
        SECRET.encode().hex().upper(),
        SECRET.upper(),
        SECRET.lower(),
        quote(SECRET, safe="").lower(),
        *(end.join([SECRET[:9], SECRET[9:18], SECRET[18:]]) for end in ("\n", "\r\n  ", r"\n", r"\\r\\n", "%0A")),
        *(
            SECRET.encode(name).decode("latin-1")
            for name in ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be", "utf-16")
        ),
        *(json.dumps(SECRET.encode(name).decode("latin-1")) for name in ("utf-16-le", "utf-16-be", "utf-32-be")),
        repr(SECRET.encode("utf-16")),
        quote(SECRET.encode("utf-16-be")),
        SECRET.encode("utf-16-le").hex(),
        *(base64.b64encode(f"{before}{SECRET}".encode("utf-16-be")).decode() for before in ("", "a", "me")),
        quopri.encodestring(SECRET.encode()).decode(),
        *(end.join([SECRET[:9], SECRET[9:18], SECRET[18:]]) for end in ("=\n", "=\r\n", r"=\r\n")),
        "".join(f"={ord(character):02X}" for character in SECRET),
        quopri.encodestring(SECRET.encode()).decode().replace("=", "=\r\n="),
        "".join(f"\\{ord(character):03o}" for character in SECRET),
        "".join(f"\\u{{{ord(character):X}}}" for character in SECRET),
        base64.encodebytes(f"{SECRET}{SECRET}{SECRET}".encode()).decode(),
        *(base64.b64encode(f"{before}{SECRET}:{before}".encode()).decode() for before in ("", "a", "me:")),
        *(base64.urlsafe_b64encode(f"{before}{SECRET}".encode()).decode() for before in ("", "a", "me")),
    ],
)
def test_a_secret_is_hidden_in_any_encoding_in_which_it_may_come_back(said: str) -> None:
    shown = redact(f"<{said}>", {"key": SECRET})
    assert "***" in shown
    rest = shown.replace("***", "")
    assert len(rest) <= 24, rest  # Marks around it, and what its neighbours in base64 decide about too.


HALF = 100_000


@pytest.mark.parametrize(
    "text",
    [
        "a." * HALF + "jpg",
        "a:" * HALF,
        "a@" * HALF,
        "a:b@1.2.3" * (HALF // 4),
        "http://" * (HALF // 3),
        "https://x?" * (HALF // 5),
        "?" * 2 * HALF + "http",
        "http://h?" + "\\" * 2 * HALF,
        "://a" * (HALF // 2),
        "x=a&" * (HALF // 2),
        "token" * (HALF // 2),
        "sig " + " " * 2 * HALF,
        "\\" * 2 * HALF,
        "%25" * HALF,
        "&amp;" * HALF,
        "h.h." * HALF + "@" + "h.h." * HALF,
        "file://" * (HALF // 4) + "?a=b",
        "http://h#" * (HALF // 5),
        "a+-." * HALF + "?" + ";" * HALF,
        "abcd\n" * HALF,
        r"\n" * HALF,
        "\\" * 2 * HALF + "n",
        "AAAAAAAA\n" * (HALF // 4),
        "=" * 2 * HALF,
        "=\n" * HALF,
        "= " * HALF + "\n",
        "=41" * HALF,
        r"\101" * (HALF // 2),
        r"\u{0041}" * (HALF // 4),
    ],
    ids=lambda text: repr(text[:10]),
)
def test_time_grows_no_faster_than_the_text(text: str) -> None:
    began = time.process_time()
    redact(text, {"key": SECRET, "other": "aaaaaaaa"})
    assert time.process_time() - began < 5  # Quadratic: many minutes.


def test_a_url_is_the_same_data_under_another_signature_and_user_and_other_data_under_another_version() -> None:
    assert stable("https://a:b@h/c?v=1&sig=x&se=1") == stable("https://c@h/c?v=1&sig=y&se=2")
    assert stable("https://h/c?v=1") != stable("https://h/c?v=2")


def test_what_is_secret_in_the_configuration_of_fsspec_is_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    configured = {
        "http": {"headers": {"Authorization": "Bearer of-fsspec-1"}},
        "s3": {"secret": "of-fsspec-2", "region": "eu-west-1"},
    }
    monkeypatch.setattr("fsspec.config.conf", configured)
    shown = redact("of-fsspec-1 of-fsspec-2 of-options eu-west-1", with_environment({"key": "of-options"}))
    assert shown == "*** *** *** eu-west-1"
