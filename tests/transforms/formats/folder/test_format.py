"""Folders and tables as a format: what is claimed as one, and with how much certainty."""

from __future__ import annotations

from typing import Any

import pytest

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.formats.folder.format import Folder
from labelbeam.transforms.formats.format import Claim, Tree
from labelbeam.transforms.stores.locate import locate
from tests.transforms.formats.planned_trees import fill


def claimed(*urls: str, asked: bool = False, files: int = 0, task: Any = "image_classification") -> Claim | None:
    config = ConvertConfig(task=task, source=list(urls), output="memory://nowhere")
    places = [locate(url, {}) for url in urls]
    return Folder().recognise(Tree(config, {}, places, places[:files]), asked)


def test_a_named_table_is_claimed_with_certainty_and_images_alone_without(memory: str) -> None:
    root = fill(
        memory, {"t/labels.csv": "filename,label\n", "t/1.jpg": "", "i/cat/1.jpg": "", "i/.h.jpg": "", "n/x.txt": ""}
    )
    table = claimed(f"{root}/t")
    assert table is not None and table.certain and "labels.csv" in table.reason
    images = claimed(f"{root}/i")
    assert (
        images is not None
        and not images.certain
        and images.reason == "found 1 image and neither COCO nor VOC annotations"
    )
    assert claimed(f"{root}/n") is None


def test_a_table_of_labels_says_nothing_of_objects(memory: str) -> None:
    root = fill(memory, {"labels.csv": "filename,label\n", "1.jpg": ""})
    found = claimed(root, task="image_object_detection")
    assert found is not None and not found.certain


def test_a_table_that_is_the_source_is_the_one_that_is_read(memory: str) -> None:
    found = claimed(f"{memory}/mine.csv", files=1)
    assert found is not None and (found.found, found.certain) == ("mine.csv", True)
    assert claimed(f"{memory}/mine.txt", files=1) is None


def test_several_roots_are_refused_where_it_was_asked_for(memory: str) -> None:
    assert claimed(memory, asked=True) == Claim("")
    assert claimed(f"{memory}/a", f"{memory}/b") is None
    with pytest.raises(UsageError, match="2 roots given; folder takes one directory"):
        claimed(f"{memory}/a", f"{memory}/b", asked=True)
