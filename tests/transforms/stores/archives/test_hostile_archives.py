"""Archives that are hostile, damaged, or none: nothing leaves them, and what cannot be read is said so."""

from __future__ import annotations

import contextlib
import gzip
import io
import random
import resource
import stat as modes
import struct
import tarfile
import time
import zipfile
from pathlib import Path

import pytest

from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.stores.errors import StoreError, UnavailableError
from labelbeam.transforms.stores.files import kind
from labelbeam.transforms.stores.listing import list_files
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.reading import read_file, read_many, read_range
from tests.transforms.stores.archives_made import PACKED, inside, tarred, with_member, written, zipped
from tests.transforms.stores.odd_server import OddServer, odd_server

HOSTILE = ["../up.jpg", "/etc/passwd", "a/../../up.jpg", "C:/x.jpg", "a\nb.jpg", "..\\up.jpg"]


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("kind_of", ["zip", "tar"])
def test_a_name_that_leads_out_is_left_out_and_told_of(name: str, kind_of: str, tmp_path: Path) -> None:
    make = zipped if kind_of == "zip" else tarred
    root = inside(written(tmp_path, f"a.{kind_of}", make({"1.jpg": b"1", name: b"2"})))
    found = list_files(root)
    assert [file.path for file in found.files] == ["1.jpg"]
    (warning,) = found.warnings
    assert "names in an archive that lead out of it or hold control characters, not read" in warning
    for url in ("zip://../x::a.zip", "tar://a/../..::a.tar"):
        with pytest.raises(UsageError, match="leaves the archive"):
            locate(url, {})


