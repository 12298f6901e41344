"""Names of images in tasks of Label Studio: paths of its own server, of storages, of the web, and of its uploads."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, unquote_plus

from labelbeam.transforms.formats.voc.image_index import is_image
from labelbeam.transforms.stores.paths import unquote_path

_UPLOADED = re.compile(r"(?:.*/)?[0-9a-f]{8}-(.+)", re.DOTALL)
"""What Label Studio puts before the name of a file that is uploaded, so that no two are called alike."""

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def image_field(data: Mapping[str, Any], controlled: frozenset[str]) -> str | list[str]:
    """The value of the one field of a task's data that names an image; or the fields between which nothing decides.

    `controlled` are the names of what the results are about, which may be those of the fields.
    """
    texts = {key: value.strip() for key, value in data.items() if isinstance(value, str) and value.strip()}
    named = {key: value for key, value in texts.items() if key != "file_upload" and is_image(path_in(value))}
    if len(named) > 1:
        by_control = {key: value for key, value in named.items() if key in controlled}
        named = by_control if len(by_control) == 1 else named
    if not named:
        places = {key: value for key, value in texts.items() if key != "file_upload" and _is_place(value)}
        # What Label Studio says of the upload is the same image that the data name.
        named = places or {key: value for key, value in texts.items() if key == "file_upload"}
    if len(named) > 1 and len(set(named.values())) > 1:
        return sorted(named)
    return next(iter(named.values()), [])


def _is_place(value: str) -> bool:
    return "/" in value and not any(map(str.isspace, value))


def path_in(value: str) -> str:
    """The path that a value of a task gives: below a storage, a server or a disk.

    >>> path_in("/data/local-files/?d=set/a%20b.jpg"), path_in("s3://bucket/set/1.jpg"), path_in("/data/upload/3/1f2e3d4c-1.jpg")
    ('set/a b.jpg', 'set/1.jpg', 'upload/3/1f2e3d4c-1.jpg')
    """
    path, _, query = value.partition("?")
    fields = dict(pair.partition("=")[::2] for pair in query.split("&"))
    if path.rstrip("/").endswith("local-files") and fields.get("d"):
        return unquote_plus(fields["d"]).lstrip("/")
    if path.rstrip("/").endswith(("resolve", "presign")) and fields.get("fileuri"):
        text = unquote(fields["fileuri"])
        code = text.replace("-", "+").replace("_", "/")
        try:
            if _SCHEME.match(text):
                return path_in(text)
            return path_in(base64.b64decode(code + "=" * (-len(code) % 4), validate=True).decode())
        except (binascii.Error, ValueError, RecursionError):
            return path
    if _SCHEME.match(path):
        return unquote_path(path.partition("://")[2].partition("/")[2])
    return path.removeprefix("/data/") if path.startswith("/data/upload/") else path


def other_name(path: str) -> str | None:
    """The name that an uploaded file had before; None where it has none.

    >>> other_name("upload/3/1f2e3d4c-1.jpg"), other_name("1.jpg")
    ('1.jpg', None)
    """
    found = _UPLOADED.fullmatch(path)
    return found[1] if found is not None else None
