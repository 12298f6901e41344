"""Image URLs: which forms the trainer reads, and how a file's name is written in each.

Measured on the trainer's reader. It takes the names in a `file:///` URL as they stand. In other URLs it decodes `%XX` and
ends the path at a `?`, in `wasbs://` and `abfss://` at a `#` too; spaces and letters of any script stand as they are.
"""

from __future__ import annotations

import re

from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.messages.redact import redact
from labelbeam.transforms.stores.paths import join_url, safe_relative

_LONG_FORM = "azureml://subscriptions/<subscription>/resourcegroups/<group>/workspaces/<workspace>/datastores/<datastore>/paths/<path>"
_LONG = re.compile(
    r"azureml://subscriptions/[^/]+/resourcegroups/[^/]+/workspaces/[^/]+/datastores/[^/]+/paths(/|$)", re.IGNORECASE
)
_ENCODED = {"http": "%?", "https": "%?", "azureml": "%?", "AmlDatastore": "%?", "wasbs": "%?#", "abfss": "%?#"}
"""The characters that have to be written as `%XX`, by scheme; where the trainer does not read a scheme, none are."""

_READ_BY_STORES = ("wasbs", "abfss", "azureml")
"""Schemes whose root is named as the store spells it, not as a URL: it has to be encoded like the names below it."""


def image_url(prefix: str, path: str) -> str:
    """The `image_url` of the image at `path` below the directory that `prefix` names; a path that is a URL stays as it is.

    >>> image_url("https://host/c", "100%/a b#1?.jpg")
    'https://host/c/100%25/a b#1%3F.jpg'
    >>> image_url("file:///data/", "100%.jpg"), image_url("https://host/c/", "http://other/1.jpg")
    ('file:///data/100%.jpg', 'http://other/1.jpg')
    """
    if "://" in path:
        return path
    return _append(prefix, _encode(path, prefix.partition("://")[0]))


def path_of(prefix: str, url: str) -> str | None:
    """The path below the directory that `prefix` names of the image at `url`, as `image_url` has named it; None if it is not there.

    >>> path_of("https://host/c", "https://host/c/100%25/a b#1%3F.jpg")
    '100%/a b#1?.jpg'
    >>> path_of("https://host/c", "https://host/cat.jpg"), path_of("https://host/c", "https://host/c/../k.jpg")
    (None, None)
    """
    head, _, tail = image_url(prefix, _PLACE).partition(_PLACE)
    if not (url.startswith(head) and url.endswith(tail) and len(url) > len(head) + len(tail)):
        return None
    path = url[len(head) : len(url) - len(tail)]
    for character in reversed(_ENCODED.get(prefix.partition("://")[0], "")):
        path = path.replace(f"%{ord(character):02X}", character)
    return path if safe_relative(path) == re.sub("//+", "/", path) else None


_PLACE = "PLACE-OF-THE-IMAGE"
"""A path without a character that any prefix would have encoded."""


def _append(prefix: str, path: str) -> str:
    if "::" in prefix and not prefix.startswith("file://"):
        return join_url(prefix, path)
    return f"{prefix}{path}" if prefix.endswith("/") else f"{prefix}/{path}"


def _encode(path: str, scheme: str) -> str:
    for character in _ENCODED.get(scheme, ""):
        if character in path:
            path = path.replace(character, f"%{ord(character):02X}")
    return path


def default_prefix(root_url: str) -> str:
    """The prefix that makes image URLs out of the images' own location, the `Location.url` of their root.

    >>> default_prefix("file:///data/my images"), default_prefix("https://host/c")
    ('file:///data/my images/', 'https://host/c/')
    """
    scheme, separator, rest = root_url.partition("://")
    return _append(f"{scheme}{separator}{_encode(rest, scheme) if scheme in _READ_BY_STORES else rest}", "")


def check_prefix(prefix: str) -> str | None:
    """Check that the trainer reads image URLs that begin with `prefix`; a warning where it probably does not.

    Raises:
        UsageError: it cannot read them, whatever lies there.
    """
    shown = redact(prefix)
    scheme, separator, rest = prefix.partition("://")
    if not separator or not re.fullmatch(r"[A-Za-z][A-Za-z0-9+.:-]*", scheme):
        raise UsageError(
            f"--image-url: found {shown!r}, which the trainer does not read; expected a URL such as {_LONG_FORM}, "
            "https://… or file:///…"
        )
    if re.search(r"[\x00-\x1f\x7f\ud800-\udfff]", prefix):
        raise UsageError(f"--image-url: found {shown!r}, which holds a control character")
    if scheme == "azureml" and not _LONG.match(prefix):
        raise UsageError(
            f"--image-url: found {shown!r}, which the trainer does not read; expected the long form {_LONG_FORM}"
        )
    if scheme == "file" and not rest.startswith("/"):
        raise UsageError(f"--image-url: found {shown!r}, expected an absolute path, as in file:///data/images")
    if "?" in prefix and "?" in _ENCODED.get(scheme, ""):
        raise UsageError(
            f"--image-url: found {shown!r}; names are appended to it, and the trainer ends a path at the `?`; give the "
            "directory without a query, or name a datastore, which holds credentials of its own"
        )
    if scheme in _ENCODED and (not rest or rest.startswith("/")):
        raise UsageError(f"--image-url: found {shown!r}, which names no host, container or datastore")
    if scheme in ("http", "https") and "@" in rest.partition("/")[0]:
        raise UsageError(
            f"--image-url: found {shown!r}; its user and password would stand in every record; name the images by a URL "
            "without them, such as one of a datastore, which holds credentials of its own"
        )
    if scheme in ("zip", "tar"):
        return (
            f"the trainer does not read image URLs such as {shown}, which lead into an archive; unpack the images with "
            "--copy-images to where it does, and say where that is with --image-url (https://…, abfss://…, or "
            "azureml://subscriptions/…)"
        )
    if scheme not in _ENCODED and scheme != "file":
        return (
            f"the trainer does not read image URLs such as {shown}; copy the images to where it does, and say where with "
            "--image-url (https://…, abfss://…, or azureml://subscriptions/…)"
        )
    return None
