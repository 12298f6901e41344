"""Units of WebDataset: a shard each, with names of classes, looks at images, and what their evidence says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.formats.frames import Evidence
from labelbeam.transforms.formats.webdataset.units import WebDatasetUnit, doubts_of
from labelbeam.transforms.images.facts import ImageError, ImageFacts
from labelbeam.transforms.plan.make_plan import make_plan
from labelbeam.transforms.read.work import read_unit
from tests.transforms.stores.shards_made import picture, sample, shard
from tests.transforms.unit_runs import fragments, options


def planned(folder: Path, files: dict[str, bytes], **fields: Any) -> Any:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    given: Any = {"task": "image_classification", "source": [str(folder)], "output": "memory://nowhere"} | fields
    return make_plan(ConvertConfig(**given), {})


DATA = shard(sample("a", jpg=picture(), cls="0"), sample("b", png=b"no image", cls="1"), sample("c", cls="1"))


def test_a_plan_has_a_unit_for_each_shard_with_its_split_and_names(tmp_path: Path) -> None:
    plan = planned(tmp_path, {"train-0.tar": DATA, "val/0.tar": DATA, "classnames.txt": b"cat\ndog\n"})
    assert [(unit.path, unit.number, unit.split, unit.size) for unit in plan.units] == [
        ("train-0.tar", 0, "train", len(DATA)),
        ("val/0.tar", 1, "validation", len(DATA)),
    ]
    assert all(unit.names == {0: "cat", 1: "dog"} and unit.index is None for unit in plan.units)
    assert [url for url, _ in plan.files] == [f"file://{tmp_path}/train-0.tar", f"file://{tmp_path}/val/0.tar"]
    before = plan.fingerprint
    assert planned(tmp_path, {"classnames.txt": b"cat\nbird\n"}).fingerprint != before


def test_names_that_differ_are_none_and_doubted(tmp_path: Path) -> None:
    plan = planned(tmp_path, {"0.tar": DATA, "classes.txt": b"cat", "labels.json": b'["dog"]'})
    assert plan.units[0].names == {}
    assert [doubt.code for doubt in plan.doubts] == ["class_names_differ"]


def test_images_elsewhere_make_no_sense(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="images of webdataset are in the shards"):
        planned(tmp_path, {"0.tar": DATA}, images=str(tmp_path))


def test_images_are_looked_at_where_they_are_read(tmp_path: Path) -> None:
    (tmp_path / "0.tar").write_bytes(DATA)
    unit = WebDatasetUnit(str(tmp_path), "0.tar", 3, len(DATA), "test", {0: "cat"}, False)
    for mode, looked in ((None, 2), ("header", 2), ("none", 0)):
        result = read_unit(options(task="image_classification", check_images=mode), unit, None)
        (fragment,) = fragments(result)
        assert (fragment.images.paths, fragment.labels) == (["0.tar/a.jpg", "0.tar/b.png"], ["cat"])
        assert fragment.images.keys.tolist() == [3 << 32, (3 << 32) + 1]
        assert [item.code for item in fragment.rejections] == ["unknown_category", "missing_image"]
        assert len(fragment.looked) == looked
        if looked:
            assert fragment.looked["0.tar/a.jpg"] == ImageFacts("jpg", 100, 60)
            assert isinstance(fragment.looked["0.tar/b.png"], ImageError)


def test_what_was_counted_is_told() -> None:
    evidence = Evidence()
    names = {
        "unnamed": "labels_are_numbers",
        "apart": "samples_apart",
        "companions": "images_left_alone",
        "others": "files_left_alone",
        "left_out links in an archive": "not_listed",
    }
    assert doubts_of({"memory://x": evidence}) == []
    for name in names:
        evidence.add(name, 2, f"of {name}")
    found = {doubt.code: doubt for doubt in doubts_of({"memory://x": evidence})}
    assert found.keys() == set(names.values())
    assert all(doubt.count == 2 and doubt.example and doubt.example in doubt.message for doubt in found.values())
