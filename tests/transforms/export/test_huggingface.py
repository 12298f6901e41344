"""Hugging Face's image folders: what stands in `metadata.jsonl` and the card, and where the images lie."""

from __future__ import annotations

import json
from pathlib import Path

import yaml

import labelbeam
from tests.transforms.export.published import DETECTION, ODD, box, publish, record, tree


def test_images_lie_beside_the_metadata_of_their_split_and_the_card_names_all_splits(tmp_path: Path) -> None:
    splits = {
        "train": [[record("test/1.png", [box(label, 0.1, 0.2, 0.3, 0.4) for label in ODD])], [record("b/2.png", [])]],
        "holdout": [[record("train/3.png", [])]],
    }
    publish(tmp_path / "published", DETECTION, splits, tmp_path / "images")
    exported = labelbeam.export(tmp_path / "published", tmp_path / "out", to="huggingface")
    assert exported.copied == 3
    files = tree(tmp_path / "out")
    assert sorted(files) == [
        *("README.md", "holdout/metadata.jsonl", "holdout/train/3.png", "labelbeam-export.json"),
        *("train/b/2.png", "train/metadata.jsonl", "train/test/1.png"),
    ]
    assert files["train/test/1.png"] == (tmp_path / "images/test/1.png").read_bytes()
    one, two = map(json.loads, files["train/metadata.jsonl"].splitlines())
    assert one["file_name"] == "test/1.png" and one["objects"]["category"] == ODD
    assert two == {
        **{"file_name": "b/2.png", "width": 200, "height": 100},
        "objects": {"bbox": [], "category": [], "iscrowd": []},
    }
    card = yaml.safe_load(files["README.md"].decode().split("---\n")[1])
    (config,) = card["configs"]
    assert config["data_files"] == [
        {"split": "train", "path": "train/**"},
        {"split": "holdout", "path": "holdout/**"},
    ]


def test_an_empty_split_has_no_folder_that_datasets_would_take_for_json(tmp_path: Path) -> None:
    splits = {"train": [[record("1.png", [box("a", 0.1, 0.2, 0.3, 0.4)])]], "test": [[]]}
    publish(tmp_path / "published", DETECTION, splits, tmp_path / "images")
    labelbeam.export(tmp_path / "published", tmp_path / "out", to="huggingface")
    files = tree(tmp_path / "out")
    assert sorted(files) == ["README.md", "labelbeam-export.json", "train/1.png", "train/metadata.jsonl"]
    card = yaml.safe_load(files["README.md"].decode().split("---\n")[1])
    assert card["configs"][0]["data_files"] == [{"split": "train", "path": "train/**"}]
