"""Image URLs: which forms the trainer reads, and how a file's name is written in each.

Measured on the trainer's reader. It takes the names in a `file:///` URL as they stand. In other URLs it decodes `%XX` and
ends the path at a `?`, in `wasbs://` and `abfss://` at a `#` too; spaces and letters of any script stand as they are.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple
from urllib.parse import unquote

from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.messages.redact import is_redacted, redact
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


def image_urls(prefix: str, paths: Sequence[str]) -> list[str]:
    """`image_url` of each path; most names stand in a URL as they are, which is seen at one look at all of them."""
    together = "".join(paths)
    encoded = _ENCODED.get(prefix.partition("://")[0], "")
    if "::" in prefix or "://" in together or any(character in together for character in encoded):
        return [image_url(prefix, path) for path in paths]
    head = _append(prefix, "")
    return [f"{head}{path}" for path in paths]


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


_ROOTS = re.compile(
    r"azureml://subscriptions/[^/]+/resourcegroups/[^/]+/workspaces/[^/]+/datastores/[^/]+/paths/"
    r"|azureml://datastores/[^/]+/paths/"
    r"|https?://[^/]+\.(?:blob|dfs)\.core\.[^/]+/[^/]+/"
    r"|[A-Za-z][A-Za-z0-9+.-]*://[^/]*/",
    re.IGNORECASE,
)


def root_of_url(url: str) -> str | None:
    """The datastore, container, bucket or host that an image URL lies in, as a prefix of it; None where the URL names none.

    >>> root_of_url("AmlDatastore://data/a/1.jpg"), root_of_url("azureml://datastores/d/paths/a/1.jpg")
    ('AmlDatastore://data/', 'azureml://datastores/d/paths/')
    >>> root_of_url("https://acct.blob.core.windows.net/c/a/1.jpg"), root_of_url("file:///data/1.jpg")
    ('https://acct.blob.core.windows.net/c/', 'file:///')
    """
    found = _ROOTS.match(url)
    return found[0] if found else None


def below_root(url: str) -> str | None:
    """The path below its root of the image that a URL names; None where it names none, or by a name that is not safe once it is decoded.

    >>> below_root("https://acct.blob.core.windows.net/c/a%20b.jpg?v=1"), below_root("https://host/a%0d.jpg"), below_root("https://host/")
    ('a b.jpg', None, None)
    """
    root = root_of_url(url)
    below = path_below(root, url.partition("?")[0]) if root is not None else None
    return None if below is None else safe_relative(below)


_WORKSPACE = re.compile(
    r"azureml://subscriptions/([^/]+)/resourcegroups/([^/]+)/workspaces/([^/]+)/datastores/([^/]+)/paths/",
    re.IGNORECASE,
)


class Workspace(NamedTuple):
    """An Azure ML workspace, and a datastore of it, as a long-form URL names them."""

    subscription: str
    group: str
    name: str
    datastore: str


def workspace_of(url: str) -> Workspace | None:
    """The workspace that an image URL names; None where it names none.

    >>> workspace_of("azureml://subscriptions/s/resourcegroups/g/workspaces/w/datastores/d/paths/a/1.jpg")
    Workspace(subscription='s', group='g', name='w', datastore='d')
    """
    found = _WORKSPACE.match(url)
    return Workspace(*found.groups()) if found else None


_DATASTORE = re.compile(
    r"azureml://subscriptions/[^/]+/resourcegroups/[^/]+/workspaces/[^/]+/datastores/[^/]+", re.IGNORECASE
)
_CONTAINERS = ("az", "abfs", "abfss", "wasb", "wasbs")


def prefix_in_datastore(datastore: str, place: str) -> str:
    """The prefix of image URLs for images at the URL `place`, a directory of the container that a datastore stands for.

    >>> prefix_in_datastore("azureml://subscriptions/s/resourcegroups/g/workspaces/w/datastores/d", "az://box/parts/images")
    'azureml://subscriptions/s/resourcegroups/g/workspaces/w/datastores/d/paths/parts/images/'

    Raises:
        UsageError: the datastore is not named in the long form, or the place lies in no container.
    """
    named = datastore.rstrip("/").removesuffix("/paths")
    if not _DATASTORE.fullmatch(named):
        raise UsageError(
            f"--datastore: found {redact(datastore)!r}, expected azureml://subscriptions/<subscription>/resourcegroups/<group>/"
            "workspaces/<workspace>/datastores/<datastore>"
        )
    scheme, separator, rest = place.partition("://")
    if not separator or scheme not in _CONTAINERS or "::" in place or not rest.partition("/")[0]:
        raise UsageError(
            f"--datastore: the images are at {redact(place)}, expected a directory of the datastore's container, such as "
            "az://container/images"
        )
    path = rest.partition("/")[2].strip("/")
    return _append(f"{named}/paths/{_encode(path, 'azureml')}", "")


_UNENCODED = {
    scheme: re.compile(f"[{characters[1:]}]|%(?![0-9A-Fa-f]{{2}})") for scheme, characters in _ENCODED.items()
}
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def misread(urls: Iterable[str]) -> list[str]:
    """Image URLs of which the trainer makes others: a character that ends the path stands in them, or a % that encodes nothing.

    >>> misread(["https://h/a b#1.jpg", "https://h/1.jpg?sig=x", "https://h/50%.jpg", "abfss://c@h/a#1.jpg", "file:///a?b.jpg"])
    ['https://h/1.jpg?sig=x', 'https://h/50%.jpg', 'abfss://c@h/a#1.jpg']
    """
    urls = list(urls)
    together = "".join(urls)
    if together.isprintable() and not any(character in together for character in "%?#"):
        return []  # Nearly always.
    odd = (url for url in urls if "%" in url or "?" in url or "#" in url or not url.isprintable())
    return [url for url in odd if _is_misread(url)]


def _is_misread(url: str) -> bool:
    unencoded = _UNENCODED.get(url.partition("://")[0])
    return _CONTROL.search(url) is not None or (unencoded is not None and unencoded.search(url) is not None)


_MOST_ROOTS = 20


def count_roots(urls: Sequence[str]) -> dict[str, int]:
    """Image URLs by what they lie in: the datastore, where they name one, else the scheme alone, which holds no secret.

    >>> count_roots(["AmlDatastore://d/1.jpg", "https://h/1.jpg", "https://i/1.jpg"])
    {'AmlDatastore://d/': 1, 'https://': 2}
    """
    counts: Counter[str] = Counter()
    left = urls
    while left:
        root = root_of_url(left[0]) or ""
        if not root.lower().startswith(("azureml://", "amldatastore://")) or len(counts) >= _MOST_ROOTS:
            root = left[0][: left[0].find("://") + 3] if "://" in left[0] else ""
        others = [url for url in left if not url.startswith(root)] if root else []
        counts[root] += len(left) - len(others)
        left = others
    return dict(sorted(counts.items()))


def read_by_jobs(root: str) -> bool:
    """Tell whether a job in the cloud reads image URLs that begin so, through an MLTable.

    >>> [read_by_jobs(root) for root in ("https://", "file://", "AmlDatastore://d/", "azureml://datastores/d/paths/")]
    [True, False, False, False]
    """
    return root.startswith(("https://", "http://", "wasbs://", "abfss://")) or workspace_of(root) is not None


def streamed_by_jobs(root: str) -> bool:
    """Tell whether a job that is set to stream images (`stream_image_files`) reads image URLs that begin so.

    >>> [streamed_by_jobs(root) for root in ("https://", "azureml://datastores/d/paths/")]
    [False, False]
    >>> streamed_by_jobs("azureml://subscriptions/s/resourcegroups/g/workspaces/w/datastores/d/paths/")
    True
    """
    return workspace_of(root) is not None


def path_below(prefix: str, url: str) -> str | None:
    """The path below the directory that `prefix` names of the image that anybody has called `url`; None if it is not there.

    Other than `path_of`, it takes URLs that others have made: every `%XX` is decoded where the trainer decodes it. The path may
    be unsafe.

    >>> path_below("https://host/c", "https://host/c/a%20b/1%25.jpg"), path_below("file:///data/", "file:///data/1%25.jpg")
    ('a b/1%.jpg', '1%25.jpg')
    """
    head = _append(prefix, "")
    if not url.startswith(head) or len(url) == len(head):
        return None
    path = url[len(head) :]
    return unquote(path, errors="surrogateescape") if prefix.partition("://")[0] in _ENCODED else path


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
    if is_redacted(shown) and shown != prefix:
        raise UsageError(
            f"--image-url: found {shown!r}; what may be secret in it would stand in every record; name the images by a URL without "
            "that, such as one of a datastore, which holds credentials of its own"
        )
    if scheme == "AmlDatastore":
        return (
            f"mltable.load makes null of image URLs such as {shown}, and every job that reads the MLTable of a build gets them so; "
            "they are of SDK v1, which has ended: name the same datastore with --image-url azureml://subscriptions/…/paths/…"
        )
    if scheme in ("zip", "tar", "shards"):
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
