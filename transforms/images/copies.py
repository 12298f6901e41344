"""Copy the images of a bucket to where training reads them, as they are or transcoded, many at a time, and say of each what was copied."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec

from labelbeam.schemas.manifest import CopiedImage, Receipt, Transcoded
from labelbeam.schemas.reasons import Rejected
from labelbeam.transforms.columns.listed import Listed, ListedFile, token_hash
from labelbeam.transforms.images.facts import CopyTo, ImageError, ImageFacts, Picture
from labelbeam.transforms.images.transcode import Transcode, format_of, path_of, transcode
from labelbeam.transforms.stores.errors import MissingFileError, StoreError, UnusableNameError
from labelbeam.transforms.stores.files import put, stat
from labelbeam.transforms.stores.location import Location, within
from labelbeam.transforms.stores.reading import read_file, read_range
from labelbeam.transforms.stores.threads import in_threads
from labelbeam.transforms.workers.budget import reading

LONGEST_KEY = 1024
"""Bytes of a file's name in S3 and Google Cloud Storage, and characters in Azure Blob Storage."""

COMPARED_AT_ONCE = 8 * 2**20
"""Bytes of a copy that are compared at a time."""

_Found = TypeVar("_Found")


@dataclass(frozen=True, slots=True)
class CopyOptions:
    """From where to where; `complete` says that an image that the listing of `source` lacks is not there. With `transcode` images are
    written anew where they are not as it says."""

    source: Location
    target: Location
    complete: bool = False
    transcode: Transcode | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """Knowledge of a bucket's images: listings of both places; by path, what the build before has copied, and what readers saw."""

    images: Listed = field(default_factory=Listed)
    copies: Listed = field(default_factory=Listed)
    before: Mapping[str, CopiedImage] = field(default_factory=dict)
    looked: Mapping[str, ImageFacts | ImageError | None] = field(default_factory=dict)


def copier(options: CopyOptions, known: Known) -> CopyTo:
    """The function that copies images to the same paths below the target.

    An image is neither read nor written where the build before copied it and neither the listing of the images nor that of the
    copies has changed since; then it costs nothing. It is not written where the same bytes are there already. An image that is
    missing, or that cannot be read, comes back as what it is rejected for.

    The function raises:
        StoreError: the target cannot be written.
    """

    def copy(picture: Picture) -> CopiedImage | ImageError | None:
        path, how = picture.path, options.transcode
        if "://" in path:
            return None
        if how is not None and picture.facts is not None:
            target = path_of(path, format_of(picture.facts, how))
        else:
            target, how = path, None
        origin, place = options.source.below(path), options.target.below(target)
        refused = _refused(options, path, target)
        if refused is not None:
            return refused
        file = _of_source(lambda: _find(origin, known.images.find(path), options.complete))
        if isinstance(file, ImageError):
            return file
        before = known.before.get(path)
        if before is not None and before.path != target:
            before = None
        there = known.copies.find(target) if target == path else _there(place)
        if before is not None and _is_same(before, file, how, picture) and stands(before, there):
            return before
        with reading().take(file.size, origin.shown):
            data = _of_source(lambda: read_file(origin, file.size))
            if isinstance(data, ImageError):
                return data
            made: Transcoded | None = None
            if how is not None:
                try:
                    written = transcode(data, picture, how)
                except ImageError as error:
                    return error
                made = Transcoded(path, len(data), _how(how, picture), written.format, written.width, written.height)
                data = written.data
            digest = hashlib.sha256(data).hexdigest()
            if there is None or not (_is_known(digest, before, there) or _holds(place, data, there)):
                try:
                    put(place, data)
                    there = _put_there(place, len(data))
                except UnusableNameError as error:
                    if options.target.local and not os.path.isdir(options.target.path):
                        raise  # No image could be put there.
                    return ImageError(Rejected.UNUSABLE_NAME, str(error))
            return CopiedImage(target, len(data), digest, _described(file)[1], _described(there)[1], made)

    return lambda pictures: in_threads(copy, pictures)


