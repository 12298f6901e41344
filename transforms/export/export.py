"""Export of the current build: shard by shard, each compared with its hash, in one process.

A few shards are held at a time, and the names of the files that were written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial

import msgspec

from labelbeam.schemas.errors import LabelBeamError, UsageError
from labelbeam.schemas.layout import build_folder
from labelbeam.schemas.manifest import Manifest
from labelbeam.transforms.builds.contents import published_files, records_of
from labelbeam.transforms.builds.image_places import ImagePlace, find_images
from labelbeam.transforms.builds.published import latest_build, published
from labelbeam.transforms.export.batch import Batch, Image, image_of, with_advice
from labelbeam.transforms.export.destination import destination
from labelbeam.transforms.export.exporter import LOST_TEXTS, Exporter, ImagePath, Lost, Told, Writer
from labelbeam.transforms.export.files import Files
from labelbeam.transforms.export.marker import Marker
from labelbeam.transforms.export.registry import EXPORTERS
from labelbeam.transforms.images.names import unhidden
from labelbeam.transforms.messages.redact import is_redacted
from labelbeam.transforms.messages.words import did_you_mean, printable
from labelbeam.transforms.plan.places import check_in_no_output
from labelbeam.transforms.stores.errors import MissingFileError
from labelbeam.transforms.stores.files import put, stat
from labelbeam.transforms.stores.locate import locate, locate_target
from labelbeam.transforms.stores.location import Location, StorageOptions
from labelbeam.transforms.stores.overlap import lies_in
from labelbeam.transforms.stores.reading import read_file
from labelbeam.transforms.stores.threads import in_threads
from labelbeam.transforms.workers.budget import reading

FORMAT_VERSION = 1


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """Options of an export: which format, to where, and whether images are copied, from where."""

    to: str
    dest: str
    copy_images: bool = False
    images: str | None = None


class Exported(msgspec.Struct, frozen=True):
    """An export that is whole. `not_held` counts, by code, what the format does not hold or holds otherwise."""

    format: str
    build: str
    dest: str
    splits: dict[str, dict[str, int]]
    files: int
    copied: int
    not_held: dict[str, int]

    def told(self) -> list[str]:
        """The losses of the format, in words."""
        return [f"{count:,} {LOST_TEXTS[Lost(code)]} ({code})" for code, count in self.not_held.items()]


def export(output: str, options: ExportOptions, storage: StorageOptions) -> Exported:
    """Write the current build at `output` in another format.

    Raises:
        UsageError: the format is unknown or does not take the build's task, or DEST holds something else.
        LabelBeamError: the build is not as it was published, or the format cannot hold a name.
        StoreError: something cannot be read or written.
    """
    if (exporter := EXPORTERS.get(options.to)) is None:
        raise UsageError(
            f"--to: found {options.to!r}, expected one of {', '.join(EXPORTERS)}{did_you_mean(options.to, EXPORTERS)}"
        )
    if options.copy_images and exporter.images == "none":
        raise UsageError(f"--copy-images: {exporter.name} has no place for images; leave the option out")
    with_images = options.copy_images or exporter.images in ("always", "inside")
    if options.images is not None and not with_images:
        raise UsageError("--images: says where images are copied from, and is of no use without --copy-images")
    source = locate(output, storage)
    dest = locate_target("DEST", options.dest, storage)
    manifest = published(source)
    if manifest.task not in exporter.tasks:
        others = ", ".join(name for name, other in EXPORTERS.items() if manifest.task in other.tasks)
        raise UsageError(
            f"--to: {exporter.name} has no form for {manifest.task}, which {source.shown} is for; expected {others}"
        )
    place = find_images(manifest, storage, options.images)
    if with_images and place.root is None:
        raise LabelBeamError(f"{exporter.name} is written with the images, which are {place.why}")
    _check_apart(source, dest, manifest, place, storage)
    with destination(dest) as (files, finish):
        told = Told()
        writer = exporter.writer(manifest, files, told, with_images)
        try:
            image_path = exporter.image_path if with_images else None
            seen = partial(_unhidden, told=told) if exporter.listed else lambda image: image
            copied = _write(source, manifest, place, writer, files, image_path, seen)
        except MissingFileError as error:
            raise _replaced(source, manifest, error) or error from None
        if exporter.images == "inside":
            copied = sum(part.images for part in manifest.splits.values())
        not_held = {code.value: told.counts[code] for code in Lost if told.counts[code]}
        splits = {name: {"images": part.images, "objects": part.objects} for name, part in manifest.splits.items()}
        finish(lambda: _marker(exporter, manifest, splits, not_held, files))
    return Exported(exporter.name, manifest.build, dest.shown, splits, len(files.sizes) + 1, copied, not_held)


def _replaced(source: Location, manifest: Manifest, error: MissingFileError) -> LabelBeamError | None:
    """Error for a build that another one has replaced while it was exported; None where it is still current."""
    if latest_build(source) == manifest.build:
        return None
    return LabelBeamError(
        f"{source.shown}: build {manifest.build} was replaced while it was exported, and is not all there any more, as after a clean "
        f"({error}); nothing was exported. Run again: the current build is exported then"
    )


def _marker(
    exporter: Exporter,
    manifest: Manifest,
    splits: dict[str, dict[str, int]],
    not_held: dict[str, int],
    files: Files,
) -> Marker:
    return Marker(
        FORMAT_VERSION,
        exporter.name,
        manifest.build,
        manifest.labelbeam_version,
        manifest.task,
        splits,
        not_held,
        dict(sorted(files.sizes.items())),
    )


def _write(
    source: Location,
    manifest: Manifest,
    place: ImagePlace,
    writer: Writer,
    files: Files,
    image_path: ImagePath | None,
    seen: Callable[[Image], Image],
) -> int:
    """Hand all records to the writer, of images by the names that they are `seen` under; the number of images that were copied."""
    build = source.below(build_folder(manifest.build))
    copied = 0
    for split, part in manifest.splits.items():
        writer.begin(split)
        with closing(published_files(build, part.files)) as contents:
            for entry, data in zip(part.files, contents, strict=True):
                shown = build.below(entry.path).shown
                records = records_of(data, manifest.task, shown)
                batch = Batch(split, [seen(image_of(record, place)) for record in records], place)
                _check_labels(batch, manifest, shown)
                writer.add(batch)
                if image_path is not None:
                    copied += _copy(batch, image_path, files)
        writer.end(split)
    writer.finish()
    return copied


def _unhidden(image: Image, told: Told) -> Image:
    """The image by a name that no listing passes over."""
    path = unhidden(image.path)
    if path == image.path:
        return image
    told.add(Lost.HIDDEN)
    return image._replace(path=path)


def _check_labels(batch: Batch, manifest: Manifest, shown: str) -> None:
    """Make sure that all labels are those of the build, by whose numbers they are written.

    Raises:
        LabelBeamError: one is not.
    """
    known = set(manifest.labels)
    for label in batch.names():
        if label not in known:
            raise LabelBeamError(
                f"{shown}: found the label {printable(label)[:300]!r}, which the manifest does not list; the build is not as it was "
                "published: labelbeam verify tells how it differs"
            )


def _copy(batch: Batch, image_path: ImagePath, files: Files) -> int:
    """Copy the images of a batch, many at a time."""

    def copy(names: tuple[str, str]) -> int:
        assert batch.place.root is not None
        origin = batch.place.root.below(names[0])
        try:
            size = stat(origin).size
        except MissingFileError as error:
            raise with_advice(error) from None
        with reading().take(size, origin.shown):
            put(files.place.below(names[1]), read_file(origin, size))
        return size

    files.check()
    paths = [image_path(batch.split, image) for image in batch.images]
    for path in paths:
        files.claim(path, 0)
    files.note(paths)
    sizes = in_threads(copy, list(zip(batch.origins(), paths, strict=True)))
    files.sizes.update(zip(paths, sizes, strict=True))
    return len(paths)


def _check_apart(
    source: Location, dest: Location, manifest: Manifest, place: ImagePlace, storage: StorageOptions
) -> None:
    """Make sure that an export is written neither into a build or its images, nor around them, nor into another output.

    Raises:
        UsageError: it would be.
    """
    others: list[tuple[str, Location]] = [("OUTPUT", source)]
    if place.root is not None:
        others.append(("the images' directory", place.root))
    for what, url in _known_places(manifest):
        try:
            others.append((what, locate(url, storage)))
        except LabelBeamError:
            continue  # It cannot be opened here, so that nothing is written there either.
    check_in_no_output("DEST", dest, storage, or_is_one=True)
    for what, other in others:
        if lies_in(dest, other, storage) or lies_in(other, dest, storage):
            raise UsageError(
                f"DEST: {dest.shown} and {what}, {other.shown}, lie in each other; name a directory beside them"
            )


def _known_places(manifest: Manifest) -> Sequence[tuple[str, str]]:
    source = manifest.source
    copied = [manifest.copied.target] if manifest.copied is not None else []
    places = [("the images' directory", url) for url in (source.images, *copied)]
    places += [("the build's source", url) for url in source.trees]
    return [(what, url) for what, url in places if url and not is_redacted(url)]
