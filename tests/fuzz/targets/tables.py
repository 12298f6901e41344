"""Tables of labels."""

from __future__ import annotations

import zlib

import msgspec
from targets.target import SOURCES, Target, writable

from labelbeam.transforms.formats.folder.columns import TableError
from labelbeam.transforms.formats.folder.format import FolderOptions
from labelbeam.transforms.formats.folder.tables import LabelTable, read_table

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


TARGETS = {
    "tables": Target(read_label_table, TABLES, TABLE_TOKENS, SOURCES),
}
