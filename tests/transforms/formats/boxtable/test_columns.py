"""Columns of tables of boxes: known by their names, or by the first rows where there is no header."""

from __future__ import annotations

import pytest

from labelbeam.transforms.formats.boxtable.columns import columns_of


@pytest.mark.parametrize(
    ("header", "image", "label", "box", "kind", "size"),
    [
        ("filename,tl_x,tl_y,br_x,br_y,class", 0, 5, (1, 2, 3, 4), "corners", None),
        ("filename,width,height,class,xmin,ymin,xmax,ymax", 0, 3, (4, 5, 6, 7), "corners", (1, 2)),
        ("Filename;Width;Height;Roi.X1;Roi.Y1;Roi.X2;Roi.Y2;ClassId", 0, 7, (3, 4, 5, 6), "corners", (1, 2)),
        ("image_id,class_name,x_min,y_min,x_max,y_max,class_id", 0, 1, (2, 3, 4, 5), "corners", None),
        ("bbox_x1,bbox_y1,bbox_x2,bbox_y2,class,fname", 5, 4, (0, 1, 2, 3), "corners", None),
        ("image_url,split,label,topX,topY,bottomX,bottomY,isCrowd", 0, 2, (3, 4, 5, 6), "corners", None),
        ("label_name,bbox_x,bbox_y,bbox_width,bbox_height,image_name,image_width,image_height", 5, 0, (1, 2, 3, 4), "sizes", (6, 7)),
        ("img_fName,img_w,img_h,class_label,bbx_xtl,bbx_ytl,bbx_xbr,bbx_ybr", 0, 3, (4, 5, 6, 7), "corners", (1, 2)),
        ("patientId,x,y,width,height,Target", 0, 5, (1, 2, 3, 4), "sizes", None),
        ("image,label,x_center,y_center,width,height", 0, 1, (2, 3, 4, 5), "centre", None),
        ("image\tlabel\tbbox\twidth\theight", 0, 1, (2,), "sizes", (3, 4)),
        ('\ufeff"file_name","left","top","right","bottom","category"', 0, 5, (1, 2, 3, 4), "corners", None),
    ],
)  # fmt: skip
def test_columns_are_known_by_their_names(
    header: str, image: int, label: int, box: tuple[int, ...], kind: str, size: tuple[int, int] | None
) -> None:
    found = columns_of(f"{header}\n")
    assert found is not None
    assert (found.image, found.label, found.box, found.kind, found.size) == (image, label, box, kind, size)


@pytest.mark.parametrize(
    "head",
    [
        "",
        "filename,label\n1.jpg,cat\n",
        "filename,xmin,ymin,xmax,ymax\n",
        "label,xmin,ymin,xmax,ymax\n",
        "1.jpg,cat\n",
        "1.jpg,1,2,3,4\n",
        "image,label,gt_x1,gt_y1,gt_x2,gt_y2,seen_x1,seen_y1,seen_x2,seen_y2\n",
        "image,label,img_x,img_y,img_w,img_h\n",
        "1,1,2,3,4,1.jpg,64,48\n",
        "1.jpg,1,2,3,4,cat\n2.jpg,1,2,3\n",
        "1.jpg,1,2,x,4,cat\n",
        "1.jpg,,,,,\n",
        "TRAIN,gs://b/1.jpg,cat\n",
        "cat 1 2 3 4\n",
    ],
)
def test_other_tables_are_none(head: str) -> None:
    assert columns_of(head) is None


def test_a_person_names_columns_that_are_called_otherwise() -> None:
    head = "photo,what,xmin,ymin,xmax,ymax\n"
    found = columns_of(head, "photo", "what")
    assert found is not None and (found.image, found.label) == (0, 1)
    assert columns_of(head, "photo", "other") is None
    bare = columns_of("filename,xmin,ymin,xmax,ymax\n", needs_label=False)
    assert bare is not None and bare.label == -1


def test_a_table_without_header_is_known_by_its_rows() -> None:
    found = columns_of("a/1.jpg,1,2,3,4,cat\na/2.jpg,,,,,\n")
    assert found is not None and (found.header, found.box, found.label) == (False, (1, 2, 3, 4), 5)


def test_a_table_of_the_cloud_has_boxes_in_some_row() -> None:
    found = columns_of("TEST,gs://b/1.jpg,,,,,,,,,\nTRAIN,gs://b/1.jpg,cat,0.1,0.1,,,0.3,0.3,,\n")
    assert found is not None and found.cloud


@pytest.mark.parametrize("first", ["sep=;", '"sep=;"', "SEP=; "])
def test_a_spreadsheets_first_line_is_no_header(first: str) -> None:
    found = columns_of(f"{first}\nfilename;class;xmin;ymin;xmax;ymax\n")
    assert found is not None and (found.delimiter, found.box) == (";", (2, 3, 4, 5))


def test_a_first_line_of_other_words_is_the_header() -> None:
    assert columns_of("separation;a\nfilename;class;xmin;ymin;xmax;ymax\n") is None
