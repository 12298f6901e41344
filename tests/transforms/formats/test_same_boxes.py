"""One dataset, written in every format that holds boxes or outlines: all give the same records."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelbeam.schemas.config import ConvertConfig
from labelbeam.transforms.builds.source_labels import ids_of_labels
from labelbeam.transforms.columns.fragments import decode
from labelbeam.transforms.formats.plans import Plan
from labelbeam.transforms.formats.reading import Reading, ReadOptions, ReadResult, merge_findings
from labelbeam.transforms.formats.registry import FORMATS
from labelbeam.transforms.images.facts import ImageFacts
from labelbeam.transforms.plan.make_plan import make_plan
from labelbeam.transforms.stores.files import put
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.tasks.records import encode_jsonl
from labelbeam.transforms.tasks.registry import TASKS
from labelbeam.transforms.workers import parcels
from labelbeam.transforms.write.assemble import assemble
from labelbeam.transforms.write.options import assemble_options
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

DETECTION = "image_object_detection"
SEGMENTATION = "image_instance_segmentation"
MULTILABEL = "image_classification_multilabel"
Writer = Callable[[Sequence[Picture]], Mapping[str, str | bytes]]
WRITERS: dict[str, tuple[str, Writer, dict[str, Any]]] = {
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
IN_SHARDS = re.compile(r"(?:data/)?(train|val)-[\w-]*\.(?:tar|parquet)/(?:.*/|\d{6}_)")
"""How the path of an image in a shard begins."""


def read(root: str, made: Sequence[Picture], name: str, task: Any) -> tuple[ConvertConfig, Plan, list[ReadResult]]:
    """What a dataset in a format is read into, without a runner."""
    expected, write, options = WRITERS[name]
    for path, text in write(made).items():
        put(locate(root, {}).below(path), text.encode() if isinstance(text, str) else text)
    in_shards = "webdataset" in name or "parquet" in name
    for split, stem, *_ in () if in_shards else made:
        put(locate(root, {}).below(f"images/{split}/{stem}.jpg"), b"x")
    struct = FORMATS[expected].options
    config = ConvertConfig(
        task=task,
        source=[root],
        output="memory://nowhere",
        image_url="https://h/",
        background="keep",
        images=None if in_shards else root,
        of_formats=(struct(**options),),
    )
    plan = make_plan(config, {})
    assert plan.format == expected
    how = ReadOptions(config, {}, 1)
    indexes = {unit.makes: unit.read(Reading(how)) for unit in plan.indexes}
    results = [*indexes.values()]
    results += [unit.read(Reading(how, indexes[unit.index].index if unit.index else None)) for unit in plan.units]
    return config, plan, results


def records(root: str, made: Sequence[Picture], name: str, task: Any) -> dict[str, list[Any]]:
    """The records of each split that a dataset in a format is read into."""
    config, plan, results = read(root, made, name, task)
    frames = FORMATS[plan.format].frames(merge_findings(result.findings for result in results).evidence, config)
    sizes = {f"images/{split}/{stem}.jpg": (width, height) for split, stem, width, height, _ in made}
    fragments = [decode(parcels.unwrap(data)) for result in results for _, data in result.fragments]
    found = assemble(
        fragments,
        assemble_options(config, plan),
        frames,
        lambda rows: [ImageFacts("jpg", *sizes[IN_SHARDS.sub(r"images/\1/", row.path)]) for row in rows],
    )
    assert found.rejections == []
    return {
        split: sorted(
            (plainly(json.loads(line)) for line in encode_jsonl(part, TASKS[task], False).splitlines()),
            key=lambda line: str(line["image_url"]),
        )
        for split, part in found.splits.items()
    }


def plainly(line: dict[str, Any]) -> dict[str, Any]:
    """A record whose image is called as where it is in no shard."""
    return line | {"image_url": IN_SHARDS.sub(r"images/\1/", line["image_url"])}


def numbers_of(value: Any) -> list[float]:
    if isinstance(value, list):
        return [number for item in value for number in numbers_of(item)]
    if isinstance(value, dict):
        return [number for item in value.values() for number in numbers_of(item)]
    return [value] if isinstance(value, float | int) else []


def shape_of(value: Any) -> Any:
    if isinstance(value, list):
        return [shape_of(item) for item in value]
    if isinstance(value, dict):
        return {key: shape_of(item) for key, item in value.items()}
    return "a number" if isinstance(value, float) or value in (0, 1) else value


def same(one: Any, other: Any) -> None:
    assert shape_of(one) == shape_of(other)
    assert numbers_of(one) == pytest.approx(numbers_of(other), abs=1e-6)


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
    expected = records(f"{memory}/coco", made, "coco", task)
    counts = {split: len(lines) for split, lines in expected.items()}
    assert counts == ({"train": 45, "validation": 15} if name != "openimages" else {"train": 28, "validation": 10})
    if task != MULTILABEL:
        assert sum(len(line["label"]) for lines in expected.values() for line in lines) == 273
    same(records(f"{memory}/other", made, name, task), expected)


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
    _, plan, results = read(memory, pictures()[:20], name, task)
    assert ids_of_labels(plan, merge_findings(result.findings for result in results)) == IDS[name]


corners = st.tuples(st.integers(0, 30), st.integers(0, 30))
sides = st.tuples(st.integers(1, 30), st.integers(1, 30))


@given(st.lists(st.tuples(st.sampled_from(LABELS), corners, sides), max_size=6, unique=True))
@settings(max_examples=20, deadline=None)
def test_records_that_are_written_as_yolo_are_read_as_the_same_records(drawn: list[Any]) -> None:
    objects = [(label, [(x, y), (x + w, y), (x + w, y + h), (x, y + h)]) for label, (x, y), (w, h) in drawn]
    made: list[Picture] = [("train", "1", 77, 61, objects), ("val", "2", 3, 3, [("cat", [(0, 0), (3, 1), (2, 3)])])]
    root = f"memory://{uuid4().hex}"
    read = records(root, made, "yolo", DETECTION)["train"][0]["label"]
    assert [item["label"] for item in read] == [label for label, _ in objects]
    for item, (_, outline) in zip(read, objects, strict=True):
        left, top, right, bottom = box_of(outline)
        found = (item["topX"], item["topY"], item["bottomX"], item["bottomY"])
        assert found == pytest.approx((left / 77, top / 61, right / 77, bottom / 61), abs=1e-6)
