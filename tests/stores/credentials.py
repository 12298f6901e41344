"""Secrets that runs are given, and where they must not stand."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from tests.end_to_end.builds import labelbeam
from tests.servers.stores import S3Store

KEY = "AKIAHIDDENHIDDEN0123"
SECRET = "wJalrHIDDEN+secret/of=S3"
TOKEN = "FwoGZXHIDDEN/session+token=="
PASSWORD = "HIDDEN-pass_word~1"
SIGNATURE = "HIDDEN+sig/na3ture="
OTHER_KEY = "SElEREVOSElEREVOSElEREVOSElEREVOSElEREVOSElEREVO"

BASE = ("--task", "image_object_detection", "--check-images", "header", "--max-rejected", "1")


def forms(secret: str) -> set[str]:
    """The secret as it is, and as URLs and JSON encode it."""
    return {secret, quote(secret, safe=""), quote(secret), json.dumps(secret)[1:-1]}


def hidden(secrets: Sequence[str], places: Mapping[str, str]) -> None:
    """None of the secrets stands anywhere, nor a good part of one that something cut off."""
    for secret in secrets:
        for form in forms(secret):
            parts = {form, form[: max(10, len(form) * 2 // 3)], form[-max(10, len(form) * 2 // 3) :]}
            for name, text in places.items():
                for part in parts:
                    assert part not in text, f"{name}: {_around(text, part)}"


def _around(text: str, part: str) -> str:
    at = text.index(part)
    return text[max(0, at - 200) : at + len(part) + 50]


class Ran(NamedTuple):
    """What a run ended with, and what it said."""

    status: int
    said: dict[str, str]


def run(*arguments: str | Path, storage: Mapping[str, Any] | None = None) -> Ran:
    """Run the command in this process."""
    options = ("--storage-options", json.dumps(storage)) if storage is not None else ()
    answer = labelbeam(*arguments, *options)
    return Ran(answer.status, {"stdout": answer.out, "stderr": answer.err})


def texts(files: Mapping[str, bytes]) -> dict[str, str]:
    """Files as text, whatever they are."""
    return {path: data.decode("latin-1") for path, data in files.items()}


def local_texts(root: Path) -> dict[str, str]:
    """The same of a local directory."""
    return texts({str(path): path.read_bytes() for path in root.rglob("*") if path.is_file()})


def commands(source: str, output: str, *more: str) -> list[tuple[str, ...]]:
    """Each command that opens a store, on one dataset."""
    return [
        ("convert", *BASE, "--source", source, "--output", output, *more),
        ("convert", *BASE, "--source", source, "--output", output, *more, "--if-changed", "--json"),
        ("inspect", source, "--check-images", "header"),
        ("verify", output),
    ]


def s3_options(store: S3Store) -> dict[str, Any]:
    """Options of S3 with a secret in each place that takes one."""
    options = store.storage_options["s3"]
    return {"s3": options | {"key": KEY, "secret": SECRET, "token": TOKEN}}
