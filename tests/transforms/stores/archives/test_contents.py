"""What every kind of archive has in common: names that lead out, names that stand twice, and its bytes in a store."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.stores.archives.contents import (
    LEAVES_IT,
    REPEATED,
    ArchiveError,
    Contents,
    Member,
    Packed,
)
from labelbeam.transforms.stores.errors import StoreError, UnavailableError
from labelbeam.transforms.stores.failures import ShortReadError
from labelbeam.transforms.stores.listing import list_files
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.reading import read_file
from tests.transforms.stores.archives_made import PACKED, inside, tarred, written, zipped
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


def member(size: int = 1) -> Member:
    return Member(size, "t", 0, size, None)


def test_a_file_brings_the_directories_above_it() -> None:
    found = Contents()
    found.add("a/b/1.jpg", member())
    found.add_folder("c")
    assert found.folders == {"", "a", "a/b", "c"}
    assert found.left_out == {}


def test_the_last_file_of_a_path_counts_and_the_first_is_noted() -> None:
    found = Contents()
    found.add("1.jpg", member(1))
    found.add("1.jpg", member(2))
    assert found.files["1.jpg"].size == 2
    assert found.left_out[REPEATED] == ["1.jpg"]


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("./a//1.jpg", "a/1.jpg"),
        ("a\\1.jpg", "a/1.jpg"),
        # The byte of a backslash may be the second half of a letter, where the charset is not known.
        ("\udc83\\.jpg", "\udc83\\.jpg"),
        ("\udc83/../../1.jpg", None),
        ("\udc83\\..\\1.jpg", None),
        ("\udc83\n.jpg", None),
        ("/\udc83.jpg", None),
    ],
)
def test_a_name_in_an_unknown_charset_is_kept_and_does_not_lead_out(name: str, path: str | None) -> None:
    found = Contents()
    assert found.path_of(name) == path
    assert found.left_out.get(LEAVES_IT, []) == ([] if path else [name])


def test_the_root_of_an_archive_is_no_name_that_leads_out() -> None:
    found = Contents()
    assert [found.path_of(name) for name in ("./", ".", "")] == [None, None, None]
    assert not found.left_out


class Cut(MemoryFileSystem):  # type: ignore[misc]  # fsspec has no types
    """A store that answers with so many bytes more or fewer than it was asked for."""

    cachable = False
    by = 0

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **options: Any) -> bytes:
        return super().cat_file(path, start=start, end=(end or 0) + self.by, **options)


@pytest.fixture
def packed(memory: str) -> Packed:
    store = Cut()
    path = f"{memory.removeprefix('memory:/')}/a.zip"
    store.pipe_file(path, b"0123456789")
    return Packed(store, path, "memory://a.zip")


def test_an_archive_is_new_when_its_size_or_token_is(packed: Packed) -> None:
    assert packed.look() and packed.size == 10
    assert not packed.look()
    packed._fs.pipe_file(packed.path, b"01234567890")
    assert packed.look() and packed.size == 11


def test_pieces_are_each_twice_as_long_up_to_the_longest_and_together_the_whole(packed: Packed) -> None:
    assert list(packed.pieces(0, 10, 1, 4)) == [b"0", b"12", b"3456", b"789"]
    assert list(packed.pieces(3, 3, 1, 4)) == []


def test_a_part_that_is_short_may_come_when_asked_again_and_one_that_is_long_does_not(packed: Packed) -> None:
    assert packed.read(2, 5) == b"234"
    packed._fs.by = -1
    with pytest.raises(ShortReadError, match=r"asked for bytes 2 to 5 of memory://a\.zip, got 2"):
        packed.read(2, 5)
    packed._fs.by = 1
    with pytest.raises(ArchiveError, match="got 4: the store ignores ranges"):
        packed.read(2, 5)


def test_an_archive_that_is_missing_or_a_directory_is_no_archive(packed: Packed) -> None:
    for path, words in (
        (f"{packed.path}.none", "does not exist"),
        (packed.path.rpartition("/")[0], "found: directory"),
    ):
        with pytest.raises(ArchiveError, match=words):
            Packed(packed._fs, path, "memory://a.zip").look()
