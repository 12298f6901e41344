"""Doubts that folders of classes leave: whether they are classes at all, and whether an image is of one."""

from __future__ import annotations

import posixpath
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set

from labelbeam.schemas.doubts import Doubt, Doubted
from labelbeam.transforms.formats.folder.format import FolderOptions
from labelbeam.transforms.formats.folder.levels import IMAGE_FOLDERS, Levels, fold
from labelbeam.transforms.images.names import extension
from labelbeam.transforms.messages.words import counted, listed

_IMAGES = frozenset({*IMAGE_FOLDERS, "jpegimages", "photos", "pictures", "pics", "raw", "rgb", "original", "originals"})
_OTHERS = frozenset(
    {
        "mask",
        "masks",
        "label",
        "labels",
        "annotation",
        "annotations",
        "gt",
        "groundtruth",
        "ground truth",
        "depth",
        "edges",
    }
    | {"segmentationclass", "segmentationobject", "segmentation", "segmentations", "overlay", "overlays", "heatmaps"}
    | {"thumbs", "thumbnails", "visualization", "visualizations", "vis", "predictions"}
)
"""What folders of pictures that belong to images are called; `mask` may be a class, but not beside `images`."""

_MASK = re.compile(r"(?i)[_-]masks?(?:[_-]?\d+)?\.\w+$")
"""How the name of a mask ends whose image lies beside it."""

_SIZE_OF_PIXELS = frozenset({"bmp", "dib", "pbm", "pgm", "pnm", "ppm", "tif", "tiff"})
"""Formats in which two pictures may well have the same number of bytes."""

_ONE_IN = 100
"""Copies of fewer than one image in so many are told by nobody."""


def class_doubts(
    images: Sequence[str], labels: Sequence[str | None], levels: Levels, options: FolderOptions
) -> list[Doubt]:
    """Doubts about a class layout; `labels` are those of the images."""
    doubts: list[Doubt] = []
    classes = {label for label in labels if label}
    deep = [path for path in images if len(levels.locate(path)[1]) > 1]
    if deep:
        folders = levels.locate(deep[0])[1]
        chosen, other = (folders[0], folders[-1]) if options.class_level == "top" else (folders[-1], folders[0])
        option = f"--class-level {'parent' if options.class_level == 'top' else 'top'}"
        message = (
            f"{counted(len(deep), 'image lies', 'images lie')} deeper than one folder: the class of {deep[0]!r} is {chosen!r}; with {option} it is "
            f"{other!r}"
        )
        if (alike := _folders_alike(deep, levels)) and options.class_level == "top":
            shown = ",".join(f"{name}=SPLIT" for name in alike[:3])
            message += (
                f"; {listed(alike)} hold the same folders: if they are splits, --split-folders {shown} says which"
            )
        doubts.append(Doubt(Doubted.CLASS_LEVEL, message, len(deep), deep[0], option))
    if options.class_level == "parent":
        doubts += _under_several(deep, levels)
    if len(classes) == 1:
        message = f"all images have the one class {listed(classes)}"
        doubts.append(Doubt(Doubted.ONE_CLASS, message, len(images), next(iter(classes))))
    return [*doubts, *_kinds_of_files(images, labels, classes), *_masks_among(images)]


def _under_several(deep: Sequence[str], levels: Levels) -> Iterator[Doubt]:
    """A doubt where folders of one name lie in several folders, and are one class."""
    above: dict[str, dict[str, str]] = defaultdict(dict)
    for path in deep:
        *_, parent, name = levels.locate(path)[1]
        above[fold(name)].setdefault(fold(parent), path)
    several = {name: parents for name, parents in above.items() if len(parents) > 1}
    if several:
        first = min(several)
        message = (
            f"{len(several)} classes are folders of one name in several others, such as {first!r} in {listed(sorted(several[first]))}, "
            "and are one label each; --class-level top takes the outer folders"
        )
        example = min(several[first].values())
        yield Doubt(Doubted.SEVERAL_SUPERCATEGORIES, message, len(several), example, "--class-level top")


def _folders_alike(deep: Sequence[str], levels: Levels) -> list[str]:
    """The top folders, where each holds the same folders as the others, as splits do."""
    inside: dict[str, set[str]] = defaultdict(set)
    for path in deep:
        names = levels.locate(path)[1]
        inside[names[0]].add(fold(names[1]))
    first = next(iter(inside.values()))
    return sorted(inside) if len(inside) > 1 and all(names == first for names in inside.values()) else []


