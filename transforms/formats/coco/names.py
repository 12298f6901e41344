"""Names of COCO files: the split, and the kind of annotations, that they stand for."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence

from labelbeam.schemas.config import SPLIT_ALIASES

_SPLIT_WORD = re.compile(r"(?<![a-z])(train|training|val|valid|validation|dev|test|testing)(?![a-z])")
ANNOTATION_FOLDERS = ("annotations", "annotation", "labels")


def split_of_name(path: str) -> str | None:
    """The split that a COCO file's name, or else its directory's, stands for.

    >>> split_of_name("annotations/instances_val2017.json"), split_of_name("valid/_annotations.coco.json")
    ('validation', 'validation')
    >>> split_of_name("image_info_test-dev2017.json"), split_of_name("minival2014.json")
    ('test', None)
    """
    directory, name = posixpath.split(path)
    words = _SPLIT_WORD.findall(posixpath.splitext(name)[0].lower().replace("test-dev", "test"))
    if len(found := {SPLIT_ALIASES[word] for word in words}) == 1:
        return found.pop()
    above, folder = posixpath.split(directory)
    if folder.lower() in ANNOTATION_FOLDERS:
        folder = posixpath.basename(above)
    return SPLIT_ALIASES.get(folder.lower())


# Where the images are. ----------------------------------------------------------------------------------------------

COCO_YEAR = re.compile(r"(train|val|test)\d{4}")


COCO_NAME = re.compile(r"(instances_.*|.*\.coco)\.json", re.IGNORECASE)


def most_telling(paths: Sequence[str]) -> Sequence[str]:
    """Of files that describe the same images in different ways, as COCO's own do, those with outlines."""
    for beginning in ("instances_", "person_keypoints_"):
        if chosen := [path for path in paths if posixpath.basename(path).startswith(beginning)]:
            return chosen
    return paths
