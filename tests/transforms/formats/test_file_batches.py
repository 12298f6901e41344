"""Small annotation files in batches: their units, their content, and those that cannot be read."""

from __future__ import annotations

import pickle
from functools import partial
from typing import Any

import pytest

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.neutral import SourceImage
from labelbeam.transforms.formats import file_batches
from labelbeam.transforms.formats.file_batches import FileBatch, plan_batches
from labelbeam.transforms.formats.format import Tree
from labelbeam.transforms.formats.named_images import IMAGES, ImageFinder
from labelbeam.transforms.formats.reading import Reading, ReadOptions
from labelbeam.transforms.stores.files import put
from labelbeam.transforms.stores.locate import locate


def test_files_are_planned_in_batches_with_keys_of_their_own(memory: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_batches, "BATCH", 2)
    root = locate(memory, {})
    for name in ("1.json", "2.json", "3.json", "1.jpg"):
        put(root.below(name), b"{}")
    config = ConvertConfig(task="image_object_detection", source=[memory], output="memory://nowhere")
    tree = Tree(config, {}, [root], [])
    files = [file for file in tree.listing_of(root).files if file.path.endswith("json")]
    unit: Any = partial(FileBatch, memory)
    plan = plan_batches(tree, "labelme", root, files, unit)
    first, second = pickle.loads(pickle.dumps(plan.units))
    assert (first.files, first.first_key, first.size) == ((("1.json", 2), ("2.json", 2)), 0, 2)
    assert (second.files, second.first_key, second.size) == ((("3.json", 2),), 2, 1)
    assert (first.index, plan.indexes[0].makes, plan.in_bytes) == (IMAGES, IMAGES, False)


def test_a_file_that_cannot_be_read_is_its_image_rejected_and_costs_no_other(memory: str) -> None:
    put(locate(memory, {}).below("2.json"), b"two")
    config = ConvertConfig(task="image_object_detection", source=[memory], output="memory://nowhere")
    batch = FileBatch(memory, (("1.json", 0), ("2.json", 3)), 0)

    def image_of(path: str, finder: ImageFinder, source: str) -> SourceImage:
        return SourceImage(path.replace("json", "jpg"), source, path)

    (path, image), other = batch.contents(Reading(ReadOptions(config, {}, 1)), ImageFinder([]), image_of)
    assert (path, other) == ("1.json", ("2.json", b"two"))
    assert isinstance(image, SourceImage)
    assert [(item.kind, item.code, item.image) for item in image.rejected] == [("image", "unreadable_file", "1.jpg")]
