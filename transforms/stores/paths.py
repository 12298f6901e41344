"""URLs and paths as text: their parts, quoting, and which may be followed. Opens nothing."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from urllib.parse import quote, unquote

_ENCODED_SLASH = re.compile("(%2F)", re.IGNORECASE)
_SAFE = "/!$'()*,-.:;=@_~"


def quote_path(path: str) -> str:
    """A path as it stands in a URL (RFC 3986, section 3.3), from its names.

    A `%2F` in it stays as it is, as `unquote_path` leaves it: a slash within a name, which some addresses have.

    >>> quote_path("a b/50%#1?.jpg"), quote_path("annotations%2Fx.json")
    ('a%20b/50%25%231%3F.jpg', 'annotations%2Fx.json')
    """
    parts = _ENCODED_SLASH.split(path)
    return "".join(
        part if at % 2 else quote(part, safe=_SAFE, errors="surrogateescape") for at, part in enumerate(parts)
    )


def unquote_path(path: str) -> str:
    """The names of a URL's path, `%2F` left as it is; bytes that are not UTF-8 become lone surrogates.

    >>> unquote_path("a%20b/50%25%231%3f.jpg"), unquote_path("annotations%2Fx.json")
    ('a b/50%#1?.jpg', 'annotations%2Fx.json')
    """
    parts = _ENCODED_SLASH.split(path)
    return "".join(part if at % 2 else unquote(part, errors="surrogateescape") for at, part in enumerate(parts))


def links_of(url: str) -> list[str]:
    """The links of a chained URL; the `::` of a host such as `[::1]` parts nothing."""
    return re.split(r"::(?![0-9A-Fa-f:.]*\])", url)


def split_url(url: str) -> tuple[str, str, str, str]:
    """A URL as what stands before, the protocol, the path, and the rest: a query, and further links of a chain.

    Of a chain it is the first link that has a path.
    """
    links = links_of(url)
    at = next((number for number, link in enumerate(links) if "://" in link), 0)
    rest = "::".join(["", *links[at + 1 :]])
    protocol, separator, inner = links[at].partition("://")
    if f"{protocol}://" in WEB:
        inner, mark, query = inner.partition("?")
        rest = f"{mark}{query}{rest}"
    return "::".join([*links[:at], ""]), protocol + separator, inner, rest


def join_url(root: str, relative: str) -> str:
    """Append `relative` to a URL; in a chained URL (`zip://dir::s3://…`) to the link that the path belongs to.

    In an address of the web it is percent-encoded and stands before the query.

    >>> join_url("zip://data::s3://bucket/a.zip", "x/1.jpg")
    'zip://data/x/1.jpg::s3://bucket/a.zip'
    >>> join_url("https://host/c?sig=abc", "100%.jpg")
    'https://host/c/100%25.jpg?sig=abc'
    """
    before, protocol, inner, after = split_url(root)
    if protocol in WEB:
        relative = quote_path(relative)
    if relative.startswith("/") and inner:  # A key of an object store that has an empty part.
        return f"{before}{protocol}{inner}/{relative}{after}"
    return f"{before}{protocol}{posixpath.join(inner, relative) if inner else relative}{after}"


WEB = ("http://", "https://")
ARCHIVES = ("zip://", "tar://", "shards://")


_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_DRIVE = re.compile(r"[A-Za-z]:/")
_PLAIN = re.compile(r"\w[\w-]*(?:[./]\w[\w-]*)*")
"""Nearly all names, which are as they should be: what follows a dot or a slash begins with a letter or a digit."""


def is_plain(name: str) -> bool:
    """Tell whether an image's name is safe, and spelled as its path is, at a glance; others may be as well.

    >>> is_plain("a.b/img-1.jpg"), is_plain("a//1.jpg"), is_plain("a/../1.jpg")
    (True, False, False)
    """
    return _PLAIN.fullmatch(name) is not None


def safe_relative(name: str) -> str | None:
    """Normalise an image's name from a dataset to a path below its root, or None when it would leave it.

    Backslashes become `/`; `.` and empty parts go. A drive letter, a leading `/`, `..`, a control character or a lone
    surrogate make a name unsafe, and so do `..` that a web server may find in it once it has decoded `%2F` or `%2E`.

    >>> safe_relative("batch_1\\\\.//6.jpg"), safe_relative("../6.jpg")
    ('batch_1/6.jpg', None)
    """
    if is_plain(name):
        return name
    path = name.replace("\\", "/")
    if leads_out(path):
        return None
    if path.startswith("/") or _DRIVE.match(path) or _CONTROL.search(path):
        return None
    parts = [part for part in path.split("/") if part not in ("", ".")]
    safe = "/".join(parts)
    # A drive may stand behind a `./` that has gone.
    return safe if parts and ".." not in parts and not _DRIVE.match(safe) else None


def leads_out(path: str) -> bool:
    """Tell whether a web server that decodes a path once more, such as its `%2F`, may find a way up in it."""
    return "%" in path and any(_LEADS_OUT.search(decoded) for decoded in _decodings(path))


def url_leads_out(url: str) -> bool:
    """Tell whether a way up stands in a URL's path, so that who opens it leaves the folder that the URL seems to lie in.

    >>> [url_leads_out(f"https://host/c/{rest}") for rest in ("../k/1.jpg", "%2e%2e/1.jpg", "a..b.jpg", "1.jpg?sig=/../")]
    [True, True, False, False]
    """
    path = url.partition("://")[2]
    path = path if url.startswith("file:") else path.partition("?")[0]
    return ".." in path.replace("\\", "/").split("/") or leads_out(path)


def _decodings(path: str) -> Iterator[str]:
    """Path as a web server may see it, which decodes `%2F` after it has been taken for a part of a name, or twice."""
    for _ in range(3):
        decoded = unquote(path, errors="surrogateescape").replace("\\", "/")
        if decoded == path:
            return
        yield decoded
        path = decoded


_LEADS_OUT = re.compile(r"(?:^|/)\.\.(?:/|;|$)|\x00")
"""What leads up, also with parameters behind it, as servers of Java read it."""


def is_of_this_machine(url: str) -> bool:
    """Tell whether a URL names this machine's disk or memory, itself or as what an archive lies on.

    >>> [is_of_this_machine(url) for url in ("data/a.json", "zip://x::/a.zip", "zip://x::s3://b/a.zip")]
    [True, True, False]
    """
    protocol, separator, _ = links_of(url)[-1].partition("://")
    return not separator or protocol in ("file", "local", "memory")


def is_below(path: str, folder: str) -> bool:
    """Tell whether `path` is `folder` or begins with it; all paths are below "", the root of a store."""
    return not folder or path == folder or path.startswith(f"{folder.rstrip('/')}/")
