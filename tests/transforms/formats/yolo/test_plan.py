"""Planning YOLO: batches with their own keys and sizes, shards by the label files, and images that lie elsewhere."""

from __future__ import annotations

from typing import Any

import pytest

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.errors import LabelBeamError
from labelbeam.transforms.formats.plans import Plan
from labelbeam.transforms.formats.yolo.description import LARGEST_DESCRIPTION
from labelbeam.transforms.formats.yolo.plan import plan_yolo_source
from labelbeam.transforms.stores.listing import list_files
from labelbeam.transforms.stores.locate import locate
from tests.transforms.formats.planned_trees import fill

BOX = "0 0.5 0.5 0.25 0.25\n"
TREE = {
    "data.yaml": "names: [a]\n",
    **{f"images/{n}.jpg": "" for n in range(3)},
    **{f"labels/{n}.txt": BOX for n in range(3)},
}


def plan(root: str, data: str | None = None, **options: Any) -> Plan:
    config = ConvertConfig(task="image_object_detection", source=[root], output="memory://nowhere", **options)
    place = locate(root, {})
    return plan_yolo_source(config, {}, place, list_files(place), data)


def test_images_come_in_batches_with_keys_and_the_sizes_of_their_label_files(
    memory: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("labelbeam.transforms.formats.yolo.plan.BATCH", 2)
    made = plan(fill(memory, TREE))
    assert [(unit.first_key, unit.size) for unit in made.units] == [(0, 2), (2, 1)]
    assert made.units[1].sizes == {"labels/2.txt": len(BOX)}
    assert (made.format, made.work, made.images_root) == ("yolo", 3, locate(memory, {}).url)


def test_shards_follow_the_bytes_of_label_files_alone(memory: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labelbeam.transforms.formats.plans.SHARD_TARGET", 2 * len(BOX))
    assert plan(fill(memory, TREE | {"images/large.jpg": "x" * 10_000})).buckets == 2


def test_shards_follow_the_number_of_images_too(memory: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labelbeam.transforms.formats.plans.IMAGES_A_SHARD", 2)
    assert plan(fill(memory, TREE)).buckets == 2


def test_images_may_lie_in_a_directory_of_their_own_which_is_an_input_too(memory: str) -> None:
    root = fill(
        memory,
        {f"d/labels/{n}.txt": BOX for n in range(2)}
        | {"d/data.yaml": "names: [a]\n", "far/0.jpg": "", "far/1.jpg": ""},
    )
    made = plan(f"{root}/d", images=f"{root}/far", check_images="exists")
    assert [item.image for unit in made.units for item in unit.items] == ["0.jpg", "1.jpg"]
    assert made.trees == [f"{root}/d", f"{root}/far"]
    assert made.listed is not None and len(made.listed) == 2
    fill(memory, {"far/1.jpg": "changed"})
    assert plan(f"{root}/d", images=f"{root}/far", check_images="exists").fingerprint != made.fingerprint


def test_a_tree_without_label_files_of_images_is_refused_with_where_they_are_expected(memory: str) -> None:
    root = fill(memory, {"data.yaml": "names: [a]\n", "images/1.jpg": ""})
    with pytest.raises(
        LabelBeamError, match=rf"^{root}: no label file among 2 files belongs to an image, expected labels/1.txt"
    ):
        plan(root)


def test_a_file_of_names_without_end_is_not_read(memory: str) -> None:
    root = fill(memory, TREE | {"data.yaml": "#" * (LARGEST_DESCRIPTION + 1)})
    with pytest.raises(LabelBeamError, match="expected at most"):
        plan(root, "data.yaml")
