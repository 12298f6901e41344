"""Open Images as a format: what it claims, what it plans of it, and what it takes where it was asked for."""

from __future__ import annotations

import pytest

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.formats.format import Tree
from labelbeam.transforms.formats.frames import FRACTIONS, Evidence
from labelbeam.transforms.formats.openimages.format import OpenImages
from labelbeam.transforms.stores.files import put
from labelbeam.transforms.stores.locate import locate

BOXES = "ImageID,LabelName,XMin,XMax,YMin,YMax\n1,/m/1,0.1,0.2,0.3,0.4\n"
LABELS = "ImageID,LabelName,Confidence\n1,/m/1,1\n"


def tree_of(root: str, name: str, text: str, file: bool = False) -> Tree:
    place = locate(root, {}).below(name)
    put(place, text.encode())
    source = place if file else locate(root, {})
    config = ConvertConfig(task="image_object_detection", source=[source.url], output="memory://nowhere")
    return Tree(config, {}, [source], [source] if file else [])


@pytest.mark.parametrize("file", [False, True])
def test_what_it_claims_is_planned(file: bool, memory: str) -> None:
    tree = tree_of(memory, "boxes.csv", BOXES, file)
    claim = OpenImages().recognise(tree, False)
    assert claim is not None and claim.task is None, "boxes are for several tasks"
    assert claim.beats == ({"folder"} if file else frozenset())
    plan = OpenImages().plan(tree, claim, False)
    assert (plan.format, plan.work) == ("openimages", len(BOXES))


def test_labels_of_images_say_what_they_are_for(memory: str) -> None:
    claim = OpenImages().recognise(tree_of(memory, "tags.csv", LABELS), False)
    assert claim is not None and claim.task == "image_classification_multilabel"


def test_what_it_was_asked_for_and_cannot_take_is_refused(memory: str) -> None:
    tree = tree_of(memory, "x.csv", "filename,label\n")
    assert OpenImages().recognise(tree, False) is None
    with pytest.raises(UsageError, match="holds no table with the columns ImageID and LabelName"):
        OpenImages().recognise(tree, True)


def test_its_numbers_are_fractions_and_what_was_counted_is_told() -> None:
    evidence = Evidence()
    evidence.add("coded", 2, "b.csv")
    config = ConvertConfig(task="image_object_detection", source=["s"], output="o")
    assert OpenImages().frames({"memory://x": evidence}, config) == {"memory://x": FRACTIONS}
    assert [doubt.code for doubt in OpenImages().remarks({"memory://x": evidence}, config)] == ["labels_are_codes"]
