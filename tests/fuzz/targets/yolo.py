"""YOLO: label files and descriptions of datasets."""

from __future__ import annotations

import math
from contextlib import suppress

from targets.target import SOURCES, Target, writable

from labelbeam.schemas.errors import LabelBeamError
from labelbeam.transforms.formats.paths import resolved
from labelbeam.transforms.formats.yolo.description import describes, parse_description, parse_names
from labelbeam.transforms.formats.yolo.entries import find_entry
from labelbeam.transforms.formats.yolo.lines import parse_labels

YOLO_LABELS = (
    b"0 0.5 0.5 0.25 0.1\n1 .1 .2 3e-1 0.4 0.9\r\n\r\n2 0.1 0.1 0.5 0.1 0.5 0.6\n",
    b"\xef\xbb\xbf0,0.5,0.5,0.25,0.1\n0 0,5 0,5 0,2 0,1\n0;0.5;0.5;0.2;0.1;\n",
    "0 0.1 0.2 0.5 0.1 0.6 0.5 0.2 0.6\n0.0\t0.5\t0.5\t1\t1\n".encode("utf-16"),
    b"cat 0.5 0.5 0.1 0.1\n-1 0 0 0 0\n0 nan 1 1 1\n0\n0 0.5 0.5 0.1 0.1\n0 0.50 0.5 0.1 0.1\n",
)

YOLO_DATA = (
    b"path: ../datasets/x\ntrain: ../train/images\nval: [valid/images, b.txt]\ntest:\nnc: 2\nnames: ['cat', no]\n",
    b"# a\nnames:\n  0: cat\n  1: dog\n  1: cow\nkpt_shape: [17, 3]\ndownload: |\n  rm -rf /\n",
    b'{"names": {"0": "a"}, "train": "/abs", "x": &a [1], "y": *a}',
    b"classes = 2\ntrain = data/train.txt\nvalid= ../../x\nnames = data/obj.names\nbackup = backup/\n",
    b"cat\r\n\r\ndog \n",
)
YOLO_TOKENS = (
    *(b" ", b"\t", b"\n", b"\r", b",", b";", b".", b"_", b"0", b"-1", b"1e999", b"nan", b"inf", b"\xff", b"\xff\xfe", b"\0"),
    *(b"names:", b"train:", b"path:", b"nc:", b"- ", b"[", b"]", b"{", b"}", b"&a ", b"*a", b"!!python/name:os.system ", b"<<: *a"),
    *(b"[" * 2000, b"..", b"/", b"C:\\", b"names = ", b"\xd9\xa1", b"---\n", b"? ", b": ", b"|", b"%YAML 1.2\n", b"'", b'"'),
)  # fmt: skip


def parse_yolo_labels(data: bytes) -> None:
    """Each line that is not blank is read, rejected or repeated; what is read is finite, and counts as its columns say."""
    keypoints = len(data) % 3
    found = parse_labels(data, keypoints)
    numbers = [line.number for line in found.lines] + [bad.number for bad in found.bad]
    assert len(set(numbers)) == len(numbers)
    for line in found.lines:
        assert all(map(math.isfinite, line.values))
        assert len(line.values) == 4 or (len(line.values) > 5 and len(line.values) % 2 == 0)
    for bad in found.bad:
        writable(bad.message)


def parse_yolo_description(data: bytes) -> None:
    """Names are text by numbers from 0 on, and no entry leads out of the root."""
    for path in ("data.yaml", "obj.data"):
        describes(path, data.decode("utf-8", "replace"))
        try:
            found = parse_description(data, path)
        except LabelBeamError as error:
            writable(str(error))
            continue
        for number, name in (found.names.by_number if found.names is not None else {}).items():
            assert number >= 0
            assert isinstance(name, str)
        for entry in (entry for entries in found.splits.values() for entry in entries):
            assert find_entry(entry, [found.root, "a/b", ""], {"", "a", "a/b"}) in (None, "", "a", "a/b")
            place = resolved("a/b", entry)
            assert place is None or ".." not in place.split("/")
    with suppress(LabelBeamError):
        parse_names(data, "classes.txt")


TARGETS = {
    "yolo-labels": Target(parse_yolo_labels, YOLO_LABELS, YOLO_TOKENS, SOURCES),
    "yolo-data": Target(parse_yolo_description, YOLO_DATA, YOLO_TOKENS, (*SOURCES, "/yaml/")),
}
