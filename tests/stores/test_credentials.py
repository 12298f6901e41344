"""No credential stands in what a run says, logs or publishes, whichever way it came, however the run ends, debugging or not."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, quote

import pytest
from azure.storage.blob import ContainerSasPermissions, generate_container_sas

from tests.end_to_end.builds import labelbeam
from tests.servers.faults import Faults
from tests.servers.fixtures import Proxied
from tests.servers.stores import AZURE_ACCOUNT, AZURE_KEY, AzureStore, HttpStore, S3Store, Store
from tests.stores.credentials import (
    BASE,
    KEY,
    PASSWORD,
    SECRET,
    SIGNATURE,
    TOKEN,
    commands,
    hidden,
    local_texts,
    run,
    s3_options,
    texts,
)

pytestmark = [
    pytest.mark.usefixtures("debugging"),
    pytest.mark.filterwarnings("ignore:Sending a large body directly:ResourceWarning"),  # As in test_proxy.
]


@pytest.mark.server
def test_s3_keys_in_storage_options(s3_store: S3Store, raw_with_oddities: Path, tmp_path: Path) -> None:
    s3_store.upload(raw_with_oddities)
    options = s3_options(s3_store)
    file = tmp_path / "storage.json"
    file.write_text(json.dumps(options))
    source = (s3_store.url("odd.json"), s3_store.url("built"), "--images", s3_store.url("coco/images"))
    for arguments in commands(*source, "--copy-images", s3_store.url("copies")):
        said = labelbeam(*arguments, "--storage-options", f"@{file}")
        # Without --images, inspect finds none of them: a build would be refused.
        assert said.status == (3 if arguments[0] == "inspect" else 0), said.err
        hidden([KEY, SECRET, TOKEN], {"stdout": said.out, "stderr": said.err})
    hidden([KEY, SECRET, TOKEN], texts(s3_store.files()))
    for arguments in commands("s3://no-such-bucket/odd.json", "s3://no-such-bucket/built"):
        ran = run(*arguments, storage=options)
        assert ran.status != 0
        hidden([KEY, SECRET, TOKEN], ran.said)


FAULTS = {
    "forbidden": Faults(refused=1, status=403),
    "unauthorised": Faults(refused=1, status=401),
    "forbidden to read": Faults(refused=1, status=403, methods=("GET",)),
    "forbidden to write": Faults(refused=1, status=403, methods=("PUT", "POST")),
    "unavailable": Faults(refused=1),
    "reset": Faults(reset=1),
    "cut": Faults(cut=1),
    "short": Faults(short=1),
    "lost": Faults(lost=1, methods=("PUT",)),
}


class Way(NamedTuple):
    """How a place is opened, and the secrets in it."""

    storage: dict[str, Any] | None
    environment: dict[str, str]
    secrets: list[str]


def azure_sas(store: AzureStore) -> str:
    """A valid signature for the container."""
    token: str = generate_container_sas(
        AZURE_ACCOUNT,
        store.name,
        account_key=AZURE_KEY,
        permission=ContainerSasPermissions(read=True, write=True, list=True, delete=True, create=True, add=True),
        expiry=datetime.now(UTC) + timedelta(hours=1),
        protocol="https,http",
    )
    return token


def _s3_inline(store: Store) -> Way:
    assert isinstance(store, S3Store)
    return Way(s3_options(store), {}, [KEY, SECRET, TOKEN])


def _s3_environment(store: Store) -> Way:
    names = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_SESSION_TOKEN": TOKEN}
    return Way(None, store.environment | names, [KEY, SECRET, TOKEN])


def _azure_inline(store: Store) -> Way:
    return Way(store.storage_options, {}, [AZURE_KEY])


def _azure_environment(store: Store) -> Way:
    return Way(None, store.environment, [AZURE_KEY])


def _azure_signature(store: Store) -> Way:
    assert isinstance(store, AzureStore)
    sas = azure_sas(store)
    text = f"BlobEndpoint={store.endpoint}/{AZURE_ACCOUNT};SharedAccessSignature={sas}"
    return Way({"az": {"connection_string": text}}, {}, parse_qs(sas)["sig"])


def _azure_signature_in_environment(store: Store) -> Way:
    assert isinstance(store, AzureStore)
    sas = azure_sas(store)
    text = f"BlobEndpoint={store.endpoint}/{AZURE_ACCOUNT};SharedAccessSignature={sas}"
    return Way(None, {"AZURE_STORAGE_CONNECTION_STRING": text}, parse_qs(sas)["sig"])


WAYS: dict[str, tuple[str, Callable[[Store], Way]]] = {
    "s3 inline": ("s3_store", _s3_inline),
    "s3 environment": ("s3_store", _s3_environment),
    "azure inline": ("azure_store", _azure_inline),
    "azure environment": ("azure_store", _azure_environment),
    "azure signature": ("azure_store", _azure_signature),
    "azure signature in environment": ("azure_store", _azure_signature_in_environment),
}


@pytest.mark.server
@pytest.mark.parametrize("way", WAYS)
def test_keys_and_signatures_through_every_fault(
    way: str, raw_with_oddities: Path, request: pytest.FixtureRequest, proxied: Proxied, monkeypatch: pytest.MonkeyPatch
) -> None:
    fixture, opened = WAYS[way]
    store: Store = request.getfixturevalue(fixture)
    store.write(
        {
            "odd.json": (raw_with_oddities / "odd.json").read_bytes(),
            "coco/images/a/1.jpg": (raw_with_oddities / "coco/images/a/1.jpg").read_bytes(),
        }
    )
    through, proxy = proxied(store)
    given = opened(through)
    for name, value in given.environment.items():
        monkeypatch.setenv(name, value)
    arguments = ("convert", *BASE, "--source", store.url("odd.json"), "--images", store.url("coco/images"))
    for fault in FAULTS if way.endswith("inline") else ("forbidden", "unavailable", "reset", "cut"):
        rule = FAULTS[fault]
        proxy.suffer(rule, seed=1)
        ran = run(*arguments, "--output", store.url("built"), storage=given.storage)
        assert ran.status != 0 or fault == "lost", fault
        hidden(given.secrets, ran.said)
    proxy.suffer()
    ran = run(*arguments, "--output", store.url("built"), storage=given.storage)
    assert ran.status == 0, ran.said
    hidden(given.secrets, ran.said | texts(store.files()))


@pytest.mark.server
@pytest.mark.parametrize("server", ["http_store", "plain_http_store"])
def test_passwords_and_signatures_in_addresses_of_the_web(
    server: str, raw_with_oddities: Path, tmp_path: Path, request: pytest.FixtureRequest, proxied: Proxied
) -> None:
    store: HttpStore = request.getfixturevalue(server)
    store.upload(raw_with_oddities)
    through, proxy = proxied(store)
    login = through.endpoint.replace("http://", f"http://user:{quote(PASSWORD)}@")
    query = f"?sv=2024&X-Amz-Signature={quote(SIGNATURE, safe='')}&sig={quote(SIGNATURE, safe='')}"
    secrets = [PASSWORD, SIGNATURE]
    named = ("--image-url", "https://images.example.org/")
    output = tmp_path / "built"
    for rule in (Faults(), *(FAULTS[fault] for fault in ("forbidden", "unavailable", "reset", "cut", "short"))):
        proxy.suffer(rule, seed=1)
        for number, root in enumerate((f"{login}/{store.name}", through.root)):
            source, images = (f"{root}/{path}{query if number else ''}" for path in ("odd.json", "coco/images"))
            ran = run("convert", *BASE, *named, "--source", source, "--output", output, "--images", images, "--json")
            hidden(secrets, ran.said)
            assert (ran.status == 0) == (rule == Faults()), ran.said
            if number:
                continue
            unnamed = run("convert", *BASE, "--source", source, "--output", output)  # Records would name the images so.
            assert unnamed.status != 0
            hidden(secrets, unnamed.said)
    proxy.suffer()
    for name in ("fractions.json", "*.json"):
        source, images = (f"{login}/{store.name}/{path}" for path in (name, "coco/images"))
        ran = run("convert", *BASE, *named, "--source", source, "--output", output, "--images", images)
        assert ran.status == 0, ran.said
        hidden(secrets, ran.said)
    missing = run("convert", *BASE, "--source", f"{login}/none.json{query}", "--output", output)
    assert missing.status != 0
    hidden(secrets, missing.said | local_texts(output))


@pytest.mark.server
def test_passwords_and_signatures_around_archives_and_in_targets(
    http_store: HttpStore, raw_with_oddities: Path, tmp_path: Path
) -> None:
    (http_store.folder / "d.zip").write_bytes(b"no archive")
    login = http_store.root.replace("http://", f"http://user:{quote(PASSWORD)}@")
    query = f"?sig={quote(SIGNATURE, safe='')}"
    for number, url in enumerate(
        (f"zip://::{login}/d.zip{query}", f"tar://x::{login}/none.tar{query}", f"{login}{query}")
    ):
        for source, output in ((url, str(tmp_path / f"built{number}")), (str(raw_with_oddities / "odd.json"), url)):
            ran = run("convert", *BASE, "--source", source, "--output", output)
            assert ran.status != 0
            hidden([PASSWORD, SIGNATURE], ran.said)
    for option in ("--images", "--copy-images", "--image-url"):
        ran = run(
            "convert",
            *BASE,
            "--source",
            raw_with_oddities / "odd.json",
            "--output",
            tmp_path / "other",
            option,
            f"{login}{query}",
        )
        hidden([PASSWORD, SIGNATURE], ran.said | local_texts(tmp_path / "other"))
