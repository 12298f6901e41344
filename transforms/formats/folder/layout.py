"""Image folders as a source of labels: which layout a listing has, and the images that follow from it.

Either folders name the classes (`cat/1.jpg`, `train/cat/1.jpg`), or tables name the labels of images (see `tables`).
Everything is decided from the names of the files, listed once, and the first bytes of the tables among them. Names are
compared as text, never as patterns: `[`, `*`, `?`, `#` and `%` are characters like any other.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field

from labelbeam.schemas.config import SPLIT_ALIASES
from labelbeam.schemas.errors import LabelBeamError, UsageError
from labelbeam.schemas.neutral import Rejection, SourceImage, SourceObject
from labelbeam.schemas.reasons import Rejected
from labelbeam.transforms.formats.folder.format import FolderOptions
from labelbeam.transforms.formats.folder.rows import is_label_table
from labelbeam.transforms.formats.folder.tables import LabelTable
from labelbeam.transforms.images.names import IMAGE_FORMATS, NO_NAMES, OTHER_IMAGE_FORMATS, extension, hidden
from labelbeam.transforms.messages.words import printable
from labelbeam.transforms.stores.paths import safe_relative

IMAGE_FOLDERS = ("images", "image", "imgs", "img", "data")
"""Folders, in any case, that hold all images without being their class."""

NAMED_TABLES = ("labels.csv", "metadata.csv", "metadata.jsonl")
TABLE_EXTENSIONS = ("csv", "tsv", "jsonl")


class FolderError(LabelBeamError):
    """The folder has no layout that labels could be read from, or more than one."""


@dataclass(frozen=True, slots=True)
class FolderItem:
    """An image file as listed. `problem` is why it is rejected, whatever its content; `label` is None below a table."""

    path: str
    label: str | None = None
    split: str | None = None
    problem: Rejected | None = None


@dataclass(slots=True)
class FolderPlan:
    """What a listing holds. `items` are all images, sorted by path.

    Without `tables` the items are the work: `image_of_item`. With tables, these are: `read_table`; and the items are
    what `unlisted_images` compares them with. `ignored` counts the files that are neither image nor table.
    """

    items: list[FolderItem]
    tables: list[LabelTable]
    ignored: int
    warnings: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Layout:
    """Folders above the classes. `places` are the folders, relative to the root, in which a table is looked for."""

    places: list[str] = field(default_factory=lambda: [""])
    split_folders: dict[str, str] = field(default_factory=dict)
    inner: str = ""
    """The folder that holds all images inside each split, if there is one."""
    outer: str = ""
    """The folder that holds all images, splits included."""

    located: dict[str, tuple[str | None, list[str]]] = field(default_factory=dict)
    """What `locate` found, by folder: many images share one."""

    def locate(self, path: str) -> tuple[str | None, list[str]]:
        """The split of an image, and the folders that may name its class, outermost first."""
        folder = path[: path.rfind("/") + 1]
        found = self.located.get(folder)
        if found is None:
            found = self.located[folder] = self._locate(folder)
        return found

    def _locate(self, path: str) -> tuple[str | None, list[str]]:
        folders = _folders(_below(path, self.outer)) if _is_below(path, self.outer) else []
        split = self.split_folders.get(posixpath.join(self.outer, folders[0])) if folders else None
        if split is not None:
            folders = folders[1:]
        if folders and folders[0] == self.inner:
            folders = folders[1:]
        return split, folders


def table_candidates(files: Sequence[str]) -> list[str]:
    """Files that may be tables: what `plan_folder` wants the first bytes of."""
    visible = [path for path in files if not hidden(path)]
    places = set(_layout([path for path in visible if _is_image(path)], []).places)
    return sorted(path for path in visible if extension(path) in TABLE_EXTENSIONS and posixpath.dirname(path) in places)


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
    - A folder `images`, `image`, `imgs`, `img` or `data` that holds all images is not their class.
    - The top folders are splits if every one that holds images is named like a split. A single one that is not makes
      them classes: `test` beside `cat` and `dog` is a class of tests, and a split would silently lose it. Folders called
      only `train` and `test` without classes below are splits of unlabelled images, not two classes.
    - Tables are looked for in the root, in such a folder of images, and in each split folder: `labels.csv`,
      `metadata.csv` or `metadata.jsonl`; without these, a table by another name if its columns are recognised, or one
      for each split (`train.csv`, `test.csv`). A table goes before the folders' names.

    Raises:
        UsageError: the task needs more than labels.
        FolderError: there is no image and no table, or it is unclear which table counts.
    """
    if not task.startswith("image_classification"):
        raise UsageError(
            f"--task {task}: a folder holds images and their labels, but no boxes or outlines; expected "
            "image_classification or image_classification_multilabel, or --format coco or voc"
        )
    visible = sorted(path for path in files if not hidden(path))
    images = [path for path in visible if _is_image(path)]
    warnings: list[str] = []
    layout = _layout(images, warnings)
    items = [_item(path, layout, options) for path in images]
    tables = _tables(visible, items, layout, heads or {}, warnings)
    if not images and not tables:
        raise FolderError(
            f"found no image among {len(files)} files, expected .{', .'.join(sorted(IMAGE_FORMATS))} in a folder for "
            "each class, or beside a labels.csv or metadata.csv"
        )
    if tables:
        items = [
            FolderItem(item.path, None, item.split, None if item.problem is Rejected.NO_LABEL else item.problem)
            for item in items
        ]
    else:
        warnings += _doubts(images, items, layout, options)
    return FolderPlan(items, tables, len(files) - len(images) - len(tables), warnings)


