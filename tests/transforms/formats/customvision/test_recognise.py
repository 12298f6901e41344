"""Recognising Custom Vision: by the keys of its API's answers, of which predictions are none."""

from __future__ import annotations

import json
from typing import Any

import pytest

from labelbeam.schemas.config import ConvertConfig
from labelbeam.transforms.formats.customvision.recognise import claim_of, holds_images, holds_tags
from labelbeam.transforms.formats.format import Claim, Tree
from labelbeam.transforms.stores.files import put
from labelbeam.transforms.stores.locate import locate

REGION = {"regionId": "r", "tagName": "cat", "tagId": "t1", "left": 0.1, "top": 0.2, "width": 0.3, "height": 0.4}
EXPORT = json.dumps([{"id": "1", "width": 200, "height": 100, "regions": [REGION]}])
TAGS = json.dumps([{"id": "t1", "name": "cat", "imageCount": 3}])


def image(*regions: Any, **more: Any) -> dict[str, Any]:
    return {"id": "0a-1", "width": 200, "height": 100, "regions": list(regions)} | more


def claimed(
    root: str, files: dict[str, str], task: Any = "image_object_detection", file: str = "", asked: bool = False
) -> Claim | None:
    for name, text in files.items():
        put(locate(root, {}).below(name), text.encode())
    place = locate(f"{root}/{file}".rstrip("/"), {})
    config = ConvertConfig(task=task, source=[place.url], output="memory://nowhere")
    return claim_of(Tree(config, {}, [place], [place] if file else []), asked)


def test_its_files_are_told_from_predictions_tags_and_coco() -> None:
    images = json.dumps([image(REGION, originalImageUri="https://h/1")]).encode()
    assert holds_images(images)
    assert holds_images(json.dumps([{"id": "1", "tags": [{"tagName": "a"}], "originalImageUri": "x"}]).encode())
    tags = json.dumps([{"id": "t1", "name": "cat", "imageCount": 3}]).encode()
    assert holds_tags(tags)
    assert not holds_images(tags)
    assert not holds_images(json.dumps({"predictions": [REGION | {"probability": 0.5}]}).encode())
    assert not holds_images(json.dumps({"images": [image(REGION)], "annotations": []}).encode())


def test_a_directory_is_claimed_with_its_images_and_tags(memory: str) -> None:
    files = {"0a.jpg": "", "b/export.json": EXPORT, "a.json": EXPORT, "tags.json": TAGS, "other.json": "{}"}
    claim = claimed(memory, files)
    assert claim is not None
    assert (claim.found[0].url, claim.found[1:]) == (
        locate(memory, {}).url,
        (["a.json", "b/export.json"], ["tags.json"]),
    )


def test_a_file_is_claimed_by_what_it_holds(memory: str) -> None:
    claim = claimed(memory, {"export.json": EXPORT, "tags.json": TAGS}, file="export.json")
    assert claim is not None and claim.found[1:] == (["export.json"], [])
    assert claimed(memory, {}, file="tags.json") is None
    assert claimed(memory, {"export.txt": EXPORT}, file="export.txt") is None


@pytest.mark.parametrize(
    ("task", "asked", "is_claimed"),
    [
        ("image_classification", False, False),
        ("image_classification", True, True),
        ("image_object_detection", False, True),
    ],
)
def test_class_folders_go_before_it_for_classification(task: str, asked: bool, is_claimed: bool, memory: str) -> None:
    files = {"cat/1.jpg": "", "dog/2.jpg": "", "export.json": EXPORT}
    assert (claimed(memory, files, task, asked=asked) is not None) == is_claimed