def _kinds_of_files(images: Sequence[str], labels: Sequence[str | None], classes: Set[str]) -> Iterator[Doubt]:
    """A doubt where folders hold kinds of files, such as images and masks, rather than classes."""
    kinds = {label: fold(label).replace("_", " ").replace("-", " ") for label in classes}
    named = {label for label, kind in kinds.items() if kind in _IMAGES}
    others = {label for label, kind in kinds.items() if kind in _OTHERS}
    if others and not named:
        # A class may be called so; but then it does not hold a file for each of another.
        stems: dict[str, set[str]] = defaultdict(set)
        for path, label in zip(images, labels, strict=True):
            if label:
                stems[label].add(posixpath.basename(path).rpartition(".")[0])
        others = {label for label in others if any(stems[label] == stems[other] for other in classes - {label})}
    kinds_of_files = sorted(named | others)
    if kinds_of_files and len(classes) > 1:
        count = sum(label in kinds_of_files for label in labels)
        yield Doubt(
            Doubted.FOLDERS_OF_FILES,
            f"the folders {listed(kinds_of_files)} were read as classes, and are called like kinds of files; if they are no classes, name "
            "the folder that holds those as --source, or move the others elsewhere",
            count,
            kinds_of_files[0],
        )


def _masks_among(images: Sequence[str]) -> Iterator[Doubt]:
    """A doubt where images are called like masks of others in their folder, and were read as images of its class."""
    called = [path for path in images if "mask" in path.lower() and _MASK.search(path)]
    if not called:
        return
    stems = {path.rpartition(".")[0] for path in images}
    masks = [path for path in called if _MASK.sub("", path) in stems]
    if masks:
        yield Doubt(
            Doubted.FOLDERS_OF_FILES,
            f"{counted(len(masks), 'image is', 'images are')} called like masks of others beside them, such as {masks[0]!r}, and were read as images of their "
            "class; move them elsewhere if they are masks",
            len(masks),
            masks[0],
        )


def copies_in_classes(labelled: Iterable[tuple[str, str | None]], sizes: Mapping[str, int]) -> list[Doubt]:
    """A doubt where images with the name and the size in bytes of an image in another class may be the same picture.

    Args:
        labelled: paths of images, and their labels.
        sizes: bytes of each image, by path.
    """
    found: dict[tuple[str, int], list[tuple[str, str]]] = defaultdict(list)
    total = 0
    for path, label in labelled:
        if label and sizes.get(path) and extension(path) not in _SIZE_OF_PIXELS:
            found[path.rpartition("/")[2], sizes[path]].append((label, path))
        total += 1
    copies = [members for members in found.values() if len({label for label, _ in members}) > 1]
    count = sum(map(len, copies))
    if not copies or count * _ONE_IN < total:
        return []
    example = min(path for members in copies for _, path in members)
    folders = sorted({label for members in copies for label, _ in members})
    message = (
        f"{counted(count, 'image has', 'images have')} the name and the size of one in another class, such as {example}, and may be copies of it; they are in "
        f"the classes {listed(folders)}; a copy is trained on as an image of its own"
    )
    return [Doubt(Doubted.COPIES_IN_CLASSES, message, count, example)]


def numbers_for_names(labels: Set[str], names: Sequence[str]) -> list[Doubt]:
    """A doubt where all labels are numbers, and files beside them may hold their names."""
    if not labels or not names or not all(label.isdecimal() for label in labels):
        return []
    message = (
        f"all labels are numbers, such as {listed([min(labels)])}, and {listed(names)} may hold their names, which are not read; "
        "write the names in place of the numbers if the model is to know them"
    )
    return [Doubt(Doubted.LABELS_ARE_NUMBERS, message, len(labels), min(labels))]


_READ_ME = re.compile(r"(?i)(?:.*/)?read[_-]?me(?:\.(?:md|txt|rst))?")


def is_read_me(path: str) -> bool:
    """Tell whether a file is one that explains a dataset."""
    return _READ_ME.fullmatch(path) is not None


def explains(labels: Set[str], text: str) -> bool:
    """Tell whether a text has a line for each of labels that are numbers, which begins with it and goes on with a word.

    >>> explains({"0", "1"}, "Classes:\\n* 0: cat\\n| 1 | dog |"), explains({"0", "1"}, "1. Download it.\\n2. Unpack it.")
    (True, False)
    """
    lines = set(re.findall(r"(?m)^\W*(\d+)[^\w\n]+[^\W\d]", text))
    return len(labels) > 1 and labels <= lines
