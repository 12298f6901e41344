"""Contents of VIA's files: one list of images with their regions, each with its place, and files that are none."""

from __future__ import annotations

import json
from typing import Any

import pytest

from labelbeam.transforms.formats.via.content import ViaError, ViaFile, read_content

SHAPE, CAT = {"name": "rect", "x": 1}, {"class": "cat"}
REGION = {"shape_attributes": SHAPE, "region_attributes": CAT}
HEADER = "filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,region_attributes\n"
DRAWN = '"{""name"":""rect"",""x"":1}","{""class"":""cat""}"\n'


def files_of(content: Any, path: str = "v.json") -> list[ViaFile]:
    return read_content(content.encode() if isinstance(content, str) else json.dumps(content).encode(), path).files


@pytest.mark.parametrize("regions", [[REGION], {"0": REGION}])
def test_regions_are_a_list_or_by_number(regions: Any) -> None:
    entries = {"1.jpg7": {"filename": "1.jpg", "regions": regions, "file_attributes": {"a": "b"}}}
    assert files_of(entries) == [ViaFile("1.jpg", "1.jpg7", {"a": "b"}, [("regions[0]", SHAPE, CAT)])]


def test_of_a_project_settings_are_no_images_and_the_folder_is_told() -> None:
    project = {"_via_settings": {"core": {"default_filepath": "x/"}}, "_via_img_metadata": {"k": {"filename": "1.jpg"}}}
    found = read_content(json.dumps(project).encode(), "v.json")
    assert (found.folder, [file.name for file in found.files]) == ("x/", ["1.jpg"])
    assert read_content(b'{"_via_img_metadata": {}, "_via_settings": []}', "v.json") == ([], "")
    assert files_of({"_via_data_format_version": "2.0.10", "k": {"filename": "1.jpg"}})[0].locator == "k"


@pytest.mark.parametrize(
    ("entry", "bad"),
    [(5, "the entry is 5, expected an object"), ({"filename": "1.jpg", "regions": 3}, "regions is 3, expected a list")],
)
def test_an_entry_that_cannot_be_read_says_why_beside_the_others(entry: Any, bad: str) -> None:
    found = files_of({"k": entry, "1.jpg7": {"filename": "1.jpg", "regions": None}})
    assert [(file.locator, file.bad, file.regions) for file in found] == [("k", bad, []), ("1.jpg7", "", [])]


def test_a_region_that_is_no_object_keeps_its_place() -> None:
    (file,) = files_of({"k": {"filename": "1.jpg", "regions": [REGION, 5]}})
    assert file.regions == [("regions[0]", SHAPE, CAT), ("regions[1]", 5, None)]


@pytest.mark.parametrize("header", [HEADER, "#" + HEADER, "\ufeff" + HEADER.replace(",", ", ")])
def test_rows_of_one_name_and_size_are_one_image(header: str) -> None:
    rows = f"1.jpg,7,{{}},2,0,{DRAWN}\n1.jpg,7,{{}},2,1,{DRAWN}1.jpg,8,{{}},0,0,{{}},{{}}\n"
    first, second = files_of(header + rows, "v.CSV")
    assert first == ViaFile("1.jpg", "row 2", {}, [("row 2", SHAPE, CAT), ("row 4", SHAPE, CAT)], size=7)
    assert second == ViaFile("1.jpg", "row 5", {}, [], size=8)


def test_a_torn_row_is_a_region_without_a_shape() -> None:
    (file,) = files_of(f"{HEADER}1.jpg,7,{{}}\n", "v.csv")
    assert file.regions == [("row 2", "the row has 3 cells, expected 7", {})]
    (file,) = files_of(f"{HEADER}1.jpg,7,{{}},1,0,words,{{}}\n", "v.csv")
    assert file.regions == [("row 2", "words", {})]


def test_a_cell_may_hold_a_polygon_of_many_corners() -> None:
    corners = "1," * 200_000 + "1"
    row = f'1.jpg,7,{{}},1,0,"{{""name"":""polygon"",""all_points_x"":[{corners}]}}",{{}}\n'
    (file,) = files_of(HEADER + row, "v.csv")
    assert len(file.regions[0][1]["all_points_x"]) == 200_001


@pytest.mark.parametrize(
    ("data", "path"),
    [
        (b"[]", "v.json"),
        (b"{", "v.json"),
        (b'{"_via_img_metadata": 1}', "v.json"),
        (b"a,b\n", "v.csv"),
        (b"\xff", "v.csv"),
    ],
)
def test_a_file_that_is_none_of_via_is_refused(data: bytes, path: str) -> None:
    with pytest.raises(ViaError):
        read_content(data, path)


def test_the_bytes_of_an_image_are_told_where_they_stand() -> None:
    entries = {"1.jpg7": {"filename": "1.jpg", "size": 7}, "2.jpg-1": {"filename": "2.jpg", "size": -1}}
    assert [file.size for file in files_of(entries)] == [7, 0]
    assert [file.size for file in files_of(f"{HEADER}1.jpg,7,{{}},0,0,{DRAWN}2.jpg,x,{{}},0,0,{DRAWN}", "v.csv")] == [
        7,
        0,
    ]
