"""The current build as a program reads it: its manifest, its records, and its Parquet files."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from labelbeam.options import Storage, Url, storage_of
from labelbeam.quiet import failures_in_words
from labelbeam.schemas.errors import UsageError
from labelbeam.schemas.manifest import FileEntry, Manifest
from labelbeam.schemas.records import Record
from labelbeam.transforms.builds.contents import published_files, records_of
from labelbeam.transforms.builds.published import place_of, published
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.location import Location, StorageOptions

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.dataset


def open_build(url: Url, *, storage_options: Storage = None) -> Build:
    """Open the current build at `url`, the output of `convert`. It stays as it is when another one is published meanwhile.

    Args:
        storage_options: fsspec options by protocol, as for `convert`.

    Raises:
        MissingFileError: nothing was published there.
        LabelBeamError: it cannot be read.
    """
    storage = storage_of(storage_options)
    with failures_in_words(storage):
        output = locate(os.fspath(url), storage)
        manifest = published(output)
        return Build(place_of(output, manifest), manifest, storage)


class Build:
    """A published build. Every file is compared with the hash in the manifest before anything of it is given out."""

    def __init__(self, place: Location, manifest: Manifest, storage: StorageOptions) -> None:
        self._place = place
        self._storage = storage
        self.manifest = manifest
        """All that `manifest.json` says."""

    def __repr__(self) -> str:
        counts = ", ".join(f"{name}: {part.images}" for name, part in self.manifest.splits.items())
        return f"<Build {self.manifest.build} of {self.manifest.task} ({counts})>"

    @property
    def url(self) -> str:
        """The directory of the build, as a URL."""
        return self._place.url

    @property
    def task(self) -> str:
        """The task that it was built for."""
        return self.manifest.task

    @property
    def labels(self) -> list[str]:
        """The names of all labels, sorted."""
        return self.manifest.labels

    @property
    def splits(self) -> list[str]:
        """The names of the splits."""
        return list(self.manifest.splits)

    def records(self, split: str | None = None) -> Iterator[Record]:
        """The records of a split, or of all, one shard after the other; a few shards are read ahead.

        Each is a `labelbeam.schemas.records` struct of the task, with the field names of the JSON Lines.

        Raises:
            UsageError: there is no such split.
            LabelBeamError: a shard cannot be read, or is not as it was published.
        """
        files = [entry for name in self.chosen(split) for entry in self.manifest.splits[name].files]
        return self._records(files)

    def _records(self, files: Sequence[FileEntry]) -> Iterator[Record]:
        with failures_in_words(self._storage):
            for entry, data in zip(files, published_files(self._place, files), strict=True):
                yield from records_of(data, self.manifest.task, self._place.below(entry.path).shown)

    def table(self, split: str | None = None) -> pa.Table:
        """The records of a split, or of all, as one Arrow table, with the columns of the Parquet files.

        Raises:
            UsageError: there is no such split.
            LabelBeamError: a file cannot be read, or is not as it was published.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        with failures_in_words(self._storage):
            contents = published_files(self._place, self._parquet(split))
            return pa.concat_tables([pq.read_table(pa.BufferReader(data)) for data in contents])

    def dataset(self, split: str | None = None) -> pyarrow.dataset.Dataset:
        """The Parquet files of a split, or of all, as a dataset that reads only the columns and rows that a query asks for.

        Its files are read by Arrow as they are asked for, and are not compared with the manifest.

        Raises:
            UsageError: there is no such split.
        """
        import pyarrow.dataset
        import pyarrow.fs

        store: Any = pyarrow.fs.PyFileSystem(pyarrow.fs.FSSpecHandler(self._place.fs))
        if self._place.local:
            store = pyarrow.fs.LocalFileSystem()
        paths = [self._place.below(entry.path).path for entry in self._parquet(split)]
        return pyarrow.dataset.dataset(paths, filesystem=store, format="parquet")

    def chosen(self, split: str | None) -> list[str]:
        """The names of the splits that `split` means: itself, or all.

        Raises:
            UsageError: there is no such split.
        """
        if split is not None and split not in self.manifest.splits:
            raise UsageError(f"split: found {split!r}, expected one of {', '.join(self.manifest.splits)}")
        return self.splits if split is None else [split]

    def _parquet(self, split: str | None) -> list[FileEntry]:
        begins = tuple(f"parquet/{name}-" for name in self.chosen(split))
        return [entry for entry in self.manifest.parquet if entry.path.startswith(begins)]
