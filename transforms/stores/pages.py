"""Listing all that lies below a prefix of an object store, pages of which are asked for side by side.

A store tells of a thousand names or so in a page, and only with it how the next one is asked for. But it also tells, by a delimiter, which
folders there are, and each of these is a listing of its own.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from operator import itemgetter
from typing import Any, NamedTuple, TypeAlias

from fsspec.asyn import AsyncFileSystem, sync

from labelbeam.transforms.stores.files import StoredFile

PAGES_AT_ONCE = 32
"""Pages that are asked for at the same time. Beyond that the time goes into reading them."""

FEW_FOLDERS = 4
"""Folders that a page tells of at most where each is worth a listing of its own. Were there more, they would be so small that a
listing from end to end takes fewer requests."""


class Page(NamedTuple):
    """One answer: files by their whole names, folders by theirs with the delimiter at the end, and what to ask for the next page with."""

    files: list[StoredFile]
    folders: list[str]
    more: str | None


GetPage: TypeAlias = Callable[[str, str, str | None], Awaitable[Page]]
"""Ask for a page: the prefix of its names, the delimiter or "", and what the page before said, None for the first."""


class Paged(AsyncFileSystem):  # type: ignore[misc]  # fsspec has no types
    """An object store of which each page of a listing can be asked for by itself."""

    @abstractmethod
    async def _page(self, bucket: str, prefix: str, delimiter: str, more: str | None) -> Page:
        """A page of the names in a bucket that begin with `prefix`, as a `GetPage` asks for it."""

    async def _files_below(self, path: str) -> list[StoredFile]:
        bucket, key, _ = self.split_path(path)
        prefix = f"{key}/" if key else ""
        above = len(prefix)
        found = await list_pages(lambda *wanted: self._page(bucket, *wanted), prefix)
        # The directory itself may be listed too, as a name that ends in a slash.
        if not above:
            return found if all(map(itemgetter(0), found)) else [file for file in found if file.path]
        return [StoredFile(path[above:], size, token) for path, size, token in found if len(path) > above]

    def files_below(self, path: str) -> list[StoredFile]:
        """All files below a directory, by their names below it, in no order."""
        found: list[StoredFile] = sync(self.loop, self._files_below, path)
        return found


async def list_pages(get_page: GetPage, prefix: str) -> list[StoredFile]:
    """All files whose names begin with `prefix`, each once, in no order. What fits into two pages is asked for one after the other.

    Raises:
        Exception: what `get_page` raised first; nothing is on its way any more then.
    """
    found: list[StoredFile] = []
    turns = asyncio.Semaphore(PAGES_AT_ONCE)

    async def page(prefix: str, delimiter: str = "", more: str | None = None) -> Page:
        async with turns:
            return await get_page(prefix, delimiter, more)

    async def rest(prefix: str, last: Page) -> None:
        found.extend(last.files)
        while last.more is not None:
            last = await page(prefix, more=last.more)
            found.extend(last.files)

    async def below(prefix: str, first: Page | None = None) -> None:
        first = first or await page(prefix)
        if first.more is None or not 0 < _folders(first.files, prefix) <= FEW_FOLDERS:
            await rest(prefix, first)
            return
        second, level = await _together([page(prefix, more=first.more), page(prefix, "/")])
        if second.more is None or level.more is not None or not all(len(name) > len(prefix) for name in level.folders):
            found.extend(first.files)
            await rest(prefix, second)
        elif len(level.folders) == 1 and not level.files:
            await below(level.folders[0], first)
        else:
            found.extend(level.files)
            await _together([below(folder) for folder in level.folders])

    await below(prefix)
    return found


def _folders(files: Sequence[StoredFile], prefix: str) -> int:
    """The number of folders directly below a prefix that hold files."""
    starts = {file.path[len(prefix) :].partition("/") for file in files}
    return len({folder for folder, slash, _ in starts if slash})


async def _together(calls: Sequence[Coroutine[Any, Any, Any]]) -> list[Any]:
    """The results of calls, in their order; where one fails, the others are ended."""
    tasks = [asyncio.ensure_future(call) for call in calls]
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise
