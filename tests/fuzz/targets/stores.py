"""Archives, pages of web servers, what others put into an output, and words of servers."""

from __future__ import annotations

import io
import json
import os
import tarfile
import tempfile
import zipfile
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

from targets.target import SOURCES, Target, writable

from labelbeam.schemas.errors import LabelBeamError
from labelbeam.schemas.manifest import Receipt
from labelbeam.transforms.builds.lock import read_claims
from labelbeam.transforms.builds.published import latest_build, published
from labelbeam.transforms.builds.resume import Target as BuildTarget
from labelbeam.transforms.builds.resume import finished_bucket, was_begun
from labelbeam.transforms.messages.redact import hide, redact, stable
from labelbeam.transforms.messages.words import plain
from labelbeam.transforms.stores.archives.contents import ArchiveError
from labelbeam.transforms.stores.archives.store import open_archive
from labelbeam.transforms.stores.failures import ShortReadError, retry_after
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.paths import quote_path, safe_relative, unquote_path
from labelbeam.transforms.stores.web.index_pages import read_index_page

_MEMBERS = {"a/1.jpg": b"one" * 40, "b.json": b"{}", "\u00fc.txt": bytes(5000)}


def _zipped(method: int, comment: bytes = b"") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.comment = comment
        for name, data in _MEMBERS.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def _tarred(form: int) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        for name, data in {**_MEMBERS, "long/" * 40 + "x": b"x"}.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(data), 1
            archive.addfile(info, io.BytesIO(data))
        info = tarfile.TarInfo("link")
        info.type, info.linkname = tarfile.LNKTYPE, "a/1.jpg"
        archive.addfile(info)
    return buffer.getvalue()[:-8192]  # Of the zeros at the end, two blocks are enough.


