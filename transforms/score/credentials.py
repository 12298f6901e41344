"""Credentials of an endpoint: its key, or tokens in place of one, and headers. Each process that asks reads them, and no message has them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from labelbeam.schemas.errors import UsageError
from labelbeam.schemas.score_config import DEFAULT_KEY, ScoreConfig
from labelbeam.transforms.stores.small_files import read_small

DEPLOYMENT = "azureml-model-deployment"
"""The header that names a deployment of a managed endpoint, which may be one without traffic."""


@dataclass(frozen=True, slots=True)
class KeySource:
    """Source of the key, read by each process that asks: a file, or else an environment variable.

    `required` says that the driver has a key, so that a worker without one must not go on.
    """

    env: str
    file: str | None
    required: bool


@dataclass(frozen=True, slots=True)
class Headers:
    """Headers beside those of the protocol, as pairs: of names and values, and of names and environment variables.

    `deployment` is what the header `DEPLOYMENT` says; it is no secret, as all other values may be.
    """

    given: tuple[tuple[str, str], ...] = ()
    from_env: tuple[tuple[str, str], ...] = ()
    deployment: str | None = None


def key_source(config: ScoreConfig, required: bool | None = None) -> KeySource:
    """Source of an endpoint's key; by default one is required where a place for it was named."""
    named = config.key_env != DEFAULT_KEY
    return KeySource(config.key_env, config.key_file, named if required is None else required)


def headers_of(config: ScoreConfig) -> Headers:
    """Headers that an endpoint is asked with."""
    return Headers(tuple(config.header.items()), tuple(config.header_env.items()), config.deployment)


def scope_of(config: ScoreConfig) -> str | None:
    """Scope of the tokens of Entra ID that an endpoint is asked with; None where it is asked with a key, or with none."""
    return config.auth_scope if config.auth == "entra" else None


def read_key(source: KeySource) -> str | None:
    """The key of an endpoint; None where there is none and none is required.

    Raises:
        UsageError: it cannot be read, or is no key. The message does not repeat it.
    """
    if source.file is not None:
        where = f"--key-file {source.file}"
        try:
            text: str | None = read_small(source.file).decode("utf-8-sig")
        except UnicodeDecodeError:
            raise UsageError(f"{where}: cannot be read: it is no text") from None
        except (OSError, ValueError) as error:
            raise UsageError(f"{where}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    else:
        where = f"the environment variable {source.env}"
        text = os.environ.get(source.env)
    key = (text or "").strip()
    if not key and (source.required or source.file is not None):
        raise UsageError(f"{where}: holds no key here, expected the key of the endpoint")
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise UsageError(f"{where}: found text that is no key: one has letters, digits and signs, in one line")
    return key or None


def read_headers(headers: Headers) -> dict[str, str]:
    """Headers by name whose values may be secret.

    Raises:
        UsageError: an environment variable holds no value that a header can have. The message does not repeat it.
    """
    found = dict(headers.given)
    for name, variable in headers.from_env:
        value = os.environ.get(variable, "").strip()
        if not is_header_value(value):
            problem = (
                "text that no header can hold: letters, digits and signs, in one line" if value else "nothing here"
            )
            raise UsageError(f"--header-env {name}: the environment variable {variable} holds {problem}")
        found[name] = value
    return found


def is_header_value(value: str) -> bool:
    """Tell whether a header can have this value: printable, in ASCII, and not empty."""
    return bool(value) and value.isascii() and value.isprintable()


def hidden(url: str, key: str | None, sources: Headers, headers: Mapping[str, str]) -> dict[str, Any]:
    """What no message may repeat of an endpoint, as the options of a store that `redact` takes: also the query of its URL, in which
    others keep their keys. Headers by which nobody keeps a secret, such as User-Agent, are told by their names."""
    from_env = dict(sources.from_env)
    sent = {f"secret {name}" if name in from_env else name: value for name, value in headers.items()}
    return {
        "endpoint": {"key": key, "url": url, "sent": {name: sent[name] for name in sent if not is_deployment(name)}}
    }


def is_deployment(name: str) -> bool:
    """Tell whether a header names the deployment that is asked: its value is no secret, and may be a label's name too."""
    return name.lower() == DEPLOYMENT
