"""State of a build that is under way, from which the next run resumes after a crash.

Each bucket's receipt is put below `unfinished/BUILD/` after the last of its files. A receipt says what the build is made from,
and holds the hash of each file and its own: it is believed only when all are as they should be.
"""

from __future__ import annotations

import hashlib
import logging
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TypeVar

import msgspec

from labelbeam.schemas.layout import (
    BUILD_FILE,
    BUILDS,
    KEPT_FILE,
    UNFINISHED,
    build_folder,
    manifest_path,
    unfinished_folder,
)
from labelbeam.schemas.manifest import FileEntry, Receipt
from labelbeam.schemas.scores import ScoreReceipt
from labelbeam.transforms.builds.identity import BuildIdentity, after
from labelbeam.transforms.builds.published import latest_build
from labelbeam.transforms.messages.words import encode_json
from labelbeam.transforms.stores.errors import MissingFileError, StoreError, TooLongError
from labelbeam.transforms.stores.files import TEMPORARY, is_link, kind, list_directory, put, remove_empty, remove_files
from labelbeam.transforms.stores.listing import list_files
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.location import Location, StorageOptions
from labelbeam.transforms.stores.reading import DOCUMENT, read_bounded
from labelbeam.transforms.stores.threads import in_threads

LOG = logging.getLogger("labelbeam")


@dataclass(frozen=True, slots=True)
class Target:
    """Places where a build is written: shards below the URL `build`, receipts below `unfinished`.

    `made_from` is the hash of inputs, options and version; `resumes` says that an earlier run has begun with the build.
    """

    build: str
    unfinished: str
    made_from: str
    resumes: bool


def target_of(output: Location, identity: BuildIdentity, resumes: bool) -> Target:
    """Places where a build below `output` is written."""
    build, unfinished = (output.below(folder(identity.build)) for folder in (build_folder, unfinished_folder))
    return Target(build.url, unfinished.url, identity.made_from, resumes)


AnyReceipt = TypeVar("AnyReceipt", Receipt, ScoreReceipt)


class _Kept(msgspec.Struct):
    made_from: str
    receipt: msgspec.Raw
    sha256: str = ""


def keep_receipt(target: Target, storage: StorageOptions, buckets: int, receipt: Receipt | ScoreReceipt) -> None:
    """Put the receipt of a bucket, all of whose files are there.

    Raises:
        StoreError: it cannot be written.
    """
    data = encode_json(receipt)
    kept = _Kept(target.made_from, msgspec.Raw(data), hashlib.sha256(data).hexdigest())
    put(locate(target.unfinished, storage).below(_name(receipt.bucket, buckets)), msgspec.json.encode(kept))


