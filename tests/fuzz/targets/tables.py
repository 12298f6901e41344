"""Tables of labels, and of boxes."""

from __future__ import annotations

import zlib

import msgspec
from targets.target import SOURCES, Target, writable
from targets.tools import LISTED, accounted

from labelbeam.schemas.doubts import Doubt
from labelbeam.transforms.formats.boxtable.columns import columns_of
from labelbeam.transforms.formats.boxtable.read import read_rows, rows_of
from labelbeam.transforms.formats.folder.columns import TableError
from labelbeam.transforms.formats.folder.format import FolderOptions
from labelbeam.transforms.formats.folder.tables import LabelTable, read_table
from labelbeam.transforms.formats.frames import Evidence

TABLES = (
    b"filename,label\na.jpg,cat dog\nb.PNG,dog\n",
    b'image;labels;split\r\n"a.jpg";"cat;dog";train\r\n"c ""d"".jpg";;val\r\n',
    b"file_name\tcat\tdog\tbird\na.jpg\t1\t0\t\nb.PNG\t0\ttrue\tx\n",
    "\ufefffile,label\na.jpg,['猫', 'b c']\n".encode(),
    "filename,labels\na.jpg,x|y\n".encode("utf-16"),
    b'{"file_name": "a.jpg", "label": ["a", 1, null]}\n{"file_name": "b.PNG", "label": 3, "split": "dev"}\n',
    b'{"file_name": "a.jpg", "labels": "x", "x": NaN}\n\nnot json\n{"file_name": "../a.jpg", "labels": {"a": 1}}',
)
TABLE_TOKENS = (
    *(b",", b";", b"\t", b"\n", b"\r", b'"', b'""', b"'", b"[", b"]", b"|", b" ", b"\0", b"\xff", b"\xff\xfe", b"0", b"1", b"true"),
    *(b"filename", b"label", b"split", b"train", b"{", b"}", b'"file_name":', b'"label":', b"\\ud800", b"\\u0000", b"[" * 2000),
    *(b"https://a/b.jpg", b"../", b"C:\\", b"\xe2\x80\xa8", b"\x85", b"\x1c", b'["a", "b"]', b"a.jpg", b"../a.jpg"),
)  # fmt: skip


def read_label_table(data: bytes) -> None:
    """Images are distinct, and everything that is said of them can be written."""
    choice = zlib.crc32(data)
    name = ("labels.csv", "train/metadata.jsonl")[choice % 4 == 0 or data.lstrip()[:1] == b"{"]
    task = ("image_classification", "image_classification_multilabel")[choice // 4 % 2]
    files = (None, {"a.jpg", "b.PNG", "images/c d.jpg", "train/a.jpg"})[choice // 8 % 2]
    separator = (None, None, ";", " ", "")[choice // 16 % 5]
    table = LabelTable(name, "images", None, {"train": "train"})
    try:
        content = read_table(table, data, files, task, FolderOptions(label_separator=separator))
    except TableError as error:
        writable(str(error))
        return
    assert len({image.path for image in content.images}) == len(content.images)
    msgspec.json.encode([content.images, content.rejected, content.warnings], enc_hook=list)


BOX_TABLES = (
    b"filename,width,height,class,xmin,ymin,xmax,ymax\na/1.jpg,64,48,cat,1,2,30,40.5\n2.png,64,48,,,,,\n",
    b"image_id;x;y;w;h;label;split;confidence\r\n1;0.1;0.2;0.3;0.4;dog;train;0.5\r\n2;nan;-1;1e308;0;dog;val;1\r\n",
    b'ImageID,bbox,label,iscrowd\n1.jpg,"[1, 2, 3, 4]",cat,1\n1.jpg,"1 2 3",cat,0\n',
    b"Filename;Width;Height;Roi.X1;Roi.Y1;Roi.X2;Roi.Y2;ClassId\n1.jpg;53;54;6;5;48;49;16\n",
    b"a/1.jpg,1,2,30,40,cat\nb/1.jpg,,,,,\n2.png,5,6,7,8,dog\n",
    b"TRAIN,gs://b/a/1.jpg,cat,0.1,0.1,,,0.3,0.3,,\nUNASSIGNED,gs://b/2.png,dog,0,0,1,0,1,1,0,1\n",
    "sep=;\nimage;label;cx;cy;w;h\n1.jpg;b;5;5;2;2\n".encode("utf-16"),
)


def read_box_table(data: bytes) -> None:
    """Each row becomes an object, an image without one, or a rejection, whichever columns it has."""
    wide = data[:2] in (b"\xff\xfe", b"\xfe\xff")
    columns = columns_of(data.decode("utf-16" if wide else "utf-8", "replace"))
    if columns is None:
        return
    doubts: list[Doubt] = []
    rows = rows_of("a/boxes.csv", data, columns, FolderOptions(), doubts)
    known = {"path": "a/boxes.csv", "source": "memory://x", "split": None}
    accounted(read_rows(rows, columns, LISTED, Evidence(), with_boxes=bool(zlib.crc32(data) % 2), **known))
    msgspec.json.encode(doubts)


TARGETS = {
    "tables": Target(read_label_table, TABLES, TABLE_TOKENS, SOURCES),
    "box-tables": Target(read_box_table, BOX_TABLES, TABLE_TOKENS, SOURCES),
}
