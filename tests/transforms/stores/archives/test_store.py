"""Archives as sources: what is in them, how few requests that takes, and what tells their versions."""

from __future__ import annotations

import random
import struct
import threading
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from labelbeam.transforms.stores.archives import zip as archive_zip
from labelbeam.transforms.stores.errors import MissingFileError
from labelbeam.transforms.stores.files import kind, stat
from labelbeam.transforms.stores.globs import expand
from labelbeam.transforms.stores.listing import list_files
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.location import Location
from labelbeam.transforms.stores.many import read_many
from labelbeam.transforms.stores.reading import read_file, read_range
from labelbeam.transforms.stores.threads import READS_AT_ONCE, in_threads
from tests.servers.stores import AzureStore, GcsStore, HttpStore, S3Store
from tests.transforms.stores.archives_made import FILES, PACKED, TEXT, inside, tarred, written, zipped
from tests.transforms.stores.odd_server import OddServer, odd_server


@pytest.fixture
def serve() -> Iterator[Any]:
    """A function: files and oddities \u2192 a server that is running."""
    with ExitStack() as running:
        yield lambda files, **oddities: running.enter_context(odd_server(OddServer(files, **oddities)))


# What is in it ------------------------------------------------------------------------------------------------------


def check_contents(root: Location) -> None:
    """All files are listed with their sizes, read whole and in parts, by many threads at once."""
    found = list_files(root)
    assert found.warnings == []
    assert {file.path: file.size for file in found.files} == {path: len(data) for path, data in FILES.items()}
    assert list(read_many(root, list(FILES))) == list(FILES.values())
    coco = root.below("coco.json")
    ranges = [(start, min(start + 30_000, len(TEXT))) for start in range(0, len(TEXT), 7_000)]
    assert in_threads(lambda part: read_range(coco, *part), ranges) == [TEXT[start:end] for start, end in ranges]
    voc = root.below("voc/JPEGImages")
    assert sorted(file.path for file in list_files(voc).files) == ["50% #1?.jpg", "m\u00fcll/\u65e5\u672c.jpg"]
    assert [kind(root), kind(voc), kind(coco), kind(root.below("none"))] == ["directory", "directory", "file", None]
    with pytest.raises(MissingFileError, match="does not exist"):
        read_file(root.below("none.jpg"))
    with pytest.raises(MissingFileError, match="does not exist"):
        list_files(root.below("none"))


@pytest.mark.parametrize("name", PACKED)
def test_a_local_archive_is_listed_and_read(name: str, tmp_path: Path) -> None:
    check_contents(inside(written(tmp_path, name, PACKED[name])))


@pytest.mark.server
@pytest.mark.parametrize("store", ["s3_store", "azure_store", "gcs_store", "http_store", "plain_http_store"])
@pytest.mark.parametrize("name", ["a.zip", "a.tar"])
def test_an_archive_is_read_in_any_store(store: str, name: str, request: pytest.FixtureRequest) -> None:
    place: S3Store | AzureStore | GcsStore | HttpStore = request.getfixturevalue(store)
    place.write({name: PACKED[name]})
    check_contents(locate(f"{name[-3:]}://::{place.url(name)}", place.storage_options))


def test_an_archive_in_an_archive_is_read(tmp_path: Path) -> None:
    outer = written(tmp_path, "outer.zip", zipped({"in/a.tar": PACKED["a.tar"]}, zipfile.ZIP_STORED))
    check_contents(locate(f"tar://::zip://in/a.tar::{outer}", {}))


def test_a_glob_matches_files_in_an_archive(tmp_path: Path) -> None:
    archive = written(tmp_path, "a.zip", zipped({"a/val 1.json": b"", "a/val 2.json": b"", "b/val.json": b""}))
    found = expand(f"zip://a/val*.json::{archive}", {})
    assert [place.url for place in found] == [f"zip://a/val {number}.json::file://{archive}" for number in (1, 2)]


@pytest.mark.parametrize("form", ["zip::{}", "zip://::{}", "zip:///::{}", "zip://voc/..::{}"])
def test_the_root_of_an_archive_may_be_written_in_several_ways(form: str, tmp_path: Path) -> None:
    root = locate(form.format(written(tmp_path, "a.zip", PACKED["a.zip"])), {})
    assert (root.path, root.url) == ("", f"zip://::file://{tmp_path}/a.zip")


def test_names_in_utf8_without_the_flag_that_says_so_are_read_as_they_were_meant(tmp_path: Path) -> None:
    packed = zipped({"m\u00fcll.jpg": b"1"})
    unflagged = packed.replace(struct.pack("<H", 0x800), b"\0\0")
    assert unflagged != packed
    root = inside(written(tmp_path, "a.zip", unflagged))
    assert [file.path for file in list_files(root).files] == ["m\u00fcll.jpg"]
    assert read_file(root.below("m\u00fcll.jpg")) == b"1"
    old = inside(written(tmp_path, "old.zip", unflagged.replace("m\u00fcll".encode(), b"m\x81lll")))
    assert [file.path for file in list_files(old).files] == ["m\u00fclll.jpg"], "code page 437, as the format says"


