"""Plans of folders by the names of their files."""

from __future__ import annotations

from labelbeam.schemas.reasons import Rejected
from labelbeam.transforms.formats.folder.layout import (
    FolderPlan,
    plan_folder,
)

SINGLE = "image_classification"


SEVERAL = "image_classification_multilabel"


LABELLED = b"filename,labels\n1.jpg,cat\n"


ONE_HOT = b"filename, cat, milk bottle\n1.jpg, 1, 0\n"


def plan(*files: str) -> FolderPlan:
    return plan_folder(files, SINGLE)


def labels(found: FolderPlan) -> dict[str, tuple[str | None, str | None]]:
    return {item.path: (item.split, item.label) for item in found.items}


def problems(found: FolderPlan) -> dict[str, Rejected | None]:
    return {item.path: item.problem for item in found.items}
