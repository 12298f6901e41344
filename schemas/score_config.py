"""The options of `labelbeam score`: what is scored, by which endpoint, and how it is asked."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from labelbeam.schemas.requests import XaiParameters
from labelbeam.schemas.tasks import Task

DEFAULT_KEY = "LABELBEAM_ENDPOINT_KEY"
"""The environment variable that holds the key of the endpoint."""


class ScoreConfig(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What `labelbeam score` does. The key is not among its options, only where it is read from."""

    source: str
    output: str
    endpoint: str
    task: Task | None = None
    """None: that of the build which SOURCE is."""
    split: list[str] = []
    """The splits of a build that are scored; none means all."""
    images: str | None = None
    image_url: str | None = None
    protocol: Literal["json", "bytes"] = "json"
    explain: XaiParameters | None = None
    batch: int = 1
    batch_bytes: int = 1_500_000
    concurrency: int = 8
    timeout: float = 60.0
    key_env: str = DEFAULT_KEY
    key_file: str | None = None
    max_failed: float = 0.05
    storage_options: str | dict[str, Any] | None = None
    shared_paths: bool = False
    json: bool = False


RUN_ONLY = frozenset(
    {"output", "batch", "batch_bytes", "concurrency", "timeout", "key_env", "key_file", "max_failed"}
    | {"storage_options", "shared_paths", "json"}
)
"""Options that do not change what is predicted of an image."""
