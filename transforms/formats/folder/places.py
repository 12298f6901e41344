"""Tables of labels in a tree: where they are looked for, which ones count, and where the images lie that they name."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence, Set

from labelbeam.schemas.doubts import Doubt, Doubted
from labelbeam.schemas.errors import LabelBeamError
from labelbeam.transforms.formats.folder.format import FolderOptions
from labelbeam.transforms.formats.folder.levels import IMAGE_FOLDERS, Levels, folders_of, sole_folders
from labelbeam.transforms.formats.folder.lookup import ImageNames
from labelbeam.transforms.formats.folder.rows import is_label_table, lacks_labels
from labelbeam.transforms.formats.folder.tables import LabelTable
from labelbeam.transforms.formats.split_names import plain_split, table_splits
from labelbeam.transforms.images.names import extension
from labelbeam.transforms.messages.words import listed

NAMED_TABLES = ("labels.csv", "metadata.csv", "metadata.jsonl")
TABLE_EXTENSIONS = ("csv", "tsv", "jsonl")
MAY_BE_TABLES = (*TABLE_EXTENSIONS, "txt")
"""Extensions of whatever `is_table_name` may take."""


_ATTRIBUTES = re.compile(r"(?i)(?:.*/)?list_attr[^/]*\.txt")


def is_table_name(path: str) -> bool:
    """Tell whether a file may be a table of labels by its name: CSV and the like, and CelebA's text of attributes."""
    found = extension(path)
    return found in TABLE_EXTENSIONS or (found == "txt" and is_of_attributes(path))


def is_of_attributes(path: str) -> bool:
    """Tell whether a file is CelebA's text of attributes, which lies in a folder of its own."""
    return path[-4:].lower() == ".txt" and _ATTRIBUTES.fullmatch(path) is not None


_TABLE_FOLDERS = re.compile(
    r"(?i)meta(?:data)?|csvs?|labels?|annotations?|annos?|tables?|lists?|splits?|info|ground_?truth|gt"
)


def beside_images(path: str, around: Sequence[str]) -> bool:
    """Tell whether a table lies in a folder of a usual name beside that of the images. `around` are "" and the folders that hold everything."""
    folder, _, last = posixpath.dirname(path).rpartition("/")
    return _TABLE_FOLDERS.fullmatch(last) is not None and folder in around


class FolderError(LabelBeamError):
    """The folder has no layout that labels could be read from, or more than one."""


def find_tables(
    visible: Sequence[str],
    images: Sequence[str],
    classes: Set[str],
    levels: Levels,
    heads: Mapping[str, bytes],
    options: FolderOptions,
) -> tuple[list[LabelTable], list[Doubt]]:
    """The tables that count among the files, and what is doubtful about the choice.

    `classes` are those that the folders name, which count where there is no table.

    Raises:
        FolderError: several tables may name the same images.
    """
    candidates = [path for path in visible if is_table_name(path)]
    known = ImageNames(frozenset(images))
    here, readable = _choose(candidates, images, classes, levels, heads, options, known)
    doubts = _doubts_of_unread(here, readable, heads, options, known)
    elsewhere = [path for path in candidates if path not in here]
    if readable or len(classes) > 1:
        elsewhere = [path for path in elsewhere if _is_named(path)]
    if elsewhere:
        message = f"{listed(elsewhere)} not read: tables are looked for in {listed(levels.places)}"
        doubts.append(Doubt(Doubted.TABLE_NOT_READ, message, len(elsewhere), elsewhere[0], "--source"))
    _refuse_rivals(readable)
    if readable and len(classes) > 1:
        message = f"the labels are those of {listed(readable)}; the folders {listed(sorted(classes))} name none"
        doubts.append(Doubt(Doubted.TABLE_BEFORE_FOLDERS, message, len(classes), min(classes)))
    holding = {folder for path in images for folder in _ancestors(path)}
    own = splits_of_tables(readable)
    return [_table(path, _folder_of(path, levels), levels, holding, own.get(path)) for path in readable], doubts


def _is_named(path: str) -> bool:
    """Tell whether a file is called as tables of labels are by convention."""
    return posixpath.basename(path).lower() in NAMED_TABLES


