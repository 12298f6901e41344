"""Rows of a table in ranges: wherever it is cut, each image's rows are read once, and together."""

from __future__ import annotations

from itertools import groupby

import pytest

from labelbeam.transforms.formats.openimages import rows as module
from labelbeam.transforms.formats.openimages.rows import Row, rows_in

HEADER = b"ImageID,LabelName\n"


def rows(data: bytes, start: int, end: int) -> list[Row]:
    def read(begin: int, upto: int) -> bytes:
        assert 0 <= begin < upto <= len(data)
        return data[begin:upto]

    return list(rows_in(read, start, end, len(HEADER), len(data), 0))


@pytest.mark.parametrize("ends", [b"\n", b"\r\n"])
@pytest.mark.parametrize("last", [True, False])
def test_wherever_a_table_is_cut_each_image_is_read_once_and_whole(ends: bytes, last: bool) -> None:
    images = [b"a"] * 3 + [b"bb"] + [b"c"] * 5 + [b"d", b"e", b"e"]
    body = ends.join(b'%b,"x, %d"' % (name, number) for number, name in enumerate(images)) + (ends if last else b"")
    data = HEADER + body
    whole = rows(data, 0, len(data))
    assert [cells[0].encode() for _, cells in whole] == images
    assert [cells[1] for _, cells in whole] == [f"x, {number}" for number in range(len(images))]
    for step in range(1, len(data)):
        parts = [rows(data, start, min(len(data), start + step)) for start in range(0, len(data), step)]
        assert [row for part in parts for row in part] == whole
        names = [name for part in parts for name, _ in groupby(cells[0] for _, cells in part)]
        assert names == ["a", "bb", "c", "d", "e"], "an image is in one part alone"


def test_blank_and_torn_rows_are_no_obstacle() -> None:
    data = HEADER + b'a,1\n\n,,\n"b\nc\n'
    assert [cells for _, cells in rows(data, 0, len(data))] == [["a", "1"], ["b"], ["c"]]


def test_a_row_of_any_length_before_a_range_is_found() -> None:
    data = HEADER + b"a," + b"x" * 200_000 + b"\na,2\nb,3\n"
    after = data.index(b"a,2") - 10
    assert rows(data, after, len(data)) == [(data.index(b"b,3"), ["b", "3"])]
    assert [cells[0] for _, cells in rows(data, 0, after)] == ["a", "a"]


@pytest.mark.parametrize("where", ["first", "middle", "last"])
def test_a_row_that_is_too_long_is_none_and_parts_the_rows_of_an_image(
    where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LONGEST_ROW", 40)
    monkeypatch.setattr(module, "_STEP", 8)
    monkeypatch.setattr(module, "_BEFORE", 4)
    lines = [b"a,1", b"a,2", b"b,3", b"b,4", b"c,5"]
    lines.insert({"first": 0, "middle": 3, "last": 5}[where], b"b," + b"x" * 200)
    data = HEADER + b"\n".join(lines)
    whole = rows(data, 0, len(data))
    assert [cells[1] if cells else "" for _, cells in whole] == [
        "" if len(line) > 40 else line[2:].decode() for line in lines
    ]
    for step in range(1, len(data)):
        parts = [rows(data, start, min(len(data), start + step)) for start in range(0, len(data), step)]
        assert [row for part in parts for row in part] == whole, step


def test_a_table_of_one_line_is_read_once_and_no_more_of_it_held() -> None:
    size, longest, asked = 2**26, 0, 0
    parts = range(0, size, 2**24)

    def read(begin: int, upto: int) -> bytes:
        nonlocal longest, asked
        longest, asked = max(longest, upto - begin), asked + upto - begin
        return b"x" * (upto - begin)

    found = [list(rows_in(read, start, start + 2**24, 0, size, 0)) for start in parts]
    assert found == [[(0, [])], [], [], []]
    assert longest <= 2**24 + module.LONGEST_ROW + 1 and asked < 5 * size
