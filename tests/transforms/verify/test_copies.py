"""Copied images are checked against their lists, and lists against the manifest and the records."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
import numpy as np
import pytest

from labelbeam.schemas.manifest import CopiedImage, Copies
from labelbeam.transforms.verify.copies import check_copied_image, check_copied_list, check_copied_total
from labelbeam.transforms.verify.differences import Differences
from labelbeam.transforms.verify.records import RecordFacts, ShardCheck, check_shard

DATA = b"pixels"


def image(path: str, **changes: Any) -> CopiedImage:
    return msgspec.structs.replace(CopiedImage(path, len(DATA), hashlib.sha256(DATA).hexdigest(), "s", "t"), **changes)


def found(differences: Differences) -> list[tuple[str, str]]:
    return [(item.file, item.found) for item in differences.told]


def listing(*images: CopiedImage | bytes, records: int | None = None) -> tuple[list[str], list[tuple[str, str]]]:
    lines = [item if isinstance(item, bytes) else msgspec.json.encode(item) for item in images]
    differences = Differences()
    read = check_copied_list("c", b"\n".join([*lines, b""]), len(lines) if records is None else records, differences)
    return [item.path for item in read], found(differences)


def test_a_list_in_order_is_read() -> None:
    assert listing(image("a.jpg"), image("b/1.jpg")) == (["a.jpg", "b/1.jpg"], [])


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"{}", "missing required field"),
        (b"[" * 100_000, ""),
        (b"\xff", ""),
        (msgspec.json.encode(image("../up.jpg")), "path '../up.jpg'"),
        (msgspec.json.encode(image("/etc/passwd")), "path '/etc/passwd'"),
        (msgspec.json.encode(image("./a.jpg")), "path './a.jpg'"),
    ],
)
def test_a_line_that_is_none_or_leads_out_is_told_by_its_number(line: bytes, words: str) -> None:
    paths, told = listing(image("a.jpg"), line, image("b.jpg"))
    assert paths == ["a.jpg", "b.jpg"]
    ((file, said),) = told
    assert file == "c:2" and words in said


def test_paths_are_sorted_and_stand_once_and_lines_are_as_many_as_said() -> None:
    assert [said for _, said in listing(image("b"), image("a"))[1]] == ["'a' after 'b'"]
    assert [said for _, said in listing(image("a"), image("a"))[1]] == ["'a' after 'a'"]
    assert listing(image("a"), records=2)[1] == [("c", "1 line")]


def shard(*urls: str) -> ShardCheck:
    details = {"format": "jpg", "width": 1, "height": 1}
    lines = [msgspec.json.encode({"image_url": url, "image_details": details, "label": "cat"}) + b"\n" for url in urls]
    return check_shard("s", b"".join(lines), len(urls), RecordFacts("image_classification"), None, Differences())


def test_totals_are_those_of_the_lists_and_each_copy_is_of_a_record() -> None:
    images, shards = [image("a.jpg"), image("b c.jpg")], [shard("https://h/a.jpg"), shard("https://h/b c.jpg")]
    right, wrong, stray = Differences(), Differences(), Differences()
    check_copied_total(Copies("t", 2, 2 * len(DATA)), images, "https://h/", shards, right)
    assert found(right) == []
    check_copied_total(Copies("t", 3, 5), images, None, [], wrong)
    assert [said for _, said in found(wrong)] == ["3 images copied", "5 bytes copied"]
    check_copied_total(Copies("t", 2, 2 * len(DATA)), images, "https://h/", shards[:1], stray)
    assert found(stray) == [("b c.jpg", "copied, but no record names it")]
    assert shards[0].hashes.dtype == np.int64


@pytest.mark.parametrize(
    ("data", "words"), [(None, "no such copy"), (b"pixel", "a copy of 5 bytes"), (b"pixelz", "a copy with sha256 ")]
)
def test_a_copy_that_is_not_what_was_copied_is_told(data: bytes | None, words: str) -> None:
    differences = Differences()
    check_copied_image(image("a.jpg"), data, differences)
    ((file, said),) = found(differences)
    assert file == "a.jpg" and said.startswith(words)


def test_a_copy_as_it_was_made_is_none() -> None:
    differences = Differences()
    check_copied_image(image("a.jpg"), DATA, differences)
    assert len(differences) == 0
