"""Tables in which what a column is called and holds decides, and what is read of them."""

from __future__ import annotations

from labelbeam.transforms.formats.folder.format import FolderOptions
from labelbeam.transforms.formats.folder.tables import LabelTable, TableContent, read_table

SEVERAL = "image_classification_multilabel"
IMAGES = frozenset({"1.jpg", "2.jpg", "3.jpg"})


def read(text: str, files: frozenset[str] = IMAGES, task: str = SEVERAL, **options: object) -> TableContent:
    return read_table(LabelTable("labels.csv"), text.encode(), files, task, FolderOptions(**options))  # type: ignore[arg-type]


def labels(content: TableContent) -> dict[str, list[str]]:
    assert content.rejected == []
    return {image.path: [item.label for item in image.objects] for image in content.images}


def codes(content: TableContent) -> list[str]:
    return [doubt.code for doubt in content.doubts]
