"""Options, files and environments that a store refuses: what is said of them repeats no secret."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.servers.stores import AZURE_KEY, AzureStore
from tests.stores.credentials import (
    BASE,
    KEY,
    OTHER_KEY,
    PASSWORD,
    SECRET,
    SIGNATURE,
    TOKEN,
    commands,
    hidden,
    run,
)

pytestmark = [
    pytest.mark.usefixtures("debugging"),
    pytest.mark.filterwarnings("ignore:Sending a large body directly:ResourceWarning"),  # As in test_proxy.
]


WRONG: dict[str, dict[str, Any]] = {
    "s3, an option that there is not": {"s3": {"secret_key": SECRET, "secret": SECRET}},
    "s3, no address": {"s3": {"key": KEY, "secret": SECRET, "endpoint_url": f"no:{PASSWORD}@address"}},
    "s3, no mapping": {"s3": {"client_kwargs": {"aws_secret_access_key": SECRET, "nonsense": SECRET}}},
    "s3, text": {"s3": SECRET},
    "s3, credentials side by side": {"s3": {"key": KEY, "secret": SECRET, "client_kwargs": {"aws_access_key_id": KEY}}},
    "azure, half a connection string": {"az": {"connection_string": f"AccountKey={OTHER_KEY}"}},
    "azure, another connection string": {"az": {"connection_string": f"x {OTHER_KEY} y"}},
    "azure, no base64": {"az": {"account_name": "a", "account_key": f"!{PASSWORD}!"}},
    "azure, a signature": {"az": {"account_name": "a.invalid", "sas_token": f"sv=1&sig={quote(SIGNATURE, safe='')}"}},
    "azure, an address": {
        "az": {"connection_string": f"BlobEndpoint=http://127.0.0.1:1/a;SharedAccessSignature=sv=1&sig={SIGNATURE}"}
    },
    "google, a private key": {
        "gs": {"token": {"type": "service_account", "private_key": SECRET, "client_email": "a@b", "token_uri": "x"}}
    },
    "google, a file": {"gs": {"token": f"/no/{PASSWORD}.json"}},
    "google, a refresh token": {
        "gs": {
            "token": {
                "type": "authorized_user",
                "client_id": "x",
                "client_secret": SECRET,
                "refresh_token": TOKEN,
                "token_uri": "http://127.0.0.1:1/token",
            }
        }
    },
    "http, a header": {"http": {"headers": {"Authorization": f"Bearer {TOKEN}"}}},
    "http, a wrong header": {"http": {"headers": {"Authorization": f"Bearer {TOKEN}\n"}}},
    "http, a proxy": {"http": {"proxy": f"http://user:{PASSWORD}@127.0.0.1:1"}},
    "http, text": {"http": {"headers": f"Authorization: Bearer {TOKEN}"}},
    "http, an option that there is not": {"http": {"password": PASSWORD}},
    "http, a session's": {"http": {"client_kwargs": {"headers": {"X-Api-Key": TOKEN}, "nonsense": 1}}},
}

SECRETS = [KEY, SECRET, TOKEN, PASSWORD, SIGNATURE, OTHER_KEY]

PLACES = {
    "s3": "s3://bucket/data",
    "az": "az://container/data",
    "gs": "gs://bucket/data",
    "http": "http://127.0.0.1:1/data",
}


@pytest.mark.parametrize("name", WRONG)
def test_options_that_a_store_refuses(
    name: str, raw_with_oddities: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    options = WRONG[name]
    place = PLACES[next(iter(options))]
    file = tmp_path / "storage.json"
    file.write_text(json.dumps(options))
    config = tmp_path / "build.yaml"
    config.write_text(json.dumps({"source": place, "output": str(tmp_path / "built"), "storage_options": options}))
    task = ("--task", "image_object_detection")
    for arguments in (
        ("convert", *task, "--source", place, "--output", tmp_path / "built", "--storage-options", json.dumps(options)),
        (
            "convert",
            *task,
            "--source",
            raw_with_oddities / "odd.json",
            "--output",
            place,
            "--storage-options",
            f"@{file}",
        ),
        ("convert", *task, config),
        ("verify", place, "--storage-options", json.dumps(options)),
    ):
        ran = run(*arguments)
        assert ran.status != 0
        hidden(SECRETS, ran.said)
    assert not (tmp_path / "built/latest.json").exists()


@pytest.mark.parametrize(
    "text",
    [
        f'{{"s3": {{"key": "{KEY}", "secret": "{SECRET}"',
        f"{{s3: {{key: {KEY}, secret: {SECRET}}}}}",
        f'"{SECRET}"',
        f'["{SECRET}"]',
        f"AccountName=a;AccountKey={OTHER_KEY}",
        f'{{"s3": "{SECRET}"}}',
        f'{{"{SECRET}": {{}}}}',
    ],
)
def test_options_that_are_no_options(text: str, raw_with_oddities: Path, tmp_path: Path) -> None:
    file = tmp_path / "storage.json"
    file.write_text(text)
    for given in (text, f"@{file}"):
        ran = run(
            *("convert", *BASE, "--source", "s3://bucket/data", "--output", tmp_path / "built"),
            "--storage-options",
            given,
        )
        assert ran.status in (1, 2)
        hidden(SECRETS, ran.said)
    unquoted = run("verify", "s3://bucket/data", "--storage-options", *text.split())
    assert unquoted.status != 0
    hidden(SECRETS, unquoted.said)


@pytest.mark.server
def test_a_key_that_azure_refuses(azure_store: AzureStore, raw_with_oddities: Path) -> None:
    azure_store.upload(raw_with_oddities)
    text = azure_store.connection_string.replace(AZURE_KEY, OTHER_KEY)
    for arguments in commands(azure_store.url("odd.json"), azure_store.url("built")):
        ran = run(*arguments, storage={"az": {"connection_string": text}})
        assert ran.status != 0
        hidden([OTHER_KEY], ran.said)


@pytest.mark.parametrize(
    ("protocol", "environment"),
    [
        ("az", {"AZURE_STORAGE_CONNECTION_STRING": f"x {OTHER_KEY} y"}),
        ("az", {"AZURE_STORAGE_CONNECTION_STRING": f"BlobEndpoint=http://127.0.0.1:1/a;AccountKey={OTHER_KEY}"}),
        ("az", {"AZURE_STORAGE_ACCOUNT_NAME": "a.invalid", "AZURE_STORAGE_ACCOUNT_KEY": f"!{PASSWORD}!"}),
        ("az", {"AZURE_STORAGE_ACCOUNT_NAME": "a.invalid", "AZURE_STORAGE_SAS_TOKEN": f"sv=1&sig={quote(SIGNATURE)}"}),
        ("s3", {"AWS_SECRET_ACCESS_KEY": SECRET, "AWS_ENDPOINT_URL": f"http://u:{PASSWORD}@127.0.0.1:1"}),
        ("s3", {"AWS_SECRET_ACCESS_KEY": SECRET, "AWS_ENDPOINT_URL": f"u:{PASSWORD}@127.0.0.1:1"}),
        ("gs", {"GOOGLE_APPLICATION_CREDENTIALS": f"/no/{PASSWORD}.json"}),
        ("http", {"http_proxy": f"http://user:{PASSWORD}@127.0.0.1:1", "no_proxy": ""}),
    ],
)
def test_an_environment_that_a_store_refuses(
    protocol: str, environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("NO_GCE_CHECK", "true")  # Google's package looks for a server of its own cloud.
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    place = PLACES[protocol]
    for arguments in (("convert", *BASE, "--source", place, "--output", tmp_path / "built"), ("verify", place)):
        ran = run(*arguments)
        assert ran.status != 0
        hidden(SECRETS, ran.said)
