"""What lies in a directory of a web server, from the page of links that it shows for it."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

from labelbeam.transforms.stores.paths import unquote_path

_UNSAFE_NAME = re.compile(r"[\x00-\x1f\x7f/]")


class IndexPage(NamedTuple):
    """The names of a directory's files and folders, decoded and sorted, and its links to files that lie elsewhere."""

    files: list[str]
    folders: list[str]
    elsewhere: list[str]


class _Links(HTMLParser):
    """Collects where the links of a page lead, as they are written."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.base = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take the target of an `<a>`, and a `<base>`."""
        target = dict(attrs).get("href")
        if target is None:
            return
        if tag == "a":
            self.found.append(target.strip())
        elif tag == "base":
            self.base = self.base or target.strip()


def read_index_page(html: str, url: str) -> IndexPage:
    """Read the page that a server answered for the directory at `url`, the address after redirects.

    Only what lies directly in the directory is taken: no link to another host, upwards, or deeper. A folder is what ends
    in `/`. Queries are left off: those of links to the page itself sort it.

    >>> read_index_page('<a href="../">up</a> <a href="?C=N">by name</a> <a href="a%20b.jpg">a b</a>', "http://h/d/")
    IndexPage(files=['a b.jpg'], folders=[], elsewhere=[])
    """
    links = _Links()
    links.feed(html)
    links.close()
    base = urljoin(url, links.base)
    page = urlsplit(url)
    folder = unquote_path(page.path).rpartition("/")[0] + "/"
    files: set[str] = set()
    folders: set[str] = set()
    elsewhere: set[str] = set()
    for target in links.found:
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
