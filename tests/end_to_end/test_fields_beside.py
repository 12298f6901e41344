"""What labelling tools say of an image or an object beside what is drawn: flags, tags, labels of the whole image, confidences."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.end_to_end.datasets import put, write_image
from tests.end_to_end.test_contradictions import SIZE, built, doubts


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "1.json",
            '{"shapes": [{"label": "cat", "points": [[1, 2], [300, 200]], "shape_type": "rectangle"}], "imagePath": "1.jpg", '
            '"imageWidth": 640, "imageHeight": 480, "flags": {"ignore": true}}',
        ),
        (
            "a.xml",
            '<annotations><version>1.1</version><image id="0" name="1.jpg" width="640" height="480">'
            '<box label="cat" xtl="1" ytl="2" xbr="300" ybr="200"/><tag label="Skip"/></image></annotations>',
        ),
        (
            "ds/ann/1.jpg.json",
            '{"tags": [{"name": "rejected", "value": null}], "size": {"height": 480, "width": 640}, "objects": [{"classTitle": "cat", '
            '"geometryType": "rectangle", "points": {"exterior": [[1, 2], [300, 200]], "interior": []}}]}',
        ),
        (
            "annotations/train.json",
            '{"categories": {"label": {"labels": [{"name": "cat"}]}}, "items": [{"id": "1", "attr": {"deleted": true}, "image": '
            '{"path": "1.jpg"}, "annotations": [{"type": "bbox", "label_id": 0, "bbox": [1, 2, 300, 200]}]}]}',
        ),
    ],
    ids=["labelme", "cvat", "supervisely", "datumaro"],
)
def test_images_that_a_flag_or_a_tag_takes_out_are_told(name: str, text: str, tmp_path: Path) -> None:
    write_image(tmp_path / "in" / ("ds/img/1.jpg" if name.startswith("ds") else "1.jpg"), SIZE)
    put(tmp_path / "in" / name, text)
    told = doubts(built(tmp_path / "in", tmp_path))["flags_not_read"]
    assert told["count"] == 1 and "images, such as" in told["message"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("1.json", '{"shapes": [], "imagePath": "1.jpg", "imageWidth": 640, "imageHeight": 480, "flags": {"cat": LABEL, "dog": false}}'),
        ("a.xml", '<annotations><version>1.1</version><image id="0" name="1.jpg" width="640" height="480"><tag label=LABEL/></image></annotations>'),
        (
            "ds/ann/1.jpg.json",
            '{"tags": [{"name": LABEL, "value": null}], "size": {"height": 480, "width": 640}, "objects": []}',
        ),
        (
            "annotations/train.json",
            '{"categories": {"label": {"labels": [{"name": LABEL}]}}, "items": [{"id": "1", "image": {"path": "1.jpg"}, "annotations": '
            '[{"type": "label", "label_id": 0}]}]}',
        ),
        (
            "e.json",
            '[{"id": 1, "data": {"image": "1.jpg"}, "annotations": [{"result": [{"from_name": "label", "to_name": "image", '
            '"type": "choices", "value": {"choices": [LABEL]}}]}]}]',
        ),
        ("images.json", '[{"id": "1", "name": "1.jpg", "width": 640, "height": 480, "originalImageUri": "https://h/1", "regions": null, "tags": [{"tagName": LABEL}]}]'),
    ],
    ids=["labelme", "cvat", "supervisely", "datumaro", "labelstudio", "customvision"],
)  # fmt: skip
@pytest.mark.parametrize(("label", "count"), [("cat", 1), ("background", 0)])
def test_images_that_are_labelled_as_a_whole_and_have_no_object_are_told_where_objects_are_read(
    name: str, text: str, label: str, count: int, tmp_path: Path
) -> None:
    source, value = tmp_path / "in", json.dumps(label)
    if name == "1.json":
        value = json.dumps(label == "cat")  # The name of a flag that is set.
    write_image(source / ("ds/img/1.jpg" if name.startswith("ds") else "1.jpg"), SIZE)
    put(source / name, text.replace("LABEL", value))
    build = built(source, tmp_path)
    assert build.manifest["counts"]["images"]["written"] == 1
    assert doubts(build).get("labelled_as_a_whole", {"count": 0})["count"] == count


@pytest.mark.parametrize(
    ("tags", "objects", "told"),
    [
        ({"1": ["night"], "2": ["Night"]}, {"2": "cat"}, {}),
        ({"1": ["night", "cat"], "2": ["night"]}, {"2": "cat"}, {"1": "('cat')"}),
        ({"1": ["night"], "2": ["cat"]}, {"2": "cat"}, {"1": "('night')"}),
        ({"1": ["cat"], "2": ["cat"]}, {"2": "dog", "3": "cat"}, {"1": "('cat')"}),
        ({"1": ["cat"], "2": ["cat"]}, {"2": "dog"}, {}),
        ({"1": ["b", "a"], "2": ["a"], "3": ["c"]}, {}, {"1": "('a', 'b', 'c')", "2": "", "3": ""}),
    ],
)
def test_a_tag_of_images_with_other_objects_tells_of_the_scene_unless_objects_are_called_so(
    tags: dict[str, list[str]], objects: dict[str, str], told: dict[str, str], tmp_path: Path
) -> None:
    images = ""
    for at, name in enumerate("123"):
        write_image(tmp_path / "in" / f"{name}.jpg", SIZE)
        inner = "".join(f'<tag label="{tag}" source="manual"></tag>' for tag in tags.get(name, []))
        if name in objects:
            inner += f'<box label="{objects[name]}" xtl="1" ytl="2" xbr="300" ybr="200"/>'
        images += f'<image id="{at}" name="{name}.jpg" width="640" height="480">{inner}</image>'
    put(tmp_path / "in/a.xml", f"<annotations><version>1.1</version>{images}</annotations>")
    build = built(tmp_path / "in", tmp_path)
    doubt = doubts(build).get("labelled_as_a_whole", {"count": 0, "message": ""})
    assert doubt["count"] == len(told) and "".join(told.values()) in doubt["message"]
    assert not any("night" in name for name in build.manifest["evidence"])


def test_what_datumaro_calls_a_crowd_is_one(tmp_path: Path) -> None:
    boxes = [
        {"type": "bbox", "label_id": 0, "bbox": [1, 2, 300, 200], "attributes": {"is_crowd": crowd}}
        for crowd in (True, False)
    ]
    item = {"id": "1", "annotations": boxes, "image": {"path": "1.jpg", "size": [480, 640]}}
    labels = {"label": {"labels": [{"name": "cat"}]}}
    put(tmp_path / "in/annotations/train.json", json.dumps({"categories": labels, "items": [item]}))
    write_image(tmp_path / "in/1.jpg", SIZE)
    build = built(tmp_path / "in", tmp_path)
    assert [label["isCrowd"] for label in build.records["1.jpg"]["label"]] == [1, 0]
    assert "flags_not_read" not in doubts(build)


def test_columns_of_a_table_of_boxes_that_speak_against_rows_or_hold_scores_are_told(tmp_path: Path) -> None:
    put(
        tmp_path / "in/boxes.csv",
        "filename,xmin,ymin,xmax,ymax,class,difficult,score\n1.jpg,1,2,300,200,cat,1,0.5\n1.jpg,9,9,300,400,dog,0,1\n",
    )
    write_image(tmp_path / "in/1.jpg", SIZE)
    told = doubts(built(tmp_path / "in", tmp_path))
    assert told["flags_not_read"]["count"] == told["predicted_labels"]["count"] == 1
