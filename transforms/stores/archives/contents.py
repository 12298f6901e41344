"""Parts that every kind of archive has in common: its bytes in a store, and the files that its directory tells of.

What is in an archive is not trusted: no name leaves it, and links are not followed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Protocol

from labelbeam.transforms.messages.words import is_utf8
from labelbeam.transforms.stores.failures import ShortReadError
from labelbeam.transforms.stores.paths import safe_relative
from labelbeam.transforms.stores.range_reader import RangeReader
from labelbeam.transforms.stores.tokens import content_token

NOT_FOLLOWED = "links in an archive, not followed; pack it again with what they lead to (tar --dereference)"
LEAVES_IT = "names in an archive that lead out of it or hold control characters, not read; pack it again from its root"
REPEATED = "names that stand in an archive more than once, of which the last counts"
IN_CODE_PAGE = (
    "names whose charset (encoding) nothing tells, read in code page 437 as the format says; if they look wrong, pack the archive again "
    "with names in UTF-8"
)
NO_FILE = "neither files nor directories, left alone"


class ArchiveError(OSError):
    """An archive or a file in it cannot be read: it is damaged, encrypted, or packed in a way that is not read here."""


@dataclass(frozen=True, slots=True)
class Member:
    """A file in an archive, `size` bytes long when unpacked; the bytes [start, stop) of the archive hold it.

    `token` changes with its content. `problem` is why it cannot be read, where that is known.
    """

    size: int
    token: str
    start: int
    stop: int
    problem: str | None


@dataclass(slots=True)
class Contents:
    """Contents of an archive: files by path, the directories above them, and what is left out or doubtful: names by reason."""

    files: dict[str, Member] = field(default_factory=dict)
    folders: set[str] = field(default_factory=lambda: {""})
    left_out: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def path_of(self, name: str) -> str | None:
        """The path of what is called `name`; None, and noted, where it leads out.

        A name in an unknown charset (see `names.names_of`) is kept as on a disk: it does not lead out, and a listing warns of it.
        """
        path = safe_relative(name) if is_utf8(name) else _relative_bytes(name)
        if path is None and name.rstrip("/") not in ("", "."):  # Which is the root.
            self.left_out[LEAVES_IT].append(name)
        return path

    def add(self, path: str, member: Member) -> None:
        """Take a file, instead of an earlier one of that path."""
        if path in self.files:
            self.left_out[REPEATED].append(path)
        self.files[path] = member
        self.add_folder(path.rpartition("/")[0])

    def add_folder(self, path: str) -> None:
        """Take a directory, and those above it."""
        while path not in self.folders:
            self.folders.add(path)
            path = path.rpartition("/")[0]


def _relative_bytes(name: str) -> str | None:
    """Do as `safe_relative`, for a name with a lone surrogate for each byte that is no ASCII.

    A backslash is left alone: in Shift-JIS, GBK and Big5 its byte is the second half of many a letter.
    """
    parts = [part for part in name.split("/") if part not in ("", ".")]
    leads_out = name.startswith("/") or ".." in name.replace("\\", "/").split("/")
    has_control = any(character < " " or character == "\x7f" for character in name)
    return None if leads_out or has_control or not parts else "/".join(parts)


class Reader(Protocol):
    """Reader of one kind of archive."""

    def contents(self, packed: Packed) -> Contents:
        """Find out what is in the archive."""

    def unpack(self, member: Any, data: bytes) -> bytes:
        """The whole of a file, from the bytes of the archive that hold it."""

    def read(self, packed: Packed, member: Any, start: int, end: int) -> bytes:
        """The bytes [start, end) of a file."""


class Packed:
    """The bytes of an archive in its store, where it is called `shown` in messages. Safe for threads, as the store is."""

    def __init__(self, fs: Any, path: str, shown: str) -> None:
        """Nothing is read yet."""
        self._fs = fs
        self.path = path
        self.shown = shown
        self.local = "file" in fs.protocol
        self.size = 0
        self.token = ""

    def look(self) -> bool:
        """Ask for size and token; whether they are other ones than before.

        Raises:
            ArchiveError: it does not exist, or is no file.
        """
        before = (self.size, self.token)
        try:
            info = self._fs.info(self.path)
        except FileNotFoundError:
            raise ArchiveError(f"the archive {self.shown} does not exist") from None
        if info["type"] != "file" or info.get("size") is None:
            raise ArchiveError(f"the archive {self.shown}: expected a file of known size, found: {info['type']}")
        self.size, self.token = int(info["size"]), content_token(info)
        if before == (self.size, self.token):
            return False
        if before != (0, ""):
            self._fs.invalidate_cache()
        return True

    def read(self, start: int, end: int) -> bytes:
        """The bytes [start, end) of the archive.

        Raises:
            ShortReadError: fewer came; they may come when asked again.
            ArchiveError: more came.
        """
        if start == end:
            return b""
        data: bytes = self._fs.cat_file(self.path, start=start, end=end)
        if len(data) < end - start:
            raise ShortReadError(f"asked for bytes {start} to {end} of {self.shown}, got {len(data)}")
        if len(data) > end - start:
            raise ArchiveError(
                f"asked for bytes {start} to {end} of {self.shown}, got {len(data)}: the store ignores ranges; copy the "
                "archive to this machine first"
            )
        return data

    def source(self, block: int) -> BinaryIO | RangeReader:
        """The archive as a file to be read from front to back, in steps of `block` bytes where it is not on a disk."""
        return open(self.path, "rb") if self.local else RangeReader(self.read, self.size, block)

    def pieces(self, start: int, end: int, first: int, most: int) -> Iterator[bytes]:
        """The bytes [start, end) piece by piece, each twice as long as the one before."""
        while start < end:
            stop = min(end, start + first)
            yield self.read(start, stop)
            start, first = stop, min(2 * first, most)
