"""ZIP archives (PKWARE's APPNOTE 6.3): stored and deflated files, each read by a range of its own."""

from __future__ import annotations

import stat
import struct
import threading
import zipfile
import zlib
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, NamedTuple

from labelbeam.transforms.stores.archives.contents import (
    IN_CODE_PAGE,
    NOT_FOLLOWED,
    ArchiveError,
    Contents,
    Member,
    Packed,
)
from labelbeam.transforms.stores.archives.names import charset_of, names_of
from labelbeam.transforms.stores.range_reader import RangeReader

_LOCAL_HEADER = 30
_LONGEST_EXTRA = 0xFFFF
_USUAL_EXTRA = 256
_ENCRYPTED = 0x1 | 0x40
_IS_UTF8 = 0x800
_CODE_PAGE = "cp437"
_METHODS = {9: "Deflate64", 12: "bzip2", 14: "LZMA", 93: "Zstandard", 95: "xz", 98: "PPMd", 99: "AES"}

_PIECE = 16 * 1024
"""Bytes that are asked for first: what the header of an image needs. Each further request is for twice as many."""

_LARGEST_PIECE = 4 * 2**20

_STEP = 8 * 2**20
"""Unpacked bytes between two places from which a long file can be unpacked on: so its parts are not unpacked from the start."""

_BOMB_SIZE = 64 * 2**20
_BOMB_RATIO = 200
"""Files longer than the one that shrink by more than the other are not unpacked whole: text and images shrink far less."""


@dataclass(frozen=True, slots=True)
class ZipMember(Member):
    """A file: how it is packed, into how many bytes, its CRC-32, and the length of its name in bytes."""

    method: int
    packed: int
    crc: int
    name: int


class _Place(NamedTuple):
    """A place in a deflated file: so much is unpacked, from so much packed; how to go on, and the CRC-32 up to there."""

    at: int
    taken: int
    inflate: Any
    crc: int


class ZipReader:
    """Reads a ZIP archive. For many threads at once."""

    def __init__(self) -> None:
        """Nothing is known of any file yet."""
        self._lock = threading.Lock()
        self._data: dict[int, int] = {}
        self._places: dict[int, list[_Place]] = {}

    def contents(self, packed: Packed) -> Contents:
        """Read the central directory.

        Raises:
            ArchiveError: there is none.
        """
        with self._lock:
            self._data.clear()
            self._places.clear()
        try:
            with zipfile.ZipFile(RangeReader(packed.read, packed.size)) as archive:
                infos, end = archive.infolist(), min(archive.start_dir, packed.size)
        except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
            raise ArchiveError(
                f"{packed.shown} is no ZIP archive, or a damaged one ({error}); fetch it again, and test it with: unzip -t"
            ) from None
        found = Contents()
        starts = sorted({info.header_offset for info in infos})
        for info, name in zip(infos, _names(infos, found), strict=True):
            path = found.path_of(name)
            if path is None:
                continue
            if stat.S_ISLNK(info.external_attr >> 16):
                found.left_out[NOT_FOLLOWED].append(path)
            elif name.endswith(("/", "\\")):
                found.add_folder(path)
            else:
                following = bisect_right(starts, info.header_offset)
                found.add(path, _member(info, min(starts[following], end) if following < len(starts) else end))
        return found

    def unpack(self, member: ZipMember, data: bytes) -> bytes:
        """The whole of a file, from its local header on.

        Raises:
            ArchiveError: it is not as long as the directory says, or its checksum differs.
        """
        if member.size > max(_BOMB_SIZE, _BOMB_RATIO * member.packed):
            raise ArchiveError(
                f"{member.packed} bytes in the archive would unpack to {member.size}, as those of a ZIP bomb do; unpack it yourself if you trust it"
            )
        start = _data_start(member, data)
        content = data[start : start + member.packed]
        if len(content) < member.packed:
            raise _damaged("it overlaps the next file")
        if member.method == zipfile.ZIP_DEFLATED:
            inflate = zlib.decompressobj(-zlib.MAX_WBITS)
            try:
                # One more than it may have, and without end: 0 would mean no limit.
                content = inflate.decompress(content, member.size + 1)
            except zlib.error as error:
                raise _of_zlib(error) from None
        if len(content) != member.size:
            raise _damaged(
                f"expected {member.size} bytes, unpacked {'more' if len(content) > member.size else len(content)}"
            )
        if zlib.crc32(content) != member.crc:
            raise _damaged("its checksum (CRC-32) differs")
        return content

    def read(self, packed: Packed, member: ZipMember, start: int, end: int) -> bytes:
        """The bytes [start, end) of a file.

        Raises:
            ArchiveError: the file is damaged.
        """
        end = min(end, member.size)
        if end <= start:
            return b""
        data, first = self._begin(packed, member)
        if data + member.packed > member.stop or (member.method == zipfile.ZIP_STORED and member.packed != member.size):
            raise _damaged("it overlaps the next file")
        if member.method == zipfile.ZIP_STORED:
            return first[start:end] if end <= len(first) else packed.read(data + start, data + end)
        return self._inflate(packed, member, start, end, (data, first))

    def _begin(self, packed: Packed, member: ZipMember) -> tuple[int, bytes]:
        """Offset of a file's data in the archive, and the first of them, as far as one request has brought them."""
        if member.start in self._data:
            return self._data[member.start], b""
        wanted = _LOCAL_HEADER + member.name + _USUAL_EXTRA + min(member.packed, _PIECE)
        head = packed.read(member.start, min(member.stop, member.start + wanted))
        start = _data_start(member, head)
        if member.packed > _LARGEST_PIECE:  # It will be read in parts.
            self._data[member.start] = member.start + start
        return member.start + start, head[start : start + member.packed]

    def _inflate(self, packed: Packed, member: ZipMember, start: int, end: int, begin: tuple[int, bytes]) -> bytes:
        data, first = begin
        at, taken, inflate, crc = self._place(member, start)
        if taken:
            first = b""
        largest = _LARGEST_PIECE
        rest = packed.pieces(
            data + taken + len(first), data + member.packed, _PIECE if end - at < largest else largest, largest
        )
        parts: list[bytes] = []
        # What is left inside of the unpacker comes out when there is nothing more to put in.
        for piece in chain((first,), rest, (b"",)):
            while at < end and not inflate.eof:
                try:
                    out = inflate.decompress(piece, _STEP - at % _STEP)
                except zlib.error as error:
                    raise _of_zlib(error) from None
                taken += len(piece) - len(inflate.unconsumed_tail)
                piece = inflate.unconsumed_tail
                if not out and not piece:
                    break
                crc = zlib.crc32(out, crc)
                parts.append(out[max(0, start - at) : max(0, end - at)])
                at += len(out)
                if at % _STEP == 0:
                    self._remember(member, _Place(at, taken, inflate.copy(), crc))
            if at >= end:
                break
        if at < end or at > member.size:
            raise _damaged(f"expected {member.size} bytes, unpacked {at if at < end else 'more'}")
        if at == member.size and crc != member.crc:
            raise _damaged("its checksum (CRC-32) differs")
        return b"".join(parts)

    def _place(self, member: ZipMember, start: int) -> _Place:
        with self._lock:
            places = self._places.get(member.start, [])
            before = [place for place in places if place.at <= start]
            if not before:
                return _Place(0, 0, zlib.decompressobj(-zlib.MAX_WBITS), 0)
            return before[-1]._replace(inflate=before[-1].inflate.copy())

    def _remember(self, member: ZipMember, place: _Place) -> None:
        with self._lock:
            places = self._places.setdefault(member.start, [])
            if not places or places[-1].at < place.at:
                places.append(place)


