"""YOLO as a format: what it claims, and what it takes where it was asked for."""

from __future__ import annotations

import pytest

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.formats.format import Claim, Tree
from labelbeam.transforms.formats.frames import FRACTIONS, Evidence
from labelbeam.transforms.formats.yolo.format import Yolo, YoloOptions
from labelbeam.transforms.stores.files import put
from labelbeam.transforms.stores.locate import locate

CONFIG = ConvertConfig(task="image_object_detection", source=["s"], output="memory://nowhere")


def claimed(*urls: str, asked: bool = False, files: int = 0) -> Claim | None:
    places = [locate(url, {}) for url in urls]
    return Yolo().recognise(Tree(CONFIG, {}, places, places[:files]), asked)


def test_a_description_and_a_directory_are_claimed_with_what_was_found(memory: str) -> None:
    for name, text in {
        "data.yaml": "names: [a]\ntrain: images\n",
        "images/1.jpg": "",
        "labels/1.txt": "0 0.5 0.5 0.1 0.1\n",
    }.items():
        put(locate(memory, {}).below(name), text.encode())
    file = claimed(f"{memory}/data.yaml", files=1)
    assert file is not None and file.found == "data.yaml" and file.reason
    folder = claimed(memory)
    assert folder is not None and folder.found is None and "1 label file," in folder.reason
    asked = claimed(f"{memory}/data.yaml", files=1, asked=True)
    assert asked is not None and asked.reason == "", "a person said so"


def test_what_it_was_asked_for_and_cannot_take_is_refused(memory: str) -> None:
    put(locate(memory, {}).below("x.txt"), b"words")
    assert claimed(f"{memory}/x.txt", files=1) is None
    with pytest.raises(UsageError, match=r"x\.txt is no data.yaml and no obj.data"):
        claimed(f"{memory}/x.txt", files=1, asked=True)
    with pytest.raises(UsageError, match="2 roots given; yolo takes one directory"):
        claimed(f"{memory}/a", f"{memory}/b", asked=True)
    assert claimed(f"{memory}/a", f"{memory}/b") is None


@pytest.mark.parametrize(("choice", "frames"), [("relative", {"d": FRACTIONS}), ("pixels", {})])
def test_what_coordinates_are_may_be_said(choice: str, frames: dict[str, object]) -> None:
    given = YoloOptions(yolo_boxes=choice)  # type: ignore[arg-type]
    config = ConvertConfig(task="image_object_detection", source=["s"], output="o", of_formats=(given,))
    found = Yolo().frames({"d": Evidence()}, config)
    assert {source: frame for source, frame in found.items() if frame.boxes != "pixels"} == frames
