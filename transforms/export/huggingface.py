"""Hugging Face's image folders: a directory of images for each split, and `metadata.jsonl` in it, as `datasets` loads them.

A line of `metadata.jsonl` names an image by its path beside it, and holds its labels as `samples` says; categories are names. The card,
`README.md`, says which files are which split: without it `datasets` goes by what stands in their paths. The format:
https://huggingface.co/docs/datasets/image_dataset#imagefolder
"""

from __future__ import annotations

from typing import BinaryIO

import msgspec

from labelbeam.schemas.manifest import Manifest
from labelbeam.schemas.tasks import TASKS
from labelbeam.transforms.export.batch import Batch, Image
from labelbeam.transforms.export.exporter import Exporter, Told
from labelbeam.transforms.export.files import Files
from labelbeam.transforms.export.samples import samples
from labelbeam.transforms.messages.yaml_text import yaml_text

_NAME = "metadata.jsonl"


class _Writer:
    def __init__(self, manifest: Manifest, files: Files, told: Told, copied: bool) -> None:
        self._manifest = manifest
        self._files = files
        self._stream: BinaryIO | None = None
        self._splits: list[str] = []

    def begin(self, split: str) -> None:
        self._stream = None

    def add(self, batch: Batch) -> None:
        for image, sample in samples(batch, self._manifest.task):
            # `datasets` takes a folder without an image for JSON, and then loads none of them: an empty split has none.
            if self._stream is None:
                self._splits.append(batch.split)
                self._stream = self._files.stream(f"{batch.split}/{_NAME}")
            self._stream.write(msgspec.json.encode({"file_name": image.path, **sample}) + b"\n")

    def end(self, split: str) -> None:
        self._stream = None

    def finish(self) -> None:
        splits = [{"split": split, "path": f"{split}/**"} for split in self._splits]
        card = {"configs": [{"config_name": "default", "data_files": splits}]}
        about = f"{self._manifest.task}, build {self._manifest.build}, written by labelbeam {self._manifest.labelbeam_version}."
        text = f"---\n{yaml_text(card)}---\n\n{about}\n"
        self._files.put_last("README.md", text.encode())


def _image_path(split: str, image: Image) -> str:
    return f"{split}/{image.path}"


EXPORTER = Exporter(
    "huggingface",
    "a directory of images for each split, with a `metadata.jsonl`",
    TASKS,
    "always",
    _Writer,
    _image_path,
    listed=True,
)
