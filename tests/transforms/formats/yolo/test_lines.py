"""Label files: what each line is read as, and which are not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelbeam.schemas.reasons import Rejected
from labelbeam.transforms.formats.yolo.lines import LabelFile, parse_labels

BOX = "0 0.5 0.5 0.2 0.1"
VALUES = (0.5, 0.5, 0.2, 0.1)


def read(text: str | bytes, keypoints: int = 0) -> LabelFile:
    return parse_labels(text.encode() if isinstance(text, str) else text, keypoints)


def why(text: str | bytes, keypoints: int = 0) -> list[tuple[int, Rejected]]:
    return [(bad.number, bad.code) for bad in read(text, keypoints).bad]


@pytest.mark.parametrize(
    "text",
    [
        BOX,
        BOX + "\n",
        f"  {BOX}  ",
        BOX.replace(" ", "\t"),
        BOX.replace(" ", "   "),
        "0.0 5e-1 .5 0.20 1E-1",
        "+0 0.5 0.5 0.2 0.1",
        f"\ufeff{BOX}".encode(),
        BOX.encode("utf-16"),
        f"{BOX}\r\n".encode("utf-16"),
    ],
)
def test_a_box_is_a_class_and_four_numbers_however_they_are_written(text: str | bytes) -> None:
    found = read(text)
    assert [(line.label, line.values) for line in found.lines] == [(0, VALUES)]
    assert (found.bad, found.repeated, found.with_commas) == ([], 0, 0)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_are_numbered_with_those_that_are_blank(end: str) -> None:
    found = read(end.join(["", BOX, "   ", "\t", "1 0 0 1 1", ""]))
    assert [(line.number, line.label) for line in found.lines] == [(2, 0), (5, 1)]
    assert found.bad == []


@pytest.mark.parametrize("text", ["", "\n\n", " \t\r\n", "\ufeff"])
def test_a_file_without_a_line_holds_nothing(text: str) -> None:
    assert read(text) == LabelFile([], [])


@pytest.mark.parametrize(
    "text",
    [
        "0,0.5,0.5,0.2,0.1",
        "0, 0.5, 0.5, 0.2, 0.1",
        "0;0.5;0.5;0.2;0.1;",
        "0 0,5 0,5 0,2 0,1",
        "0; 0,5; 0,5; 0,2; 0,1",
        "0 0.5,0.5 0.2,0.1",
    ],
)
def test_commas_between_numbers_and_in_place_of_points_are_read_and_counted(text: str) -> None:
    found = read(f"{text}\n1 0 0 1 1")
    assert [(line.label, line.values) for line in found.lines] == [(0, VALUES), (1, (0, 0, 1, 1))]
    assert found.with_commas == 1


@pytest.mark.parametrize("text", ["0,0,5,0,5,0,2,0,1", "0,5,5,2,1", ",", "0 0,5,5 0,2 0,1 1"])
def test_commas_that_could_be_either_are_not_guessed(text: str) -> None:
    assert len(why(text)) == 1
    assert read(text).lines == []


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("cat 0.5 0.5 0.2 0.1", Rejected.INVALID_LABEL),
        ("0.5 0.5 0.5 0.2 0.1", Rejected.INVALID_LABEL),
        ("nan 0.5 0.5 0.2 0.1", Rejected.INVALID_LABEL),
        ("1e300 0.5 0.5 0.2 0.1", Rejected.INVALID_LABEL),
        ("9" * 6000 + " 0.5 0.5 0.2 0.1", Rejected.INVALID_LABEL),
        ("0 nan 0.5 0.2 0.1", Rejected.INVALID_BBOX),
        ("0 0.5 inf 0.2 0.1", Rejected.INVALID_BBOX),
        ("0 0.5 0.5 1e999 0.1", Rejected.INVALID_BBOX),
        ("0 0.5 0.5 x 0.1", Rejected.INVALID_BBOX),
        ("0 0.5 0.5 1_0 0.1", Rejected.INVALID_BBOX),
        ("0 0.5 0.5 \u0661 0.1", Rejected.INVALID_BBOX),
        (b"0 0.5 0.5 \xff 0.1", Rejected.INVALID_BBOX),
        (b"0 0.5 0.5 0.2\x00 0.1", Rejected.INVALID_BBOX),
        ("0", Rejected.INVALID_RECORD),
        ("0 0.5 0.5 0.2", Rejected.INVALID_RECORD),
        ("0 0.1 0.1 0.2 0.2 0.3 0.3 0.9", Rejected.INVALID_POLYGON),
        ("0 0.5 0.5 0.2 0.1 45", Rejected.INVALID_BBOX),
        ("0 0.5 0.5 0.2 0.1 -0.3", Rejected.INVALID_BBOX),
    ],
)
def test_a_line_that_is_no_box_is_rejected_with_its_number_and_the_others_are_read(
    text: str | bytes, code: Rejected
) -> None:
    line = text.encode() if isinstance(text, str) else text
    found = read(BOX.encode() + b"\n" + line + b"\n1 0 0 1 1\n")
    assert [(bad.number, bad.code) for bad in found.bad] == [(2, code)]
    assert [line.number for line in found.lines] == [1, 3]


def test_five_numbers_are_a_box_and_a_confidence() -> None:
    (line,) = read(f"{BOX} 0.93").lines
    assert (line.values, line.with_confidence) == (VALUES, True)
    assert not read(BOX).lines[0].with_confidence


@pytest.mark.parametrize("corners", [3, 4, 5, 100])
def test_an_even_number_from_six_on_are_corners(corners: int) -> None:
    values = tuple(number / 256 for number in range(2 * corners))
    (line,) = read(f"2 {' '.join(map(str, values))}").lines
    assert (line.label, line.values) == (2, values)


def test_keypoints_are_left_out_where_their_number_is_known() -> None:
    pose = f"{BOX} {'0.1 0.2 2 ' * 17}"
    assert [line.values for line in read(f"{pose}\n{BOX}", keypoints=51).lines] == [VALUES, VALUES]
    assert why(pose) == [(1, Rejected.INVALID_POLYGON)]
    assert why("0 0.1 0.1 0.2 0.2 0.3 0.3", keypoints=51) == [(1, Rejected.INVALID_RECORD)]


def test_a_line_that_repeats_another_in_other_figures_is_read_once() -> None:
    found = read("0 0.5 0.5 0.2 0.1\n1 0.5 0.5 0.2 0.1\n0 0.50 .5 0.2 1e-1\n0 0.5 0.5 0.2 0.1\n")
    assert [line.number for line in found.lines] == [1, 2]
    assert found.repeated == 2


@given(st.text(st.sampled_from("0123456789.,;-e _\t\n\r\x00xnaif\u0661\ufeff"), max_size=80), st.integers(0, 3))
def test_every_line_is_read_rejected_or_counted_as_repeated(text: str, keypoints: int) -> None:
    found = read(text, keypoints)
    plain = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    wanted = [number for number, line in enumerate(plain.split("\n"), 1) if line.strip()]
    told = sorted([line.number for line in found.lines] + [bad.number for bad in found.bad])
    assert set(told) <= set(wanted)
    assert len(told) + found.repeated == len(wanted)
