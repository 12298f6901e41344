"""Names of COCO files: the split, and the kind of annotations, that they stand for."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence

from labelbeam.schemas.config import SPLIT_ALIASES

_WORD = re.compile(r"[a-z]+")
_SUBSET = re.compile(r"(?:instances|person_keypoints|annotations|captions|labels|coco|lvis_v\d+)_(.+)", re.IGNORECASE)
ANNOTATION_FOLDERS = ("annotations", "annotation", "labels")


def split_of_name(path: str) -> str | None:
    """The split that a COCO file's name, or else its directory's, stands for.

    >>> split_of_name("annotations/instances_val2017.json"), split_of_name("valid/_annotations.coco.json")
    ('validation', 'validation')
    >>> split_of_name("image_info_test-dev2017.json"), split_of_name("minival2014.json")
    ('test', None)
    >>> split_of_name("testset_v2.json"), split_of_name("latest.json")
    ('test', None)
    """
    directory, name = posixpath.split(path)
    if len(found := {SPLIT_ALIASES[word] for word in _words(name) if word in SPLIT_ALIASES}) == 1:
        return found.pop()
    above, folder = posixpath.split(directory)
    if folder.lower() in ANNOTATION_FOLDERS:
        folder = posixpath.basename(above)
    return SPLIT_ALIASES.get(folder.lower())


_USUAL_WORDS = re.compile(
    r"v|ver|version|json|coco|lvis|instances?|person|keypoints?|annotations?|anns?|labels?|data|dataset|images?|info|set|bbox|"
    r"boxes|detections?|segmentation|segm|mini|small|full|all|new|final"
)
"""Words beside a split's in a file's name that say nothing of a subject."""


def split_is_doubtful(path: str) -> bool:
    """Tell whether the word that gives a file its split stands among words of a subject, whose word it may be.

    That of a folder alone is doubtful as well, where the file is not called as those are that lie in folders of splits.

    >>> split_is_doubtful("crash-test-dummies.json"), split_is_doubtful("instances_test2017.json")
    (True, False)
    >>> split_is_doubtful("test/labels.json"), split_is_doubtful("test/_annotations.coco.json")
    (True, False)
    """
    words = _words(posixpath.basename(path))
    if not any(word in SPLIT_ALIASES for word in words):
        return split_of_name(path) is not None and COCO_NAME.fullmatch(posixpath.basename(path)) is None
    others = [word for word in words if word not in SPLIT_ALIASES and not _USUAL_WORDS.fullmatch(word)]
    return bool(others) and any(word in SPLIT_ALIASES for word in words)


def _words(name: str) -> list[str]:
    """The words of a file's name in lower case, `testset` as `test`."""
    words = _WORD.findall(posixpath.splitext(name)[0].lower().replace("test-dev", "test"))
    return [word.removesuffix("set") if word.removesuffix("set") in SPLIT_ALIASES else word for word in words]


# Where the images are. ----------------------------------------------------------------------------------------------


def subset_of_name(path: str) -> str | None:
    """Part of a COCO file's name after the kind of its annotations: labelling tools call the images' folder so.

    >>> subset_of_name("annotations/instances_default.json"), subset_of_name("a/result.json")
    ('default', None)
    """
    match = _SUBSET.fullmatch(posixpath.splitext(posixpath.basename(path))[0])
    return match[1] if match else None


COCO_YEAR = re.compile(r"(train|val|test)\d{4}")


COCO_NAME = re.compile(r"(instances_.*|.*\.coco)\.json", re.IGNORECASE)


def most_telling(paths: Sequence[str]) -> Sequence[str]:
    """Of files that describe the same images in different ways, as COCO's own do, those with outlines."""
    for beginning in ("instances_", "person_keypoints_"):
        if chosen := [path for path in paths if posixpath.basename(path).startswith(beginning)]:
            return chosen
    return paths


_DOUBTFUL_NAME = re.compile(
    r"""[%\x00-\x09\x0b-\x1f\x7f\ud800-\udfff\\:]|//|(?:^|[/\n])\.{1,2}(?:[/\n]|$)|(?:^|\n)/|/(?:\n|$)"""
)
"""Names, one a line, among which one may have to be normalised or refused; the rest are paths as they stand."""


def are_plain(names: Sequence[str]) -> bool:
    """Tell whether names of images are all paths as they stand, none of which has to be normalised or refused.

    >>> are_plain(["a.jpg", "b/..c.jpg"]), are_plain(["a.jpg", "b/../c.jpg"]), are_plain(["a.jpg", ""])
    (True, False, False)
    """
    framed = f"/{'/'.join(names)}/"
    if framed.isprintable() and not any(part in framed for part in ("%", "\\", ":", "//", "/./", "/../")):
        return True  # Nearly always, in a tenth of the time that the rest takes.
    listed = "\n".join(names)
    return all(names) and listed.count("\n") == len(names) - 1 and not _DOUBTFUL_NAME.search(listed)
