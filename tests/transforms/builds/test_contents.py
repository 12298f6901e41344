"""Contents of a published build are what was published, or an error."""

from __future__ import annotations

from pathlib import Path

import pytest

from labelbeam.schemas.errors import LabelBeamError
from labelbeam.transforms.builds.contents import published_files, records_of
from labelbeam.transforms.builds.shards import write_file
from labelbeam.transforms.stores.errors import MissingFileError
from labelbeam.transforms.stores.locate import locate


def test_files_come_in_the_order_asked_for(tmp_path: Path) -> None:
    build = locate(str(tmp_path), {})
    entries = [write_file(build, f"train/{name}", name.encode(), 1) for name in "abc"]
    assert list(published_files(build, entries[::-1])) == [b"c", b"b", b"a"]


def test_a_file_with_another_hash_is_not_handed_out(tmp_path: Path) -> None:
    build = locate(str(tmp_path), {})
    entries = [write_file(build, name, b"one", 1) for name in "ab"]
    (tmp_path / "b").write_bytes(b"two")
    found = published_files(build, entries)
    assert next(found) == b"one"
    with pytest.raises(LabelBeamError, match="/b: is not the file that was published; labelbeam verify says more"):
        next(found)


def test_a_file_that_is_gone_is_told_of(tmp_path: Path) -> None:
    build = locate(str(tmp_path), {})
    entries = [write_file(build, "a", b"one", 1)]
    (tmp_path / "a").unlink()
    with pytest.raises(MissingFileError):
        list(published_files(build, entries))


def test_records_are_read_by_their_task() -> None:
    lines = b'{"image_url":"https://h/1.jpg","image_details":{"format":"jpg","width":1,"height":1},"label":"cat"}\n'
    (record,) = records_of(lines, "image_classification", "a")
    assert (record.image_url, record.label) == ("https://h/1.jpg", "cat")
    assert records_of(b"", "image_classification", "a") == []
    nested = b'{"image_url":' + b"[" * 100_000
    for wrong in (lines, nested, b"\xff"):
        with pytest.raises(LabelBeamError, match=r"^a: .*expected records of image_object_detection"):
            records_of(wrong, "image_object_detection", "a")
