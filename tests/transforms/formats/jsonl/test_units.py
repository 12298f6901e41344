"""Ranges of bytes of JSON Lines: each line is read once, wherever the file is cut."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelbeam.schemas.config import ConvertConfig
from labelbeam.transforms.columns.fragments import decode
from labelbeam.transforms.formats.jsonl import units
from labelbeam.transforms.formats.jsonl.units import JsonLinesUnit, lines_of
from labelbeam.transforms.formats.reading import Reading, ReadOptions
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.location import Location
from labelbeam.transforms.workers import parcels


def place(data: bytes) -> Location:
    file = locate("memory://lines/x.jsonl", {})
    file.fs.pipe_file(file.path, data)
    return file


@given(
    st.lists(st.binary(max_size=6).map(lambda line: line.replace(b"\n", b"")), max_size=8),
    st.integers(1, 12),
    st.booleans(),
)
def test_each_line_is_read_once_wherever_the_file_is_cut(lines: list[bytes], step: int, ended: bool) -> None:
    data = b"\n".join(lines) + (b"\n" if ended else b"")
    file = place(data)
    found: dict[int, bytes] = {}
    for start in range(0, len(data), step):
        at, block = lines_of(file, start, min(len(data), start + step), len(data))
        for line in block.split(b"\n"):
            if line:
                assert at not in found, "a line is read twice"
                found[at] = line
            at += len(line) + 1
    assert [found[at] for at in sorted(found)] == [line for line in lines if line]
    assert all(data[at : at + len(line)] == line for at, line in found.items())


def test_a_line_without_end_is_rejected_unread_and_those_behind_it_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(units, "LONGEST_LINE", 200)
    monkeypatch.setattr(units, "_STEP", 64)
    good = b'{"image_url": "https://h/1.jpg", "image_width": 4, "image_height": 4, "label": "cat"}\n'
    data = good + b"x" * 2000 + b"\n" + good.replace(b"1.jpg", b"2.jpg")
    file = place(data)
    config = ConvertConfig(task="image_classification", source=[file.url], output="out")
    reading = Reading(ReadOptions(config, {}, 1))
    paths: list[str] = []
    codes: list[tuple[str, str]] = []
    keys: set[int] = set()
    for start in range(0, len(data), 100):
        end = min(len(data), start + 100)
        result = JsonLinesUnit(file.url, 3, start, end, len(data), None, None).read(reading)
        for _, encoded in result.fragments:
            fragment = decode(parcels.unwrap(encoded))
            paths += fragment.images.paths
            keys |= set(fragment.images.keys.tolist())
            codes += [(item.code, item.locator) for item in fragment.rejections]
        assert result.findings.records == sum(decode(parcels.unwrap(data)).records for _, data in result.fragments)
    assert paths == ["https://h/1.jpg", "https://h/2.jpg"]
    assert codes == [("invalid_record", "line 2")]
    assert len(keys) == 2


def test_places_are_bytes_where_a_file_is_read_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(units, "RANGE", 8)
    data = b'{"a": 1}\n[]\n'
    file = place(data)
    config = ConvertConfig(task="image_classification", source=[file.url], output="out")
    result = JsonLinesUnit(file.url, 0, 8, 12, len(data), None, None).read(Reading(ReadOptions(config, {}, 1)))
    (fragment,) = (decode(parcels.unwrap(encoded)) for _, encoded in result.fragments)
    assert [item.locator for item in fragment.rejections] == ["byte 9"]


def test_many_small_records_are_handed_on_in_parts_that_hold_few_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(units, "_TOGETHER", 5)
    line = '{"image_url": "https://h/%d.jpg", "image_width": 4, "image_height": 4, "label": ["a", {}, {}]}\n'
    data = "".join(line % number for number in range(7)).encode() + b"{}\n" * 3
    file = place(data)
    config = ConvertConfig(task="image_classification_multilabel", source=[file.url], output="out")
    result = JsonLinesUnit(file.url, 3, 0, len(data), len(data), None, None).read(Reading(ReadOptions(config, {}, 1)))
    fragments = [decode(parcels.unwrap(encoded)) for _, encoded in result.fragments]
    assert len(fragments) == 4
    assert [path for part in fragments for path in part.images.paths] == [f"https://h/{at}.jpg" for at in range(7)]
    assert len({key for part in fragments for key in part.images.keys.tolist()}) == 7
    codes = [(str(item.code), item.locator) for part in fragments for item in part.rejections]
    assert codes[:2] == [("invalid_label", "line 1 label[1]"), ("invalid_label", "line 1 label[2]")]
    assert codes[-3:] == [("invalid_record", f"line {number}") for number in (8, 9, 10)]
    assert result.findings.records == sum(part.records for part in fragments) == 7 + 7 + 14 + 3
    assert result.findings.evidence[file.url].count("objects") == 14
