"""What a training job is told of a build that is right by itself."""

from __future__ import annotations

from typing import Any

import pytest

from labelbeam.schemas.doubts import Doubt, Doubted
from labelbeam.schemas.manifest import SplitCounts
from labelbeam.transforms.builds.preflight import FEWEST_IMAGES, FEWEST_OF_A_LABEL, preflight
from tests.manifests import manifest

STORE = "azureml://subscriptions/s/resourcegroups/g/workspaces/w/datastores/d/paths/"

GOOD: dict[str, Any] = {
    "labels": ["cat", "dog"],
    "splits": {"train": SplitCounts(20, 20), "validation": SplitCounts(5, 5)},
    "label_counts": {"train": {"cat": 10, "dog": 10}, "validation": {"cat": 5}},
    "image_roots": {STORE: 25},
}


def codes(**changes: Any) -> list[str]:
    return [doubt.code for doubt in preflight(manifest(**GOOD | changes))]


def test_of_a_good_build_nothing_is_told() -> None:
    assert codes() == []


@pytest.mark.parametrize("root", ["file://", "s3://", "", "azureml://datastores/d/paths/", "AmlDatastore://d/"])
def test_urls_that_no_job_reads_are_counted(root: str) -> None:
    (doubt,) = preflight(manifest(**GOOD | {"image_roots": {STORE: 20, root: 5}}))
    assert (doubt.code, doubt.count, doubt.example) == (Doubted.IMAGE_URL_NOT_READ, 5, root)
    assert "5 of 25 image URLs" in doubt.message


@pytest.mark.parametrize("root", ["https://", "http://", "abfss://", "wasbs://"])
def test_urls_that_a_job_reads_but_does_not_stream_are_counted(root: str) -> None:
    (doubt,) = preflight(manifest(**GOOD | {"image_roots": {STORE: 20, root: 5}}))
    assert (doubt.code, doubt.count, doubt.example) == (Doubted.NOT_STREAMED, 5, root)


@pytest.mark.parametrize(
    ("images", "told"), [(0, ["no_train_split"]), (FEWEST_IMAGES - 1, ["few_images"]), (FEWEST_IMAGES, [])]
)
def test_images_to_train_on_are_enough_from_a_number_on(images: int, told: list[str]) -> None:
    assert codes(splits={"train": SplitCounts(images, 20), "validation": SplitCounts(5, 5)}) == told


def test_a_build_without_train_is_told_of_its_split_alone() -> None:
    assert codes(splits={"validation": SplitCounts(5, 5)}, label_counts={"validation": {"cat": 5}}) == [
        "no_train_split"
    ]


@pytest.mark.parametrize(("count", "told"), [(FEWEST_OF_A_LABEL - 1, ["rare_labels"]), (FEWEST_OF_A_LABEL, [])])
def test_a_label_is_rare_below_a_number(count: int, told: list[str]) -> None:
    assert codes(label_counts={"train": {"cat": 10, "dog": count}}) == told


def test_a_label_that_is_not_trained_is_no_rare_one() -> None:
    assert codes(label_counts={"train": {"cat": 10}, "validation": {"dog": 5}}) == ["labels_not_trained"]


@pytest.mark.parametrize(
    ("task", "told"),
    [
        ("image_classification", ["few_labels", "labels_not_trained"]),
        ("image_classification_multilabel", ["few_labels", "labels_not_trained"]),
        ("image_object_detection", ["labels_not_trained"]),
    ],
)
def test_one_label_is_enough_for_objects_alone(task: str, told: list[str]) -> None:
    assert codes(task=task, label_counts={"train": {"cat": 10}}) == told


@pytest.mark.parametrize("splits", [{}, {"validation": SplitCounts()}])
def test_a_validation_split_is_missed_also_where_it_is_empty(splits: dict[str, SplitCounts]) -> None:
    assert codes(splits={"train": SplitCounts(20, 20), **splits}) == ["no_validation_split"]


@pytest.mark.parametrize(
    ("model", "minded"),
    [
        (None, ["image_url_misread", "decoded_otherwise", "boxes_turned", "boxes_unturned", "labels_alike"]),
        ("yolov5", ["image_url_misread", "decoded_otherwise", "boxes_unturned", "labels_alike"]),
        ("fasterrcnn_resnet50_fpn", ["image_url_misread", "decoded_otherwise", "boxes_turned", "labels_alike"]),
    ],
)
def test_of_the_doubts_of_a_build_those_that_its_model_would_mind_are_told_again(
    model: str | None, minded: list[str]
) -> None:
    told = ["listing", "image_url_misread", "decoded_otherwise", "boxes_turned", "boxes_unturned", "labels_alike"]
    found = preflight(manifest(**GOOD | {"doubts": [Doubt(code, "x") for code in told]}), model)
    assert [doubt.code for doubt in found] == minded


def test_what_is_to_be_mended_first_is_told_first() -> None:
    assert codes(
        splits={"train": SplitCounts(3, 3)}, label_counts={"train": {"cat": 3}}, image_roots={"file://": 3}
    ) == [
        "image_url_not_read",
        "few_images",
        "rare_labels",
        "labels_not_trained",
        "no_validation_split",
    ]
