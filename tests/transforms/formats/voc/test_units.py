"""Units of a VOC tree: what a file that cannot be read, or is cut short, costs."""

from __future__ import annotations

from pathlib import Path

from labelbeam.schemas.reasons import Skipped
from labelbeam.transforms.formats.voc.tree import VocItem
from labelbeam.transforms.formats.voc.units import VocUnit
from labelbeam.transforms.read.work import read_unit
from tests.transforms.unit_runs import fragments, options


def test_an_annotation_file_that_cannot_be_read_costs_its_image_alone(tmp_path: Path) -> None:
    xml = (
        "<annotation><object><name>cat</name><bndbox><xmin>1</xmin><ymin>0</ymin><xmax>9</xmax><ymax>9</ymax></bndbox>"
    )
    (tmp_path / "1.xml").write_text(f"{xml}</object></annotation>")
    items = (
        VocItem("0.xml", "0.jpg"),
        VocItem("1.xml", "1.jpg"),
        VocItem("2.xml", "2.jpg", skipped=Skipped.OUTSIDE_IMAGE_SETS),
    )
    result = read_unit(options(), VocUnit(str(tmp_path), items, 0, None, {}, str(tmp_path)))
    (fragment,) = fragments(result)
    assert fragment.images.paths == ["1.jpg", "2.jpg"]
    assert {row: note.left_out for row, note in fragment.images.notes.items()} == {1: Skipped.OUTSIDE_IMAGE_SETS}
    assert [(rejection.code, rejection.image) for rejection in fragment.rejections] == [("unreadable_file", "0.jpg")]
    assert (result.findings.evidence[str(tmp_path)].count("boxes"), result.findings.records) == (1, 4)


def test_an_annotation_file_that_is_shorter_than_it_was_listed_is_not_taken_for_the_whole(tmp_path: Path) -> None:
    (tmp_path / "1.xml").write_text("<annotation></annotation>")
    for size, codes in ((25, []), (0, []), (26, ["unreadable_file"])):
        unit = VocUnit(str(tmp_path), (VocItem("1.xml", "1.jpg"),), 0, None, {"1.xml": size}, str(tmp_path))
        (fragment,) = fragments(read_unit(options(), unit))
        assert [rejection.code for rejection in fragment.rejections] == codes
