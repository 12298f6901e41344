"""TAR archives with links, devices and sparse files, and with headers that lead back or nowhere."""

from __future__ import annotations

import contextlib
import resource
import tarfile
import time
from pathlib import Path

import pytest

from labelbeam.transforms.stores.errors import StoreError
from labelbeam.transforms.stores.listing import list_files
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.reading import read_file
from tests.transforms.stores.archives_made import inside, tarred, written


def test_links_and_devices_in_a_tar_are_not_followed_but_second_names_are(tmp_path: Path) -> None:
    infos = {
        "soft.jpg": tarfile.SYMTYPE,
        "hard.jpg": tarfile.LNKTYPE,
        "out.jpg": tarfile.LNKTYPE,
        "fifo": tarfile.FIFOTYPE,
    }
    others = []
    for name, form in infos.items():
        info = tarfile.TarInfo(name)
        info.type = form
        info.linkname = {"soft.jpg": "../../etc/passwd", "out.jpg": "/etc/passwd"}.get(name, "1.jpg")
        others.append(info)
    root = inside(written(tmp_path, "a.tar", tarred({"1.jpg": b"one"}, *others)))
    found = list_files(root)
    assert [(file.path, file.size) for file in found.files] == [("1.jpg", 3), ("hard.jpg", 3)]
    assert read_file(root.below("hard.jpg")) == b"one"
    assert ["links in an archive, not followed" in warning for warning in found.warnings] == [True, False]
    assert ["neither files nor directories, left alone" in warning for warning in found.warnings] == [False, True]
    for name in ("soft.jpg", "out.jpg", "fifo"):
        with pytest.raises(StoreError, match="it is not read"):
            read_file(root.below(name))


def test_a_sparse_file_in_a_tar_is_an_error_of_its_own(tmp_path: Path) -> None:
    sparse = tarfile.TarInfo("1.jpg")
    sparse.type = tarfile.GNUTYPE_SPARSE
    root = inside(written(tmp_path, "a.tar", tarred({}, sparse, form=tarfile.GNU_FORMAT)))
    with pytest.raises(StoreError, match="stored sparsely; pack the archive again without --sparse"):
        read_file(root.below("1.jpg"))


def _header(name: str, size: int, kind: bytes = tarfile.REGTYPE) -> bytes:
    """A ustar header whose size may be any number, in base 256 as GNU writes it."""
    info = tarfile.TarInfo(name)
    info.type = kind
    head = bytearray(info.tobuf(tarfile.USTAR_FORMAT))
    head[124:136] = (size % 256**12 | 1 << 95).to_bytes(12, "big")
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)
    return bytes(head)


def _block(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 512)


def _pax(body: bytes, size: int | None = None) -> bytes:
    return _header("pax", len(body) if size is None else size, tarfile.XHDTYPE) + _block(body)


_FILE = _header("cat/0.jpg", 10) + _block(b"x" * 10)


@pytest.mark.parametrize(
    "data",
    [
        _FILE + _header("cat/1.jpg", -512) + b"\0" * 1024,
        _FILE + _header("cat/1.jpg", -1) + b"\0" * 1024,
        _FILE + _header("cat/1.jpg", 2**90) + b"\0" * 1024,
        _FILE + _pax(b"14 size=-1024\n") + _FILE,
        _FILE + _pax(b"13 size=-512\n") + _FILE,
        _FILE + _pax(b"1" * 200_000) + _FILE,
        _FILE + _pax(b"2 " * 100_000 + b"=") + _FILE,
        _FILE + _pax(b"9 a=b\n", 2**40) + _FILE,
        _FILE + _header("long", 2**40, tarfile.GNUTYPE_LONGNAME),
        _FILE + _header("long", -512, tarfile.GNUTYPE_LONGNAME) + _FILE,
        _FILE + _header("sparse", 2**40, tarfile.GNUTYPE_SPARSE),
        _FILE
        + _pax(b"22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n")
        + _header("s", 512)
        + _block(b"9" * 400 + b"\n"),
        _FILE + _pax(b"9 a=bcde\n") * 3000 + _FILE,
    ],
    ids=range(13),
)
def test_a_tar_that_leads_back_or_nowhere_is_read_or_refused_in_no_time(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x.tar").write_bytes(data)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.process_time()
    with contextlib.suppress(StoreError):
        list_files(locate(f"tar://::{tmp_path}/x.tar", {}))
    assert time.process_time() - began < 5
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000
