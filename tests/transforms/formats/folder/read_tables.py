"""Tables of labels as text, and what is read of them."""

from __future__ import annotations

import json

from labelbeam.schemas.neutral import SourceImage
from labelbeam.schemas.reasons import Rejected
from labelbeam.transforms.formats.folder.format import FolderOptions
from labelbeam.transforms.formats.folder.tables import LabelTable, TableContent, read_table

SINGLE = "image_classification"


SEVERAL = "image_classification_multilabel"


class Everything(frozenset[str]):
    """A listing in which every file exists."""

    def __contains__(self, path: object) -> bool:
        return True


def read(
    text: str | bytes,
    name: str = "labels.csv",
    files: frozenset[str] | None = None,
    task: str = SEVERAL,
    separator: str | None = None,
    table: LabelTable | None = None,
) -> TableContent:
    data = text if isinstance(text, bytes) else text.encode()
    return read_table(table or LabelTable(name), data, files, task, FolderOptions(label_separator=separator))


def read_jsonl(*records: object, separator: str | None = None) -> TableContent:
    return read("\n".join(map(json.dumps, records)), "metadata.jsonl", separator=separator)


def labels(content: TableContent) -> dict[str, list[str]]:
    return {image.path: [item.label for item in image.objects] for image in content.images}


def codes(image: SourceImage) -> list[tuple[str, Rejected]]:
    return [(rejection.kind, rejection.code) for rejection in image.rejected]


def refused(content: TableContent) -> list[tuple[str, Rejected]]:
    return [(rejection.locator, rejection.code) for rejection in content.rejected]
