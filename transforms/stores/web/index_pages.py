"""Read the entries of a web server's directory from the page of links that it shows for it."""

from __future__ import annotations

import re
from contextlib import suppress
from html import unescape
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

from labelbeam.transforms.stores.paths import unquote_path

_UNSAFE_NAME = re.compile(r"[\x00-\x1f\x7f/]")


class IndexPage(NamedTuple):
    """The names of a directory's files and folders, decoded and sorted, and its links to files that lie elsewhere."""

    files: list[str]
    folders: list[str]
    elsewhere: list[str]


_TAG = re.compile(r"<(?:!--|(?:(a)|(base)|(script)|(style))(?=[\s/>]))", re.IGNORECASE)
_HREF = re.compile(r"""[\s/"']href\s{0,100}=\s{0,100}(?:"([^"]*)"|'([^']*)'|([^\s>"']+))""", re.IGNORECASE)
_LONGEST_TAG = 8192


def _links(html: str) -> tuple[list[str], str]:
    """Targets of a page's links, as they are written, and its `<base>`. Linear in the page, whatever it holds.

    `html.parser` takes quadratic time for some pages (CVE-2025-6069).
    """
    found: list[str] = []
    base = ""
    at = 0
    while (tag := _TAG.search(html, at)) is not None:
        end_of = "-->" if tag[0] == "<!--" else "</script" if tag[3] else "</style" if tag[4] else ""
        if end_of:
            at = html.find(end_of, tag.end())
            if at < 0:
                at = html.find(end_of.upper(), tag.end())
            if at < 0:
                break
            continue
        written, at = _written(html, tag.end())
        href = _HREF.search(f" {written}")
        if href is None:
            continue
        target = _unescaped(next(part for part in href.groups() if part is not None)).strip()
        if tag[1]:
            found.append(target)
        else:
            base = base or target
    return found, base


def _unescaped(text: str) -> str:
    try:
        return unescape(text)
    except ValueError:  # A character's number of thousands of digits, which Python does not read.
        return text


def _written(html: str, start: int) -> tuple[str, int]:
    """Text of a tag, up to the `>` that ends it and stands in no quotes; and where that is."""
    limit = min(len(html), start + _LONGEST_TAG)
    at = start
    while at < limit:
        character = html[at]
        if character == ">":
            return html[start:at], at
        if character in "\"'":
            closed = html.find(character, at + 1, limit)
            if closed < 0:
                break
            at = closed
        at += 1
    return "", limit


def is_cut(html: str) -> bool:
    """Tell whether a page begins and does not end: a server that was in trouble may say that half of it is all.

    >>> is_cut("<HTML><body><a href='a'>"), is_cut("<html></HTML>"), is_cut("<a href='a'>")
    (True, False, False)
    """
    text = html.lower()
    return "<html" in text and "</html" not in text


def read_index_page(html: str, url: str) -> IndexPage:
    """Read the page that a server answered for the directory at `url`, the address after redirects.

    Only what lies directly in the directory is taken: no link to another host, upwards, or deeper. A folder is what ends
    in `/`. Queries are left off: those of links to the page itself sort it.

    >>> read_index_page('<a href="../">up</a> <a href="?C=N">by name</a> <a href="a%20b.jpg">a b</a>', "http://h/d/")
    IndexPage(files=['a b.jpg'], folders=[], elsewhere=[])
    """
    targets, written_base = _links(html)
    base = url
    with suppress(ValueError):  # No address at all, which browsers pass over too.
        base = urljoin(url, written_base)
    page = urlsplit(url)
    folder = unquote_path(page.path).rpartition("/")[0] + "/"
    files: set[str] = set()
    folders: set[str] = set()
    elsewhere: set[str] = set()
    for target in targets:
        try:
            link = urlsplit(urljoin(base, target))
            same_host = (link.hostname, link.port) == (page.hostname, page.port)
        except ValueError:
            elsewhere.add(target)  # No address at all.
            continue
        if link.scheme not in ("http", "https"):
            continue
        path = unquote_path(link.path)
        name = path.removeprefix(folder).removesuffix("/")
        if same_host and path.startswith(folder) and name not in ("", ".", "..") and not _UNSAFE_NAME.search(name):
            (folders if path.endswith("/") else files).add(name)
        elif "." in path.rpartition("/")[2] and not (same_host and folder.startswith(path)):
            elsewhere.add(target)  # Links to directories and home pages are an index's furniture.
    return IndexPage(sorted(files - folders), sorted(folders), sorted(elsewhere))
