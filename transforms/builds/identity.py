"""The identity of a build: its name, and the hash of its inputs, options and version."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from labelbeam.schemas.config import RUN_ONLY, ConvertConfig
from labelbeam.schemas.errors import LabelBeamError
from labelbeam.schemas.layout import BUILD_NAME
from labelbeam.schemas.manifest import Manifest
from labelbeam.transforms.formats.plans import Plan
from labelbeam.transforms.messages.redact import redact


@dataclass(frozen=True, slots=True)
class BuildIdentity:
    """Name of a build, the version that makes it, and the hash of what it is made from."""

    build: str
    version: str
    made_from: str


def config_identity(config: ConvertConfig) -> dict[str, Any]:
    """The options that decide about a build's bytes, as they stand in the manifest: without credentials."""
    fields = {name: value for name, value in config.flat().items() if name not in RUN_ONLY}
    return {name: _without_credentials(name, value) for name, value in sorted(fields.items())}


_URLS = frozenset({"source", "images", "image_url", "copy_images"})


def _without_credentials(name: str, value: Any) -> Any:
    if isinstance(value, str):
        # Of other options, a URL may be the value by a slip of the pen.
        return redact(value) if name in _URLS or "://" in value else value
    return [_without_credentials(name, item) for item in value] if isinstance(value, list | tuple) else value


def new_identity(plan: Plan, config: ConvertConfig, version: str, now: datetime | None = None) -> BuildIdentity:
    """The identity of a build of training data."""
    return identity_of(plan.fingerprint, config_identity(config), version, now)


MOMENT = "%Y%m%dT%H%M%S%fZ"


def after(identity: BuildIdentity, names: Iterable[str]) -> BuildIdentity:
    """The identity, called so that it comes after all builds `names`, whatever the clocks said that these were called by.

    So the order of names is that in which builds were made current, also where a clock is days behind another one.

    Raises:
        LabelBeamError: a build is called after the end of time, which no clock has done.
    """
    last = max((name for name in names if BUILD_NAME.fullmatch(name)), default="")
    moment, _, suffix = identity.build.partition("-")
    if moment > last.partition("-")[0]:
        return identity
    try:
        next_one = datetime.strptime(last.partition("-")[0], MOMENT) + timedelta(microseconds=1)
    except (ValueError, OverflowError):
        raise LabelBeamError(
            f"{last}: there is a build of this name, after which no time comes; expected builds to be called by the time "
            "at which they began. Remove it by hand if no run has made it"
        ) from None
    return replace(identity, build=f"{next_one.strftime(MOMENT)}-{suffix}")


def identity_of(
    fingerprint: str, options: Mapping[str, Any], version: str, now: datetime | None = None
) -> BuildIdentity:
    """A name for a build: when it began, and the beginning of the hash of its inputs, options and version."""
    moment = (now or datetime.now(UTC)).strftime(MOMENT)
    made_from = hashlib.sha256(msgspec.json.encode([fingerprint, options, version])).hexdigest()
    return BuildIdentity(f"{moment}-{made_from[:8]}", version, made_from)


def made_alike(previous: Manifest, config: ConvertConfig, version: str) -> bool:
    """Tell whether a build from the inputs of the previous one would have its bytes: by the options and the version."""
    return previous.config == config_identity(config) and previous.labelbeam_version == version
