"""Archives that tests make, and places in them."""

from __future__ import annotations

import io
import random
import tarfile
import zipfile
from pathlib import Path

from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.location import Location

TEXT = b"".join(b"%d " % (number * 7919) for number in range(60_000))
"""About 400 kB that shrink to a third."""

FILES = {
    "voc/Annotations/1.xml": b"<annotation/>",
    "voc/JPEGImages/50% #1?.jpg": random.Random(1).randbytes(50_000),
    "voc/JPEGImages/m\u00fcll/\u65e5\u672c.jpg": b"nested",
    "voc/empty.txt": b"",
    "coco.json": TEXT,
}


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A ZIP archive, its files in the order given."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return written.getvalue()


def tarred(files: dict[str, bytes], *others: tarfile.TarInfo, form: int = tarfile.PAX_FORMAT) -> bytes:
    """A TAR archive, with `others` at its end."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w", format=form) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        for info in others:
            archive.addfile(info)
    return written.getvalue()


PACKED = {
    "a.zip": zipped(FILES),
    "stored.zip": zipped(FILES, zipfile.ZIP_STORED),
    "a.tar": tarred(FILES),
    "gnu.tar": tarred(FILES, form=tarfile.GNU_FORMAT),
}


def inside(archive: Path | str, path: str = "") -> Location:
    """A place in an archive."""
    return locate(f"{str(archive)[-3:]}://{path}::{archive}", {})


def written(folder: Path, name: str, data: bytes) -> Path:
    """The path of a file with these bytes."""
    (folder / name).write_bytes(data)
    return folder / name


def with_member(info: zipfile.ZipInfo, data: bytes = b"x") -> bytes:
    """A ZIP archive of `1.jpg` and one more file."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("1.jpg", b"1")
        archive.writestr(info, data)
    return packed.getvalue()