def test_links_in_a_zip_are_not_followed(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("link.jpg")
    link.create_system = 3
    link.external_attr = (modes.S_IFLNK | 0o777) << 16
    root = inside(written(tmp_path, "a.zip", with_member(link, b"/etc/passwd")))
    found = list_files(root)
    assert [file.path for file in found.files] == ["1.jpg"]
    assert "links in an archive, not followed" in found.warnings[0]
    with pytest.raises(StoreError, match="not followed"):
        read_file(root.below("link.jpg"))


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


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("kind_of", ["zip", "tar"])
def test_of_a_name_that_stands_there_twice_the_last_counts_and_a_warning_says_so(kind_of: str, tmp_path: Path) -> None:
    packed = io.BytesIO()
    if kind_of == "zip":
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("1.jpg", b"first")
            archive.writestr("./1.jpg", b"second")
    else:
        packed.write(tarred({"1.jpg": b"first", "./1.jpg": b"second"}))
    root = inside(written(tmp_path, f"a.{kind_of}", packed.getvalue()))
    found = list_files(root)
    assert [file.path for file in found.files] == ["1.jpg"]
    assert read_file(root.below("1.jpg")) == b"second"
    assert "more than once, of which the last counts: 1, such as '1.jpg'" in found.warnings[0]


def test_an_encrypted_file_is_an_error_of_its_own(tmp_path: Path) -> None:
    packed = bytearray(zipped({"1.jpg": b"1", "2.jpg": b"2"}, zipfile.ZIP_STORED))
    packed[packed.index(b"PK\x01\x02") + 8] |= 1
    root = inside(written(tmp_path, "a.zip", bytes(packed)))
    first, second = read_many(root, ["1.jpg", "2.jpg"])
    assert isinstance(first, StoreError)
    assert "it is encrypted; unpack the archive with its password first" in str(first)
    assert second == b"2"


def test_a_file_packed_in_another_way_is_an_error_that_names_it(tmp_path: Path) -> None:
    root = inside(written(tmp_path, "a.zip", zipped({"1.jpg": b"1"}, zipfile.ZIP_LZMA)))
    with pytest.raises(StoreError, match="packed by LZMA, which is not read here; pack the archive again with: zip -r"):
        read_file(root.below("1.jpg"))


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_flipped_byte_is_found_by_its_checksum_and_costs_that_file_only(method: int, tmp_path: Path) -> None:
    content = random.Random(3).randbytes(1000)
    packed = bytearray(zipped({"1.jpg": b"first", "2.jpg": content, "3.jpg": b"last"}, method))
    packed[packed.index(b"2.jpg") + 500] ^= 1
    root = inside(written(tmp_path, "a.zip", bytes(packed)))
    first, second, third = read_many(root, ["1.jpg", "2.jpg", "3.jpg"])
    assert (first, third) == (b"first", b"last")
    assert isinstance(second, StoreError)
    assert "damaged in the archive" in str(second)
    if method == zipfile.ZIP_DEFLATED:
        with pytest.raises(StoreError, match="damaged in the archive"):
            read_range(root.below("2.jpg"), 0, len(content))


def test_a_file_that_unpacks_to_more_than_it_says_is_not_unpacked(tmp_path: Path) -> None:
    packed = bytearray(zipped({"1.jpg": bytes(5_000_000)}))
    at = packed.index(b"PK\x01\x02") + 24
    packed[at : at + 4] = struct.pack("<I", 1000)
    root = inside(written(tmp_path, "a.zip", bytes(packed)))
    with pytest.raises(StoreError, match="expected 1000 bytes, unpacked more"):
        read_file(root.below("1.jpg"))


def test_a_bomb_is_not_unpacked_whole(tmp_path: Path) -> None:
    root = inside(written(tmp_path, "a.zip", zipped({"1.xml": bytes(70 * 2**20)})))
    with pytest.raises(StoreError, match="as those of a ZIP bomb do"):
        read_file(root.below("1.xml"))


def test_a_file_that_overlaps_the_next_is_not_read(tmp_path: Path) -> None:
    packed = bytearray(zipped({"1.jpg": b"1" * 100, "2.jpg": b"2" * 100}, zipfile.ZIP_STORED))
    at = packed.index(b"PK\x01\x02") + 20
    packed[at : at + 8] = struct.pack("<II", 150, 150)
    root = inside(written(tmp_path, "a.zip", bytes(packed)))
    for read in (lambda: read_file(root.below("1.jpg")), lambda: read_range(root.below("1.jpg"), 0, 150)):
        with pytest.raises(StoreError, match="overlaps the next file"):
            read()


def test_a_place_in_the_directory_where_another_file_begins_is_not_read(tmp_path: Path) -> None:
    packed = bytearray(zipped({"1.jpg": b"one", "second.jpg": b"two"}, zipfile.ZIP_STORED))
    at = packed.rindex(b"PK\x01\x02") + 42
    packed[at : at + 4] = struct.pack("<I", 0)
    root = inside(written(tmp_path, "a.zip", bytes(packed)))
    with pytest.raises(StoreError, match="another file begins where the directory says"):
        read_file(root.below("second.jpg"))


@pytest.mark.parametrize("place", [-40, 10**6, 2**31 - 1])
def test_a_file_that_would_lie_outside_of_its_archive_is_not_read(place: int, tmp_path: Path) -> None:
    packed = bytearray(zipped({"1.jpg": b"one", "2.jpg": b"two"}, zipfile.ZIP_STORED))
    # By what stands at the end, all places count from somewhere in front of the archive.
    at, what = (packed.rindex(b"PK\x05\x06") + 16, place) if place < 0 else (packed.rindex(b"PK\x01\x02") + 42, place)
    value = struct.unpack_from("<I", packed, at)[0] - place if place < 0 else what
    packed[at : at + 4] = struct.pack("<I", value)
    root = inside(written(tmp_path, "a.zip", bytes(packed)))
    with contextlib.suppress(StoreError):
        assert list_files(root).files
    for name in ("2.jpg", "1.jpg") if place < 0 else ("2.jpg",):
        for read in (
            lambda name=name: read_file(root.below(name)),
            lambda name=name: read_range(root.below(name), 0, 3),
        ):  # type: ignore[misc]
            with pytest.raises(StoreError, match=r"outside of the archive|no ZIP archive|where the directory says"):
                read()


def test_a_sparse_file_in_a_tar_is_an_error_of_its_own(tmp_path: Path) -> None:
    sparse = tarfile.TarInfo("1.jpg")
    sparse.type = tarfile.GNUTYPE_SPARSE
    root = inside(written(tmp_path, "a.tar", tarred({}, sparse, form=tarfile.GNU_FORMAT)))
    with pytest.raises(StoreError, match="stored sparsely; pack the archive again without --sparse"):
        read_file(root.below("1.jpg"))


@pytest.mark.parametrize("cut", [1, -1])
def test_a_part_of_an_archive_that_comes_back_short_or_long_is_an_error(
    cut: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("labelbeam.transforms.stores.retries.TRIES", 1)
    with odd_server(OddServer({"a.zip": PACKED["a.zip"]})) as server:
        root = inside(f"{server.url}/a.zip")
        list_files(root)
        server.cut = cut
        with pytest.raises((StoreError, UnavailableError), match="asked for bytes"):
            read_file(root.below("voc/Annotations/1.xml"))


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.zip", b"PK? no", "is no ZIP archive, or a damaged one .*unzip -t"),
        ("a.zip", PACKED["a.zip"][:-30], "is no ZIP archive, or a damaged one"),
        ("a.zip", b"", "is no ZIP archive, or a damaged one"),
        ("a.tar", b"no archive" * 200, "is no TAR archive, or a damaged one .*tar -tf"),
        ("a.tar", PACKED["a.tar"][:30_000], "is no TAR archive, or a damaged one"),
        ("a.tar", gzip.compress(PACKED["a.tar"]), r"is compressed with gzip.*gzip -dk"),
        ("a.tar", b"BZh91AY", "is compressed with bzip2"),
    ],
)
def test_what_is_no_archive_is_an_error_that_says_what_to_do(name: str, data: bytes, said: str, tmp_path: Path) -> None:
    archive = written(tmp_path, name, data)
    with pytest.raises(StoreError, match=f"{archive} {said}"):
        list_files(inside(archive))


def test_a_missing_archive_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=rf"the archive file://{tmp_path}/none.zip does not exist"):
        kind(inside(tmp_path / "none.zip", "x"))


def test_a_url_without_an_archive_is_refused_with_an_example() -> None:
    with pytest.raises(UsageError, match=r"zip://data/a.zip: names no archive; expected zip://PATH/IN/IT::ARCHIVE"):
        locate("zip://data/a.zip", {})


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
