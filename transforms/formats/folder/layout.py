"""Image folders as a source of labels: which layout a listing has, and the images that follow from it.

Either folders name the classes (`cat/1.jpg`, `train/cat/1.jpg`; see `levels`), or tables name the labels of images (see
`places` and `tables`). Everything is decided from the names of the files, listed once, and the first bytes of the tables
among them. Names are compared as text, never as patterns: `[`, `*`, `?`, `#` and `%` are characters like any other.
"""

from __future__ import annotations

import posixpath
import re
import unicodedata
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import lru_cache

from labelbeam.schemas.doubts import Doubt, Doubted
from labelbeam.schemas.errors import UsageError
from labelbeam.schemas.neutral import Rejection, SourceImage, SourceObject
from labelbeam.schemas.reasons import Adjusted, Rejected
from labelbeam.transforms.formats.folder.boxes import may_hold_boxes
from labelbeam.transforms.formats.folder.classes import class_doubts, numbers_for_names
from labelbeam.transforms.formats.folder.format import FolderOptions
from labelbeam.transforms.formats.folder.levels import Levels, read_levels, sole_folders
from labelbeam.transforms.formats.folder.names_with_labels import label_in, pattern_of, question_of_names
from labelbeam.transforms.formats.folder.places import (
    TABLE_EXTENSIONS,
    FolderError,
    beside_images,
    find_tables,
    is_of_attributes,
    is_table_name,
)
from labelbeam.transforms.formats.folder.tables import LabelTable
from labelbeam.transforms.images.names import IMAGE_FORMATS, extension, hidden, is_image
from labelbeam.transforms.messages.words import agreeing, counted, listed, printable
from labelbeam.transforms.stores.paths import safe_relative

_NAMES_OF_CLASSES = re.compile(
    r"(?i)(?:.*[^a-z])?(?:class|classes|categor(?:y|ies)|names?|labels?|map|mapping)(?:[^a-z].*)?"
)


@dataclass(frozen=True, slots=True)
class FolderItem:
    """An image file as listed. `problem` is why it is rejected, whatever its content; `label` is None below a table."""

    path: str
    label: str | None = None
    split: str | None = None
    problem: Rejected | None = None
    renamed: bool = False
    """The folder's name has blanks around it, or letters that are composed in the label."""


@dataclass(slots=True)
class FolderPlan:
    """Plan of a folder from its listing. `items` are all images, sorted by path.

    Without `tables` the items are the work: `image_of_item`. With tables, these are: `read_table`; and the items are
    what `unlisted_images` compares them with. `ignored` counts the files that are neither image nor table.
    """

    items: list[FolderItem]
    tables: list[LabelTable]
    ignored: int
    doubts: list[Doubt] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    """Files that may hold the names of classes that are numbers."""
    classes: frozenset[str] = frozenset()
    """Names of the folders that would be classes, were there no tables."""

    @property
    def warnings(self) -> list[str]:
        """The messages of its doubts."""
        return [doubt.message for doubt in self.doubts]


def table_candidates(files: Sequence[str], split_folders: str | None = None, beside: bool = False) -> list[str]:
    """Files that may be tables: what `plan_folder` wants the first bytes of, with those in folders `beside` the images."""
    tables = [path for path in files if is_table_name(path) and not hidden(path)]
    if not tables:
        return []
    images = [path for path in files if is_image(path) and not hidden(path)]
    places = set(read_levels(images, split_folders).places)
    around = sole_folders(images)
    return sorted(
        path
        for path in tables
        if is_of_attributes(path) or posixpath.dirname(path) in places or (beside and beside_images(path, around))
    )


_DEFAULTS = FolderOptions()


def plan_folder(
    files: Sequence[str],
    task: str,
    options: FolderOptions = _DEFAULTS,
    heads: Mapping[str, bytes] | None = None,
) -> FolderPlan:
    """Decide the layout of the files listed below a root (`/`-separated, relative to it).

    `heads` holds the first bytes of the `table_candidates`, enough for a header and some rows. Without its head a table
    is known by its name only.

    - Hidden files and folders, and those that systems leave behind, are ignored, like all files that are no image by
      their extension.
    - Which folders are splits and which are classes is decided by `read_levels`.
    - Tables are looked for in the root and in each folder that is no class: `labels.csv`, `metadata.csv` or
      `metadata.jsonl`; without these, a table by another name if its columns are recognised, or one for each split
      (`train.csv`, `test_labels.csv`). A table goes before the folders' names.

    Raises:
        UsageError: the task needs more than labels.
        FolderError: there is no image and no table, it is unclear which table counts, or what some folders are.
    """
    if not task.startswith("image_classification"):
        told = may_hold_boxes(heads or {})
        raise UsageError(
            f"--task {task}: a folder holds images and their labels, but no boxes or outlines; expected "
            f"image_classification or image_classification_multilabel, or --format coco or voc{told}"
        )
    visible = sorted(path for path in files if not hidden(path))
    images = [path for path in visible if is_image(path)]
    levels = read_levels(images, options.split_folders)
    pattern = pattern_of(options.label_pattern)
    items = [_item(path, levels, options, pattern) for path in images]
    classes = {item.label for item in items if item.label}
    names = _files_of_names(visible, levels)
    tables, doubts = ([], []) if pattern else find_tables(visible, images, classes, levels, heads or {}, options)
    if not images and not tables:
        raise FolderError(
            f"found no image among {counted(len(files), 'file')}, expected .{', .'.join(sorted(IMAGE_FORMATS))} in a folder for "
            "each class, or beside a labels.csv or metadata.csv"
        )
    if tables:
        doubts += [doubt for doubt in levels.doubts if doubt.code not in (Doubted.FOLDER_AROUND_CLASSES, Doubted.FOLDS)]
        items = [
            FolderItem(item.path, None, item.split, None if item.problem is Rejected.NO_LABEL else item.problem)
            for item in items
        ]
    elif levels.refusal:
        raise FolderError(levels.refusal)
    elif len(classes) < 2 and options.label_pattern is None and (question := question_of_names(images)):
        raise FolderError(question)
    else:
        doubts += (
            [] if pattern else [*levels.doubts, *class_doubts(images, [item.label for item in items], levels, options)]
        )
        doubts += [*numbers_for_names(classes, names)]
    names = [path for path in names if path not in {table.path for table in tables}]
    ignored = len(files) - len(images) - len(tables)
    return FolderPlan(items, tables, ignored, doubts, names, frozenset(classes) if tables else frozenset())


