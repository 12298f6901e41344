"""Objects of S3, by requests that are made like one that botocore made and that was answered.

botocore takes a millisecond of a core for each request: it resolves the endpoint, checks parameters, calls hooks, and signs in general.
Two objects of a bucket differ only in key, range, time and signature. So a request of botocore's becomes the model of the next ones. They
are sent over its connections, with its credentials of that moment, and its check of the bytes. Anything but a plain answer of success
forgets the model and is given to botocore as the answer to its own request: redirects, failures, and what to say of them are its own.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from aiobotocore.endpoint import convert_to_response_dict
from aiobotocore.httpchecksum import handle_checksum_body
from botocore.awsrequest import AWSPreparedRequest
from botocore.utils import percent_encode

_KEPT = frozenset(("user-agent", "x-amz-checksum-mode", "x-amz-content-sha256", "x-amz-request-payer"))
_OWN = frozenset(
    ("authorization", "range", "x-amz-date", "x-amz-security-token", "amz-sdk-invocation-id", "amz-sdk-request")
)
"""Headers that are the same for all objects, and those that each request has for itself. With any other, nothing is a model."""

_SCOPE = re.compile(r"AWS4-HMAC-SHA256 Credential=[^,]*/[0-9]{8}/([^/,]+)/([^/,]+)/aws4_request, ")

_PORTS = {"http": 80, "https": 443}


@dataclass(slots=True)
class Asking:
    """Requests of botocore's for an object, and what was answered to one like the first, which is not sent again then."""

    requests: list[Any] = field(default_factory=list)
    answer: Any = None


asking: ContextVar[Asking | None] = ContextVar("asking", default=None)
"""What is asked for, where `answered` is to know."""


def answered(request: Any, **_: Any) -> Any:
    """Keep a request that botocore is about to send; what takes the place of its answer, where there is one already.

    Raises:
        Exception: sending the one like it failed.
    """
    if (current := asking.get()) is None:
        return None
    current.requests.append(request)
    answer, current.answer = current.answer, None
    if isinstance(answer, Exception):
        raise answer
    return answer


class Model(NamedTuple):
    """What the requests for the objects of a bucket have in common; no `region` where they are not signed."""

    client: Any
    base: str
    path: str
    host: str
    headers: dict[str, str]
    region: str
    service: str
    context: Mapping[str, Any]


def model_of(client: Any, request: Any, key: str) -> Model | None:
    """The model that a request for an object makes; None where its objects may need more."""
    headers = {name.lower(): _text(value) for name, value in request.headers.items()}
    url, spelt = urlsplit(request.url), _spelt(key)
    authorization = headers.get("authorization", "")
    scope = _SCOPE.match(authorization)
    if (
        not key
        or request.method != "GET"
        or not headers.keys() <= _KEPT | _OWN
        or (authorization and scope is None)
        or url.query
        or "@" in url.netloc
        or not url.path.endswith(f"/{spelt}")
        or not isinstance(context := getattr(request, "context", None), Mapping)
    ):
        return None
    region, service = scope.groups() if scope else ("", "")
    standard = url.port is None or url.port == _PORTS.get(url.scheme)
    name = f"[{url.hostname}]" if ":" in (url.hostname or "") else url.hostname
    return Model(
        client,
        request.url[: -len(spelt)],
        url.path[: -len(spelt)],
        str(name) if standard else f"{name}:{url.port}",
        {name: value for name, value in headers.items() if name in _KEPT},
        region,
        service,
        {name: context[name] for name in ("checksum",) if name in context},
    )


def request_like(model: Model, key: str, wanted: str, credentials: Any, now: datetime) -> AWSPreparedRequest:
    """The request for an object, or its bytes that the Range header `wanted` names, signed where the model is."""
    spelt = _spelt(key)
    headers = dict(model.headers)
    if wanted:
        headers["range"] = wanted
    if model.region:
        stamp = now.strftime("%Y%m%dT%H%M%SZ")
        headers["x-amz-date"] = stamp
        if credentials.token:
            headers["x-amz-security-token"] = credentials.token
        signed = sorted({"host": model.host, **headers}.items())
        names = ";".join(name for name, _ in signed if name != "user-agent")
        lines = [f"{name}:{' '.join(value.split())}" for name, value in signed if name != "user-agent"]
        asked = "\n".join(
            ("GET", model.path + spelt, "", *lines, "", names, headers.get("x-amz-content-sha256", _EMPTY))
        )
        scope = f"{stamp[:8]}/{model.region}/{model.service}/aws4_request"
        text = "\n".join(("AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(asked.encode()).hexdigest()))
        by = _signing_key(credentials.secret_key, stamp[:8], model.region, model.service)
        headers["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={credentials.access_key}/{scope}, SignedHeaders={names}, "
            f"Signature={_hmac(by, text).hex()}"
        )
    return AWSPreparedRequest("GET", model.base + spelt, headers, b"", True)


_EMPTY = hashlib.sha256(b"").hexdigest()


class Objects:
    """Objects by bucket, as far as requests for them have a model."""

    def __init__(self) -> None:
        self._models: dict[str, Model] = {}

    def learn(self, client: Any, bucket: str, key: str, request: Any) -> None:
        """Take a request that was answered for a model."""
        if (model := model_of(client, request, key)) is not None:
            self._models[bucket] = model

    async def read(self, client: Any, bucket: str, key: str, wanted: str, current: Asking) -> bytes | None:
        """An object, or its bytes that the Range header `wanted` names; None where botocore is to be asked for it, with `current`."""
        model = self._models.get(bucket)
        if model is None or model.client is not client:
            return None
        with suppress(Exception):  # Whatever it is, botocore meets it again, and tells of it.
            if (data := await _read(model, key, wanted, current)) is not None:
                return data
        self._models.pop(bucket, None)
        return None


_ASKED_AGAIN = (401, 403)
"""Statuses that botocore is to see for its own signature."""


async def _read(model: Model, key: str, wanted: str, current: Asking) -> bytes | None:
    client = model.client
    credentials = await client._request_signer._credentials.get_frozen_credentials() if model.region else None
    request = request_like(model, key, wanted, credentials, datetime.now(UTC))
    try:
        answer = await client._endpoint.http_session.send(request)
    except Exception as error:
        current.answer = error
        raise
    if answer.status_code not in (206 if wanted else 200, *_ASKED_AGAIN):
        current.answer = answer
        return None
    try:
        if answer.status_code in _ASKED_AGAIN:
            return None
        operation = client.meta.service_model.operation_model("GetObject")
        found = await convert_to_response_dict(answer, operation)
        await handle_checksum_body(answer, found, model.context, operation)
        data: bytes = await found["body"].read()
        return data
    finally:
        answer.raw.close()


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _spelt(key: str) -> str:
    spelt: str = percent_encode(key, safe="/~")
    return spelt


@lru_cache(maxsize=64)
def _signing_key(secret: str, day: str, region: str, service: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (day, region, service, "aws4_request"):
        key = _hmac(key, part)
    return key


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")
