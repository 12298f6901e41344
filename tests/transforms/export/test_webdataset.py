"""WebDataset: the members of the TAR files, and where these are cut."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

import labelbeam
from labelbeam.schemas.errors import LabelBeamError
from labelbeam.transforms.export import webdataset
from tests.transforms.export.published import CLASSIFICATION, DETECTION, box, publish, record, tree


def members(data: bytes) -> dict[str, bytes]:
    """The files in a TAR, by name, in their order."""
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        assert all((member.mtime, member.uid, member.isfile()) == (0, 0, True) for member in tar)
        return {name: tar.extractfile(name).read() for name in tar.getnames()}  # type: ignore[union-attr]


def export(tmp_path: Path, task: str, splits: Any) -> dict[str, bytes]:
    publish(tmp_path / "published", task, splits, tmp_path / "images")
    labelbeam.export(tmp_path / "published", tmp_path / "out", to="webdataset")
    return tree(tmp_path / "out")


def test_an_image_is_followed_by_its_labels_under_the_same_key(tmp_path: Path) -> None:
    files = export(
        tmp_path, DETECTION, {"train": [[record("a.b/ü 1.png", [box("x", 0, 0, 0.5, 0.5)])], [record("2.png", [])]]}
    )
    assert sorted(files) == ["labelbeam-export.json", "labels.json", "train-000000.tar"]
    found = members(files["train-000000.tar"])
    assert list(found) == ["000000000.png", "000000000.json", "000000001.png", "000000001.json"]
    assert found["000000000.png"] == (tmp_path / "images/a.b/ü 1.png").read_bytes()
    sample = json.loads(found["000000000.json"])
    assert sample["file_name"] == "a.b/ü 1.png" and sample["objects"]["bbox"] == [[0, 0, 100, 50]]


def test_a_class_is_the_number_of_its_label(tmp_path: Path) -> None:
    files = export(
        tmp_path, CLASSIFICATION, {"train": [[record("1.png", "b")]], "validation": [[record("2.png", "a")]]}
    )
    assert json.loads(files["labels.json"]) == ["a", "b"]
    assert members(files["train-000000.tar"])["000000000.cls"] == b"1"
    assert members(files["validation-000000.tar"])["000000000.cls"] == b"0"


def test_a_tar_that_is_large_is_followed_by_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webdataset, "LARGEST", 4000)
    files = export(tmp_path, DETECTION, {"train": [[record(f"{number}.png", []) for number in range(5)]]})
    tars = [members(data) for name, data in sorted(files.items()) if name.endswith(".tar")]
    assert len(tars) > 1 and all(tars)
    assert [name for tar in tars for name in tar if name.endswith("png")] == [f"{number:09}.png" for number in range(5)]


def test_an_image_that_is_gone_ends_the_export_and_leaves_nothing(tmp_path: Path) -> None:
    publish(tmp_path / "published", DETECTION, {"train": [[record("1.png", [])]]}, tmp_path / "images")
    (tmp_path / "images/1.png").unlink()
    with pytest.raises(LabelBeamError, match=r"1\.png.*--check-images exists"):
        labelbeam.export(tmp_path / "published", tmp_path / "out", to="webdataset")
    assert not (tmp_path / "out").exists()
