"""Plan of tables of boxes, each read whole, and what their evidence says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from labelbeam.schemas.doubts import Doubt, Doubted
from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.formats.boxtable.columns import BoxColumns
from labelbeam.transforms.formats.boxtable.read import read_rows, rows_of
from labelbeam.transforms.formats.boxtable.recognise import BoxTables
from labelbeam.transforms.formats.claims import splits_of_files
from labelbeam.transforms.formats.folder.format import FolderOptions
from labelbeam.transforms.formats.format import Tree
from labelbeam.transforms.formats.frames import Evidence
from labelbeam.transforms.formats.named_images import finder_of, images_read, remarks_on
from labelbeam.transforms.formats.plans import Plan
from labelbeam.transforms.formats.reading import Reading, ReadResult, Unit
from labelbeam.transforms.formats.whole_files import WholeFile, plan_whole, whole_file
from labelbeam.transforms.messages.redact import redact
from labelbeam.transforms.messages.words import agreeing, counted, listed
from labelbeam.transforms.stores.locate import locate

_BARE = {
    "corners": "the four numbers behind each image are read as two corners, x1, y1, x2, y2, and what follows as the label",
    "sizes": "each row is read as makesense.ai writes it: the label, x, y, width, height, the image and its size",
}
"""How rows without a header are read, by the kind of their boxes."""


def plan_box_tables(tree: Tree, found: BoxTables) -> Plan:
    """Plan the tables that were found; see `transforms.plan.make_plan` for errors."""

    if found.rivals:
        raise UsageError(found.rivals)

    splits = splits_of_files(found.tables)

    def unit(root: str, path: str, size: int, number: int) -> Unit:
        return BoxTableUnit(root, path, size, number, found.tables[path], splits[path])

    plan = plan_whole(tree, "boxtable", found.root, found.tables, unit)
    bare = [path for path, columns in found.tables.items() if not columns.header]
    for kind, what in _BARE.items():
        if tables := [path for path in bare if found.tables[path].kind == kind]:
            message = f"{listed(tables)}: no header, so {what}; a header says otherwise, such as file,x,y,w,h,label"
            plan.doubts.append(Doubt(Doubted.HEADER_MISSING, message, len(tables), tables[0]))
    return plan


@dataclass(frozen=True, slots=True)
class BoxTableUnit(WholeFile):
    """A table, read as a whole."""

    columns: BoxColumns
    split: str | None

    def read(self, reading: Reading) -> ReadResult:
        """Read its rows.

        Raises:
            StoreError: the table cannot be read.
        """
        options, finder, evidence = reading.options, finder_of(reading), Evidence()
        file = locate(self.root, options.storage).below(self.path)
        doubts: list[Doubt] = []
        with whole_file(file, self.size) as data:
            images = read_rows(
                rows_of(self.path, data, self.columns, options.config.of(FolderOptions), doubts),
                self.columns,
                finder,
                evidence,
                path=self.path,
                source=self.root,
                split=self.split,
                with_boxes="classification" not in options.config.task,
            )
        result = images_read(reading, self.root, evidence, images, finder, self.first_key)
        result.findings.doubts += doubts
        return result


def refuse_elsewhere(evidence: Mapping[str, Evidence]) -> None:
    """Refuse a source all of whose images are named by URLs of a store, and are not here.

    Raises:
        UsageError: a source is so.
    """
    for source, item in sorted(evidence.items()):
        if item.count("elsewhere") and item.count("elsewhere") == item.count("images"):
            raise UsageError(
                f"{redact(source)}: the images are named by URLs such as {item.example('elsewhere')!r}, which are not fetched, and none of "
                "them lies beside the table; --images names the directory, or the bucket, that holds them"
            )


def doubts_of(evidence: Mapping[str, Evidence]) -> list[Doubt]:
    """Doubts that follow from the evidence, beside those of boxes."""
    doubts = remarks_on(evidence)
    for source, item in sorted(evidence.items()):
        if unsure := item.count("unsure"):
            message = (
                f"{redact(source)}: {counted(unsure, 'box', 'boxes')}, such as that of {item.example('unsure')}, {agreeing(unsure, 'has', 'have')} a confidence between 0 and 1, as predictions "
                "of a model do; they are read as labels"
            )
            doubts.append(Doubt(Doubted.PREDICTED_LABELS, message, unsure, item.example("unsure")))
        if item.count("assigned") and (free := item.count("unassigned")):
            message = (
                f"{redact(source)}: {counted(free, 'image')}, such as {item.example('unassigned')!r}, {agreeing(free, 'is', 'are')} UNASSIGNED or nothing says their split, and go "
                "into train"
            )
            doubts.append(Doubt(Doubted.LISTED_IN_NO_SPLIT, message, free, item.example("unassigned")))
    return doubts
