"""Requests for objects that are made like one of botocore's."""

from __future__ import annotations

import asyncio
import base64
import zlib
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from aiobotocore.awsrequest import AioAWSResponse
from botocore import UNSIGNED
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest, AWSResponse
from botocore.credentials import Credentials
from botocore.session import get_session

from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.remote import s3_objects
from labelbeam.transforms.stores.remote.s3_objects import Asking, Objects, answered, model_of, request_like
from tests.servers.stores import S3Store

ODD = "a b/ü+%/x~*'(1).jpg"


def asked(key: str, unsigned: bool = False, endpoint: str | None = "https://s3.example:9000", **more: Any) -> Any:
    """The request that botocore makes for an object."""
    secrets = {"aws_access_key_id": "k", "aws_secret_access_key": "s", "aws_session_token": "t"}
    client = get_session().create_client("s3", "eu-west-1", endpoint_url=endpoint, **secrets)
    if unsigned:
        client.meta.events.register("choose-signer.s3.*", lambda **_: UNSIGNED)
    current = Asking()
    token = s3_objects.asking.set(current)
    client.meta.events.register("before-send.s3.GetObject", answered)
    client.meta.events.register(
        "before-send.s3.GetObject",
        lambda request, **_: AWSResponse(
            request.url, 200, {"content-length": "0"}, SimpleNamespace(read=lambda: b"", stream=lambda: iter([]))
        ),
    )
    try:
        client.get_object(Bucket="bucket", Key=key, **more)
    finally:
        s3_objects.asking.reset(token)
    (request,) = current.requests
    return request


