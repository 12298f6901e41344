"""One dataset, written in every format that holds boxes or outlines: all give the same records."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelbeam.transforms.builds.source_labels import ids_of_labels
from labelbeam.transforms.formats.reading import merge_findings
from tests.transforms.formats.same_dataset import (
    LABELS,
    Picture,
    box_of,
    pictures,
    write_coco,
    write_customvision,
    write_cvat,
    write_darknet,
    write_datumaro,
    write_huggingface,
    write_labelme,
    write_labelstudio,
    write_openimages,
    write_parquet,
    write_supervisely,
    write_via,
    write_voc,
    write_webdataset,
    write_yolo,
)
from tests.transforms.formats.same_records import Way, read, records, same

DETECTION = "image_object_detection"
SEGMENTATION = "image_instance_segmentation"
MULTILABEL = "image_classification_multilabel"
WRITERS: dict[str, Way[Picture]] = {
    "coco": ("coco", write_coco, {}),
    "voc": ("voc", write_voc, {"voc_origin": 0}),
    "yolo": ("yolo", write_yolo, {}),
    "yolo outlines": ("yolo", lambda made: write_yolo(made, outlined=True), {}),
    "darknet": ("yolo", write_darknet, {}),
    "via": ("via", write_via, {}),
    "via rectangles": ("via", lambda made: write_via(made, outlined=False), {}),
    "customvision": ("customvision", write_customvision, {}),
    "openimages": ("openimages", write_openimages, {}),
    "cvat": ("cvat", write_cvat, {}),
    "cvat boxes": ("cvat", lambda made: write_cvat(made, "box"), {}),
    "cvat turned boxes": ("cvat", lambda made: write_cvat(made, "turned"), {}),
    "labelstudio": ("labelstudio", write_labelstudio, {}),
    "labelstudio rectangles": ("labelstudio", lambda made: write_labelstudio(made, outlined=False), {}),
    "labelstudio minimal": ("labelstudio", lambda made: write_labelstudio(made, minimal=True), {}),
    "datumaro": ("datumaro", write_datumaro, {}),
    "datumaro boxes": ("datumaro", lambda made: write_datumaro(made, "bbox"), {}),
    "supervisely": ("supervisely", write_supervisely, {}),
    "supervisely rectangles": ("supervisely", lambda made: write_supervisely(made, "rectangle"), {}),
    "supervisely edges": (
        "supervisely",
        lambda made: write_supervisely(made, "rectangle", edges=True),
        {"supervisely_corners": "edges"},
    ),
    "huggingface": ("huggingface", write_huggingface, {}),
    "huggingface csv": ("huggingface", lambda made: write_huggingface(made, "csv"), {}),
    "huggingface outlines": ("huggingface", lambda made: write_huggingface(made, outlined=True), {}),
    "webdataset": ("webdataset", write_webdataset, {}),
    "webdataset outlines": ("webdataset", lambda made: write_webdataset(made, outlined=True), {}),
    "huggingface parquet": ("huggingface", write_parquet, {}),
    "huggingface parquet outlines": ("huggingface", lambda made: write_parquet(made, outlined=True), {}),
    "labelme": ("labelme", write_labelme, {}),
    "labelme rectangles": ("labelme", lambda made: write_labelme(made, outlined=False), {}),
}
OUTLINED = (
    "coco",
    "voc",
    "yolo outlines",
    "labelme",
    "via",
    "cvat",
    "labelstudio",
    "datumaro",
    "supervisely",
    "huggingface outlines",
    "huggingface parquet outlines",
    "webdataset outlines",
)


def agreed(root: str, made: Sequence[Picture], name: str, task: Any) -> dict[str, list[Any]]:
    """The records of each split that a dataset in a format is read into, of which nothing is rejected."""
    lines, rejected = records(root, made, WRITERS[name], task)
    assert rejected == []
    return lines


@pytest.mark.parametrize(
    ("name", "task"),
    [(name, DETECTION) for name in list(WRITERS)[1:]]
    # One way of writing each format tells of its labels.
    + [
        (name, MULTILABEL)
        for name in {found: name for name, (found, *_) in WRITERS.items() if found != "coco"}.values()
    ]
    + [(name, SEGMENTATION) for name in OUTLINED[1:]],
)
def test_the_same_273_objects_are_the_same_records_in_every_format(name: str, task: str, memory: str) -> None:
    # A table of boxes does not name images without any.
    made = [picture for picture in pictures() if picture[4] or name != "openimages"]
    expected = agreed(f"{memory}/coco", made, "coco", task)
    counts = {split: len(lines) for split, lines in expected.items()}
    assert counts == ({"train": 45, "validation": 15} if name != "openimages" else {"train": 28, "validation": 10})
    if task != MULTILABEL:
        assert sum(len(line["label"]) for lines in expected.values() for line in lines) == 273
    same(agreed(f"{memory}/other", made, name, task), expected)


IDS = {
    **{
        key: {name: [at] for at, name in enumerate(LABELS)}
        for key in ("coco", "yolo", "darknet", "datumaro", "huggingface")
    },
    "openimages": {name: [f"/m/{at}"] for at, name in enumerate(LABELS)},
    "customvision": {name: [f"t{at}"] for at, name in enumerate(LABELS)},
    "supervisely": {name: [70 + at] for at, name in enumerate(LABELS)},
    "cvat": {},
}


@pytest.mark.parametrize("name", IDS)
@pytest.mark.parametrize("task", [DETECTION, MULTILABEL])
def test_labels_have_the_ids_that_the_source_gives_them(name: str, task: str, memory: str) -> None:
    _, plan, results = read(memory, pictures()[:20], WRITERS[name], task)
    assert ids_of_labels(plan, merge_findings(result.findings for result in results)) == IDS[name]


corners = st.tuples(st.integers(0, 30), st.integers(0, 30))
sides = st.tuples(st.integers(1, 30), st.integers(1, 30))


@given(st.lists(st.tuples(st.sampled_from(LABELS), corners, sides), max_size=6, unique=True))
@settings(max_examples=20, deadline=None)
def test_records_that_are_written_as_yolo_are_read_as_the_same_records(drawn: list[Any]) -> None:
    objects = [(label, [(x, y), (x + w, y), (x + w, y + h), (x, y + h)]) for label, (x, y), (w, h) in drawn]
    made: list[Picture] = [("train", "1", 77, 61, objects), ("val", "2", 3, 3, [("cat", [(0, 0), (3, 1), (2, 3)])])]
    root = f"memory://{uuid4().hex}"
    found = agreed(root, made, "yolo", DETECTION)["train"][0]["label"]
    assert [item["label"] for item in found] == [label for label, _ in objects]
    for item, (_, outline) in zip(found, objects, strict=True):
        left, top, right, bottom = box_of(outline)
        sides = (item["topX"], item["topY"], item["bottomX"], item["bottomY"])
        assert sides == pytest.approx((left / 77, top / 61, right / 77, bottom / 61), abs=1e-6)