def _refused(options: CopyOptions, path: str, target: str) -> ImageError | None:
    """Why an image is not copied, whatever its bytes are."""
    place = options.target.below(target)
    for root, name in ((options.source, path), (options.target, target)):
        if not within(root, name):
            message = f"{root.below(name).shown} is a link out of {root.shown}, which is not followed"
            return ImageError(Rejected.UNSAFE_PATH, message)
    if not place.local and len(place.path.partition("/")[2].encode()) > LONGEST_KEY:
        message = f"{place.shown}: is longer than the {LONGEST_KEY} bytes of a name there"
        return ImageError(Rejected.UNUSABLE_NAME, message)
    if place.local and "//" in target:
        message = f"{place.shown}: no directory has an empty name; copy to an object store, or rename the image"
        return ImageError(Rejected.UNUSABLE_NAME, message)
    return None


def _how(options: Transcode, picture: Picture) -> str:
    return f"{options.text} {'turned' if picture.turned else 'stored'}"


def _is_same(before: CopiedImage, file: ListedFile, how: Transcode | None, picture: Picture) -> bool:
    """Tell whether the build before made its copy of the image as it is now, and in the same way."""
    made = before.transcoded
    if made is None or how is None:
        return made is None and how is None and (before.bytes, before.source) == _described(file)
    return made.how == _how(how, picture) and (made.bytes, before.source) == _described(file)


def _there(place: Location) -> ListedFile | None:
    """The file at the place of a copy that has another path than its image: the listing that came with the image lacks it."""
    try:
        found = stat(place)
    except MissingFileError:
        return None
    return ListedFile(found.size, token_hash(found.token))


def stands(copied: CopiedImage, there: ListedFile | None) -> bool:
    """Tell whether the listing of the copies shows an image as it was copied."""
    return there is not None and (copied.bytes, copied.target) == _described(there)


def copies_stand(build: Location, receipt: Receipt, copies: Listed, target: Location | None = None) -> bool:
    """Tell whether the listing of the copies, which lie at `target`, shows all images of a finished bucket as they were copied.

    Raises:
        StoreError: the bucket's list, or a copy, cannot be read.
    """
    files = receipt.copied.files if receipt.copied is not None else []
    listed = (image for entry in files for image in decode_copied(read_file(build.below(entry.path), entry.bytes)))
    return all(
        stands(
            image,
            copies.find(image.path)
            if image.path == image.image or target is None
            else _there(target.below(image.path)),
        )
        for image in listed
    )


_DECODER = msgspec.json.Decoder(CopiedImage)


def decode_copied(data: bytes) -> list[CopiedImage]:
    """The lines of a `copied/*.ndjson` that this program wrote."""
    return _DECODER.decode_lines(data)


def _described(file: ListedFile) -> tuple[int, str]:
    return file.size, f"{file.token:016x}"


def _of_source(call: Callable[[], _Found]) -> _Found | ImageError:
    """Result of `call` for an image, or the reason for which the image is rejected."""
    try:
        return call()
    except MissingFileError as error:
        return ImageError(Rejected.MISSING_IMAGE, str(error))
    except StoreError as error:
        return ImageError(Rejected.UNREADABLE_FILE, str(error))


def _find(origin: Location, listed: ListedFile | None, complete: bool) -> ListedFile:
    if listed is not None and listed.size:
        return listed
    if listed is None and complete:
        raise MissingFileError(f"{origin.shown} does not exist")
    found = stat(origin)
    return ListedFile(found.size, token_hash(found.token))


def _is_known(digest: str, before: CopiedImage | None, there: ListedFile) -> bool:
    """Tell whether the image, read anew because its token has changed, is what was copied before, and still there."""
    return before is not None and before.sha256 == digest and stands(before, there)


def _holds(place: Location, data: bytes, there: ListedFile) -> bool:
    """Tell whether the file at `place` holds these bytes."""
    if there.size != len(data):
        return False
    starts = range(0, len(data), COMPARED_AT_ONCE)
    ends = [min(start + COMPARED_AT_ONCE, len(data)) for start in starts]
    try:
        return all(read_range(place, *part) == data[slice(*part)] for part in zip(starts, ends, strict=True))
    except MissingFileError:
        return False  # It went after the listing.


def _put_there(place: Location, size: int) -> ListedFile:
    """Token of a copy that was just put: the next build knows it by that."""
    found = stat(place)
    if found.size != size:
        raise StoreError(
            f"{place.shown}: {size} bytes were written, and {found.size} are there; does something else write to it?"
        )
    return ListedFile(found.size, token_hash(found.token))