def image_of_item(item: FolderItem, source: str) -> SourceImage:
    """The image of one item, with its label, or with the `Rejection` that the plan decided. `source` is the root.

    The locator is the path. A label of a rejected image stays with it, since it was found.
    """
    rejected = []
    if item.problem is not None:
        message = {
            Rejected.NO_LABEL: "the image lies in no class folder, expected <class>/<image>",
            Rejected.UNSUPPORTED_FORMAT: f"found a .{extension(item.path)} file, expected one of "
            f"{', '.join(sorted(IMAGE_FORMATS))}",
        }.get(item.problem, item.problem.doc)
        rejected.append(Rejection(source, item.path, item.path, "image", item.problem, message))
    objects = [] if item.label is None else [SourceObject(item.label, item.path)]
    return SourceImage(item.path, source, item.path, split=item.split, objects=objects, rejected=rejected)


def unlisted_images(plan: FolderPlan, named: Set[str], source: str) -> list[SourceImage]:
    """Images of the folder that no table names (`named`: the paths of all images of all tables): they have no label.

    Called once, after every table was read, because only then it is known that an image is in none of them.
    """
    return [image_of_item(item, source) for item in plan.items if item.path not in named] if plan.tables else []


def _folders(path: str) -> list[str]:
    return [part for part in path.split("/")[:-1] if part not in NO_NAMES]


def _is_below(path: str, folder: str) -> bool:
    return not folder or path.startswith(f"{folder}/")


def _below(path: str, folder: str) -> str:
    return path.removeprefix(f"{folder}/") if folder else path


def _is_image(path: str) -> bool:
    return extension(path) in IMAGE_FORMATS or extension(path) in OTHER_IMAGE_FORMATS


def _layout(images: Iterable[str], warnings: list[str]) -> _Layout:
    layout = _Layout()
    paths = [folders for folder in {path[: path.rfind("/") + 1] for path in images} if (folders := _folders(folder))]
    while (top := _sole_image_folder(paths)) is not None:
        layout.outer = posixpath.join(layout.outer, top)
        layout.places.append(layout.outer)
        paths = [rest for _, *rest in paths if rest]
    tops = sorted({folders[0] for folders in paths})
    splits = {top: SPLIT_ALIASES[top.lower()] for top in tops if top.lower() in SPLIT_ALIASES}
    if splits and len(splits) < len(tops):
        others = [top for top in tops if top not in splits]
        warnings.append(
            f"the folders {_some(splits)} are named like splits, but {_some(others)} beside them hold images too, so all "
            f"are classes; to have splits read, move {_some(others)} elsewhere"
        )
    elif splits:
        layout.split_folders = {posixpath.join(layout.outer, top): split for top, split in splits.items()}
        layout.inner = _sole_image_folder([rest for _, *rest in paths if rest]) or ""
        for folder in layout.split_folders:
            layout.places += [folder, posixpath.join(folder, layout.inner)] if layout.inner else [folder]
    return layout


def _sole_image_folder(paths: Sequence[Sequence[str]]) -> str | None:
    """The first folder of all `paths`, if it is one and the same and named like a folder of images."""
    tops = {folders[0] for folders in paths}
    return tops.pop() if len(tops) == 1 and next(iter(tops)).lower() in IMAGE_FOLDERS else None


