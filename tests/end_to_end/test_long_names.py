"""Texts of any length in a dataset cost what they are long, once, and not once for each object that repeats them."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.builds import DETECTION, attempt, labelbeam
from tests.end_to_end.datasets import coco, coco_box, coco_image

LONG = 300_000


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def document(**changed: Any) -> dict[str, Any]:
    found = coco([coco_image(n, f"{n}.jpg") for n in range(50)], [coco_box(n, n) for n in range(50)])
    return {**found, **changed}


def test_a_label_is_not_repeated_with_each_object(tmp_path: Path) -> None:
    category = coco([], [])["categories"][0]
    built = document(categories=[{**category, "name": "x" * LONG}])
    (tmp_path / "i.json").write_text(json.dumps(built))
    answer = attempt(tmp_path / "i.json", tmp_path / "out", "--max-rejected", "1", "--json")
    assert answer.status in (0, 3), answer.err
    assert answer.status == 3 or json.loads(answer.out)["rejected_by_reason"]["invalid_label"] == 50
    assert size_of(tmp_path / "out") < 300_000 and len(answer.err) < 20_000


def test_an_images_name_is_not_repeated_with_each_of_its_objects(tmp_path: Path) -> None:
    long = [
        coco_image(0, "n" * LONG + ".jpg"),
        coco_image(1, "https://h/" + "n" * LONG + ".jpg"),
        coco_image(2, "2.jpg"),
    ]
    boxes = [coco_box(n, n % 3) for n in range(300)]
    (tmp_path / "i.json").write_text(json.dumps(coco(long, boxes)))
    answer = attempt(tmp_path / "i.json", tmp_path / "out", "--max-rejected", "1", "--json")
    assert answer.status == 0, answer.err
    assert json.loads(answer.out)["rejected_by_reason"] == {"unsafe_path": 2, "image_rejected": 200}
    assert size_of(tmp_path / "out") < 600_000


def test_labels_of_folders_and_of_voc_have_the_same_limit(tmp_path: Path) -> None:
    box = "<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>5</xmax><ymax>5</ymax></bndbox>"
    size = "<size><width>9</width><height>9</height></size>"
    (tmp_path / "voc/Annotations").mkdir(parents=True)
    for number, name in enumerate(["a" * 257, "a" * 256]):
        xml = (
            f"<annotation><filename>{number}.jpg</filename>{size}<object><name>{name}</name>{box}</object></annotation>"
        )
        (tmp_path / f"voc/Annotations/{number}.xml").write_text(xml)
    answer = attempt(tmp_path / "voc", tmp_path / "out", "--max-rejected", "1", "--json")
    assert answer.status == 0, answer.err
    assert json.loads(answer.out)["rejected_by_reason"] == {"invalid_label": 1, "no_valid_object": 1}


@pytest.mark.parametrize(
    "odd", ["n" * 300 + ".jpg", "d" * 300 + "/1.jpg", "0.jpg/below.jpg", "\U0001f600" * 70 + ".jpg"]
)
def test_an_image_whose_name_the_copies_cannot_have_costs_itself_alone(tmp_path: Path, odd: str) -> None:
    names = [*(f"{n}.jpg" for n in range(40)), odd]
    with zipfile.ZipFile(tmp_path / "d.zip", "w") as archive:
        for name in names:
            archive.writestr(f"images/{name}", b"image")
    images = [coco_image(n, name) for n, name in enumerate(names)]
    (tmp_path / "i.json").write_text(json.dumps(coco(images, [coco_box(n, n) for n in range(41)])))
    places = ["--images", f"zip://images::{tmp_path}/d.zip", "--copy-images", tmp_path / "copies"]
    answer = attempt(tmp_path / "i.json", tmp_path / "out", *places, "--json")
    assert answer.status == 0, answer.err
    assert json.loads(answer.out)["rejected_by_reason"] == {"unusable_name": 1, "image_rejected": 1}
    assert labelbeam("verify", tmp_path / "out").status == 0


def test_a_place_where_nothing_can_be_put_ends_the_run(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images/1.jpg").write_bytes(b"image")
    (tmp_path / "copies").write_text("a file")
    (tmp_path / "i.json").write_text(json.dumps(coco([coco_image(1, "1.jpg")], [coco_box(1, 1)])))
    places = ["--images", tmp_path / "images", "--copy-images", tmp_path / "copies"]
    answer = attempt(tmp_path / "i.json", tmp_path / "out", *places, task=DETECTION)
    assert answer.status in (1, 2) and not (tmp_path / "out/latest.json").exists()


@pytest.mark.parametrize(
    ("identity", "joined"),
    [("9007199254740993.0", "odd.jpg"), ("9007199254740992.0", "even.jpg"), ("9.007199254740993e15", "odd.jpg")],
)
def test_an_id_beyond_2_to_53_joins_the_image_that_it_names(tmp_path: Path, identity: str, joined: str) -> None:
    built = coco([coco_image(2**53, "even.jpg"), coco_image(2**53 + 1, "odd.jpg")], [coco_box(1, 77)])
    (tmp_path / "i.json").write_text(json.dumps(built).replace("77", identity))
    assert attempt(tmp_path / "i.json", tmp_path / "out", "--max-rejected", "1").status == 0
    lines = [
        json.loads(line)
        for file in tmp_path.glob("out/builds/*/train/*.jsonl")
        for line in file.read_text().splitlines()
    ]
    assert [line["image_url"].rpartition("/")[2] for line in lines if line["label"]] == [joined]


@pytest.mark.parametrize("identity", ["1e999", "1e40", "9007199254740993.5", "1e999999999"])
def test_an_id_that_is_no_whole_number_joins_none(tmp_path: Path, identity: str) -> None:
    built = coco([coco_image(2**53, "even.jpg"), coco_image(10**40, "big.jpg")], [coco_box(1, 77)])
    (tmp_path / "i.json").write_text(json.dumps(built).replace("77", identity))
    answer = attempt(tmp_path / "i.json", tmp_path / "out", "--max-rejected", "1", "--json")
    assert answer.status == 0, answer.err
    assert json.loads(answer.out)["counts"]["objects"]["rejected"] == 1
