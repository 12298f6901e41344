"""Units of a YOLO tree: what a label file that cannot be read costs, and what need not be read at all."""

from __future__ import annotations

from pathlib import Path

from labelbeam.schemas.reasons import Skipped
from labelbeam.transforms.formats.yolo.description import Names
from labelbeam.transforms.formats.yolo.tree import YoloItem
from labelbeam.transforms.formats.yolo.units import YoloUnit
from labelbeam.transforms.read.work import read_unit
from tests.transforms.unit_runs import fragments, options

NAMES = Names({0: "cat"})


def unit(root: Path, *items: YoloItem, sizes: dict[str, int] | None = None) -> YoloUnit:
    return YoloUnit(str(root), items, 100, (NAMES,), 0, sizes or {})


def test_a_label_file_that_cannot_be_read_costs_its_image_alone(tmp_path: Path) -> None:
    (tmp_path / "1.txt").write_text("0 0.5 0.5 0.25 0.25\n")
    made = unit(
        tmp_path,
        YoloItem("0.jpg", "0.txt"),
        YoloItem("1.jpg", "1.txt"),
        YoloItem("2.jpg"),
        YoloItem("3.jpg", "gone.txt", skipped=Skipped.OUTSIDE_IMAGE_SETS),
    )
    result = read_unit(options(), made)
    (fragment,) = fragments(result)
    assert fragment.images.paths == ["1.jpg", "2.jpg", "3.jpg"]
    assert fragment.images.keys.tolist() == [101, 102, 103]
    assert [(str(item.code), item.image) for item in fragment.rejections] == [("unreadable_file", "0.jpg")]
    assert (result.findings.records, result.findings.evidence[str(tmp_path)].count("boxes")) == (5, 1)
    assert (made.size, made.index) == (4, None)


def test_a_label_file_that_is_shorter_than_it_was_listed_is_not_taken_for_the_whole(tmp_path: Path) -> None:
    (tmp_path / "1.txt").write_bytes(b"0 0.5 0.5 0.25 0.25\n")
    for size, codes in ((20, []), (0, []), (40, ["unreadable_file"])):
        (fragment,) = fragments(read_unit(options(), unit(tmp_path, YoloItem("1.jpg", "1.txt"), sizes={"1.txt": size})))
        assert [str(item.code) for item in fragment.rejections] == codes