def _names(infos: Sequence[zipfile.ZipInfo], found: Contents) -> list[str]:
    """The names as they were meant: by the field that gives one in UTF-8, by the flag for UTF-8, else by all names together.

    The charset of names without either is code page 437 by the format. Many tools write UTF-8, or the charset of their machine.
    """
    told = [_unicode_path(info) or (info.orig_filename if info.flag_bits & _IS_UTF8 else None) for info in infos]
    untold = [_raw_name(info) for info, name in zip(infos, told, strict=True) if name is None]
    charset = charset_of(untold, usual=_CODE_PAGE)
    guessed = iter(names_of(untold, charset))
    if charset == _CODE_PAGE:
        found.left_out[IN_CODE_PAGE] += [name.decode(charset) for name in untold if not name.isascii()]
    return [next(guessed) if name is None else name for name in told]


def _raw_name(info: zipfile.ZipInfo) -> bytes:
    return info.orig_filename.encode("utf-8" if info.flag_bits & _IS_UTF8 else "cp437")


_UNICODE_PATH = 0x7075


def _unicode_path(info: zipfile.ZipInfo) -> str | None:
    """The name that the Info-ZIP Unicode Path field gives (APPNOTE 4.6.9); None where there is none, or it is out of date."""
    extra = info.extra
    while len(extra) >= 4:
        kind, size = struct.unpack("<HH", extra[:4])
        field, extra = extra[4 : 4 + size], extra[4 + size :]
        # It is in force as long as the name in the header is the one that it was made for.
        if (
            kind == _UNICODE_PATH
            and field[:1] == b"\1"
            and field[1:5] == struct.pack("<I", zlib.crc32(_raw_name(info)))
        ):
            try:
                return field[5:].decode() or None
            except UnicodeDecodeError:
                return None
    return None


def _member(info: zipfile.ZipInfo, following: int) -> ZipMember:
    problem = None
    if not 0 <= info.header_offset < following:
        problem = str(_damaged("its place is outside of the archive"))
    elif info.flag_bits & _ENCRYPTED:
        problem = "it is encrypted; unpack the archive with its password first"
    elif info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        method = _METHODS.get(info.compress_type, f"method {info.compress_type}")
        problem = f"it is packed by {method}, which is not read here; pack the archive again with: zip -r"
    name = len(_raw_name(info))
    longest = _LOCAL_HEADER + name + _LONGEST_EXTRA + info.compress_size
    return ZipMember(
        size=info.file_size,
        token=f"crc32:{info.CRC:08x}",
        start=info.header_offset,
        stop=min(following, info.header_offset + longest),
        problem=problem,
        method=info.compress_type,
        packed=info.compress_size,
        crc=info.CRC,
        name=name,
    )


def _data_start(member: ZipMember, data: bytes) -> int:
    """Offset of a file's data, counted from its local header."""
    if len(data) < _LOCAL_HEADER or data[:4] != b"PK\x03\x04":
        raise _damaged("no file begins where the directory says")
    name = int.from_bytes(data[26:28], "little")
    if name != member.name:
        raise _damaged("another file begins where the directory says")
    return _LOCAL_HEADER + name + int.from_bytes(data[28:30], "little")


def _of_zlib(error: zlib.error) -> Exception:
    """Damage, unless zlib has run out of memory (Z_MEM_ERROR)."""
    return MemoryError(str(error)) if str(error).startswith("Error -4 ") else _damaged(str(error))


def _damaged(why: str) -> ArchiveError:
    return ArchiveError(f"it is damaged in the archive: {why}; fetch the archive again")
