"""Parquet files with images: units of groups of rows, rows as images, and what is refused."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.errors import LabelBeamError, UsageError
from labelbeam.transforms.columns.fragments import Fragment
from labelbeam.transforms.formats.huggingface import embedded as module
from labelbeam.transforms.formats.huggingface.format import HuggingFaceOptions
from labelbeam.transforms.formats.reading import Reading, ReadOptions
from labelbeam.transforms.images.facts import ImageError, ImageFacts
from labelbeam.transforms.plan.make_plan import make_plan
from labelbeam.transforms.stores.errors import StoreError
from tests.transforms.stores.shards_made import IMAGE, arrow, embedded, parquet, picture
from tests.transforms.unit_runs import fragments

CLASS = {"names": ["cat", "dog"], "_type": "ClassLabel"}
README = "---\ndataset_info:\n  features:\n  - name: label\n    dtype:\n      class_label:\n        names:\n          '0': cat\n          '1': dog\n---\n"
JPEG, PNG = picture(), picture(form="PNG")


def planned(folder: Path, files: dict[str, bytes], task: str = "image_classification", **fields: Any) -> Any:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    given: Any = {"task": task, "source": [str(folder)], "output": "memory://nowhere"} | fields
    config = ConvertConfig(**given)
    return make_plan(config, {}), ReadOptions(config, {}, 1)


def read(folder: Path, files: dict[str, bytes], *args: Any, **fields: Any) -> list[Fragment]:
    plan, how = planned(folder, files, *args, **fields)
    index = {unit.makes: unit.read(Reading(how)).index for unit in plan.indexes}
    return [part for unit in plan.units for part in fragments(unit.read(Reading(how, index[unit.index])))]


def labels(part: Fragment) -> dict[str, list[str]]:
    names = dict(zip(part.images.keys.tolist(), part.images.paths, strict=True))
    found: dict[str, list[str]] = {path: [] for path in part.images.paths}
    for key, label in zip(part.objects.image.tolist(), part.objects.label.tolist(), strict=True):
        found[names[key]].append(part.labels[label])
    return found


def test_a_plan_has_units_of_groups_of_rows_with_their_splits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RANGE", 2 * len(JPEG) * 10)
    data = parquet({"image": [embedded(JPEG[:-1] + bytes([n])) for n in range(60)], "label": [0, 1] * 30}, rows=10)
    plan, _ = planned(tmp_path, {"data/train-00000-of-00001.parquet": data, "data/test-00000-of-00001.parquet": data})
    assert plan.format == "huggingface" and plan.images_root == f"shards://::file://{tmp_path}"
    for split in ("test", "train"):
        units = [unit for unit in plan.units if unit.split == split]
        assert len(units) > 1
        assert [unit.first for unit in units] == [0, *(unit.last for unit in units[:-1])] and units[-1].last == 6


@pytest.mark.parametrize("named", ["footer", "README.md", "dataset_infos.json", "nothing"])
def test_labels_are_named_by_the_footer_or_by_a_file_beside(named: str, tmp_path: Path) -> None:
    columns = {"image": [embedded(JPEG, "a.jpg"), embedded(PNG), None, embedded(JPEG)], "label": [1, 0, 1, 7]}
    files = {"data/train.parquet": parquet(columns, {"label": CLASS} if named == "footer" else None)}
    if named == "README.md":
        files[named] = README.encode()
    if named == "dataset_infos.json":
        files[named] = json.dumps({"default": {"features": {"label": CLASS}}}).encode()
    (part,) = read(tmp_path, files)
    cat, dog, seven = ("cat", "dog", []) if named != "nothing" else ("0", "1", ["7"])
    assert labels(part) == {
        "data/train.parquet/000000_a.jpg": [dog],
        "data/train.parquet/000001.png": [cat],
        "data/train.parquet/000003.jpg": seven,
    }
    codes = ["missing_image"] + ["unknown_category"] * (named != "nothing")
    assert sorted(item.code for item in part.rejections) == codes
    assert part.looked["data/train.parquet/000001.png"] == ImageFacts("png", 100, 60)


@pytest.mark.parametrize(
    ("values", "expected", "code"),
    [
        ([0, None, -1], ["cat", "no_label", "no_label"], None),
        ([1.0, float("nan"), 0.5], ["dog", "no_label", "invalid_label"], None),
        (["x", "", None], ["x", "invalid_label", "no_label"], None),
        ([[0, 1], [], [0]], ["cat dog", "", "cat"], None),
    ],
)
def test_labels_are_numbers_names_or_lists(values: list[Any], expected: list[str], code: Any, tmp_path: Path) -> None:
    data = parquet({"image": [embedded(JPEG)] * 3, "label": values}, {"label": CLASS})
    (part,) = read(tmp_path, {"a.parquet": data}, "image_classification_multilabel")
    found = {path: " ".join(its) for path, its in labels(part).items()}
    found |= {str(item.image): item.code.value for item in part.rejections}
    assert [found[f"a.parquet/{row:06}.jpg"] for row in range(3)] == expected


def test_objects_are_boxes_in_pixels_with_names(tmp_path: Path) -> None:
    objects = {"bbox": [[1.0, 2.0, 3.0, 4.0]], "category": [1], "iscrowd": [1], "area": [12]}
    features = {"objects": {"bbox": [{}], "category": [CLASS]}}
    columns = {"image": [embedded(JPEG)] * 2, "objects": [objects, None], "width": [100] * 2, "height": [60] * 2}
    (part,) = read(tmp_path, {"a.parquet": parquet(columns, features)}, "image_object_detection")
    assert (part.labels, part.objects.bbox.tolist(), part.objects.crowd.tolist()) == (["dog"], [[1, 2, 4, 6]], [1])
    assert part.images.sizes.tolist() == [[100, 60]] * 2 and part.looked == {}
    data = parquet({"image": [embedded(JPEG)], "bbox": [[[1, 2, 3, 4]]], "category": [["cat"]]})
    (part,) = read(tmp_path, {"a.parquet": data}, "image_object_detection")
    assert (part.labels, part.objects.bbox.tolist()) == (["cat"], [[1, 2, 4, 6]])


def test_images_that_are_named_by_a_path_lie_beside(tmp_path: Path) -> None:
    paths = ["images/1.jpg", "/home/somebody/2.jpg", "https://h/3.jpg", "../../4.jpg"]
    data = parquet({"image": [embedded(None, path) for path in paths], "label": [0] * 4}, {"label": CLASS})
    files = {"data/a.parquet": data, "images/1.jpg": JPEG, "images/2.jpg": JPEG}
    (part,) = read(tmp_path, files, format="huggingface")
    assert part.images.paths == ["images/1.jpg", "images/2.jpg", "https://h/3.jpg"]
    assert [item.code for item in part.rejections] == ["unsafe_path"]


def test_the_column_that_is_chosen_is_read(tmp_path: Path) -> None:
    data = parquet({"left": [embedded(JPEG)], "right": [embedded(PNG)], "a": [0], "b": [1]}, {"a": CLASS, "b": CLASS})
    options = HuggingFaceOptions(huggingface_image="right", huggingface_label="b")
    plan, _ = planned(tmp_path, {"a.parquet": data}, of_formats=(options,))
    assert [(doubt.code, doubt.example) for doubt in plan.doubts] == [("images_left_alone", "left")]
    (part,) = read(tmp_path, {}, of_formats=(options,))
    assert labels(part) == {"a.parquet/right/000000.png": ["dog"]}


def test_images_are_looked_at_as_far_as_the_build_asks_for_it(tmp_path: Path) -> None:
    data = parquet({"image": [embedded(JPEG), embedded(b"no image", "x.jpg"), embedded(JPEG[:-40])], "label": [0] * 3})
    counts = {}
    for mode in ("none", "exists", "header", "decode"):
        (part,) = read(tmp_path, {"a.parquet": data}, check_images=mode)
        counts[mode] = [type(found) for found in part.looked.values()]
    facts, error = ImageFacts, ImageError
    assert counts == {
        "none": [],
        "exists": [facts, error, facts],
        "header": [facts, error, facts],
        "decode": [facts, error, error],
    }


def test_two_subsets_are_asked_about(tmp_path: Path) -> None:
    data = parquet({"image": [embedded(JPEG)], "label": [0]})
    with pytest.raises(UsageError, match="two subsets"):
        planned(tmp_path, {"en/train-0.parquet": data, "fr/train-0.parquet": data})
    planned(tmp_path / "x", {"train/0.parquet": data, "test/0.parquet": data})


@pytest.mark.parametrize("damage", [lambda data: data[: len(data) // 2], lambda data: b"PAR1"])
def test_a_file_whose_footer_is_damaged_ends_the_run_in_words(damage: Any, tmp_path: Path) -> None:
    data = parquet({"image": [embedded(JPEG + bytes([n])) for n in range(20)], "label": [0] * 20})
    with pytest.raises(StoreError, match=r"a\.parquet.*damaged"):
        read(tmp_path, {"a.parquet": damage(data)}, format="huggingface")


@pytest.mark.parametrize("made", [parquet, arrow])
def test_rows_of_a_group_that_is_damaged_are_rejected_and_those_of_others_read(made: Any, tmp_path: Path) -> None:
    data = made({"image": [embedded(JPEG + bytes([n])) for n in range(30)], "label": [0] * 30}, rows=10)
    size = len(JPEG) + 1
    at = 4 if made is parquet else data.index(struct.pack("<11i", *range(0, 11 * size, size))) + 4
    spoiled = data[:at] + b"\xff" * 36 + data[at + 36 :]
    (part,) = read(tmp_path, {f"a.{made.__name__}": spoiled}, format="huggingface")
    assert [item.image for item in part.rejections] == [f"a.{made.__name__}/{row:06}" for row in range(10)]
    assert {item.code for item in part.rejections} == {"unreadable_file"} and len(part.images) == 20
    assert "a damaged one" in part.rejections[0].message


def test_rows_of_a_damaged_group_that_no_file_could_hold_end_the_run(tmp_path: Path) -> None:
    table = pa.table({"image": pa.array([embedded(JPEG)] * 50_000, IMAGE), "label": pa.array([0] * 50_000)})
    pq.write_table(table, tmp_path / "a.parquet", compression="zstd")
    data = (tmp_path / "a.parquet").read_bytes()
    with pytest.raises(StoreError, match="damaged"):
        read(tmp_path, {"a.parquet": data[:4] + b"\xff" * 400 + data[404:]})


def test_the_folders_of_save_to_disk_are_read_without_what_lies_beside(tmp_path: Path) -> None:
    row = {"image": [embedded(JPEG, "a.jpg")], "label": [1]}
    info = json.dumps({"features": {"label": CLASS}}).encode()
    files = {"dataset_dict.json": b'{"splits": ["train", "test"]}'}
    for split in ("train", "test"):
        files |= {
            f"{split}/data-00000-of-00001.arrow": arrow(row),
            f"{split}/cache-0123456789abcdef.arrow": arrow({"image": [embedded(PNG)] * 9, "label": [0] * 9}),
            f"{split}/state.json": json.dumps({"_data_files": [{"filename": "data-00000-of-00001.arrow"}]}).encode(),
            f"{split}/dataset_info.json": info,
        }
    plan, _ = planned(tmp_path, files)
    assert [(unit.path, unit.split) for unit in plan.units] == [
        ("test/data-00000-of-00001.arrow", "test"),
        ("train/data-00000-of-00001.arrow", "train"),
    ]
    assert {doubt.code: doubt.count for doubt in plan.doubts}["files_left_alone"] == 2
    parts = read(tmp_path, {})
    assert [labels(part) for part in parts] == [
        {f"{split}/data-00000-of-00001.arrow/000000_a.jpg": ["dog"]} for split in ("test", "train")
    ]


def test_shards_that_names_count_and_that_are_missing_are_told(tmp_path: Path) -> None:
    data = parquet({"image": [embedded(JPEG)], "label": [0]})
    plan, _ = planned(tmp_path, {f"data/train-0000{number}-of-00004.parquet": data for number in (0, 2)})
    assert [(doubt.count, doubt.example) for doubt in plan.doubts if doubt.code == "shards_missing"] == [
        (2, "data/train-00001-of-00004.parquet")
    ]
    plan, _ = planned(tmp_path, {}, source=[str(tmp_path / "data/train-00000-of-00004.parquet")])
    assert not plan.doubts


def test_files_without_images_are_not_recognised(tmp_path: Path) -> None:
    with pytest.raises(LabelBeamError, match="Parquet"):
        planned(tmp_path, {"a.parquet": parquet({"text": ["x"], "label": [0]})})
    with pytest.raises(UsageError, match="no column holds images"):
        planned(tmp_path, {}, format="huggingface")


def as_parquet(rows: list[dict[str, Any]], folder: Path) -> bytes:
    """Rows of a metadata.parquet, two in a group."""
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), folder / "made", row_group_size=2)
    return (folder / "made").read_bytes()


@pytest.mark.parametrize(
    "objects",
    [
        {"bbox": [[1.0, 2.0, 3.0, 4.0], [0.0, 0.0, 9.0, 9.0]], "category": [1, 0]},
        [{"bbox": [1.0, 2.0, 3.0, 4.0], "category": 1}],
    ],
)
def test_a_metadata_parquet_holds_what_a_metadata_jsonl_does(objects: Any, tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"file_name": "1.jpg", "objects": objects, "width": 64, "height": 48},
        {"file_name": "a/2.jpg", "objects": None, "width": None, "height": None},
        {"file_name": "../../3.jpg", "objects": objects, "width": 64, "height": 48},
    ]
    beside = {"train/1.jpg": JPEG, "train/a/2.jpg": JPEG, "README.md": README.replace("label\n", "objects\n").encode()}
    lines = "".join(json.dumps(row) + "\n" for row in rows).encode()
    tables = {"metadata.parquet": as_parquet(rows, tmp_path / "made"), "metadata.jsonl": lines}
    found = []
    for name, data in tables.items():
        folder = tmp_path / name.rpartition(".")[2]
        (part,) = read(folder, beside | {f"train/{name}": data}, "image_object_detection")
        assert part.images.paths == ["train/1.jpg", "train/a/2.jpg"], name
        found.append((labels(part), part.objects.bbox.tolist(), [item.code for item in part.rejections]))
    assert found[0] == found[1]
    assert found[0][0]["train/1.jpg"][:1] == ["dog"] and found[0][2] == ["unsafe_path", *found[0][2][1:]]


def test_labels_of_a_metadata_parquet_are_those_of_its_images(tmp_path: Path) -> None:
    rows = [{"file_name": f"{number}.jpg", "label": label} for number, label in enumerate([1, 0, -1, None])]
    images = {f"{number}.jpg": JPEG for number in range(4)}
    files = {"metadata.parquet": as_parquet(rows, tmp_path / "made"), "README.md": README.encode()}
    (part,) = read(tmp_path / "one", images | files)
    assert labels(part) == {"0.jpg": ["dog"], "1.jpg": ["cat"]}
    assert [item.code for item in part.rejections] == ["no_label", "no_label"]
    several = [{"file_name": f"{number}.jpg", "labels": label} for number, label in enumerate([["a", "b"], []])]
    files = {"metadata.parquet": as_parquet(several, tmp_path / "made")}
    (part,) = read(tmp_path / "several", images | files, "image_classification_multilabel")
    assert labels(part) == {"0.jpg": ["a", "b"], "1.jpg": []}


def test_a_metadata_parquet_that_is_damaged_ends_the_run_in_words(tmp_path: Path) -> None:
    rows = [{"file_name": f"{number}.jpg", "objects": {"bbox": [], "category": []}} for number in range(9)]
    data = as_parquet(rows, tmp_path / "made")
    with pytest.raises(LabelBeamError, match=r"metadata\.parquet.*fetch it again"):
        read(
            tmp_path / "x",
            {"1.jpg": JPEG, "metadata.parquet": data[:4] + b"\xff" * 200 + data[204:]},
            "image_object_detection",
        )
