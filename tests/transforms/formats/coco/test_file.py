"""A COCO file before it is read: its lists, its first records, and that it is one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelbeam.schemas.errors import LabelBeamError
from labelbeam.transforms.stores.files import put
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.reading import read_range
from tests.transforms.formats.coco.planned import BOX, coco, fill, plan


@given(order=st.permutations(["info", "licenses", "images", "annotations", "categories", "extra"]))
def test_sections_are_found_in_any_order(order: list[str]) -> None:
    content = {
        "info": {"images": [1, {"a": "]}"}]},
        "licenses": [{"id": 1}],
        "images": [{"id": 1, "file_name": 'a"]}[{.jpg'}],
        "annotations": [BOX, BOX | {"id": 2}],
        "categories": [{"id": 1, "name": "a"}],
        "extra": {"annotations": [BOX]},
    }
    file = locate("memory://planned-in-any-order.json", {})
    put(file, json.dumps({name: content[name] for name in order}).encode())
    made = plan(file.url)
    (index,) = made.indexes
    read = {
        part.section: json.loads(b"[" + read_range(file, part.start, part.end) + b"]")
        for part in [*index.ranges, *(unit.range for unit in made.units)]
    }
    assert read == {name: content[name] for name in ("images", "annotations", "categories")}


def test_a_byte_order_mark_is_no_obstacle(memory: str) -> None:
    root = fill(memory, {"x.json": b"\xef\xbb\xbf" + coco().encode()})
    assert len(plan(f"{root}/x.json").units) == 1


def test_a_test_set_without_annotations_is_planned(memory: str) -> None:
    root = fill(memory, {"x.json": '{"images": [{"id": 1, "file_name": "1.jpg"}]}', "1.jpg": ""})
    made = plan(f"{root}/x.json")
    assert (made.units, [part.section for part in made.indexes[0].ranges]) == ([], ["images"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (coco()[:-40], "looks truncated: fetch it again"),
        ('{"annotations": [{"id": 1}], "categories": []}', "found these lists: annotations; expected `images`"),
        ('{"images": [], "annotations": []}', "found these lists: none that holds anything; expected `images`"),
        ('{"images": {"1": "1.jpg"}, "annotations": [{}]}', "'images' is an object, expected a list"),
        ("{}", "expected `images`"),
        (
            "[" + json.dumps(BOX | {"score": 0.5}) + "]",
            "a list, as prediction results are; name the file of the annotations",
        ),
        ("[" + coco() + "]", "a list around a COCO object; take it out, with: jq '.\\[0\\]'"),
        (
            '[{"file_name": "1.jpg", "annotations": [{"bbox": [1, 2, 3, 4]}]}]',
            "a list of images with their objects in them",
        ),
        (
            '{"dataset": ' + coco() + "}",
            """stands inside another one, as 'dataset'; take it out, with: jq '.\\["dataset"\\]'""",
        ),
        ('{"coco": [{"info": {}, "images": []}]}', "stands inside another one, as 'coco'"),
        (coco().replace('"annotations"', '"Annotations"'), "found a list 'Annotations' and none called 'annotations'"),
        (coco().replace('"categories"', '"category"'), "found a list 'category' and none called 'categories'"),
        (coco().replace('"annotations"', '"objects"'), "the list 'objects' holds objects of images"),
        (coco(annotation={"id": 1, "image_id": 1, "segments_info": []}), "panoptic .* use the instances_"),
        (coco(annotation={"id": 1, "image_id": 1, "caption": "A cat."}), "captions, .* use the instances_"),
        (
            coco(annotation={"id": 1, "image_id": 1, "category_id": 1, "keypoints": [1]}),
            "keypoints without .* use the inst",
        ),
        ("", "the file is empty, expected a COCO JSON object; fetch it again"),
    ],
)
def test_what_cannot_be_built_from_is_refused_with_what_to_do(text: str, said: str, memory: str) -> None:
    root = fill(memory, {"x.json": text})
    for options in ({}, {"format": "coco"}):
        with pytest.raises(LabelBeamError, match=rf"{root}/x\.json: .*{said}"):
            plan(f"{root}/x.json", **options)


def test_keypoints_with_boxes_serve_detection_and_keypoints_alone_serve_classification(memory: str) -> None:
    root = fill(
        memory,
        {
            "boxes.json": coco(annotation=BOX | {"keypoints": [1]}),
            "alone.json": coco(annotation={"id": 1, "image_id": 1, "category_id": 1, "keypoints": [1]}),
        },
    )
    assert plan(f"{root}/boxes.json").units
    assert plan(f"{root}/alone.json", task="image_classification").units


def test_odd_first_records_are_left_to_whoever_reads_them(memory: str) -> None:
    text = '{"images": [{"file_name": NaN}, {"file_name": 3}, {"id": 3}], "annotations": [{"bbox": [Infinity]}]}'
    deep = '{"images": [{"a": ' + "[" * 5000 + "]" * 5000 + '}], "annotations": [{"a": "' + "x" * 70_000 + '"}]}'
    for content in (text, deep):
        made = plan(f"{fill(memory, {'x.json': content})}/x.json")
        assert (len(made.indexes), len(made.units)) == (1, 1)


@pytest.mark.parametrize(
    ("sections", "annotation", "said"),
    [
        ({"categories": None}, None, "found no categories, and of the first annotation category_id is 1"),
        (
            {"categories": []},
            {"id": 1, "category": "cat"},
            "found no categories, and of the first annotation category is 'cat'",
        ),
        ({"categories": ["cat", "dog"]}, None, '`categories` holds "cat", "dog" and no ids'),
    ],
)
def test_categories_that_nothing_names_are_doubted(sections: Any, annotation: Any, said: str, memory: str) -> None:
    root = fill(memory, {"x.json": coco(annotation=annotation, **sections), "1.jpg": ""})
    (doubt,) = plan(f"{root}/x.json").doubts
    assert doubt.code == "no_categories"
    assert said in doubt.message


def test_a_file_without_annotations_needs_no_categories(memory: str) -> None:
    root = fill(
        memory, {"x.json": '{"images": [{"id": 1, "file_name": "1.jpg", "width": 4, "height": 3}]}', "1.jpg": ""}
    )
    assert plan(f"{root}/x.json").doubts == []