def image_of_item(item: FolderItem, source: str) -> SourceImage:
    """The image of one item, with its label, or with the `Rejection` that the plan decided. `source` is the root.

    The locator is the path. A label of a rejected image stays with it, since it was found.
    """
    rejected = []
    if item.problem is not None:
        message = {
            Rejected.NO_LABEL: "the image lies in no class folder, expected <class>/<image>, or --label-pattern for labels in names",
            Rejected.UNSUPPORTED_FORMAT: f"found a .{extension(item.path)} file, expected one of "
            f"{', '.join(sorted(IMAGE_FORMATS))}",
        }.get(item.problem, item.problem.doc)
        rejected.append(Rejection(source, item.path, item.path, "image", item.problem, message))
    objects = [] if item.label is None else [SourceObject(item.label, item.path)]
    image = SourceImage(item.path, source, item.path, split=item.split, objects=objects, rejected=rejected)
    if item.renamed:
        image.adjusted = [Adjusted.LABEL_NORMALIZED]
    return image


def unlisted_images(plan: FolderPlan, named: Set[str], source: str) -> list[SourceImage]:
    """Images of the folder that no table names (`named`: the paths of all images of all tables): they have no label.

    Called once, after every table was read, because only then it is known that an image is in none of them.
    """
    return [image_of_item(item, source) for item in plan.items if item.path not in named] if plan.tables else []


_MANY = 10
"""One image in so many that no table names is no slip."""


def doubts_of_unlisted(plan: FolderPlan, unlisted: Sequence[SourceImage]) -> list[Doubt]:
    """A doubt where many images are in no row, and lie in folders that could name their class."""
    found = [image.path for image in unlisted if not plan.classes.isdisjoint(image.path.split("/")[:-1])]
    if len(plan.classes) < 2 or len(found) * _MANY < len(plan.items):
        return []
    message = (
        f"{counted(len(found), 'image')}, such as {found[0]!r}, {agreeing(len(found), 'is', 'are')} in no row of {listed(table.path for table in plan.tables)} and have no label, "
        "though they lie in folders that could name their class; move the tables elsewhere to take the labels from the folders"
    )
    return [Doubt(Doubted.IMAGES_WITHOUT_ROW, message, len(found), found[0])]


@lru_cache(4096)
def _label_of(folder: str) -> str | None:
    return unicodedata.normalize("NFC", folder).strip() or None


def _item(path: str, levels: Levels, options: FolderOptions, pattern: re.Pattern[str] | None) -> FolderItem:
    split, folders = levels.locate(path)
    if pattern is None:
        folder = folders[0 if options.class_level == "top" else -1] if folders else ""
    else:
        folder = label_in(path, pattern)
    label = _label_of(folder)
    problem = None
    if safe_relative(path) is None:
        problem = Rejected.UNSAFE_PATH
    elif extension(path) not in IMAGE_FORMATS:
        problem = Rejected.UNSUPPORTED_FORMAT
    elif label is None:
        problem = Rejected.NO_LABEL
    if problem is Rejected.UNSAFE_PATH:
        return FolderItem(printable(path), label and printable(label), split, problem)
    return FolderItem(path, label, split, problem, label is not None and label != folder)


_OF_NAMES = frozenset({*TABLE_EXTENSIONS, "txt", "json", "names", "yaml", "yml", "pbtxt"})


def _files_of_names(visible: Sequence[str], levels: Levels) -> list[str]:
    return [
        path
        for path in visible
        if extension(path) in _OF_NAMES
        and posixpath.dirname(path) in levels.places
        and _NAMES_OF_CLASSES.fullmatch(posixpath.basename(path).rpartition(".")[0] or path)
    ]
