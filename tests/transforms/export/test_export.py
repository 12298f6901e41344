"""Exports: what all ways out share, what is copied, and what is refused."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

import labelbeam
from labelbeam.schemas.errors import LabelBeamError, UsageError
from labelbeam.transforms.export.marker import MARKER
from labelbeam.transforms.stores.files import put
from labelbeam.transforms.stores.location import Location
from labelbeam.transforms.workers.budget import Budget
from tests.transforms.export.published import (
    BUILD,
    CLASSIFICATION,
    DETECTION,
    PREFIX,
    box,
    export,
    publish,
    record,
    tree,
)


@pytest.mark.parametrize("to", ["yolo", "voc"])
def test_two_images_that_differ_by_their_extension_alone_are_refused(to: str, tmp_path: Path) -> None:
    with pytest.raises(LabelBeamError, match="differ by their extension"):
        export(tmp_path, DETECTION, [record("a/1.png", []), record("a/1.jpg", [])], to)


@pytest.mark.parametrize("to", ["yolo", "voc", "huggingface"])
def test_a_hidden_image_whose_other_name_is_taken_is_refused(to: str, tmp_path: Path) -> None:
    records = [record(".1.png", []), record("visible.1.png", [])]
    published = publish(tmp_path / "published", DETECTION, {"train": [records]}, tmp_path / "images")
    with pytest.raises(LabelBeamError, match="by what hides a name, alone; nothing was exported"):
        labelbeam.export(published, tmp_path / "out", to=to)


@pytest.mark.parametrize("to", ["yolo", "voc", "coco", "csv"])
@pytest.mark.parametrize("url", ["https://h/c/../../x.png", "https://h/%2e%2e/x.png", f"{PREFIX}../../x.png"])
def test_a_hostile_name_never_leaves_the_destination(url: str, to: str, tmp_path: Path) -> None:
    with pytest.raises(LabelBeamError, match=r"without `\.\.`"):
        export(tmp_path, DETECTION, [record(url, [])], to)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["published"]


def test_images_are_copied_to_where_the_label_files_expect_them(tmp_path: Path) -> None:
    records = [record("images/1.png", []), record("b/2.png", [])]
    published = publish(tmp_path / "published", DETECTION, {"train": [records]}, tmp_path / "images")
    exported = labelbeam.export(published, tmp_path / "out", to="yolo", copy_images=True)
    files = tree(tmp_path / "out")
    assert files["images/train/images/1.png"] == (tmp_path / "images/images/1.png").read_bytes()
    assert exported.copied == 2
    assert {"images/train/labels/1.txt", "labels/train/b/2.txt"} < files.keys()
    assert yaml.safe_load(files["data.yaml"])["train"] == "images/train"


def test_images_that_are_copied_are_held_by_a_budget(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"{number}.png" for number in range(20)]
    records = [record(name, []) for name in names]
    published = publish(tmp_path / "published", DETECTION, {"train": [records]}, tmp_path / "images")
    size = (tmp_path / "images/0.png").stat().st_size
    held: list[int] = []
    most: list[int] = []

    def put_slowly(place: Location, data: bytes) -> None:
        held.append(1)
        most.append(len(held))
        time.sleep(0.01)
        put(place, data)
        held.pop()

    budget = Budget(3 * size)
    monkeypatch.setattr("labelbeam.transforms.export.export.reading", lambda: budget)
    monkeypatch.setattr("labelbeam.transforms.export.export.put", put_slowly)
    assert labelbeam.export(published, tmp_path / "out", to="yolo", copy_images=True).copied == 20
    assert 1 < max(most) <= 3


def test_an_image_that_is_missing_ends_the_export(tmp_path: Path) -> None:
    published = publish(tmp_path / "published", DETECTION, {"train": [[record("1.png", [])]]}, tmp_path / "images")
    (tmp_path / "images/1.png").unlink()
    with pytest.raises(LabelBeamError, match=r"1\.png.*--check-images exists"):
        labelbeam.export(published, tmp_path / "out", to="coco", copy_images=True)
    assert not (tmp_path / "out").exists()


def test_a_build_that_is_removed_while_it_is_exported_ends_the_export_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = publish(tmp_path / "published", DETECTION, {"train": [[record("1.png", [])]]})

    def replaced(*arguments: Any) -> None:
        publish(tmp_path / "published", DETECTION, {"train": [[]]}, build=BUILD.replace("2026", "2027"))
        shutil.rmtree(tmp_path / "published/builds" / BUILD)

    monkeypatch.setattr("labelbeam.transforms.export.export._check_apart", replaced)
    with pytest.raises(LabelBeamError, match=rf"build {BUILD} was replaced while it was exported.*jsonl.*Run again"):
        labelbeam.export(published, tmp_path / "out", to="coco")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("to", ["coco", "yolo", "voc", "csv"])
def test_the_same_build_gives_the_same_bytes(to: str, tmp_path: Path) -> None:
    records = [record(f"{number}.png", [box("a", 0.1, 0.1, 0.5, 0.5)]) for number in range(9)]
    export(tmp_path, DETECTION, records, to)
    first = tree(tmp_path / "out")
    labelbeam.export(tmp_path / "published", tmp_path / "out", to=to)
    assert tree(tmp_path / "out") == first
    assert json.loads(first[MARKER])["files"] == {name: len(data) for name, data in first.items() if name != MARKER}


def test_a_shard_that_is_not_as_it_was_published_ends_the_export(tmp_path: Path) -> None:
    published = publish(tmp_path / "published", DETECTION, {"train": [[record("1.png", [])]]})
    (shard,) = published.rglob("*.jsonl")
    shard.write_bytes(shard.read_bytes().replace(b"200", b"201"))
    with pytest.raises(LabelBeamError, match="is not the file that was published"):
        labelbeam.export(published, tmp_path / "out", to="coco")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("task", "options", "words"),
    [
        (DETECTION, {"to": "supervisely"}, "expected one of coco, yolo, voc, huggingface, webdataset, croissant, csv"),
        (CLASSIFICATION, {"to": "yolo"}, "no form for image_classification"),
        (DETECTION, {"to": "csv", "copy_images": True}, "no place for images"),
        (DETECTION, {"to": "coco", "images": "x"}, "without --copy-images"),
    ],
)
def test_what_makes_no_sense_is_a_wrong_option(task: str, options: dict[str, Any], words: str, tmp_path: Path) -> None:
    publish(tmp_path / "published", task, {"train": [[record("1.png", "a" if task == CLASSIFICATION else [])]]})
    with pytest.raises(UsageError, match=words):
        labelbeam.export(tmp_path / "published", tmp_path / "out", **options)


@pytest.mark.parametrize("place", ["published/out", "images/out", ".", "images"])
def test_a_destination_within_or_around_the_build_or_its_images_is_refused(place: str, tmp_path: Path) -> None:
    publish(tmp_path / "published", DETECTION, {"train": [[record("1.png", [])]]}, tmp_path / "images")
    before = tree(tmp_path)
    with pytest.raises(UsageError, match="lie in each other"):
        labelbeam.export(tmp_path / "published", tmp_path / place, to="coco")
    assert tree(tmp_path) == before


HOSTILE: dict[str, Any] = {
    "a side of 5,000 digits": record("1.png", [])
    | {"image_details": {"format": "png", "width": "9" * 5000 + "px", "height": 1}},
    "a side of 2 to 40": record("1.png", [], 2**40),
    "no area": record("1.png", [box("a", 0.5, 0.5, 0.5, 0.6)]),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_record_that_no_run_has_written_ends_an_export_in_words(what: str, tmp_path: Path) -> None:
    for to in ("yolo", "coco"):
        with pytest.raises(LabelBeamError, match="nothing was exported"):
            export(tmp_path, DETECTION, [HOSTILE[what]], to)


@pytest.mark.parametrize("to", ["yolo", "voc", "coco", "csv"])
def test_a_label_that_the_manifest_does_not_list_ends_an_export_in_words(to: str, tmp_path: Path) -> None:
    output = publish(tmp_path / "published", DETECTION, {"train": [[record("1.png", [box("a", 0, 0, 1, 1)])]]})
    (manifest,) = output.rglob("manifest.json")
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"labels": ["b"]}))
    with pytest.raises(LabelBeamError, match="the label 'a', which the manifest does not list"):
        labelbeam.export(output, tmp_path / "out", to=to)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["published"]


def test_an_export_is_not_put_into_another_output_or_its_builds(tmp_path: Path) -> None:
    mine, other = (
        publish(tmp_path / name, DETECTION, {"train": [[record("1.png", [])]]}) for name in ("mine", "other")
    )
    (build,) = (other / "builds").iterdir()
    before = tree(other)
    for place in (build / "exports", build, other / "builds/x", other):
        with pytest.raises(UsageError, match="DEST"):
            labelbeam.export(mine, place, to="csv")
    assert tree(other) == before