def _choose(
    candidates: Sequence[str],
    images: Sequence[str],
    classes: Set[str],
    levels: Levels,
    heads: Mapping[str, bytes],
    options: FolderOptions,
    known: ImageNames,
) -> tuple[list[str], list[str]]:
    """The candidates that lie where tables are looked for, and those of them to be read."""

    def readable_as_table(path: str) -> bool:
        return path in heads and is_label_table(path, heads[path], known, options)

    here = [path for path in candidates if posixpath.dirname(path) in levels.places or is_of_attributes(path)]
    # A form for answers has the columns of the table of labels.
    here = [path for path in here if "submission" not in posixpath.basename(path).lower()]
    named = [path for path in here if _is_named(path)]
    readable = [path for path in named if path not in heads or readable_as_table(path)] or [
        path for path in here if path not in named and readable_as_table(path)
    ]
    if not readable and not named and len(classes) < 2:  # Else nothing gives the images labels.
        around = sole_folders(images)
        readable = [path for path in candidates if beside_images(path, around) and readable_as_table(path)]
        here += readable
    if (named or here) and not readable and (options.label_columns or options.image_column):
        readable = named or here  # Reading it tells which column is missing.
    if named and not readable and not classes:
        readable = named  # Nothing else could give labels: reading it tells what is wrong with it.
    return here, readable


def _doubts_of_unread(
    here: Sequence[str],
    readable: Sequence[str],
    heads: Mapping[str, bytes],
    options: FolderOptions,
    known: ImageNames,
) -> list[Doubt]:
    """A doubt of tables that lie where they are looked for, and are not read."""
    unread = [path for path in here if _is_named(path) and path not in readable]
    message = f"{listed(unread)} not read: its columns name no image or no labels"
    if not unread and not readable:
        unread = [path for path in here if path in heads and lacks_labels(path, heads[path], known, options)]
        message = (
            f"{listed(unread)} not read, although it names images: none of its columns is known to hold labels; "
            "--label-columns names the one that does"
        )
    if not unread:
        return []
    return [Doubt(Doubted.TABLE_NOT_READ, message, len(unread), unread[0], "--label-columns")]


def _refuse_rivals(tables: Sequence[str]) -> None:
    """Refuse tables that may name the same images: several in one folder, or one above another's folder."""
    for table in tables:
        folder = posixpath.dirname(table)
        inside = [other for other in tables if _is_below(other, folder)]
        own = splits_of_tables(inside)
        if len(inside) > 1 and len(set(own.values())) < len(inside):
            raise FolderError(
                f"found the tables {listed(inside)}, expected one for all images or one for each split; name the one that "
                "counts as --source, or move the others elsewhere"
            )


def splits_of_tables(tables: Sequence[str]) -> dict[str, str]:
    """The splits that tables have by their own names, those of one folder seen together."""
    found: dict[str, str] = {}
    for folder in {posixpath.dirname(path) for path in tables}:
        stems = {_stem(path): path for path in tables if posixpath.dirname(path) == folder}
        found |= {stems[stem]: split for stem, split in table_splits(stems).items()}
    return found


def _stem(path: str) -> str:
    return posixpath.splitext(posixpath.basename(path))[0]


def _is_below(path: str, folder: str) -> bool:
    return not folder or path.startswith(f"{folder}/")


def _ancestors(path: str) -> list[str]:
    folders = path.split("/")[:-1]
    return ["/".join(folders[:end]) for end in range(1, len(folders) + 1)]


def _folder_of(path: str, levels: Levels) -> str:
    """The folder that a table stands for: its own, or the one above where no image lies in that."""
    folder = posixpath.dirname(path)
    return folder if folder in levels.places or is_of_attributes(path) else posixpath.dirname(folder)


def _table(path: str, folder: str, levels: Levels, holding: Set[str], own: str | None) -> LabelTable:
    """A table with the folder of its images: one named like its `own` split, or one of images, in `folder`; else that itself."""
    split = own or levels.locate_folder(folders_of(f"{folder}/"))[0]
    beside = {
        (other[len(folder) :].lstrip("/") if folder else other): other
        for other in sorted(holding)
        if other and _is_below(other, folder)
    }
    lower = {name.lower(): other for name, other in beside.items()}
    containers = [*IMAGE_FOLDERS]
    if own:
        stem = _stem(path).lower()
        containers = [stem, *(f"{name}/{stem}" for name in IMAGE_FOLDERS), *IMAGE_FOLDERS]
        of_split = [other for other in beside.values() if plain_split(posixpath.basename(other)) == own]
        if len(of_split) == 1 and stem not in lower:
            return LabelTable(path, of_split[0], split, {})
    images = next((lower[name] for name in containers if name in lower), folder)
    return LabelTable(path, images, split, levels.split_folders if split is None else {})
