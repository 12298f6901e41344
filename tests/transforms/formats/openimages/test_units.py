"""Units of Open Images: ranges of bytes of its tables, each image's rows in one of them; and what their evidence says."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.formats.frames import Evidence
from labelbeam.transforms.formats.named_images import IMAGES, ImageFinder
from labelbeam.transforms.formats.openimages import units
from labelbeam.transforms.formats.openimages.recognise import table_of
from labelbeam.transforms.formats.openimages.units import OpenImagesUnit, doubts_of
from labelbeam.transforms.formats.plans import Plan
from labelbeam.transforms.plan.make_plan import make_plan
from labelbeam.transforms.read.work import read_unit
from labelbeam.transforms.stores.files import put
from labelbeam.transforms.stores.locate import locate
from tests.transforms.unit_runs import fragments, options

BOX_TABLE = "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax\n1,x,/m/1,1,0.1,0.2,0.3,0.4\n"
LABEL_TABLE = "ImageID,Source,LabelName,Confidence\n1,v,/m/1,1\n"


def plan(root: str, files: dict[str, str], task: Any = "image_object_detection") -> Plan:
    for name, text in files.items():
        put(locate(root, {}).below(name), text.encode())
    return make_plan(ConvertConfig(task=task, output="memory://nowhere", source=[root]), {})


def test_labels_of_images_are_no_boxes(memory: str) -> None:
    with pytest.raises(
        UsageError, match=r"tags[.]csv holds labels of images and no boxes, which --task image_classification"
    ):
        plan(memory, {"1.jpg": "", "tags.csv": LABEL_TABLE})


def test_a_table_is_planned_in_ranges_that_cover_it(memory: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(units, "RANGE", 30)
    made = plan(memory, {"1.jpg": "", "boxes.csv": BOX_TABLE, "classes.csv": "/m/1,cat\n"})
    found = [unit for unit in made.units if isinstance(unit, OpenImagesUnit)]
    size = len(BOX_TABLE)
    assert [(unit.start, unit.end) for unit in found] == [(0, 30), (30, 60), (60, size)]
    assert {(unit.table.path, unit.number, unit.bytes, unit.index) for unit in found} == {
        ("boxes.csv", 0, size, IMAGES)
    }
    assert made.in_bytes and made.work == size
    assert [url.rpartition("/")[2] for url, _ in made.files] == ["boxes.csv"], "it must not change between two ranges"


def test_wherever_a_table_is_cut_its_images_are_read_once_under_their_own_keys(tmp_path: Path) -> None:
    rows = [f"{name},x,/m/1,1,0.1,0.2,0.3,0.4\n" for name in ("a", "a", "b", "gone")]
    data = (BOX_TABLE.partition("\n")[0] + "\n" + "".join(rows)).encode()
    (tmp_path / "boxes.csv").write_bytes(data)
    table = table_of("boxes.csv", data)
    assert table is not None
    index = pickle.dumps(ImageFinder(["a.jpg", "b.jpg"]))
    paths: list[str] = []
    keys: list[int] = []
    evidence = Evidence()
    for start in range(0, len(data), 25):
        unit = OpenImagesUnit(str(tmp_path), table, 2, start, min(len(data), start + 25), len(data), {})
        result = read_unit(options(), unit, index)
        evidence = evidence.merge(result.findings.evidence[str(tmp_path)])
        for fragment in fragments(result):
            paths += fragment.images.paths
            keys += fragment.images.keys.tolist()
    assert [path for path in paths if path != "gone.jpg"] == ["a.jpg", "b.jpg"]
    assert len(set(keys)) == len(keys) and all(key >> units._KEYS == 2 for key in keys)
    counts = {name: evidence.count(name) for name in ("images", "missing", "coded", "images_named")}
    assert counts == {"images": 3, "missing": 1, "coded": 3, "images_named": 2}


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("missing", "images_not_found"),
        ("coded", "labels_are_codes"),
        ("unsure", "confidences_below_one"),
        ("contradicted", "labels_conflict"),
    ],
)
def test_what_was_counted_is_told_with_an_example(name: str, code: str) -> None:
    evidence = Evidence()
    assert doubts_of({"memory://x": evidence}) == []
    evidence.add("images", 9)
    evidence.add(name, 2, "b.csv")
    (doubt,) = doubts_of({"memory://x": evidence})
    assert (doubt.code, doubt.count, doubt.example) == (code, 2, "b.csv")
