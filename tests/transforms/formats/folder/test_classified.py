"""Class folders and tables by a usual name: what of a listing classes its images."""

from __future__ import annotations

import pytest

from labelbeam.transforms.formats.folder.classified import are_classified


@pytest.mark.parametrize(
    ("files", "classified"),
    [
        (["cat/1.jpg", "dog/2.jpg"], True),
        (["train/cat/1.jpg", "val/dog/2.jpg"], True),
        (["cat/1.jpg", "cat/2.jpg"], False),
        (["train/1.jpg", "val/2.jpg"], False),
        (["cat/1.jpg", "dog/2.json"], False),
        (["1.jpg", "2.jpg"], False),
        (["images/1.jpg", "labels.csv"], True),
        (["images/1.jpg", "LABELS.CSV"], True),
        (["images/1.jpg", "metadata.jsonl"], True),
        (["images/1.jpg", "boxes.csv"], False),
        ([], False),
    ],
)
def test_several_folders_or_a_table_by_a_usual_name_class_images(files: list[str], classified: bool) -> None:
    assert are_classified(files) == classified
