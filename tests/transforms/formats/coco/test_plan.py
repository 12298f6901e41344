"""Planning COCO: what is read, where its images are, what split it is, and what a build depends on."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec import AbstractFileSystem
from hypothesis import given
from hypothesis import strategies as st

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.errors import LabelBeamError, UsageError
from labelbeam.transforms.formats.coco import images_root
from labelbeam.transforms.formats.coco import plan as plan_coco
from labelbeam.transforms.formats.coco.units import CocoFile, CocoUnit
from labelbeam.transforms.formats.plans import Plan
from labelbeam.transforms.plan.make_plan import make_plan
from labelbeam.transforms.stores.errors import MissingFileError, StoreError
from labelbeam.transforms.stores.files import put
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.location import Location
from labelbeam.transforms.stores.reading import read_range

BOX = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 1, 1]}


def shown(made: Plan, *paths: str) -> list[str]:
    """Which of `paths` the plan says are listed."""
    assert made.listed is not None
    return sorted(path for path in paths if made.listed.find(path) is not None)


def coco(*file_names: str, sized: bool = True, annotation: dict[str, Any] | None = None, **sections: Any) -> str:
    size = {"width": 4, "height": 3} if sized else {}
    images = [{"id": number, "file_name": name, **size} for number, name in enumerate(file_names or ("1.jpg",))]
    content = {"images": images, "annotations": [annotation or BOX], "categories": [{"id": 1, "name": "a"}]}
    return json.dumps({**content, **sections})


def fill(root: str, files: dict[str, str | bytes]) -> str:
    for name, content in files.items():
        put(locate(root, {}).below(name), content.encode() if isinstance(content, str) else content)
    return locate(root, {}).url


def plan(*sources: str, task: Any = "image_object_detection", **options: Any) -> Plan:
    return make_plan(ConvertConfig(task=task, source=list(sources), output="memory://nowhere", **options), {})


# What is read -------------------------------------------------------------------------------------------------------


@given(order=st.permutations(["info", "licenses", "images", "annotations", "categories", "extra"]))
def test_sections_are_found_in_any_order(order: list[str]) -> None:
    content = {
        "info": {"images": [1, {"a": "]}"}]},
        "licenses": [{"id": 1}],
        "images": [{"id": 1, "file_name": 'a"]}[{.jpg'}],
        "annotations": [BOX, BOX | {"id": 2}],
        "categories": [{"id": 1, "name": "a"}],
        "extra": {"annotations": [BOX]},
    }
    file = locate("memory://planned-in-any-order.json", {})
    put(file, json.dumps({name: content[name] for name in order}).encode())
    made = plan(file.url)
    (index,) = made.indexes
    read = {
        part.section: json.loads(b"[" + read_range(file, part.start, part.end) + b"]")
        for part in [*index.ranges, *(unit.range for unit in made.units)]
    }
    assert read == {name: content[name] for name in ("images", "annotations", "categories")}


def test_a_byte_order_mark_is_no_obstacle(memory: str) -> None:
    root = fill(memory, {"x.json": b"\xef\xbb\xbf" + coco().encode()})
    assert len(plan(f"{root}/x.json").units) == 1


def test_a_test_set_without_annotations_is_planned(memory: str) -> None:
    root = fill(memory, {"x.json": '{"images": [{"id": 1, "file_name": "1.jpg"}]}', "1.jpg": ""})
    made = plan(f"{root}/x.json")
    assert (made.units, [part.section for part in made.indexes[0].ranges]) == ([], ["images"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (coco()[:-40], "looks truncated: fetch it again"),
        ('{"annotations": [{"id": 1}], "categories": []}', "found these lists: annotations; expected `images`"),
        ('{"images": [], "annotations": []}', "found these lists: none that holds anything; expected `images`"),
        ('{"images": {"1": "1.jpg"}, "annotations": [{}]}', "'images' is an object, expected a list"),
        ("{}", "expected `images`"),
        (
            "[" + json.dumps(BOX | {"score": 0.5}) + "]",
            "a list, as prediction results are; name the file of the annotations",
        ),
        (coco(annotation={"id": 1, "image_id": 1, "segments_info": []}), "panoptic .* use the instances_"),
        (coco(annotation={"id": 1, "image_id": 1, "caption": "A cat."}), "captions, .* use the instances_"),
        (
            coco(annotation={"id": 1, "image_id": 1, "category_id": 1, "keypoints": [1]}),
            "keypoints without .* use the inst",
        ),
        ("", "the file is empty, expected a COCO JSON object; fetch it again"),
    ],
)
def test_what_cannot_be_built_from_is_refused_with_what_to_do(text: str, said: str, memory: str) -> None:
    root = fill(memory, {"x.json": text})
    for options in ({}, {"format": "coco"}):
        with pytest.raises(LabelBeamError, match=rf"{root}/x\.json: .*{said}"):
            plan(f"{root}/x.json", **options)


def test_keypoints_with_boxes_serve_detection_and_keypoints_alone_serve_classification(memory: str) -> None:
    root = fill(
        memory,
        {
            "boxes.json": coco(annotation=BOX | {"keypoints": [1]}),
            "alone.json": coco(annotation={"id": 1, "image_id": 1, "category_id": 1, "keypoints": [1]}),
        },
    )
    assert plan(f"{root}/boxes.json").units
    assert plan(f"{root}/alone.json", task="image_classification").units


def test_odd_first_records_are_left_to_whoever_reads_them(memory: str) -> None:
    text = '{"images": [{"file_name": NaN}, {"file_name": 3}, {"id": 3}], "annotations": [{"bbox": [Infinity]}]}'
    deep = '{"images": [{"a": ' + "[" * 5000 + "]" * 5000 + '}], "annotations": [{"a": "' + "x" * 70_000 + '"}]}'
    for content in (text, deep):
        made = plan(f"{fill(memory, {'x.json': content})}/x.json")
        assert (len(made.indexes), len(made.units)) == (1, 1)


def test_an_exact_plan_reads_the_same(memory: str) -> None:
    root = fill(memory, {"x.json": coco("1.jpg", "2.jpg")})
    config = ConvertConfig(task="image_object_detection", source=[f"{root}/x.json"], output="memory://nowhere")
    assert make_plan(config, {}, exact=True) == make_plan(config, {})


def test_shards_are_as_many_as_said_or_by_the_size_of_the_source(memory: str, monkeypatch: pytest.MonkeyPatch) -> None:
    root = fill(memory, {"x.json": coco(*(f"{number}.jpg" for number in range(100)))})
    size = len(coco(*(f"{number}.jpg" for number in range(100))))
    assert plan(f"{root}/x.json", shards=7).buckets == 7
    assert plan(f"{root}/x.json").buckets == 1
    monkeypatch.setattr("labelbeam.transforms.formats.plans.SHARD_TARGET", size // 3)
    assert plan(f"{root}/x.json").buckets in (3, 4)


# Splits -------------------------------------------------------------------------------------------------------------


def test_each_file_has_its_own_split(memory: str) -> None:
    root = fill(memory, {"train.json": coco(), "val.json": coco(), "other.json": coco()})
    made = plan(f"{root}/*.json")
    assert [(file.url.rpartition("/")[2], file.split) for file in made.indexes] == [
        ("other.json", None),
        ("train.json", "train"),
        ("val.json", "validation"),
    ]


# Where the images are -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("annotations", "image", "root"),
    [
        ("x.json", "1.jpg", ""),
        ("x.json", "images/1.jpg", "images"),
        ("x.json", "JPEGImages/1.jpg", "JPEGImages"),
        ("x.json", "data/1.jpg", "data"),
        ("val.json", "val/1.jpg", "val"),
        ("val.json", "valid/1.jpg", "valid"),
        ("train.json", "images/train/1.jpg", "images/train"),
        ("annotations/x.json", "1.jpg", ""),
        ("annotations/x.json", "annotations/1.jpg", "annotations"),
        ("annotations/x.json", "images/1.jpg", "images"),
        ("annotations/instances_train2017.json", "train2017/1.jpg", "train2017"),
        ("annotations/instances_val2017.json", "images/val2017/1.jpg", "images/val2017"),
        ("annotations/val.json", "val/1.jpg", "val"),
    ],
)
def test_images_are_found_in_the_usual_places(
    annotations: str, image: str, root: str, tmp_path: Path, memory: str
) -> None:
    for store in (str(tmp_path), memory):
        top = fill(store, {annotations: coco(), image: ""})
        made = plan(f"{top}/{annotations}")
        assert made.images_root == f"{top}/{root}".rstrip("/")
        assert made.indexes[0].prefix == ""
        assert made.warnings == []


def test_the_places_of_its_own_split_go_before_those_of_all(memory: str) -> None:
    root = fill(memory, {"val.json": coco(), "images/1.jpg": "", "val/1.jpg": "", "train/1.jpg": ""})
    assert plan(f"{root}/val.json").images_root == f"{root}/val"


@pytest.mark.parametrize("name", ["a b/50% #1.jpg", "[x]/1.jpg", "a\\b.jpg", "./1.jpg", "é/猫.jpg"])
def test_names_are_looked_for_as_they_are_read(name: str, tmp_path: Path) -> None:
    top = fill(str(tmp_path), {"x.json": coco(name), f"images/{name.replace(chr(92), '/').removeprefix('./')}": ""})
    assert plan(f"{top}/x.json").images_root == f"{top}/images"


def test_images_in_subdirectories_belong_to_the_directory_above(memory: str) -> None:
    root = fill(memory, {"x.json": coco("batch_1/1.jpg"), "images/batch_1/1.jpg": "", "1.jpg": ""})
    assert plan(f"{root}/x.json").images_root == f"{root}/images"


def test_a_first_image_that_is_missing_does_not_hide_the_others(memory: str) -> None:
    root = fill(memory, {"x.json": coco("gone.jpg", "../unsafe.jpg", "there.jpg"), "img/there.jpg": ""})
    made = plan(f"{root}/x.json")
    assert (made.images_root, made.warnings) == (f"{root}/img", [])


def test_images_that_are_nowhere_are_assumed_by_convention_with_a_warning(memory: str) -> None:
    root = fill(
        memory, {"annotations/instances_val2017.json": coco(), "x.json": coco(), "y/instances_val2017.json": coco()}
    )
    made = plan(f"{root}/annotations/instances_val2017.json")
    assert made.images_root == f"{root}/val2017"
    assert [warning for warning in made.warnings if "'1.jpg' was not found" in warning and "--images" in warning]
    made = plan(f"{root}/x.json")
    assert (made.images_root, len(made.warnings)) == (root, 1)
    made = plan(f"{root}/y/instances_val2017.json")
    assert (made.images_root, len(made.warnings)) == (f"{root}/y", 1)


def test_no_warning_is_due_where_the_trainer_finds_the_images_elsewhere(memory: str) -> None:
    root = fill(memory, {"x.json": coco(), "urls.json": coco("https://host/1.jpg")})
    assert plan(f"{root}/x.json", image_url="https://host/c/").warnings == []
    assert plan(f"{root}/urls.json").warnings == []


def test_the_images_option_goes_before_every_guess(memory: str) -> None:
    root = fill(
        memory, {"train.json": coco(), "val.json": coco("2.jpg"), "1.jpg": "", "else/1.jpg": "", "else/2.jpg": ""}
    )
    made = plan(f"{root}/train.json", f"{root}/val.json", images=f"{root}/else")
    assert made.images_root == f"{root}/else"
    assert [file.prefix for file in made.indexes] == ["", ""]
    assert made.warnings == []
    (warning,) = plan(f"{root}/train.json", images=f"{root}/none").warnings
    assert f"not found below {root}/none" in warning


def test_files_with_different_roots_get_a_common_one_and_prefixes(tmp_path: Path, memory: str) -> None:
    official = {f"annotations/instances_{split}2017.json": coco() for split in ("train", "val")}
    roboflow = {f"{split}/_annotations.coco.json": coco() for split in ("train", "valid")}
    for store in (str(tmp_path), memory):
        top = fill(
            store,
            {f"a/{name}": text for name, text in official.items()} | {"a/train2017/1.jpg": "", "a/val2017/1.jpg": ""},
        )
        made = plan(f"{top}/a")
        assert made.images_root == f"{top}/a"
        assert [(file.prefix, file.split) for file in made.indexes] == [
            ("train2017/", "train"),
            ("val2017/", "validation"),
        ]
        top = fill(
            store, {f"b/{name}": text for name, text in roboflow.items()} | {"b/train/1.jpg": "", "b/valid/1.jpg": ""}
        )
        made = plan(f"{top}/b")
        assert (made.images_root, [file.prefix for file in made.indexes]) == (f"{top}/b", ["train/", "valid/"])


def test_a_root_inside_another_is_its_prefix(memory: str) -> None:
    root = fill(memory, {"all.json": coco("val/2.jpg"), "val/x.json": coco(), "val/1.jpg": "", "val/2.jpg": ""})
    made = plan(f"{root}/all.json", f"{root}/val/x.json", check_images="exists")
    assert (made.images_root, [file.prefix for file in made.indexes]) == (root, ["", "val/"])
    assert shown(made, "1.jpg", "val/1.jpg", "val/2.jpg", "val/val/1.jpg") == ["val/1.jpg", "val/2.jpg"]


def test_names_that_begin_alike_are_not_one_directory(memory: str) -> None:
    root = fill(memory, {"d/a.json": coco(), "d-2/b.json": coco(), "d/1.jpg": "", "d-2/1.jpg": ""})
    made = plan(f"{root}/d/a.json", f"{root}/d-2/b.json")
    assert (made.images_root, sorted(file.prefix for file in made.indexes)) == (root, ["d-2/", "d/"])


def test_images_in_two_stores_have_no_common_root(tmp_path: Path, memory: str) -> None:
    files: dict[str, str | bytes] = {"x.json": coco(), "1.jpg": ""}
    with pytest.raises(UsageError, match=r"no one directory holds; name it with --images"):
        plan(f"{fill(str(tmp_path), files)}/x.json", f"{fill(memory, files)}/x.json")


def test_a_place_that_cannot_be_looked_at_is_passed_over(memory: str, monkeypatch: pytest.MonkeyPatch) -> None:
    root = fill(memory, {"x.json": coco(), "data/1.jpg": ""})
    ask = images_root.kind

    def refuse(location: Location) -> str | None:
        if "/images/" in location.path:
            raise StoreError("permission denied")
        return ask(location)

    monkeypatch.setattr(images_root, "kind", refuse)
    assert plan(f"{root}/x.json").images_root == f"{root}/data"


def test_a_file_in_a_store_without_directories_needs_to_be_told_where_its_images_are(memory: str) -> None:
    class Drawer(AbstractFileSystem):  # type: ignore[misc]  # fsspec has no types
        def info(self, path: str, **_: Any) -> dict[str, Any]:
            return {"name": path, "type": "file", "size": len(coco()), "ETag": "1"}

        def cat_file(self, path: str, start: int | None = None, end: int | None = None, **_: Any) -> bytes:
            return coco().encode()[start:end]

    fsspec.register_implementation("drawer", Drawer, clobber=True)
    with pytest.raises(UsageError, match=r"drawer://x: has no directory around it; .* --images"):
        plan("drawer://x")
    with pytest.raises(UsageError, match=r"drawer://x\.csv: .* no directory around it"):
        plan("drawer://x.csv", task="image_classification")
    fill(memory, {"1.jpg": ""})
    assert plan("drawer://x", images=memory).images_root == memory


def test_a_directory_of_images_that_is_a_link_serves_one_source(tmp_path: Path) -> None:
    fill(str(tmp_path), {"far/1.jpg": "", "d/annotations/instances_train2017.json": coco()})
    (tmp_path / "d" / "train2017").symlink_to("../far")
    source = f"{tmp_path}/d/annotations/instances_train2017.json"
    made = plan(source, check_images="exists")
    assert (made.images_root, made.warnings) == (f"file://{tmp_path}/d/train2017", [])
    assert shown(made, "1.jpg", "train2017/1.jpg") == ["1.jpg"]
    fill(str(tmp_path), {"d/annotations/instances_val2017.json": coco(), "d/val2017/1.jpg": ""})
    made = plan(f"{tmp_path}/d", check_images="exists")
    assert shown(made, "1.jpg", "train2017/1.jpg", "val2017/1.jpg") == ["train2017/1.jpg", "val2017/1.jpg"]
    assert "d/train2017/ is a link out of" in made.warnings[0]


# What a build depends on --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sized", [True, False])
def test_images_are_listed_where_the_build_looks_at_them_or_copies_them(sized: bool, memory: str) -> None:
    size = {"width": 4, "height": 3} if sized else {}
    annotations = json.dumps({"images": [{"id": 1, "file_name": "1.jpg"} | size], "annotations": [], "categories": []})
    root = fill(memory, {"a/x.json": annotations, "a/images/1.jpg": "", "a/images/b/2.jpg": ""})
    source = f"{root}/a/x.json"
    for fields in ({"check_images": "exists"}, {"check_images": "header"}, {"copy_images": f"{root}/copies"}):
        assert shown(plan(source, **fields), "1.jpg", "b/2.jpg", "2.jpg") == ["1.jpg", "b/2.jpg"]
    assert plan(source, check_images="none").listed is None
    assert (plan(source).listed is None) is sized


def test_an_images_directory_that_is_not_there_is_an_error_where_images_are_checked(memory: str) -> None:
    root = fill(memory, {"x.json": coco()})
    with pytest.raises(MissingFileError, match=r"else: .*; name the directory of the images with --images"):
        plan(f"{root}/x.json", images=f"{root}/else", check_images="exists")


def touch(path: Path, nanoseconds: int) -> None:
    os.utime(path, ns=(nanoseconds, nanoseconds))


def test_the_fingerprint_changes_with_any_file_it_covers_and_not_with_their_order(tmp_path: Path) -> None:
    fill(str(tmp_path), {"a.json": coco("1.jpg"), "b.json": coco("2.jpg"), "1.jpg": "", "2.jpg": ""})
    for path in tmp_path.iterdir():
        touch(path, 10**18)
    a, b = f"{tmp_path}/a.json", f"{tmp_path}/b.json"
    first = plan(a, b)
    assert first.covers == {"files": 2, "bytes": 2 * len(coco("1.jpg")), "by": "path, size, and ETag or time"}
    assert plan(b, a, f"file://{a}") == first
    files = [locate(b, {}), locate(a, {})]
    config = ConvertConfig(task="image_object_detection", source=[a, b], output="memory://nowhere")
    assert plan_coco.plan_coco(config, {}, files, False).indexes == first.indexes
    assert plan(a).fingerprint != first.fingerprint
    touch(tmp_path / "a.json", 10**18 + 1)
    later = plan(a, b)
    assert later.fingerprint != first.fingerprint
    (tmp_path / "a.json").write_text(coco("1.jpg") + " ")
    touch(tmp_path / "a.json", 10**18 + 1)
    assert plan(a, b).fingerprint not in (first.fingerprint, later.fingerprint)


@pytest.mark.parametrize(
    ("options", "sized", "covered"),
    [
        ({}, True, False),
        ({"check_images": "none"}, False, False),
        ({}, False, True),
        ({"check_images": "exists"}, True, True),
        ({"check_images": "header"}, True, True),
        ({"check_images": "decode"}, True, True),
        ({"copy_images": "memory://copies"}, True, True),
    ],
)
def test_images_are_part_of_the_fingerprint_where_the_build_depends_on_them(
    options: dict[str, Any], sized: bool, covered: bool, tmp_path: Path
) -> None:
    fill(str(tmp_path), {"x.json": coco(sized=sized), "images/1.jpg": "1"})
    before = plan(f"{tmp_path}/x.json", **options)
    (tmp_path / "images" / "1.jpg").write_bytes(b"12")
    after = plan(f"{tmp_path}/x.json", **options)
    assert (after.fingerprint != before.fingerprint) == covered
    assert before.covers["files"] == 1 + covered


def test_units_say_how_much_work_they_are(memory: str) -> None:
    root = fill(memory, {"x.json": coco()})
    made = plan(f"{root}/x.json")
    (unit,), (file,) = made.units, made.indexes
    assert isinstance(unit, CocoUnit)
    assert isinstance(file, CocoFile)
    assert made.work == unit.size + file.size
    assert unit.size == len(json.dumps(BOX))
