"""No credential stands in what a run says, logs or publishes, whichever way it came, however the run ends, debugging or not."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, quote

import fsspec
import pytest
from azure.storage.blob import ContainerSasPermissions, generate_container_sas

from labelbeam.transforms.stores import retries
from tests.end_to_end.builds import labelbeam
from tests.end_to_end.datasets import coco, coco_box, coco_image
from tests.servers.faults import Faults
from tests.servers.fixtures import Proxied
from tests.servers.stores import AZURE_ACCOUNT, AZURE_KEY, AzureStore, HttpStore, S3Store, Store
from tests.stores.raw_data import write_raw_data

pytestmark = pytest.mark.filterwarnings("ignore:Sending a large body directly:ResourceWarning")  # As in test_proxy.

KEY = "AKIAHIDDENHIDDEN0123"
SECRET = "wJalrHIDDEN+secret/of=S3"
TOKEN = "FwoGZXHIDDEN/session+token=="
PASSWORD = "HIDDEN-pass_word~1"
SIGNATURE = "HIDDEN+sig/na3ture="
OTHER_KEY = "SElEREVOSElEREVOSElEREVOSElEREVOSElEREVOSElEREVO"

BASE = ("--task", "image_object_detection", "--check-images", "header", "--max-rejected", "1")


@pytest.fixture(autouse=True)
def debugging(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Run with LABELBEAM_DEBUG, which adds to what is said otherwise, with short waits; leave logging as it was."""
    monkeypatch.setenv("LABELBEAM_DEBUG", "1")
    monkeypatch.setattr(retries, "FIRST_WAIT", 0.001)
    monkeypatch.setattr(retries, "LONGEST_WAIT", 0.01)
    monkeypatch.setattr(retries, "QUIET", 0.0)
    for protocol in ("s3", "az", "gs"):  # Stores that are open keep what they once found in the environment.
        fsspec.get_filesystem_class(protocol).clear_instance_cache()
    loggers = [logging.getLogger(name) for name in (None, "labelbeam", "pipelines", "transforms")]
    before = [(logger, logger.handlers, logger.level) for logger in loggers]
    yield
    for logger, handlers, level in before:
        logger.handlers, logger.level = handlers, level
    logging.captureWarnings(False)


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """A dataset in each format; in `odd.json`, records that are rejected, of which one has no image.

    In `fractions.json`, boxes are fractions of the image, which is warned of.
    """
    root = write_raw_data(tmp_path / "data")
    images = [coco_image(0, "a/1.jpg"), coco_image(1, "none.jpg"), coco_image(2, "a/1.jpg"), coco_image(3, "../3.jpg")]
    (root / "odd.json").write_text(json.dumps(coco(images, [coco_box(1, 0, "no box"), coco_box(2, 9), coco_box(3, 0)])))
    boxes = [coco_box(number, 0, (0.1, 0.2, 0.3, 0.4)) for number in range(9)]
    (root / "fractions.json").write_text(json.dumps(coco([coco_image(0, "a/1.jpg")], boxes)))
    return root


def forms(secret: str) -> set[str]:
    """The secret as it is, and as URLs and JSON encode it."""
    return {secret, quote(secret, safe=""), quote(secret), json.dumps(secret)[1:-1]}


def hidden(secrets: Sequence[str], places: Mapping[str, str]) -> None:
    """None of the secrets stands anywhere, nor a good part of one that something cut off."""
    for secret in secrets:
        for form in forms(secret):
            parts = {form, form[: max(10, len(form) * 2 // 3)], form[-max(10, len(form) * 2 // 3) :]}
            for name, text in places.items():
                for part in parts:
                    assert part not in text, f"{name}: {_around(text, part)}"


def _around(text: str, part: str) -> str:
    at = text.index(part)
    return text[max(0, at - 200) : at + len(part) + 50]


class Ran(NamedTuple):
    """What a run ended with, and what it said."""

    status: int
    said: dict[str, str]


def run(*arguments: str | Path, storage: Mapping[str, Any] | None = None) -> Ran:
    """Run the command in this process."""
    options = ("--storage-options", json.dumps(storage)) if storage is not None else ()
    answer = labelbeam(*arguments, *options)
    return Ran(answer.status, {"stdout": answer.out, "stderr": answer.err})


def texts(files: Mapping[str, bytes]) -> dict[str, str]:
    """Files as text, whatever they are."""
    return {path: data.decode("latin-1") for path, data in files.items()}


def local_texts(root: Path) -> dict[str, str]:
    """The same of a local directory."""
    return texts({str(path): path.read_bytes() for path in root.rglob("*") if path.is_file()})


def commands(source: str, output: str, *more: str) -> list[tuple[str, ...]]:
    """Each command that opens a store, on one dataset."""
    return [
        ("convert", *BASE, "--source", source, "--output", output, *more),
        ("convert", *BASE, "--source", source, "--output", output, *more, "--if-changed", "--json"),
        ("inspect", source, "--check-images", "header"),
        ("verify", output),
    ]


def s3_options(store: S3Store) -> dict[str, Any]:
    """Options of S3 with a secret in each place that takes one."""
    options = store.storage_options["s3"]
    return {"s3": options | {"key": KEY, "secret": SECRET, "token": TOKEN}}


@pytest.mark.server
def test_s3_keys_in_storage_options(s3_store: S3Store, raw: Path, tmp_path: Path) -> None:
    s3_store.upload(raw)
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
    way: str, raw: Path, request: pytest.FixtureRequest, proxied: Proxied, monkeypatch: pytest.MonkeyPatch
) -> None:
    fixture, opened = WAYS[way]
    store: Store = request.getfixturevalue(fixture)
    store.write(
        {"odd.json": (raw / "odd.json").read_bytes(), "coco/images/a/1.jpg": (raw / "coco/images/a/1.jpg").read_bytes()}
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
    server: str, raw: Path, tmp_path: Path, request: pytest.FixtureRequest, proxied: Proxied
) -> None:
    store: HttpStore = request.getfixturevalue(server)
    store.upload(raw)
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
    http_store: HttpStore, raw: Path, tmp_path: Path
) -> None:
    (http_store.folder / "d.zip").write_bytes(b"no archive")
    login = http_store.root.replace("http://", f"http://user:{quote(PASSWORD)}@")
    query = f"?sig={quote(SIGNATURE, safe='')}"
    for number, url in enumerate(
        (f"zip://::{login}/d.zip{query}", f"tar://x::{login}/none.tar{query}", f"{login}{query}")
    ):
        for source, output in ((url, str(tmp_path / f"built{number}")), (str(raw / "odd.json"), url)):
            ran = run("convert", *BASE, "--source", source, "--output", output)
            assert ran.status != 0
            hidden([PASSWORD, SIGNATURE], ran.said)
    for option in ("--images", "--copy-images", "--image-url"):
        ran = run(
            "convert", *BASE, "--source", raw / "odd.json", "--output", tmp_path / "other", option, f"{login}{query}"
        )
        hidden([PASSWORD, SIGNATURE], ran.said | local_texts(tmp_path / "other"))


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
def test_options_that_a_store_refuses(name: str, raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
        ("convert", *task, "--source", raw / "odd.json", "--output", place, "--storage-options", f"@{file}"),
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
def test_options_that_are_no_options(text: str, raw: Path, tmp_path: Path) -> None:
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
def test_a_key_that_azure_refuses(azure_store: AzureStore, raw: Path) -> None:
    azure_store.upload(raw)
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
