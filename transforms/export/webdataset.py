"""WebDataset: TAR files in which the files of a sample follow each other: the image and its labels, under one key.

A key counts the images of a split. `KEY.json` is a sample as `samples` says, with the image's path; for classification `KEY.cls` is the
number of the label in `labels.json`. A TAR is cut where it has reached `LARGEST` bytes. The format:
https://github.com/webdataset/webdataset#the-webdataset-format
"""

from __future__ import annotations

import io
import tarfile
from contextlib import closing

import msgspec

from labelbeam.schemas.manifest import Manifest
from labelbeam.schemas.tasks import TASKS
from labelbeam.transforms.export.batch import Batch
from labelbeam.transforms.export.exporter import Exporter, Told
from labelbeam.transforms.export.files import Files
from labelbeam.transforms.export.samples import samples

LARGEST = 256 * 2**20
"""Bytes from which on a TAR is followed by another."""


class _Writer:
    def __init__(self, manifest: Manifest, files: Files, told: Told, copied: bool) -> None:
        self._manifest = manifest
        self._files = files
        self._classes = {label: number for number, label in enumerate(manifest.labels)}
        self._tar: tarfile.TarFile | None = None
        self._tars = self._images = 0

    def begin(self, split: str) -> None:
        self._tars = self._images = 0

    def add(self, batch: Batch) -> None:
        found = samples(batch, self._manifest.task)
        with closing(batch.contents()) as contents:
            for (image, sample), (_, data) in zip(found, contents, strict=True):
                tar = self._open(batch.split)
                key = f"{self._images:09}"
                self._images += 1
                _add(tar, f"{key}.{image.record.image_details.format}", data)
                _add(tar, f"{key}.json", msgspec.json.encode({"file_name": image.path, **sample}))
                if "label" in sample:
                    _add(tar, f"{key}.cls", str(self._classes[sample["label"]]).encode())

    def _open(self, split: str) -> tarfile.TarFile:
        """The TAR that the next sample goes into."""
        if self._tar is not None and self._tar.offset >= LARGEST:
            self._close()
        if self._tar is None:
            stream = self._files.stream(f"{split}-{self._tars:06}.tar")
            # GNU's form, as every reader knows it: no name is long, and no number large.
            self._tar = tarfile.open(mode="w", fileobj=stream, format=tarfile.GNU_FORMAT)  # noqa: SIM115  # by `_close`
            self._tars += 1
        return self._tar

    def _close(self) -> None:
        if self._tar is not None:
            self._tar.close()
            self._tar = None

    def end(self, split: str) -> None:
        self._close()

    def finish(self) -> None:
        self._files.put_last("labels.json", msgspec.json.format(msgspec.json.encode(self._manifest.labels)) + b"\n")


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    """Add a file without a time or an owner, so that the same build gives the same bytes."""
    member = tarfile.TarInfo(name)
    member.size = len(data)
    tar.addfile(member, io.BytesIO(data))


EXPORTER = Exporter("webdataset", "TAR files of images and their labels", TASKS, "inside", _Writer)
