"""`labelbeam schema`: the JSON Schema of what LabelBeam reads and writes, from the same types that check it."""

from __future__ import annotations

import msgspec

from schemas.config import ConvertConfig
from schemas.manifest import Latest, Manifest
from schemas.neutral import Rejection
from schemas.records import RECORDS

_TYPES: dict[str, type] = {
    **RECORDS,
    "config": ConvertConfig,
    "manifest": Manifest,
    "latest": Latest,
    "rejected": Rejection,
}

NAMES = tuple(_TYPES)


def schema_text(name: str) -> str:
    """The schema of one of `NAMES` as indented JSON."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **msgspec.json.schema(_TYPES[name])}
    return msgspec.json.format(msgspec.json.encode(schema), indent=2).decode()
