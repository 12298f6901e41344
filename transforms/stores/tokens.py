"""Tokens that change when a file does, from what its store says of it."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

_TOKENS = (
    *("ETag", "etag", "content_md5", "Content-MD5", "md5Hash", "crc32c", "CRC"),
    *("mtime", "LastModified", "last_modified", "Last-Modified", "updated", "created"),
)


def content_token(info: dict[str, Any]) -> str:
    """Token that changes when the content does, from what a listing tells anyway: an ETag or hash, else the time.

    Where a store tells neither, no two tokens are alike: what cannot be known to be unchanged counts as changed.
    """
    return next((str(info[key]) for key in _TOKENS if info.get(key)), f"{_UNKNOWN}{uuid4().hex}")


def may_be_same(planned: str, found: str) -> bool:
    """Tell whether two tokens of a file allow that it has not changed: they are alike, or the store tells none."""
    return planned == found or (planned.startswith(_UNKNOWN) and found.startswith(_UNKNOWN))


_UNKNOWN = "unknown:"
