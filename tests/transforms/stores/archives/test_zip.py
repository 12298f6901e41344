"""ZIP archives whose directory lies, whose files are damaged or packed in ways that are not read."""

from __future__ import annotations

import contextlib
import random
import stat as modes
import struct
import zipfile
import zlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labelbeam.transforms.stores.archives import zip as archive_zip
from labelbeam.transforms.stores.errors import StoreError
from labelbeam.transforms.stores.listing import list_files
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.many import read_many
from labelbeam.transforms.stores.reading import read_file, read_range
from tests.transforms.stores.archives_made import inside, with_member, written, zipped


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


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.binary(max_size=200), repeats=st.integers(1, 400), cuts=st.lists(st.integers(0, 80_000), max_size=8))
def test_any_range_of_a_deflated_file_is_that_of_its_content(data: bytes, repeats: int, cuts: list[int]) -> None:
    content = data * repeats
    packed = zipped({"before": b"x" * 100, "x": content, "after": b"y"})
    with pytest.MonkeyPatch.context() as small:
        small.setattr(archive_zip, "_STEP", 10_000)
        small.setattr(archive_zip, "_PIECE", 100)
        small.setattr(archive_zip, "_LARGEST_PIECE", 700)
        root = locate("memory://archives/x.zip", {})
        root.fs.pipe_file(root.path, packed)
        file = inside("memory://archives/x.zip", "x")
        file.fs.invalidate_cache()
        for start in cuts:
            end = min(start + 5_000, len(content))
            if start < end:
                assert read_range(file, start, end) == content[start:end]
        if content:
            assert read_range(file, 0, len(content)) == content


def test_a_token_of_a_file_in_a_zip_is_its_checksum(tmp_path: Path) -> None:
    one = inside(written(tmp_path, "1.zip", zipped({"a": b"old", "b": b"same", "c": b""})))
    two = inside(written(tmp_path, "2.zip", zipped({"new": b"", "b": b"same", "a": b"new", "c": b""})))
    tokens = [{file.path: file.token for file in list_files(root).files} for root in (one, two)]
    assert tokens[0]["b"] == tokens[1]["b"] == f"crc32:{zlib.crc32(b'same'):08x}"
    assert tokens[0]["c"] == tokens[1]["c"]
    assert tokens[0]["a"] != tokens[1]["a"]
