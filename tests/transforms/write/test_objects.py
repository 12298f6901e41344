"""Objects of a bucket: beside their images, in the order of the source, and in pixels."""

from __future__ import annotations

import numpy as np
import pytest

from labelbeam.schemas.errors import LabelBeamError
from labelbeam.schemas.label_map import LabelMap
from labelbeam.schemas.neutral import SourceImage
from labelbeam.schemas.packed import Packed
from labelbeam.schemas.reasons import Adjusted, Skipped
from labelbeam.transforms.formats.frames import FRACTIONS
from labelbeam.transforms.write.objects import PlacedObjects, place_objects
from labelbeam.transforms.write.settle import fold_duplicates
from tests.transforms.write.images import SEGMENTATION, box, fragments, image, labels_of, reasons, run, written


def placed(images: list[SourceImage], skip: int | None = None, labels: LabelMap | None = None) -> PlacedObjects:
    (fragment,) = fragments(images)
    settled = fold_duplicates(fragment.images, Packed())
    if skip is not None:
        settled.skip(skip, Skipped.NOT_SAMPLED)
    frames = {"file:///fractions.json": FRACTIONS}
    return place_objects(fragment.objects, fragment.labels, settled, frames, labels, frozenset(), False)


def test_each_object_has_the_row_and_the_size_of_its_image() -> None:
    found = placed([image("b.jpg", box("cat"), width=7, height=3), image("a.jpg", box("dog"), box("cat"))])
    assert [found.names[label] for label in found.objects.label] == ["dog", "cat", "cat"]
    assert found.at.tolist() == [0, 0, 1]
    assert found.sizes.tolist() == [[100, 80], [100, 80], [7, 3]]
    assert not found.renamed.any()


def test_objects_of_a_source_in_fractions_are_in_pixels_and_say_where_they_come_from() -> None:
    half = image("a.jpg", box(bbox=(0.0, 0.0, 0.5, 0.5)), source="file:///fractions.json")
    found = placed([half, image("b.jpg", box(bbox=(0.0, 0.0, 50.0, 40.0)))])
    assert found.objects.bbox.tolist() == [[0, 0, 50, 40]] * 2
    assert found.frames.tolist() == [1, 0]


def test_objects_are_left_out_with_their_image_or_for_their_label() -> None:
    images = [image("a.jpg", box("cat")), image("b.jpg", box("cat"), box("dog"))]
    found = placed(images, 0, LabelMap({"cat": "feline"}, drop=["dog"]))
    assert (found.found, found.left_out) == (3, {Skipped.IMAGE_NOT_SAMPLED: 1, Skipped.LABEL_DROPPED: 1})
    assert (found.names, found.renamed.tolist(), found.dropped.tolist()) == (["feline"], [True], [0, 1])


def test_an_object_without_its_image_ends_the_run() -> None:
    first, second = fragments([image("a.jpg", box())]), fragments([image("b.jpg", box())], 9)
    settled = fold_duplicates(first[0].images, Packed())
    with pytest.raises(LabelBeamError, match="the runner lost some of what was read"):
        place_objects(second[0].objects, ["cat"], settled, {}, None, frozenset(), False)


def test_objects_stand_in_the_order_of_the_source() -> None:
    names = ["dog", "ant", "cat", "ant"]
    assert labels_of(run([image("a.jpg", *map(box, names))])) == names


def test_coordinates_of_a_relative_source_are_shares_of_each_image() -> None:
    images = [
        image("a.jpg", box(bbox=(0.1, 0.2, 0.5, 1))),
        image("b.jpg", box(bbox=(0.1, 0.2, 0.5, 1)), width=7, height=3),
    ]
    for boxes in written(run(images, relative=["file:///s.json"])).values():
        assert [boxes[0][side] for side in ("topX", "topY", "bottomX", "bottomY")] == [0.1, 0.2, 0.5, 1]


def test_polygons_of_a_relative_source_are_shares_and_its_masks_are_pixels() -> None:
    ring = np.array([(0.1, 0.5), (0.5, 0.5), (0.5, 1.0)])
    mask = ring * (100, 80)
    items = [box(rings=[ring]), box(rings=[mask], from_mask=True)]
    found = written(run([image("a.jpg", *items)], SEGMENTATION, relative=["file:///s.json"]), SEGMENTATION)["a.jpg"]
    assert found[0]["polygon"] == found[1]["polygon"] == [[0.1, 0.5, 0.5, 0.5, 0.5, 1]]


def test_a_missing_box_is_that_of_the_outline_also_of_a_mask_in_a_relative_source() -> None:
    mask = box("cat", None, rings=[np.array([(10, 10), (30, 10), (30, 40.0)])], from_mask=True)
    for relative in ([], ["file:///s.json"]):
        assembled = run([image("a.jpg", mask)], relative=relative)
        (found,) = written(assembled)["a.jpg"]
        assert [found[side] for side in ("topX", "topY", "bottomX", "bottomY")] == [0.1, 0.125, 0.3, 0.5]
        assert assembled.adjusted == {Adjusted.BBOX_FROM_SEGMENTATION: 1}


def test_a_missing_box_is_not_made_of_parts_that_are_no_ring() -> None:
    point = np.zeros((1, 2))
    triangle = np.array([(10, 10), (30, 10), (30, 40.0)])
    assembled = run([image("a.jpg", box("cat", None, rings=[point, triangle]), box("dog", None, rings=[point]))])
    assert labels_of(assembled) == ["cat"]
    assert written(assembled)["a.jpg"][0]["topX"] == 0.1
    assert reasons(assembled) == [("object", "missing_bbox")]


def test_coordinates_beyond_all_numbers_cost_no_other_object() -> None:
    huge = [box(bbox=(0, 0, 1e308, 1e308)), box("far", bbox=(1e308, 1e308, 1e308, 1e308))]
    assembled = run([image("a.jpg", *huge, box("good", bbox=(0, 0, 0.5, 0.5)))], relative=["file:///s.json"])
    assert labels_of(assembled) == ["good"]