def _item(path: str, layout: _Layout, options: FolderOptions) -> FolderItem:
    split, folders = layout.locate(path)
    label = folders[0 if options.class_level == "top" else -1] if folders else None
    problem = None
    if safe_relative(path) is None:
        problem = Rejected.UNSAFE_PATH
    elif extension(path) not in IMAGE_FORMATS:
        problem = Rejected.UNSUPPORTED_FORMAT
    elif label is None:
        problem = Rejected.NO_LABEL
    if problem is Rejected.UNSAFE_PATH:
        return FolderItem(printable(path), label and printable(label), split, problem)
    return FolderItem(path, label, split, problem)


def _some(names: Iterable[str]) -> str:
    names = sorted(names)
    return ", ".join(map(repr, names[:5])) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _doubts(images: Sequence[str], items: Sequence[FolderItem], layout: _Layout, options: FolderOptions) -> list[str]:
    """What a person should know of a class layout before trusting it."""
    warnings: list[str] = []
    deep = [path for path in images if len(layout.locate(path)[1]) > 1]
    if deep:
        folders = layout.locate(deep[0])[1]
        chosen, other = (folders[0], folders[-1]) if options.class_level == "top" else (folders[-1], folders[0])
        warnings.append(
            f"{len(deep)} images lie deeper than one folder: the class of {deep[0]!r} is {chosen!r}; with --class-level "
            f"{'parent' if options.class_level == 'top' else 'top'} it is {other!r}"
        )
    labels = {item.label for item in items} - {None}
    if len(labels) == 1:
        warnings.append(f"all images have the one class {_some(label for label in labels if label)}")
    return warnings


def _tables(
    visible: Sequence[str],
    items: Sequence[FolderItem],
    layout: _Layout,
    heads: Mapping[str, bytes],
    warnings: list[str],
) -> list[LabelTable]:
    candidates = [path for path in visible if extension(path) in TABLE_EXTENSIONS]
    here = [path for path in candidates if posixpath.dirname(path) in layout.places]
    named = [path for path in here if posixpath.basename(path).lower() in NAMED_TABLES]
    readable = [path for path in named if path not in heads or is_label_table(path, heads[path])] or [
        path for path in here if path not in named and path in heads and is_label_table(path, heads[path])
    ]
    if named and not readable and not any(item.label for item in items):
        readable = named  # Nothing else could give labels: reading it tells what is wrong with it.
    if unread := [path for path in named if path not in readable]:
        warnings.append(f"{_some(unread)} not read: its columns name no image or no labels")
    elsewhere = [path for path in candidates if path not in here and posixpath.basename(path).lower() in NAMED_TABLES]
    if elsewhere:
        warnings.append(f"{_some(elsewhere)} not read: tables are looked for in {_some(layout.places)}")
    _refuse_rivals(readable)
    if readable and len(classes := {folders[0] for item in items if (folders := layout.locate(item.path)[1])}) > 1:
        warnings.append(f"the labels are those of {_some(readable)}; the folders {_some(classes)} name none")
    holding = {folder for item in items for folder in _ancestors(item.path)}
    return [_table(path, layout, holding) for path in readable]


def _refuse_rivals(tables: Sequence[str]) -> None:
    """Refuse tables that may name the same images: several in one folder, or one above another's folder."""
    for table in tables:
        folder = posixpath.dirname(table)
        inside = [other for other in tables if _is_below(other, folder)]
        by_split = {_stem_split(other) for other in inside} - {None}
        if len(inside) > 1 and len(by_split) < len(inside):
            raise FolderError(
                f"found the tables {_some(inside)}, expected one for all images or one for each split; move the others "
                "elsewhere"
            )


def _stem_split(path: str) -> str | None:
    return SPLIT_ALIASES.get(posixpath.splitext(posixpath.basename(path))[0].lower())


def _ancestors(path: str) -> list[str]:
    folders = path.split("/")[:-1]
    return ["/".join(folders[:end]) for end in range(1, len(folders) + 1)]


def _table(path: str, layout: _Layout, holding: Set[str]) -> LabelTable:
    """A table with the folder of its images: one named like its split, or one of images, beside it; else its own."""
    folder = posixpath.dirname(path)
    split = _stem_split(path) or layout.split_folders.get(folder)
    if split is None and layout.inner:
        split = layout.split_folders.get(posixpath.dirname(folder))
    stem = posixpath.splitext(posixpath.basename(path))[0]
    containers = [*IMAGE_FOLDERS]
    if _stem_split(path):
        containers = [stem.lower(), *(f"{name}/{stem.lower()}" for name in IMAGE_FOLDERS), *IMAGE_FOLDERS]
    beside = {_below(other, folder).lower(): other for other in sorted(holding) if other and _is_below(other, folder)}
    images = next((beside[name] for name in containers if name in beside), folder)
    return LabelTable(path, images, split, layout.split_folders if split is None else {})
