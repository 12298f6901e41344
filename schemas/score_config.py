"""The options of `labelbeam score`: what is scored, by which endpoint, and how it is asked."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import Meta

from labelbeam.schemas.requests import XaiParameters
from labelbeam.schemas.tasks import Task

DEFAULT_KEY = "LABELBEAM_ENDPOINT_KEY"
"""The environment variable that holds the key of the endpoint."""

DEFAULT_SCOPE = "https://ml.azure.com/.default"
"""The scope of tokens for managed endpoints."""

Protocol: TypeAlias = Literal["json", "bytes", "mlflow"]
"""Forms of requests: images in base64 as the second generation takes them, the bytes of one as the first does, or as MLflow does."""

Whole: TypeAlias = Annotated[int, Meta(ge=1, lt=10**9)]
Share: TypeAlias = Annotated[float, Meta(ge=0, le=1)]


class ScoreConfig(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Options of `labelbeam score`. The key is not among its options, only where it is read from."""

    source: str
    output: str
    endpoint: str
    task: Task | None = None
    """None: that of the build which SOURCE is."""
    split: list[str] = []
    """The splits of a build that are scored; none means all."""
    images: str | None = None
    image_url: str | None = None
    protocol: Protocol = "json"
    explain: XaiParameters | None = None
    batch: Whole = 1
    batch_bytes: Whole = 1_500_000
    concurrency: Whole = 8
    timeout: Annotated[float, Meta(ge=0.001, le=3600)] = 60.0
    key_env: str = DEFAULT_KEY
    key_file: str | None = None
    auth: Literal["key", "entra"] = "key"
    auth_scope: str = DEFAULT_SCOPE
    deployment: str | None = None
    """The deployment of a managed endpoint that is asked, whatever traffic it gets."""
    header: dict[str, str] = {}
    """Further headers by name; their values are shown nowhere."""
    header_env: dict[str, str] = {}
    """Further headers by name, and the environment variables that hold their values."""
    max_failed: Share = 0.05
    storage_options: str | dict[str, Any] | None = None
    shared_paths: bool = False
    json: bool = False


RUN_ONLY = frozenset(
    {"output", "batch", "batch_bytes", "concurrency", "timeout", "key_env", "key_file", "auth", "auth_scope"}
    | {"max_failed", "storage_options", "shared_paths", "json"}
)
"""Options that do not change what is predicted of an image."""
