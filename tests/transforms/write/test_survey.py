"""What a bucket holds of each label before anything is written."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from labelbeam.schemas.label_map import parse_labels
from labelbeam.schemas.neutral import SourceImage
from labelbeam.schemas.reasons import Skipped
from labelbeam.schemas.split_group import parse_split_group
from labelbeam.transforms.columns.hashes import sample_hash, stable_hash
from labelbeam.transforms.workers.parcels import wrap
from labelbeam.transforms.write.survey import survey, survey_bucket
from labelbeam.transforms.write.whole import NOTHING_OF_ALL, Whole
from tests.transforms.write.images import box, fragments, image

IMAGES = [
    image("a.jpg", box("cat"), box("kitten"), box("dog")),
    image("b.jpg", box("person"), box("cow")),
    image("a.jpg", box("horse"), source="file:///t.json"),
    image("c.jpg", left_out=Skipped.DELETED),
]


def labels_of(
    images: Sequence[SourceImage], mapping: object = None, whole: Whole = NOTHING_OF_ALL
) -> dict[str, set[str]]:
    parts = [part for key, each in enumerate(images) for part in fragments([each], key)]
    found = survey(parts, None if mapping is None else parse_labels(mapping), whole)
    names = {
        stable_hash(name): name
        for name in ("a.jpg", "b.jpg", "c.jpg", "cat", "kitten", "dog", "person", "cow", "horse")
    }
    ends = np.cumsum(found.counts)
    return {
        names[path]: {names[label] for label in found.labels[end - count : end].tolist()}
        for path, count, end in zip(found.paths.tolist(), found.counts.tolist(), ends.tolist(), strict=True)
    }


def test_each_image_has_its_labels_once_whatever_records_they_come_with() -> None:
    assert labels_of(IMAGES) == {"a.jpg": {"cat", "kitten", "dog", "horse"}, "b.jpg": {"person", "cow"}}
    assert labels_of([]) == {}


def test_labels_are_those_of_the_build() -> None:
    found = labels_of(IMAGES, {"kitten": "cat", "person": None, "horse": None}, Whole(frozenset({"cow"})))
    assert found == {"a.jpg": {"cat", "dog"}, "b.jpg": set()}


def test_images_outside_of_a_sample_are_not_in_it() -> None:
    below = max(sample_hash("a.jpg"), sample_hash("b.jpg"))
    assert len(labels_of(IMAGES, whole=Whole(sampled=below))) == 1


def test_copies_that_augmentation_has_made_are_of_one_unit() -> None:
    names = ["a_jpg.rf.0a1b2c3d4e.jpg", "a_jpg.rf.ffffffffff.jpg", "b.jpg"]
    found = survey(fragments([image(name) for name in names]), None, NOTHING_OF_ALL)
    assert (len(set(found.paths.tolist())), len(set(found.units.tolist()))) == (3, 2)


def test_images_of_a_group_are_of_one_unit_by_the_record_that_is_kept() -> None:
    images = [image("a.jpg", group="p"), image("b.jpg", group="p"), image("a.jpg", group="q", source="file:///t.json")]
    parts = [part for key, each in enumerate(images) for part in fragments([each], key)]
    for order in (parts, parts[::-1]):
        found = survey(order, None, NOTHING_OF_ALL, parse_split_group("patient"))
        assert set(found.units.tolist()) == {stable_hash("group p")}
    assert len(set(survey(parts, None, NOTHING_OF_ALL, parse_split_group("folder")).units.tolist())) == 1
    assert len(set(survey(parts, None, NOTHING_OF_ALL).units.tolist())) == 2


def test_a_bucket_is_surveyed_as_it_arrives() -> None:
    encoded = [wrap(part.encode()) for part in fragments(IMAGES[:2])]
    assert survey_bucket(encoded, None, NOTHING_OF_ALL).counts.tolist() == [3, 2]