ARCHIVES = (
    _zipped(zipfile.ZIP_STORED),
    _zipped(zipfile.ZIP_DEFLATED, b"comment"),
    *(_tarred(form) for form in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)),
)
ARCHIVE_TOKENS = (
    *(b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07", b"PK\x07\x08", b"\xff\xff\xff\xff", b"\x01\x00", b"\x00\x08"),
    *(b"../", b"/", b"C:\\", b"\0" * 512, b"ustar\x0000", b"ustar  \0", b"30 path=a\n", b"11 size=-1\n", b"0000000", b"\x80" + b"\xff" * 11),
    *(b"S", b"x", b"g", b"L", b"K", b"1", b"5", b"22 GNU.sparse.map=1,2\n", b"GNU.sparse.major=1\n", b"\x75\x70", b"\x99\x01"),
)  # fmt: skip

PAGES = (
    b'<html><body><a href="../">up</a><a href="a%20b.jpg">a</a> <a href=sub/>sub</a><a href=\'?C=N;O=D\'>n</a></body></html>',
    b'<base href="/d/"><!-- <a href="x.jpg"> --><a HREF = "1.jpg">1</a><script>"<a href=no.jpg>"</script><a href="http://h/d/2.png">2</a>',
    b'<a href="&#' + b"9" * 5000 + b';.jpg">x</a>',  # Which is no character: a find of 225 seconds.
    b'<a title=">" href="%2e%2e%2fup.jpg">x</a><a href="//other/d/3.jpg">y</a><a href="&#49;.jpg">1</a><style>a</style>',
)
PAGE_TOKENS = (
    *(b"<a ", b"href=", b'"', b"'", b">", b"<!--", b"-->", b"<script>", b"</script", b"<base href=", b"../", b"%2e%2e%2f", b"%00", b"?", b"#"),
    *(b"http://", b"//", b"h/d/", b"[::1", b"\\", b"&#x2f;", b"&amp;", b"javascript:", b"\xff", b"<a\n" * 200, b" " * 300, b"%zz", b":99999/", b"\t"),
)  # fmt: skip

_NAME = "20240101T000000000000Z-0a1b2c3d"
_TALLY = {"found": 1, "written": 1, "rejected": 0, "skipped": 0}
OUTPUTS = (
    json.dumps({"build": _NAME, "manifest": f"builds/{_NAME}/manifest.json"}).encode(),
    json.dumps({"work": "build", "since": "2024", "host": "h", "process": "a 1 2 3", "held": True, "beat": 3}).encode(),
    json.dumps({"made_from": "0a1b2c3d", "build": _NAME}).encode(),
    json.dumps({"made_from": "", "receipt": {"bucket": 0, "records_in": 1, "images": _TALLY, "objects": _TALLY, "files": []}}).encode(),
    json.dumps(
        {"format_version": 1, "build": _NAME, "labelbeam_version": "0", "task": "image_object_detection", "created": "", "config": {},
         "source": {"fingerprint": "", "covers": ""}, "labels": [], "counts": {"images": _TALLY, "objects": _TALLY}, "rejected_by_reason": {},
         "adjusted_by_reason": {}, "splits": {"train": {"images": 1, "objects": 1, "files": []}}, "parquet": [], "rejected": []}
    ).encode(),
)  # fmt: skip
OUTPUT_TOKENS = (
    *(b"{", b"}", b"[", b"]", b'"', b":", b",", b"null", b"\\ud800", b"\xff", b"[" * 2000, b"../", b"/etc", b"\\u0000", b"1e999", b"9" * 30),
    *(b'"build":', b'"process":', b'"files":', b'"path":', b'"sha256":', b'"bytes":', b"..", b"~", b'"train/train-00000-of-00001.jsonl"', b"-1"),
)  # fmt: skip

MESSAGES = (
    b"https://me:pass@host/a.json?sv=2024&sig=abc%3D: refused",
    b"DefaultEndpointsProtocol=https;AccountName=a;AccountKey=abc==;BlobEndpoint=http://h:1/a",
    b"zip://a@b.jpg::https://u@h/x.zip?token=1;sig=2 me:pw@host:80 \x1b[31m\xe2\x80\xae",
    b"Wed, 21 Oct 2015 07:28:00 GMT",
    b"120",
)
MESSAGE_TOKENS = (
    *(b"://", b"@", b"?", b"&sig=", b";", b"%40", b"%25", b"\\/", b"\\u0040", b"&amp;", b"&#64;", b"key=", b"password = ", b"::", b"http", b"az://"),
    *(b"\x1b[", b"\x9b", b"\xe2\x80\xae", b"\0", b"\r", b"\n", b"\xff", b"9" * 400, b"1e400", b"-1", b"GMT", b"p@ss w/rd+1", b"a@" * 300, b"*" * 3),
)  # fmt: skip


class _Held:
    """A store that holds one file."""

    protocol = ("memory",)

    def __init__(self, data: bytes) -> None:
        self._data = data

    def info(self, path: str) -> dict[str, Any]:
        return {"name": path, "type": "file", "size": len(self._data)}

    def cat_file(self, path: str, start: int, end: int) -> bytes:
        assert 0 <= start < end <= len(self._data), "read outside the archive"
        return self._data[start:end]


def read_archive(data: bytes) -> None:
    """No name leads out of an archive; each file is read, whole and in part, or refused, and both say the same."""
    kind = "tar" if data[257:262] == b"ustar" or zlib.crc32(data) % 7 == 0 else "zip"
    store = open_archive(kind, _Held(data), "a", "a")
    try:
        found = store.find("", detail=True)
    except (ArchiveError, ShortReadError) as error:
        writable(str(error).encode("utf-8", "backslashreplace").decode())
        return
    for path, info in list(found.items())[:8]:
        assert safe_relative(path) == path or not path.isascii()
        assert not {"", ".", ".."} & {*path.split("/")} and info["size"] >= 0
        size = min(info["size"], 1 << 20)
        with suppress(ArchiveError, ShortReadError):
            head = store.cat_file(path, 0, size) if size else b""
            assert len(head) <= size
            with suppress(ArchiveError, ShortReadError):
                assert store.cat_file(path)[:size] == head


def read_links(data: bytes) -> None:
    """A page names what lies directly in its directory, and no more."""
    page = read_index_page(data.decode("utf-8", "replace"), "http://h/d/")
    for name in (*page.files, *page.folders):
        assert name not in ("", ".", "..") and "/" not in name
        asked = quote_path(f"d/{name}")
        assert asked.startswith("d/") and not {"?", "#"} & {*asked}
        assert unquote_path(asked) == f"d/{name}"


_OUTPUT = Path(tempfile.gettempdir(), f"labelbeam-fuzz-{os.getpid()}")
_BUILD = "20240101T000000000000Z-0a1b2c3d"


def read_output(data: bytes) -> None:
    """What somebody else has put into an output is read as what it says that it is, or refused, and leads nowhere else."""
    output = locate(str(_OUTPUT), {})
    kept, build = _OUTPUT / "unfinished" / _BUILD, _OUTPUT / "builds" / _BUILD
    for folder in (kept, build):
        folder.mkdir(parents=True, exist_ok=True)
    pointer = json.dumps({"build": _BUILD, "manifest": f"builds/{_BUILD}/manifest.json"}).encode()
    for place, written, look in (
        (_OUTPUT / "latest.json", data, lambda: latest_build(output)),
        (_OUTPUT / "unfinished" / "lock-1.json", data, lambda: read_claims(output)),
        (build / "manifest.json", data, lambda: published(output)),
        (kept / "begun.json", data, lambda: was_begun(output, _BUILD)),
        (kept / "receipt-00000-of-00001.json", data, lambda: _receipt(kept, build)),
    ):
        if place.name == "manifest.json":
            (_OUTPUT / "latest.json").write_bytes(pointer)
        place.write_bytes(written)
        try:
            look()
        except LabelBeamError as error:
            writable(str(error).encode("utf-8", "backslashreplace").decode())
        finally:
            place.unlink()


def _receipt(kept: Path, build: Path) -> Receipt | None:
    return finished_bucket(BuildTarget(str(build), str(kept), "", True), {}, 0, 1, Receipt)


class _PauseError(Exception):
    """An answer that asks for a pause."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.headers = {"Retry-After": text}


_SECRET = "p@ss w/rd+1"


def read_message(data: bytes) -> None:
    """Words of a server or a name are shown without a secret and without what steers a terminal, and again they stay the same."""
    text = data.decode("utf-8", "surrogateescape")
    shown = plain(redact(text))
    writable(shown)
    assert plain(shown) == shown and not any(ord(character) < 32 or ord(character) == 127 for character in shown)
    stable(text)
    assert _SECRET not in hide(f"{text}{_SECRET}{text}", (_SECRET,))
    seconds = retry_after(_PauseError(text))
    assert seconds is None or seconds >= 0


TARGETS = {
    "archives": Target(read_archive, ARCHIVES, ARCHIVE_TOKENS, (*SOURCES, "/zipfile", "/tarfile")),
    "index-pages": Target(read_links, PAGES, PAGE_TOKENS, SOURCES),
    "outputs": Target(read_output, OUTPUTS, OUTPUT_TOKENS, SOURCES),
    "messages": Target(read_message, MESSAGES, MESSAGE_TOKENS, SOURCES),
}