def test_backslashes_part_directories_as_old_tools_on_windows_wrote_them(tmp_path: Path) -> None:
    root = inside(written(tmp_path, "a.zip", zipped({"voc\\": b"", "voc\\JPEGImages\\1.jpg": b"1"})))
    assert [file.path for file in list_files(root).files] == ["voc/JPEGImages/1.jpg"]
    assert kind(root.below("voc")) == "directory"


# Requests and processes -----------------------------------------------------------------------------------------------


def test_a_thousand_small_files_in_a_zip_on_a_web_server_take_a_few_requests(serve: Any) -> None:
    files = {f"voc/Annotations/{number:04}.xml": b"<annotation>%d</annotation>" % number for number in range(1000)}
    server: OddServer = serve({"a.zip": zipped(files)})
    root = inside(f"{server.url}/a.zip")
    paths = [file.path for file in list_files(root).files]
    assert list(read_many(root, paths)) == list(files.values())
    assert len(server.asked) <= 8, server.asked
    assert sum(server.sent) < 2 * len(server.files["a.zip"])


def test_a_header_of_a_file_in_a_zip_is_one_request(serve: Any) -> None:
    server: OddServer = serve({"a.zip": zipped({f"{n}.jpg": random.Random(n).randbytes(200_000) for n in range(5)})})
    root = inside(f"{server.url}/a.zip")
    list_files(root)
    before = len(server.asked)
    for number in range(5):
        assert read_range(root.below(f"{number}.jpg"), 0, 16_384) == random.Random(number).randbytes(200_000)[:16_384]
    assert len(server.asked) - before == 5


def test_what_lies_between_files_that_are_far_apart_is_not_read_along(serve: Any) -> None:
    large = random.Random(1).randbytes(300_000)
    server: OddServer = serve({"a.zip": zipped({"1.xml": b"one", "large.jpg": large, "2.xml": b"two"})})
    root = inside(f"{server.url}/a.zip")
    list_files(root)
    server.sent.clear()
    assert list(read_many(root, ["1.xml", "2.xml"])) == [b"one", b"two"]
    assert sum(server.sent) < 150_000


def test_a_later_part_of_a_long_file_is_unpacked_from_where_an_earlier_read_has_come(
    serve: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive_zip, "_STEP", 20_000)
    monkeypatch.setattr(archive_zip, "_PIECE", 1_000)
    monkeypatch.setattr(archive_zip, "_LARGEST_PIECE", 2_000)
    server: OddServer = serve({"a.zip": zipped({"x.json": TEXT})})
    file = inside(f"{server.url}/a.zip", "x.json")
    last = (len(TEXT) - 5_000, len(TEXT))
    assert read_range(file, *last) == TEXT[-5_000:]
    first = sum(server.sent)
    for _ in range(3):
        server.sent.clear()
        assert read_range(file, *last) == TEXT[-5_000:]
        assert sum(server.sent) < first / 5


def test_a_zip_on_a_server_without_ranges_is_fetched_once(serve: Any) -> None:
    server: OddServer = serve({"a.zip": PACKED["a.zip"]}, ranges=False)
    check_contents(inside(f"{server.url}/a.zip"))
    assert sum(asked.startswith("GET") for asked in server.asked) == 1


def test_the_directory_is_read_once_however_often_a_place_in_it_is_opened(serve: Any) -> None:
    server: OddServer = serve({"a.zip": PACKED["a.zip"]})
    opened = in_threads(lambda path: stat(inside(f"{server.url}/a.zip", path)).size, [*FILES] * 20)
    assert opened == [len(data) for data in FILES.values()] * 20
    assert len([asked for asked in server.asked if asked.startswith("HEAD")]) == 1
    assert len(server.asked) <= 4


def test_files_are_read_side_by_side(serve: Any) -> None:
    files = {f"{number}.jpg": random.Random(number).randbytes(5_000) for number in range(READS_AT_ONCE)}
    server: OddServer = serve({"a.zip": zipped(files)})
    root = inside(f"{server.url}/a.zip")
    list_files(root)
    server.together = threading.Barrier(READS_AT_ONCE, timeout=60)
    assert in_threads(lambda path: read_file(root.below(path)), list(files)) == list(files.values())


# Tokens -------------------------------------------------------------------------------------------------------------


def test_a_token_of_a_file_in_a_tar_changes_with_the_archive(serve: Any) -> None:
    server: OddServer = serve({"a.tar": PACKED["a.tar"]})
    root = inside(f"{server.url}/a.tar")
    before = list_files(root).files
    assert list_files(root).files == before
    server.tag = '"2"'
    after = list_files(root).files
    assert {file.token for file in before}.isdisjoint(file.token for file in after)


@pytest.mark.parametrize("name", ["a.zip", "a.tar"])
def test_an_archive_that_was_replaced_is_read_anew_by_the_next_listing(name: str, tmp_path: Path) -> None:
    make = zipped if name == "a.zip" else tarred
    root = inside(written(tmp_path, name, make({"1.jpg": b"old", "2.jpg": b"x"})))
    assert len(list_files(root).files) == 2
    written(tmp_path, name, make({"3.jpg": b"newer"}))
    assert [(file.path, file.size) for file in list_files(root).files] == [("3.jpg", 5)]
    assert read_file(root.below("3.jpg")) == b"newer"
