"""Readers look at images in place of writers where there are more of them, and a build is the same."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from PIL import Image

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.manifest import Receipt
from labelbeam.transforms.columns.fragments import decode
from labelbeam.transforms.columns.listed import Listed
from labelbeam.transforms.formats.known import listing_units
from labelbeam.transforms.formats.look_ahead import readers_look
from labelbeam.transforms.formats.plans import Plan
from labelbeam.transforms.formats.reading import Looks, ReadOptions, ReadResult
from labelbeam.transforms.formats.registry import FORMATS
from labelbeam.transforms.images.facts import ImageError
from labelbeam.transforms.plan.make_plan import make_plan
from labelbeam.transforms.read.work import read_unit
from labelbeam.transforms.stores.files import put
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.workers.parcels import unwrap
from labelbeam.transforms.write.options import assemble_options
from labelbeam.transforms.write.work import write_shard
from tests.transforms.unit_runs import shard_options

XML = "<annotation><filename>{}</filename><object><name>cat</name><bndbox><xmin>1</xmin><ymin>1</ymin>\
<xmax>3</xmax><ymax>3</ymax></bndbox></object></annotation>"
REGION = {
    "shape_attributes": {"name": "rect", "x": 1, "y": 1, "width": 2, "height": 2},
    "region_attributes": {"label": "cat"},
}
NAMES = ("1.png", "2.png", "broken.png", "missing.png")
CVAT = (
    '<image id="{0}" name="{1}" {2}><box label="cat" xtl="1" ytl="1" xbr="3" ybr="3" occluded="0" z_order="0"/></image>'
)

SOURCES: dict[str, tuple[str, str, dict[str, str]]] = {
    "folder": ("image_classification", "cat", {}),
    "yolo": (
        "image_object_detection",
        "images",
        {"classes.txt": "cat\n", **{f"labels/{Path(name).stem}.txt": "0 .5 .5 .2 .2\n" for name in NAMES}},
    ),
    "voc": (
        "image_object_detection",
        "JPEGImages",
        {f"Annotations/{Path(name).stem}.xml": XML.format(name) for name in NAMES},
    ),
    "via": (
        "image_object_detection",
        ".",
        {"via.json": json.dumps({name: {"filename": name, "size": 9, "regions": [REGION]} for name in NAMES})},
    ),
    "cvat": (
        "image_object_detection",
        "images",
        {
            "annotations.xml": "<annotations><version>1.1</version>"
            + "".join(CVAT.format(at, name, 'width="7" height="5"') for at, name in enumerate(NAMES))
            + "</annotations>"
        },
    ),
}


def planned(root: Path, name: str, **options: Any) -> tuple[ConvertConfig, Plan]:
    task, images, files = SOURCES[name]
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    (root / images).mkdir(exist_ok=True)
    for at in (1, 2):
        Image.new("L", (7, 5)).save(root / images / f"{at}.png")
    (root / images / "broken.png").write_bytes(b"no image")
    config = msgspec.convert({"task": task, "source": [str(root)], "output": "o", **options}, ConvertConfig)
    return config, make_plan(config, {})


def read(plan: Plan, options: ReadOptions) -> list[ReadResult]:
    indexes = {unit.makes: read_unit(options, unit) for unit in plan.indexes}
    units = [*plan.units, *listing_units(plan.listed)]
    return [
        *indexes.values(),
        *(read_unit(options, unit, indexes[unit.index].index if unit.index else None) for unit in units),
    ]


def looks(plan: Plan, config: ConvertConfig, folder: Path) -> Looks | None:
    """How readers look if they are more than writers."""

    def share(name: str, data: bytes) -> str:
        (folder / name).write_bytes(data)
        return str(folder / name)

    return readers_look(replace(plan, buckets=0), config, share)


def written(root: Path, config: ConvertConfig, plan: Plan, results: list[ReadResult]) -> Receipt:
    options = shard_options(
        None,
        root,
        assemble=assemble_options(config, plan),
        check_images=config.check_images,
        images_root=plan.images_root,
        format=FORMATS[plan.format],
        config=config,
    )
    receipt = write_shard(options, 0, [data for result in results for _, data in result.fragments], {})
    receipt.arrived = 0  # The fragments differ by what was seen.
    return receipt


@pytest.mark.parametrize("mode", [None, "header", "exists", "decode"])
@pytest.mark.parametrize("name", SOURCES)
def test_what_readers_have_seen_is_not_looked_at_again_and_gives_the_same(
    name: str, mode: str | None, tmp_path: Path
) -> None:
    config, plan = planned(tmp_path, name, check_images=mode)
    options = ReadOptions(config, {}, plan.buckets)
    expected = written(tmp_path, config, plan, read(plan, options))
    results = read(plan, replace(options, looks=looks(plan, config, tmp_path)))
    for image in tmp_path.rglob("*.png"):
        image.unlink()
    assert written(tmp_path, config, plan, results) == expected
    written_of_cvat = {None: 4, "exists": 3}  # Its images have a size.
    assert expected.counts.images.written == (written_of_cvat.get(mode, 2) if name == "cvat" else 2)


@pytest.mark.parametrize(
    ("units", "options", "look"),
    [
        (3, {}, True),
        (2, {}, False),
        (3, {"check_images": "none"}, False),
        (3, {"sample": 0.5}, False),
        (3, {"sample": 7}, False),
    ],
)
def test_readers_look_where_they_are_more_but_for_a_sample(
    units: int, options: dict[str, Any], look: bool, tmp_path: Path
) -> None:
    config, plan = planned(tmp_path, "folder", **options)
    found = readers_look(replace(plan, units=plan.units * units, buckets=2), config, lambda name, _: name)
    assert found == (Looks(plan.images_root, "listing") if look else None)


@pytest.mark.parametrize("name", ["coco", "jsonl"])
def test_the_listing_is_not_shared_where_units_never_look(name: str, tmp_path: Path) -> None:
    records = {
        "coco": (
            "a.json",
            '{"images": [{"id": 1, "file_name": "1.jpg"}], "annotations": [], "categories": [{"id": 1, "name": "cat"}]}',
        ),
        "jsonl": ("a.jsonl", '{"image_url": "1.jpg", "label": []}'),
    }
    file, text = records[name]
    (tmp_path / file).write_text(text)
    (tmp_path / "1.jpg").touch()
    config = ConvertConfig(task="image_object_detection", source=[str(tmp_path)], output="o")
    plan = replace(make_plan(config, {}), buckets=-1, listed=Listed())
    assert plan.format == name
    assert readers_look(plan, config, lambda name, data: pytest.fail(f"{name} is shared")) is None


def test_an_image_with_a_size_is_not_opened_unless_it_is_asked_for(tmp_path: Path) -> None:
    for mode, seen in ((None, 0), ("header", len(NAMES))):
        config, plan = planned(tmp_path, "cvat", check_images=mode)
        results = read(plan, ReadOptions(config, {}, plan.buckets, looks=looks(plan, config, tmp_path)))
        fragments = [decode(unwrap(data)) for result in results for _, data in result.fragments]
        assert sum(len(fragment.looked) for fragment in fragments) == seen


def test_of_an_image_that_the_listing_of_a_store_lacks_no_header_is_asked_for(memory: str) -> None:
    put(locate(memory, {}).below("cat/1.png"), b"no image")
    config = ConvertConfig(task="image_classification", source=[memory], output="o")
    plan = make_plan(config, {})
    unlisted = Looks(plan.images_root)
    listed = pickle.dumps(Listed())
    for look, reason in ((unlisted, "not_an_image"), (replace(unlisted, listed=listed), "missing_image")):
        (result,) = [read_unit(ReadOptions(config, {}, 1, looks=look), unit) for unit in plan.units]
        (fragment,) = (decode(unwrap(data)) for _, data in result.fragments)
        (found,) = fragment.looked.values()
        assert isinstance(found, ImageError)
        assert found.code == reason
