"""TAR archives (POSIX pax, GNU, ustar), not compressed: each file is read by a range of its own.

A TAR archive has no directory: the headers of all files are read, one after the other, and over a network with all that lies between
them. A compressed one can only be unpacked from its start, and is refused.
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeAlias, TypeVar

from labelbeam.transforms.messages.words import is_utf8
from labelbeam.transforms.stores.archives.contents import NO_FILE, NOT_FOLLOWED, ArchiveError, Contents, Member, Packed
from labelbeam.transforms.stores.archives.names import charset_of, names_of
from labelbeam.transforms.stores.range_reader import LARGEST_BLOCK
from labelbeam.transforms.workers.budget import check_room

Seen = TypeVar("Seen")
Visit: TypeAlias = Callable[[str, int, Callable[[int, int], bytes]], Seen | None]
"""What is made of a file, of its name, its size, and a function that reads its bytes [start, end); None of those that do not matter."""

_COMPRESSED = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"\x28\xb5\x2f\xfd": "zstd"}


LARGEST_HEADER = 2**18
"""Bytes of a header of PAX or of a long name: it is read whole, and its size is what the archive says."""


class HeaderInfo(tarfile.TarInfo):
    """A header that leads forwards, and takes time and memory in proportion to what the archive holds.

    Python's own reader reads a header of a negative size again and again (CVE-2025-8194, mended in 3.11.14), takes quadratic time
    for headers of PAX (CVE-2024-6232, mended in 3.11.10), and allocates whatever size a header says.
    """

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str | None, errors: str) -> HeaderInfo:
        """Read a header.

        Raises:
            tarfile.ReadError: it is none that can be followed.
        """
        info = super().frombuf(buf, encoding, errors)  # type: ignore[arg-type]
        if not 0 <= info.size < 2**63:
            raise tarfile.ReadError(f"a header says that {info.size} bytes follow")
        if info.type in _READ_WHOLE and info.size > LARGEST_HEADER:
            raise tarfile.ReadError(f"a header of {info.size} bytes, expected at most {LARGEST_HEADER}")
        return info

    def _proc_pax(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        source: Any = archive.fileobj
        start = source.tell()
        _check_pax(source.read(self.size))
        source.seek(start)
        found: tarfile.TarInfo = super()._proc_pax(archive)  # type: ignore[misc]
        return found

    # Which parts of a sparse file are stored does not matter, since none is read.

    def _proc_gnusparse_00(self, sparse: Any, *_: Any) -> None:
        sparse.sparse = []

    _proc_gnusparse_01 = _proc_gnusparse_10 = _proc_gnusparse_00


def _check_pax(data: bytes) -> None:
    """Make sure that a header of PAX is made of records, `length key=value`, each with its end where it says.

    Raises:
        tarfile.ReadError: it is not.
    """
    at = 0
    while at < len(data) and data[at]:
        record = _RECORD.match(data, at)
        end = at + int(record[1]) if record is not None else 0
        if record is None or not record.end() < end <= len(data) or data.find(b"=", record.end(), end) < 0:
            raise tarfile.ReadError("a header of PAX is damaged")
        at = end
    if _DIGITS.search(data):
        raise tarfile.ReadError("a header of PAX holds a number of more than 200 digits")


_RECORD = re.compile(rb"(\d{1,9}) ")
_DIGITS = re.compile(rb"\d{201}")
_READ_WHOLE = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)


class TarReader:
    """Reads a TAR archive. For many threads at once."""

    def contents(self, packed: Packed) -> Contents:
        """Read the headers of all files.

        Raises:
            ArchiveError: it is compressed, damaged, or no TAR archive.
        """
        return self.scan(packed, lambda name, size, read: None)[0]

    def scan(self, packed: Packed, visit: Visit[Seen]) -> tuple[Contents, dict[int, Seen]]:
        """The same, and what `visit` makes of files on the way, by where they begin, as `Member.start` tells.

        It gets a file's name, its size, and a function that reads its bytes [start, end).

        Raises:
            ArchiveError: as above.
            ShortageError: there is not memory enough for what is kept.
        """
        head = packed.read(0, min(packed.size, 6))
        for magic, method in _COMPRESSED.items():
            if head.startswith(magic):
                raise ArchiveError(
                    f"{packed.shown} is compressed with {method}, so that no file in it can be read by itself; decompress it "
                    f"({method} -dk), or unpack it (tar -xf), and name the result"
                )
        found = Contents()
        places: dict[str, Member] = {}
        seen: dict[int, Seen] = {}
        held = 0
        try:
            infos: list[tarfile.TarInfo] = []
            with (
                packed.source(LARGEST_BLOCK) as source,
                tarfile.open(fileobj=source, mode="r:", errorlevel=2, tarinfo=HeaderInfo) as archive,
            ):
                before = -1
                for info in archive:
                    if info.offset_data <= before:
                        raise tarfile.ReadError("a file begins before the one in front of it")
                    before = info.offset_data
                    infos.append(info)
                    if info.isfile() and not info.issparse():
                        if info.offset_data + info.size > packed.size:
                            raise tarfile.ReadError("it ends within a file")
                        found_in = visit(info.name, info.size, partial(_read_at, source, info))
                        if found_in is not None:
                            held += len(found_in) if isinstance(found_in, bytes) else 0
                            check_room(held, packed.shown)
                            seen[info.offset_data] = found_in
        except (tarfile.TarError, ValueError, OverflowError, IndexError, RecursionError) as error:
            raise ArchiveError(
                f"{packed.shown} is no TAR archive, or a damaged one ({error}); fetch it again, and test it with: tar -tf"
            ) from None
        for info, name in zip(infos, _names(infos), strict=True):
            self._take(info, name, packed, found, places)
        return found, seen

    def _take(
        self, info: tarfile.TarInfo, name: str, packed: Packed, found: Contents, places: dict[str, Member]
    ) -> None:
        path = found.path_of(name)
        if path is None:
            return
        if info.isdir():
            found.add_folder(path)
        elif info.issym() or (info.islnk() and info.linkname not in places):
            found.left_out[NOT_FOLLOWED].append(path)
        elif info.islnk():
            found.add(path, places[info.linkname])
        elif not info.isfile():
            found.left_out[NO_FILE].append(path)
        else:
            stop = info.offset_data + info.size
            problem = "it is stored sparsely; pack the archive again without --sparse" if info.issparse() else None
            # Which says that something of the archive changed: it holds no checksum of its files.
            token = f"{packed.token} {info.mtime}"
            places[info.name] = Member(info.size, token, info.offset_data, stop, problem)
            found.add(path, places[info.name])

    def unpack(self, member: Member, data: bytes) -> bytes:
        """The whole of a file, which is what the archive holds of it."""
        return data

    def read(self, packed: Packed, member: Member, start: int, end: int) -> bytes:
        """The bytes [start, end) of a file."""
        return packed.read(member.start + start, min(member.start + end, member.stop))


def _read_at(source: Any, info: tarfile.TarInfo, start: int, end: int) -> bytes:
    source.seek(info.offset_data + start)
    data: bytes = source.read(end - start)
    return data


def _names(infos: Sequence[tarfile.TarInfo]) -> list[str]:
    """The names as they were meant: pax headers tell that they are in UTF-8, the others are judged together."""
    untold = [_raw_name(info) for info in infos if not _is_told(info)]
    guessed = iter(names_of(untold, charset_of(untold)))
    return [info.name if _is_told(info) else next(guessed) for info in infos]


def _raw_name(info: tarfile.TarInfo) -> bytes:
    return info.name.encode("utf-8", "surrogateescape")


def _is_told(info: tarfile.TarInfo) -> bool:
    return "path" in info.pax_headers and is_utf8(info.name)
