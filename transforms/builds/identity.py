"""The identity of a build: its name, and the hash of its inputs, options and version."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from labelbeam.schemas.config import RUN_ONLY, ConvertConfig
from labelbeam.schemas.manifest import Manifest
from labelbeam.transforms.formats.plans import Plan
from labelbeam.transforms.messages.redact import redact


@dataclass(frozen=True, slots=True)
class BuildIdentity:
    """What a build is called, by which version it is made, and the hash of what it is made from."""

    build: str
    version: str
    made_from: str


def config_identity(config: ConvertConfig) -> dict[str, Any]:
    """The options that decide about a build's bytes, as they stand in the manifest: without credentials."""
    fields = {name: value for name, value in config.flat().items() if name not in RUN_ONLY}
    for name in ("source", "images", "image_url", "copy_images"):
        if isinstance(fields.get(name), str):
            fields[name] = redact(fields[name])
        elif name in fields:
            fields[name] = [redact(url) for url in fields[name]]
    return dict(sorted(fields.items()))


def new_identity(plan: Plan, config: ConvertConfig, version: str, now: datetime | None = None) -> BuildIdentity:
    """The identity of a build of training data."""
    return identity_of(plan.fingerprint, config_identity(config), version, now)


def identity_of(
    fingerprint: str, options: Mapping[str, Any], version: str, now: datetime | None = None
) -> BuildIdentity:
    """A name for a build: when it began, and the beginning of the hash of its inputs, options and version."""
    moment = (now or datetime.now(UTC)).strftime("%Y%m%dT%H%M%S%fZ")
    made_from = hashlib.sha256(msgspec.json.encode([fingerprint, options, version])).hexdigest()
    return BuildIdentity(f"{moment}-{made_from[:8]}", version, made_from)


def made_alike(previous: Manifest, config: ConvertConfig, version: str) -> bool:
    """Whether a build from the inputs of the previous one would have its bytes: by the options and the version."""
    return previous.config == config_identity(config) and previous.labelbeam_version == version