@pytest.mark.parametrize("endpoint", ["https://s3.example:9000", "http://localhost", "http://[::1]:80/below", None])
@pytest.mark.parametrize("token", ["t", None])
@pytest.mark.parametrize("wanted", ["", "bytes=0-9"])
def test_a_request_is_signed_as_botocore_signs_it(endpoint: str | None, token: str | None, wanted: str) -> None:
    model = model_of(None, asked("first", endpoint=endpoint), "first")
    assert model is not None
    credentials = Credentials("key", "secret", token)
    made = request_like(model, ODD, wanted, credentials, datetime.now(UTC))
    theirs = asked(ODD, endpoint=endpoint)
    assert made.url == theirs.url
    assert made.headers["user-agent"] == theirs.headers["User-Agent"].decode()

    headers = {name: value for name, value in made.headers.items() if name != "authorization"}
    expected = AWSRequest("GET", made.url, headers)
    S3SigV4Auth(credentials, "s3", "eu-west-1").add_auth(expected)
    now = datetime.strptime(expected.headers["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    made = request_like(model, ODD, wanted, credentials, now)
    assert made.headers["authorization"] == expected.headers["Authorization"]


def test_nothing_is_signed_where_botocore_did_not() -> None:
    model = model_of(None, asked("first", unsigned=True), "first")
    assert model is not None
    made = request_like(model, "second", "", None, datetime.now(UTC))
    assert "authorization" not in made.headers and made.url.endswith("/bucket/second")


@pytest.mark.parametrize(
    "odd",
    [
        {"VersionId": "1"},
        {"IfMatch": "1"},
        {"ExpectedBucketOwner": "1"},
        {"SSECustomerKey": "0" * 32, "SSECustomerAlgorithm": "AES256"},
    ],
)
def test_a_request_that_asks_for_more_is_no_model(odd: dict[str, Any]) -> None:
    assert model_of(None, asked("first"), "first") is not None
    assert model_of(None, asked("first", **odd), "first") is None


def test_a_request_for_another_key_or_signed_in_another_way_is_no_model() -> None:
    assert model_of(None, asked("first"), "second") is None
    request = asked("first")
    del request.headers["Authorization"]
    request.headers["Authorization"] = "AWS4-ECDSA-P256-SHA256 Credential=k/20260101/s3/aws4_request, "
    assert model_of(None, request, "first") is None
    assert model_of(None, SimpleNamespace(**vars(asked("first")) | {"context": None}), "first") is None


class Client:
    """A client of one kind of answer, with credentials that are renewed each time."""

    def __init__(
        self, status: int = 200, body: bytes = b"data", error: Exception | None = None, **headers: str
    ) -> None:
        self.requests: list[Any] = []
        self.meta = SimpleNamespace(service_model=get_session().get_service_model("s3"))
        self._request_signer = SimpleNamespace(_credentials=self)
        self._endpoint = SimpleNamespace(http_session=self)
        self._status, self._body, self._error = status, body, error
        self._headers = {name.replace("_", "-"): value for name, value in headers.items()}
        self.closed = 0

    async def get_frozen_credentials(self) -> Credentials:
        """Other ones than before."""
        return Credentials(f"key{len(self.requests)}", "secret", f"token{len(self.requests)}")

    async def send(self, request: Any) -> AioAWSResponse:
        """Answer."""
        self.requests.append(request)
        if self._error is not None:
            raise self._error

        async def read(*_: Any) -> bytes:
            return self._body

        raw = SimpleNamespace(read=read, content=SimpleNamespace(read=read), close=self._close)
        return AioAWSResponse(request.url, self._status, self._headers, raw)

    def _close(self) -> None:
        self.closed += 1


def read(client: Client, wanted: str = "", times: int = 1, **more: Any) -> list[bytes | None]:
    """What comes of reading an object so many times, the request for another one being the model."""
    objects = Objects()
    objects.learn(client, "bucket", "first", asked("first", **more))

    async def run() -> list[bytes | None]:
        return [await objects.read(client, "bucket", "second", wanted, Asking()) for _ in range(times)]

    return asyncio.run(run())


def test_each_request_is_signed_with_the_credentials_of_its_moment() -> None:
    client = Client()
    assert read(client, times=2) == [b"data", b"data"]
    first, second = (request.headers for request in client.requests)
    assert "Credential=key0/" in first["authorization"] and first["x-amz-security-token"] == "token0"
    assert "Credential=key1/" in second["authorization"] and second["x-amz-security-token"] == "token1"
    assert client.closed == 2


@pytest.mark.parametrize(
    ("client", "wanted"),
    [
        *((Client(status), "") for status in (206, 301, 307, 403, 404, 503)),
        (Client(200), "bytes=0-3"),
        (Client(error=OSError("reset")), ""),
        (Client(x_amz_checksum_crc32=base64.b64encode(b"none").decode()), ""),
    ],
)
def test_anything_but_a_plain_answer_is_left_to_botocore_and_the_model_is_forgotten(
    client: Client, wanted: str
) -> None:
    assert read(client, wanted, times=2) == [None, None]
    assert len(client.requests) == 1


@pytest.mark.parametrize(("status", "is_given"), [(503, True), (404, True), (301, True), (401, False), (403, False)])
def test_botocore_is_given_the_answer_and_sees_a_refused_signature_for_itself(status: int, is_given: bool) -> None:
    objects, client, current = Objects(), Client(status), Asking()
    objects.learn(client, "bucket", "first", asked("first"))
    assert asyncio.run(objects.read(client, "bucket", "second", "", current)) is None
    token = s3_objects.asking.set(current)
    given = [answered("request") for _ in range(2)]
    s3_objects.asking.reset(token)
    assert [each is not None for each in given] == [is_given, False]
    assert client.closed == (not is_given), "botocore reads what it is given"
    assert current.requests == ["request", "request"]


def test_botocore_meets_what_sending_failed_with() -> None:
    objects, client, current = Objects(), Client(error=OSError("reset")), Asking()
    objects.learn(client, "bucket", "first", asked("first"))
    assert asyncio.run(objects.read(client, "bucket", "second", "", current)) is None
    token = s3_objects.asking.set(current)
    with pytest.raises(OSError, match="reset"):
        answered("request")
    assert answered("request") is None
    s3_objects.asking.reset(token)
    assert answered("request") is None


def test_the_sum_of_the_bytes_is_checked_where_the_store_tells_one() -> None:
    crc = base64.b64encode(zlib.crc32(b"data").to_bytes(4, "big")).decode()
    assert read(Client(x_amz_checksum_crc32=crc)) == [b"data"]


def test_another_client_or_bucket_has_no_model() -> None:
    objects, client = Objects(), Client()
    objects.learn(client, "bucket", "first", asked("first"))
    assert asyncio.run(objects.read(client, "other", "second", "", Asking())) is None
    assert asyncio.run(objects.read(Client(), "bucket", "second", "", Asking())) is None
    assert not client.requests


@pytest.mark.server
def test_objects_and_their_parts_are_read_as_before(s3_store: S3Store, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {name: f"of {name}".encode() for name in (ODD, "first.txt", "a//b", "..x/.y")}
    s3_store.write(files | {"empty": b""})
    root = locate(s3_store.root, s3_store.storage_options)
    quick: list[bytes | None] = []
    before = Objects.read

    async def counted(*arguments: Any) -> bytes | None:
        quick.append(await before(*arguments))
        return quick[-1]

    monkeypatch.setattr(Objects, "read", counted)
    for name, data in (files | {"empty": b""}).items():
        place = f"{root.path}/{name}"
        assert root.fs.cat_file(place) == data
        if data:
            assert root.fs.cat_file(place, start=1, end=4) == data[1:4]
            assert root.fs.cat_file(place, start=2) == data[2:]
    assert quick[0] is None and None not in quick[1:]
    assert root.fs.cat_file(f"{root.path}/first.txt", start=-3) == files["first.txt"][-3:]
    with pytest.raises(FileNotFoundError):
        root.fs.cat_file(f"{root.path}/missing")
    assert quick[-1] is None
    assert root.fs.cat_file(f"{root.path}/first.txt") == files["first.txt"]
