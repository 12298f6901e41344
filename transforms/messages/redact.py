"""Keep credentials out of messages: a URL, or a store's own error, may hold a password, a key or a signature."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, unquote

_HIDDEN = "***"
# Of a URL; or before a host with a port or with two dots, where someone has left the scheme out.
_USER = re.compile(r"(?<=://)[^/\s:@]+:[^/\s]*@|(?<![\w/])[\w.+-]+:[^/\s@]+@(?=[\w-]+(?:\.[\w-]+)*:\d|(?:[\w-]+\.){2})")
# A parameter of a URL or of a connection string, not a directory such as `key=1`, which a table's partition may be.
_PARAMETER = re.compile(
    r"(?i)((?:(?<=[?&;'\"\s])|^)[\w-]*(?:sig|signature|secret|token|passw(?:or)?d|pwd|credential|key|keyid)\s*=\s*)"
    r"([^&;\s'\"<>]+)"
)
_SECRET_OPTION = re.compile(r"(?i)secret|token|passw|pwd|key|credential|connection_string|sas|auth")
_LOGIN = re.compile(r"[^/\s:@]+:([^/\s]+)@")
"""The password in an address that is an option, such as that of a proxy."""
_SHORTEST = 5
"""Shorter values are words such as `anon`, which stand in too many messages to be hidden."""


def is_redacted(text: str) -> bool:
    """Whether `redact` has replaced something in it."""
    return _HIDDEN in text


def redact(text: str, options: Mapping[str, Any] | None = None) -> str:
    """Replace what looks like a credential, and every secret of the storage options `options`, by `***`.

    >>> redact("https://me:pass@host/a.json?sv=2024&sig=abc%3D")
    'https://***@host/a.json?sv=2024&sig=***'
    """
    for secret in sorted(_secrets(options or {}), key=len, reverse=True):
        text = text.replace(secret, _HIDDEN)
    return _PARAMETER.sub(rf"\1{_HIDDEN}", _USER.sub(f"{_HIDDEN}@", text))


def _secrets(options: Mapping[str, Any]) -> Iterator[str]:
    for secret in _found(options):
        if len(secret) >= _SHORTEST:
            yield from {secret, quote(secret), quote(secret, safe="")}


def _found(options: Mapping[str, Any]) -> Iterator[str]:
    """Values of secret options; of connection strings and addresses also the secret parts, which a store may quote alone."""
    for name, value in options.items():
        if isinstance(value, Mapping):
            yield from _found(value)
        elif isinstance(value, str):
            if _SECRET_OPTION.search(str(name)):
                yield value
            for _, part in _PARAMETER.findall(value):
                yield from (part, unquote(part))
            yield from _LOGIN.findall(value)