def finished_bucket(
    target: Target, storage: StorageOptions, bucket: int, buckets: int, form: type[AnyReceipt]
) -> AnyReceipt | None:
    """The receipt of a bucket that an earlier run finished; None where it must be written, again or for the first time.

    Raises:
        StoreError: a file cannot be read.
    """
    build, unfinished = locate(target.build, storage), locate(target.unfinished, storage)
    try:
        kept = msgspec.json.decode(read_bounded(unfinished.below(_name(bucket, buckets)), DOCUMENT), type=_Kept)
        receipt = msgspec.json.decode(kept.receipt, type=form)
    except (MissingFileError, TooLongError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    files = receipt.files()
    # One that somebody has changed, or given another's name, would be published as it stands.
    if kept.sha256 != hashlib.sha256(kept.receipt).hexdigest() or receipt.bucket != bucket:
        return None
    # Whoever can write to the output can write a receipt: no other file of this machine is read for it.
    shard = f"-{bucket:05d}-of-{buckets:05d}."
    are_ours = all(BUILD_FILE.fullmatch(entry.path) and shard in entry.path for entry in files)
    if kept.made_from != target.made_from or not are_ours:
        return None
    if not all(in_threads(lambda entry: _is_intact(build, entry), files)):
        return None
    receipt.reused = True
    return receipt


def _name(bucket: int, buckets: int) -> str:
    return f"receipt-{bucket:05d}-of-{buckets:05d}.json"


def _is_intact(build: Location, entry: FileEntry) -> bool:
    try:
        data = read_bounded(build.below(entry.path), entry.bytes)
    except (MissingFileError, TooLongError):
        return False
    return len(data) == entry.bytes and hashlib.sha256(data).hexdigest() == entry.sha256


def unfinished_build(output: Location, made_from: str) -> str | None:
    """The latest build that was begun from the same inputs, options and version, and was never published.

    Raises:
        StoreError: the output cannot be listed.
    """
    builds = list_directory(output.below(UNFINISHED)).folders
    return max((build for build in builds if build.endswith(f"-{made_from[:8]}")), default=None)


def begin(output: Location, identity: BuildIdentity) -> tuple[BuildIdentity, bool]:
    """The identity of a new build, or of one that an earlier run began and did not finish; whether it is the latter.

    A build with a manifest is not resumed: it may have been current, and what was current never changes.

    Raises:
        StoreError: the output cannot be listed, written to or tidied up.
    """
    current = latest_build(output)
    left = list_directory(output.below(UNFINISHED)).folders
    if current is not None and current in left:
        forget(output, current)  # Its run was killed after it had put the pointer.
    begun = unfinished_build(output, identity.made_from)
    if begun is not None:
        if _is_resumable(output, begun, current):
            _check_no_links(output, begun)
            LOG.info("resuming build %s, which an earlier run did not finish", begun)
            remove_temporaries(output.below(build_folder(begun)))
            return replace(identity, build=begun), True
        forget(output, begun)
    identity = after(identity, [*list_directory(output.below(BUILDS)).folders, *left, *([current] if current else [])])
    mark = output.below(f"{UNFINISHED}/{identity.build}/{BEGUN}")
    put(mark, msgspec.json.encode(Begun(identity.build, identity.made_from)))
    return identity, False


def _is_resumable(output: Location, build: str, current: str | None) -> bool:
    """Tell whether a run may go on with a build. A clean first removes what proves that it was begun, and then its files."""
    is_newer = build > (current or "")
    return is_newer and kind(output.below(manifest_path(build))) is None and was_begun(output, build)


def _check_no_links(output: Location, build: str) -> None:
    """Make sure that what is written of a build that was begun comes to lie in it, whatever others have put there meanwhile.

    Raises:
        StoreError: a directory of it is a link.
    """
    if not output.local:
        return
    folder = build_folder(build)
    inside = [f"{folder}/{name}" for name in list_directory(output.below(folder)).folders]
    for place in map(output.below, (folder, unfinished_folder(build), *inside)):
        if is_link(place):
            raise StoreError(
                f"{place.shown}: is a link, and what is written there would come to lie elsewhere; expected a directory. Remove it"
            )


class Begun(msgspec.Struct):
    """Mark that is put before anything else of a build: by it, what a killed run left is known as a build's."""

    build: str
    made_from: str


BEGUN = "begun.json"


def was_begun(output: Location, build: str) -> bool:
    """Tell whether something kept below `unfinished` proves that a run began with this build.

    Raises:
        StoreError: it cannot be read.
    """
    folder = output.below(f"{UNFINISHED}/{build}")
    names = [file.path for file in list_directory(folder).files if file.path.endswith(".json")]
    for name in filter(KEPT_FILE.fullmatch, names):
        form: type[Begun] | type[_Kept] = Begun if name == BEGUN else _Kept
        with suppress(MissingFileError, TooLongError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            found = msgspec.json.decode(read_bounded(folder.below(name), DOCUMENT), type=form)
            if found.made_from[:8] == build.rpartition("-")[2] and getattr(found, "build", build) == build:
                return True
    return False


def remove_temporaries(root: Location) -> None:
    """Remove what killed runs left half written on a disk; other stores show only what is whole.

    Raises:
        StoreError: a file cannot be removed.
    """
    if root.local and kind(root) == "directory":
        paths = [file.path for file in list_files(root).files]
        remove_files(root, [path for path in paths if TEMPORARY.fullmatch(path.rpartition("/")[2])])


def forget(output: Location, build: str) -> None:
    """Remove what was kept for resuming a build.

    Raises:
        StoreError: a file cannot be removed.
    """
    folder = unfinished_folder(build)
    names = [file.path for file in list_directory(output.below(folder)).files]
    remove_files(
        output, [f"{folder}/{name}" for name in names if KEPT_FILE.fullmatch(name) or TEMPORARY.fullmatch(name)]
    )
    if output.local:
        remove_empty(output, [folder])  # A killed run also leaves one in which there is no file yet.
