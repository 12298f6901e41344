"""Folders that number the folds of a cross-validation: `Fold1/cat`, `fold_2/cat`. They are neither classes nor splits."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from labelbeam.schemas.doubts import Doubt, Doubted
from labelbeam.transforms.messages.words import listed

_FOLD = re.compile(
    r"(?:k|cv|k[-_ ]|cv[-_ ])?(?:folds?|cv|crossval(?:idation)?|splits?)[-_ ]*(\d+|[a-j])|(\d+)(?:st|nd|rd|th)?[-_ ]*folds?",
    re.IGNORECASE,
)


def number_of_fold(name: str) -> str | None:
    """The number of a fold in the name of its folder; None where it is called otherwise.

    >>> [number_of_fold(name) for name in ("Fold1", "cv_fold-02", "5th fold", "cv3", "folder1", "fold")]
    ['1', '2', '5', '3', None, None]
    """
    found = _FOLD.fullmatch(name.strip())
    number = (found[1] or found[2]) if found else None
    return number and (number.lstrip("0") or "0").lower()


def are_folds(names: Collection[str]) -> bool:
    """Tell whether folders that lie side by side are all called folds, each by a number of its own."""
    numbers = {number_of_fold(name) for name in names}
    return len(names) > 1 and len(numbers) == len(names) and None not in numbers


def doubt_of_folds(images: Mapping[str, int], with_classes: bool) -> Doubt:
    """A doubt of folds: images by folder, and whether folders of classes lie in them."""
    names = sorted(images, key=lambda name: (len(name), name))
    splits = [f"{name}={'train' if at else 'validation'}" for at, name in enumerate(names)]
    option = f"--split-folders {','.join(splits)}"
    said = f"the folders {listed(names)} are called like the folds of a cross-validation, and are read as neither classes nor splits"
    if with_classes:
        message = (
            f"{said}: the classes are the folders in them, and all images are in one split; {option} validates with "
            f"{names[0]!r}, and --split-folders none makes each of them a class"
        )
    else:
        message = f"{said}, and no folder in them names a class; --split-folders none makes each of them a class"
        option = "--split-folders none"
    return Doubt(Doubted.FOLDS, message, sum(images.values()), names[0], option)


def refusal_of_splits(names: Collection[str], around: Collection[str]) -> str:
    """A refusal where each fold has splits of its own, so that an image is in several of them."""
    first = min(names, key=lambda name: (len(name), name))
    place = "/".join(["SOURCE", *around, first])
    return (
        f"the folders {listed(sorted(names))} are called like the folds of a cross-validation, and each has splits of its own, in which an "
        f"image of one's training set validates another; name one fold as the source, as in --source {place}"
    )
