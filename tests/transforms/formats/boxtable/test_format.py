"""Tables of boxes as a format: what it claims, what it plans of it, and the frame of its boxes."""

from __future__ import annotations

from pathlib import Path

import pytest

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.formats.boxtable.format import BoxTable
from labelbeam.transforms.formats.format import Tree
from labelbeam.transforms.formats.frames import FRACTIONS, Evidence
from labelbeam.transforms.stores.files import put
from labelbeam.transforms.stores.locate import locate
from tests.end_to_end.builds import DETECTION, PREFIX, attempt, convert, failed
from tests.end_to_end.datasets import put as put_file
from tests.end_to_end.datasets import write_image

CONFIG = ConvertConfig(task="image_object_detection", source=["s"], output="memory://nowhere")
TABLE = "filename,class,xmin,ymin,xmax,ymax\n1.jpg,cat,1,2,3,4\n"


def tree_of(root: str, text: str) -> Tree:
    put(locate(root, {}).below("t.csv"), text.encode())
    return Tree(CONFIG, {}, [locate(root, {})], [])


def test_what_it_claims_is_planned(memory: str) -> None:
    tree = tree_of(memory, TABLE)
    claim = BoxTable().recognise(tree, False)
    assert claim is not None
    assert BoxTable().plan(tree, claim, False).format == "boxtable"


def test_what_it_was_asked_for_and_cannot_take_is_refused(memory: str) -> None:
    with pytest.raises(UsageError, match="--label-columns"):
        BoxTable().recognise(tree_of(memory, "a,b\n1,2\n"), True)


def test_fractions_are_told_by_all_boxes() -> None:
    evidence = Evidence()
    evidence.add("boxes", 4)
    evidence.add("boxes_small", 4)
    frames = BoxTable().frames({"s": evidence}, CONFIG)
    assert frames in ({}, {"s": FRACTIONS})
    assert all(
        doubt.code in ("relative_coordinates", "smaller_than_a_pixel")
        for doubt in BoxTable().remarks({"s": evidence}, CONFIG)
    )


@pytest.mark.parametrize(
    ("text", "box"),
    [
        ("filename,class,xmin,ymin,xmax,ymax\n1.jpg,cat,10,20,50,60\n2.jpg,cat,10,20,50,60\n", (0.1, 0.25, 0.5, 0.75)),
        ("filename,class,x,y,w,h\n1.jpg,cat,10,20,40,40\n2.jpg,cat,10,20,40,40\n", (0.1, 0.25, 0.5, 0.75)),
        ("TRAIN,gs://b/1.jpg,cat,0.1,0.25,,,0.5,0.75,,\nTEST,gs://b/2.jpg,cat,0.1,0.25,,,0.5,0.75,,\n", (0.1, 0.25, 0.5, 0.75)),
    ],
)  # fmt: skip
def test_a_table_of_boxes_is_built(text: str, box: tuple[float, ...], tmp_path: Path) -> None:
    for name in ("1.jpg", "2.jpg"):
        write_image(tmp_path / "in" / name, (100, 80))
    put_file(tmp_path / "in" / "boxes.csv", text.encode())
    build = convert("--source", tmp_path / "in", "--image-url", PREFIX, output=tmp_path / "out", task=DETECTION)
    for name in ("1.jpg", "2.jpg"):
        ((label, *sides, crowd),) = build.boxes(name)
        assert (label, crowd) == ("cat", 0) and sides == pytest.approx(box)


def test_images_in_a_bucket_are_asked_for(tmp_path: Path) -> None:
    put_file(tmp_path / "in" / "boxes.csv", b"TRAIN,gs://b/1.jpg,cat,0.1,0.25,,,0.5,0.75,,\n")
    failed(attempt(tmp_path / "in", tmp_path / "out"), 2, "gs://b/1.jpg", "--images")
