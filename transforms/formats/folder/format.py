"""Folders and tables as a format: options, and recognition."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from msgspec import Meta

from labelbeam.schemas.config import ConvertConfig, Text
from labelbeam.schemas.doubts import Doubt
from labelbeam.schemas.errors import UsageError
from labelbeam.schemas.tasks import Task
from labelbeam.transforms.formats.format import Claim, Tree
from labelbeam.transforms.messages.words import counted

if TYPE_CHECKING:
    from labelbeam.transforms.formats.frames import Evidence, Frame
    from labelbeam.transforms.formats.plans import Plan


class FolderOptions(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Options for reading folders and tables.

    `class_level`: which folder names the class of an image that lies deeper than one folder. "top" is the default: it is
    how torchvision and Keras read the same tree, it leaves the classes at those that a person sees in the root, and a
    folder for each day or camera below a class does not become a class. Where no image lies deeper, both are the same.
    """

    class_level: Annotated[
        Literal["top", "parent"],
        Meta(description="folder: which directory is the class of a deeply nested image"),
    ] = "top"
    split_folders: Annotated[
        Text | None,
        Meta(
            description="folder: folders that are splits, such as extra=train,holdout=test, in addition to those named like splits; "
            "none: all folders are classes (default: by their names and what they hold)",
            extra={"metavar": "FOLDER=SPLIT"},
        ),
    ] = None
    split_column: Annotated[
        Text | None,
        Meta(
            description="folder, boxtable: the column of a table that holds the split; none: no column (default: by its name and "
            "what it holds)",
            extra={"metavar": "NAME"},
        ),
    ] = None
    split_values: Annotated[
        Text | None,
        Meta(
            description="folder, boxtable: values of that column by split, such as 0=train,1=validation,2=test (default: words "
            "for splits, and numbers in that order)",
            extra={"metavar": "VALUE=SPLIT"},
        ),
    ] = None
    label_pattern: Annotated[
        Text | None,
        Meta(
            description="folder: a regular expression whose first group is the label in an image's path, such as "
            "([a-z]+)\\.\\d+\\.jpg$; none: names of images hold no labels",
            extra={"metavar": "REGEX"},
        ),
    ] = None
    image_column: Annotated[
        Text | None,
        Meta(
            description="folder, boxtable: the column of a table that names the image (default: by its name, or by what it holds)",
            extra={"metavar": "NAME"},
        ),
    ] = None
    label_columns: Annotated[
        Text | None,
        Meta(
            description="folder, boxtable: the column of a table that holds the labels; or those that are a class each, separated by "
            "commas (default: by their names, or by what they hold)",
            extra={"metavar": "NAMES"},
        ),
    ] = None
    min_confidence: Annotated[
        Annotated[float, Meta(ge=0, le=1)] | None,
        Meta(
            description="folder: minimum confidence of a label, from 0 to 1, in a column of confidences or of a class "
            "(default: any above 0 in a column of confidences; classes in probabilities are refused)"
        ),
    ] = None
    label_separator: Annotated[
        str | None,
        Meta(
            description='folder: separator of the labels in a cell of a table; "" for one label a cell (default: by the '
            "table's content)",
            extra={"metavar": "TEXT"},
        ),
    ] = None


class Folder:
    """Class folders, and folders with tables of labels."""

    name = "folder"
    title = "folders and tables"
    source = "the root directory"
    tasks: Mapping[Task, str] = {"image_classification": "", "image_classification_multilabel": ""}
    usual_task: Task = "image_classification"
    options = FolderOptions

    def recognise(self, tree: Tree, asked: bool) -> Claim | None:
        """Claim a table, a directory that holds one by a usual name, and images that nothing else claims."""
        from labelbeam.transforms.formats.folder.layout import table_candidates
        from labelbeam.transforms.formats.folder.places import MAY_BE_TABLES, NAMED_TABLES, is_table_name

        if len(tree.locations) == len(tree.files) == 1 and is_table_name(tree.files[0].path):
            table = posixpath.basename(tree.files[0].path)
            if tree.files[0].parent is None:
                raise UsageError(
                    f"{tree.files[0].shown}: found a table with no directory around it, expected one that holds its images"
                )
            return Claim("" if asked else f"{table} is a table of labels", found=table)
        if asked:
            if len(tree.locations) > 1:
                raise UsageError(f"--source: {len(tree.locations)} roots given; folder takes one directory")
            return Claim("")
        if tree.root is None:
            return None
        tables = table_candidates([file.path for file in tree.visible]) if tree.visible_of(*MAY_BE_TABLES) else []
        named = [name for name in tables if posixpath.basename(name).lower() in NAMED_TABLES]
        if named and tree.config.task.startswith("image_classification"):
            return Claim(f"found a table of labels, {named[0]}")
        images = len(tree.images())
        if not images and not tables:
            return None
        return Claim(f"found {counted(images, 'image')} and neither COCO nor VOC annotations", certain=False)

    def plan(self, tree: Tree, claim: Claim, exact: bool) -> Plan:
        """Plan the directory, or the one around the table."""
        from labelbeam.transforms.formats.folder.plan import plan_folder_source

        place = tree.locations[0]
        root = place if claim.found is None else place.parent
        assert root is not None, "a table that was claimed lies in a directory"
        return plan_folder_source(tree.config, tree.storage, root, tree.listing_of(root), claim.found)

    def frames(self, evidence: Mapping[str, Evidence], config: ConvertConfig) -> dict[str, Frame]:
        """None: there are no coordinates."""
        return {}

    def remarks(self, evidence: Mapping[str, Evidence], config: ConvertConfig) -> list[Doubt]:
        """Nothing."""
        return []
