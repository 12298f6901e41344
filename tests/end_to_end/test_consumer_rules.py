"""What the trainer accepts, held against builds by a checker of its own; every build of these tests passes through it."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.end_to_end.builds import (
    CLASSIFICATION,
    DETECTION,
    MULTILABEL,
    PREFIX,
    SEGMENTATION,
    Build,
    check,
    convert,
    labelbeam,
)
from tests.end_to_end.datasets import SQUARE, coco_box, coco_image, encoded, put, write_coco
from tests.end_to_end.trainer import MLTABLE, fetched, problems, xor_mask

TASKS = (CLASSIFICATION, MULTILABEL, DETECTION, SEGMENTATION)

BOX = {"label": "cat", "topX": 0.1, "topY": 0.2, "bottomX": 0.3, "bottomY": 0.4, "isCrowd": 0}
TRIANGLE = [0.1, 0.1, 0.5, 0.1, 0.5, 0.5]
MASK = {"label": "cat", "isCrowd": 0, "polygon": [TRIANGLE]}


def line(label: Any, url: Any = "https://host/1.jpg", **details: Any) -> dict[str, Any]:
    return {"image_url": url, "image_details": {"format": "jpg", "width": 10, "height": 10} | details, "label": label}


def judged(folder: Path, task: str, *lines: Any) -> list[str]:
    """What the checker says of a split with these lines; text stands as it is."""
    split = folder / "train"
    put(split / "MLTable", MLTABLE.format(split="train"))
    text = "".join(f"{item if isinstance(item, str) else json.dumps(item)}\n" for item in lines)
    put(split / "train-00000-of-00001.jsonl", text)
    return problems(split, task)


# The checker itself. ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("task", "label"),
    [
        (DETECTION, [BOX]),
        (DETECTION, []),
        (SEGMENTATION, [MASK]),
        (CLASSIFICATION, "cat"),
        (MULTILABEL, ["cat"]),
        (MULTILABEL, []),
    ],
)
def test_checker_takes_what_the_trainer_takes(task: str, label: Any, tmp_path: Path) -> None:
    assert (
        judged(
            tmp_path, task, line(label), line(label, "file:///data/100%? #.jpg"), line(label, "wasbs://c@h/a b%23ü.jpg")
        )
        == []
    )
    assert judged(tmp_path, task, line(label, width="10px", height="10px")) == []


@pytest.mark.parametrize(
    ("task", "bad"),
    [
        pytest.param(DETECTION, line([BOX | {"topX": -1e-12}]), id="a hair outside"),
        pytest.param(DETECTION, line([BOX | {"bottomX": 1.0000000001}]), id="a hair past the border"),
        pytest.param(DETECTION, line([BOX | {"topX": 0.3}]), id="no width"),
        pytest.param(DETECTION, line([BOX | {"topY": 0.5}]), id="upside down"),
        pytest.param(DETECTION, line([BOX | {"topX": 0}]), id="an integer among floats"),
        pytest.param(DETECTION, line([BOX | {"topX": math.nan}]), id="NaN"),
        pytest.param(DETECTION, line([BOX | {"topX": None}]), id="null"),
        pytest.param(
            DETECTION, line([{key: value for key, value in BOX.items() if key != "topX"}]), id="a side is missing"
        ),
        pytest.param(DETECTION, line([BOX | {"polygon": []}]), id="a polygon beside the box"),
        pytest.param(DETECTION, line([BOX | {"label": None}]), id="no label"),
        pytest.param(DETECTION, line([BOX | {"label": 7}]), id="a number as label"),
        pytest.param(DETECTION, line([BOX | {"label": ""}]), id="an empty label"),
        pytest.param(DETECTION, line([BOX | {"isCrowd": "yes"}]), id="isCrowd is a word"),
        pytest.param(DETECTION, line([BOX | {"isCrowd": True}]), id="isCrowd is a boolean"),
        pytest.param(SEGMENTATION, line([BOX]), id="only a box"),
        pytest.param(SEGMENTATION, line([MASK | {"polygon": []}]), id="no part"),
        pytest.param(SEGMENTATION, line([MASK | {"polygon": [[], TRIANGLE]}]), id="an empty first part"),
        pytest.param(SEGMENTATION, line([MASK | {"polygon": [TRIANGLE[:4]]}]), id="two corners"),
        pytest.param(SEGMENTATION, line([MASK | {"polygon": [[*TRIANGLE, 0.5]]}]), id="an odd count"),
        pytest.param(SEGMENTATION, line([MASK | {"polygon": [[*TRIANGLE, 1.5, 0.5]]}]), id="a corner outside"),
        pytest.param(SEGMENTATION, line([MASK | {"polygon": [[*TRIANGLE, 1, 0.5]]}]), id="an integer corner"),
        pytest.param(SEGMENTATION, line([MASK | {"polygon": [TRIANGLE, TRIANGLE]}]), id="parts that cancel out"),
        pytest.param(CLASSIFICATION, line(["cat"]), id="a list for one label"),
        pytest.param(CLASSIFICATION, line(""), id="no label for the image"),
        pytest.param(MULTILABEL, line("cat"), id="one label for a list"),
        pytest.param(MULTILABEL, line(["cat", 1.0]), id="a float among labels"),
        pytest.param(MULTILABEL, line(["cat", "cat"]), id="a label twice"),
        pytest.param(MULTILABEL, line([], "1.jpg"), id="a bare path"),
        pytest.param(MULTILABEL, line([], "azureml://datastores/d/paths/1.jpg"), id="the short form"),
        pytest.param(MULTILABEL, line([], "ftp://h/1.jpg"), id="a scheme that is not read"),
        pytest.param(MULTILABEL, line([], "https://h/a?b.jpg"), id="a question mark"),
        pytest.param(MULTILABEL, line([], "https://h/100%.jpg"), id="a bare per cent"),
        pytest.param(MULTILABEL, line([], "abfss://c@h/#1.jpg"), id="a hash in a blob store"),
        pytest.param(MULTILABEL, line([], width=0), id="no width in pixels"),
        pytest.param(MULTILABEL, line([], width=10.0), id="a float as width"),
        pytest.param(MULTILABEL, line([], width="10"), id="a width without px"),
        pytest.param(MULTILABEL, line([], format="webp"), id="an unknown format"),
        pytest.param(MULTILABEL, line([]) | {"score": 1}, id="a further key"),
        pytest.param(MULTILABEL, '{"image_url": "https://h/1.jpg", "image_url": "https://h/2.jpg"}', id="a key twice"),
        pytest.param(MULTILABEL, '{"image_url": ', id="no JSON"),
        pytest.param(MULTILABEL, "", id="a blank line"),
    ],
)
def test_checker_sees_what_the_trainer_would_drop_or_stumble_over(task: str, bad: Any, tmp_path: Path) -> None:
    assert judged(tmp_path, task, bad) != []


def test_checker_sees_what_only_shows_in_a_column(tmp_path: Path) -> None:
    one, other = line([]), line([], "https://host/2.jpg")
    assert judged(tmp_path, MULTILABEL, one, other) == []
    assert judged(tmp_path, MULTILABEL, one, one) != []
    assert judged(tmp_path, MULTILABEL, one, line([], "https://host/2.jpg", width="10px", height="10px")) != []


def test_parts_combine_by_xor() -> None:
    whole, quarter = [0.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0], [0.0, 0.0, 0.5, 0.0, 0.5, 0.5, 0.0, 0.5]
    assert xor_mask([whole], 4, 4).sum() == 16
    assert xor_mask([whole, quarter], 4, 4).sum() == 12
    assert xor_mask([whole, quarter, quarter], 4, 4).sum() == 16


# Builds. ------------------------------------------------------------------------------------------------------------

NAMES = ["100%.jpg", "%41.jpg", "a?b.jpg", "a#b.jpg", "a b/ü 漢.jpg", "a&b=c;d.jpg", "[1]*.jpg", "a+b.jpg", "plain.jpg"]


@pytest.fixture(scope="module")
def named(place: Path) -> Path:
    """A COCO file whose images are called oddly and lie in an odd folder."""
    images = [coco_image(number, name) for number, name in enumerate(NAMES)]
    for name in NAMES:
        put(place / "100% #1/images" / name, encoded())
    items = [coco_box(number, number, segmentation=[SQUARE]) for number in range(len(NAMES))]
    return write_coco(place / "100% #1/coco.json", images, items)


LONG_FORM = "azureml://subscriptions/s/resourcegroups/g/workspaces/w/datastores/d/paths/"


@pytest.mark.parametrize(
    "prefix",
    [
        None,
        "https://host/a%20b/",
        "http://host",
        f"{LONG_FORM}x/",
        "wasbs://c@a.blob.core.windows.net/x",
        "abfss://c@a/x",
        "AmlDatastore://d/x",
    ],
)
def test_image_url_leads_to_the_file_whatever_its_name(prefix: str | None, named: Path, tmp_path: Path) -> None:
    build = convert("--source", named, *([] if prefix is None else ["--image-url", prefix]), output=tmp_path / "out")
    urls = [record["image_url"] for record in build.records.values()]
    root = f"{named.parent}/images/" if prefix is None else fetched(prefix).rstrip("/") + "/"
    assert sorted(fetched(url) for url in urls) == sorted(root + name for name in NAMES)
    if prefix is None:
        assert all(Path(fetched(url)).is_file() for url in urls)


@pytest.mark.parametrize(
    "prefix",
    [
        "azureml://datastores/d/paths/x",
        "images/",
        "/data/images",
        "../images",
        "https://host/x?sig=1",
        "file://relative",
        "https://",
        "https://h/\n",
    ],
)
def test_prefix_that_the_trainer_cannot_read_is_refused(prefix: str, named: Path, tmp_path: Path) -> None:
    answer = labelbeam(
        "convert", "--task", DETECTION, "--source", named, "--output", tmp_path / "out", "--image-url", prefix
    )
    assert answer.status == 2
    assert "--image-url" in answer.err
    assert not (tmp_path / "out").exists()


def test_prefix_that_the_trainer_does_not_know_is_warned_of(named: Path, tmp_path: Path) -> None:
    arguments: list[str | Path] = [
        "--task",
        DETECTION,
        "--source",
        named,
        "--output",
        tmp_path / "out",
        "--image-url",
        "s3://bucket/x",
    ]
    answer = labelbeam("convert", *arguments)
    assert answer.status == 0
    assert any("s3://bucket/x" in warning for warning in Build(tmp_path / "out").manifest["warnings"])


def test_whole_numbers_are_written_as_floats(tmp_path: Path) -> None:
    """The table reader takes 0 and 0.0 for two types, and a column of two types for nothing."""
    source = write_coco(tmp_path / "coco.json", [coco_image(1)], [coco_box(1, 1, [0, 0, 100, 80])])
    build = convert("--source", source, "--image-url", PREFIX, output=tmp_path / "out")
    (text,) = build.files("train-*.jsonl").values()
    assert b'"topX":0.0,"topY":0.0,"bottomX":1.0,"bottomY":1.0' in text


@pytest.mark.parametrize(("option", "kind"), [("px", str), ("integer", int)])
def test_sizes_are_all_numbers_or_all_text(option: str, kind: type, tmp_path: Path) -> None:
    images = [
        coco_image(1),
        coco_image(2, width=None, height=None),
        coco_image(3, width="100"),
        coco_image(4, width=100.0),
    ]
    put(tmp_path / "images/2.jpg", encoded())
    source = write_coco(tmp_path / "coco.json", images)
    build = convert(
        "--source", source, "--images", tmp_path / "images", "--dimensions", option, output=tmp_path / "out"
    )
    sizes = {record["image_details"][side] for record in build.records.values() for side in ("width", "height")}
    assert sizes == ({"100px", "80px"} if kind is str else {100, 80})


@pytest.mark.parametrize(
    ("name", "warned"), [("#hash", True), ("! ", True), ("-", True), ("--a", True), ("--zebra", False), ("cat", False)]
)
def test_label_that_sorts_before_the_trainers_background_is_warned_of(name: str, warned: bool, tmp_path: Path) -> None:
    source = write_coco(tmp_path / "coco.json", [coco_image(1)], [coco_box(1, 1)], [{"id": 1, "name": name}])
    build = convert("--source", source, "--image-url", PREFIX, output=tmp_path / "out")
    assert any("--bg--" in warning for warning in build.manifest["warnings"]) is warned
    assert ("--bg--" in build.said) is warned


@pytest.fixture(scope="module")
def of_every_task(named: Path, place: Path) -> dict[str, Build]:
    return {
        task: convert("--source", named, "--image-url", PREFIX, "--shards", "3", task=task, output=place / task)
        for task in TASKS
    }


@pytest.mark.parametrize("task", TASKS)
def test_lines_are_what_the_printed_schema_says(task: str, of_every_task: dict[str, Build]) -> None:
    schema = json.loads(labelbeam("schema", task).out)
    validator = jsonschema.Draft202012Validator(schema)
    lines = [item for part in of_every_task[task].lines.values() for item in part]
    assert len(lines) == len(NAMES)
    for item in lines:
        validator.validate(item)


@pytest.mark.parametrize("name", ["manifest", "rejected", "latest"])
def test_other_files_are_what_the_printed_schema_says(name: str, named: Path, tmp_path: Path) -> None:
    source = write_coco(tmp_path / "coco.json", [coco_image(1)], [coco_box(1, 1), coco_box(2, 2)])
    build = convert("--source", source, "--image-url", PREFIX, output=tmp_path / "out")
    documents = {
        "manifest": [build.manifest],
        "rejected": build.rejected,
        "latest": [json.loads((build.output / "latest.json").read_bytes())],
    }
    validator = jsonschema.Draft202012Validator(json.loads(labelbeam("schema", name).out))
    assert documents[name]
    for document in documents[name]:
        validator.validate(document)


def test_empty_shards_are_there_so_that_every_number_is_true(named: Path, tmp_path: Path) -> None:
    build = convert("--source", named, "--image-url", PREFIX, "--shards", "40", output=tmp_path / "out")
    names = sorted(path.name for path in build.root.glob("train/*.jsonl"))
    assert names == [f"train-{number:05}-of-00040.jsonl" for number in range(40)]
    assert any(not (build.root / "train" / name).stat().st_size for name in names)
    assert len(list(build.root.glob("parquet/*.parquet"))) == 40


def test_split_that_gets_no_image_is_there_and_empty(tmp_path: Path) -> None:
    source = write_coco(tmp_path / "coco.json", [coco_image(1)])
    build = convert(
        "--source", source, "--image-url", PREFIX, "--split", "train=0.5,validation=0.5", output=tmp_path / "out"
    )
    assert sorted(build.lines) == ["train", "validation"]
    assert sorted(map(len, build.lines.values())) == [0, 1]


@pytest.mark.parametrize("damage", ["a line of another image", "a count", "a rejected line"])
def test_what_is_checked_of_every_build_can_fail(damage: str, tmp_path: Path) -> None:
    source = write_coco(tmp_path / "coco.json", [coco_image(1)], [coco_box(1, 1), coco_box(2, 2)])
    build = convert("--source", source, "--image-url", PREFIX, output=tmp_path / "out")
    if damage == "a count":
        build.manifest["counts"]["objects"]["found"] += 1
    elif damage == "a rejected line":
        build.rejected.clear()
    else:
        (path,) = build.root.glob("train/*.jsonl")
        path.write_bytes(path.read_bytes().replace(b"1.jpg", b"2.jpg"))
    with pytest.raises(AssertionError):
        check(build)
