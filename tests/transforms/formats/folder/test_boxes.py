"""What is said of tables that may hold boxes, in columns that nothing knows."""

from __future__ import annotations

import pytest

from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.formats.folder.boxes import may_hold_boxes
from labelbeam.transforms.formats.folder.layout import plan_folder


@pytest.mark.parametrize(
    ("head", "told"),
    [
        (b"1.jpg,cat,1,2,3,4\n", True),
        ("foto;was;p;q;r;s\n1.jpg;cat;1,5;2;3;4\n".encode("utf-16"), True),
        (b"filename,a,b,c,d\n1,1,0,0,1\n", False),
        (b"filename,label\n1.jpg,cat\n", False),
        (b"", False),
    ],
)
def test_a_row_with_an_image_and_four_numbers_may_be_a_box(head: bytes, told: bool) -> None:
    assert ("'a.csv' may hold boxes" in may_hold_boxes({"t/a.csv": head})) == told


def test_it_is_said_where_boxes_are_asked_for() -> None:
    with pytest.raises(UsageError, match=r"'a\.csv' may hold boxes, but its first line"):
        plan_folder(["1.jpg", "a.csv"], "image_object_detection", heads={"a.csv": b"1.jpg,cat,1,2,3,4\n"})
