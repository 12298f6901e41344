"""The files of JSON Lines that a source consists of: files named themselves, those of an MLTable, those of an earlier build."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Any, NamedTuple, cast

import msgspec

from labelbeam.schemas.errors import LabelBeamError, UsageError
from labelbeam.schemas.layout import BUILD_FILE, BUILD_NAME, BUILDS, LATEST, MANIFEST
from labelbeam.schemas.manifest import Manifest
from labelbeam.schemas.tasks import TASKS, Task
from labelbeam.transforms.builds.image_places import configured_prefix
from labelbeam.transforms.builds.published import latest_manifest, manifest_at, nothing_published, place_of
from labelbeam.transforms.formats.format import Tree
from labelbeam.transforms.formats.plans import HEAD
from labelbeam.transforms.formats.safe_yaml import NoYamlError, load_yaml
from labelbeam.transforms.images.names import IMAGE_FORMATS, extension, hidden
from labelbeam.transforms.images.urls import default_prefix
from labelbeam.transforms.messages.redact import is_redacted
from labelbeam.transforms.messages.words import counted, listed
from labelbeam.transforms.stores.files import StoredFile, kind, stat
from labelbeam.transforms.stores.location import Location, within
from labelbeam.transforms.stores.paths import safe_relative
from labelbeam.transforms.stores.reading import read_bounded, read_range
from labelbeam.transforms.stores.threads import in_threads

_EXTENSIONS = ("jsonl", "ndjson", "json")
_DEEPEST = 3
"""Directories above a file, below the source's root, that are looked into."""

_LOOKED_AT = 1000
"""Files below a directory that are opened to see whether they hold training records."""

_LARGEST_TABLE = 2**20


class SourceFile(NamedTuple):
    """A file of records.

    `name` is what its split may stand in: its path below the source's root, or its whole path. `split` is known of an earlier
    build's. `prefix` is what its image URLs start with, `images` where the images lie; None where only its records tell.
    """

    location: Location
    name: str
    split: str | None = None
    prefix: str | None = None
    images: str | None = None
    bytes: int | None = None


BEATEN = frozenset({"folder"})
"""The formats that know less of the files than this one."""


class Sources(NamedTuple):
    """The files of all sources, in words what was found, whether nothing but records can be meant, the task they are of, and
    the formats whose claim does not count beside this one.
    """

    files: list[SourceFile]
    reason: str
    certain: bool = True
    task: Task | None = None
    beats: frozenset[str] = BEATEN


def find_sources(tree: Tree, asked: bool) -> Sources | None:
    """Find the files of records; None where some source is of another kind and this format was not `asked` for.

    Raises:
        UsageError: it was asked for and a source holds none, or an MLTable says what cannot be followed.
        StoreError: a source cannot be read.
    """
    files: list[SourceFile] = []
    reasons: list[str] = []
    tasks: set[Task | None] = set()
    certain = True
    beats = BEATEN
    for location in tree.locations:
        found = _of_file(location, asked) if location in tree.files else _of_directory(tree, location, asked)
        if found is None:
            return None
        files += found.files
        reasons.append(found.reason)
        certain &= found.certain
        beats &= found.beats
        tasks.add(found.task or _task_of(found.files))
    by_url = {file.location.url: file for file in files}
    reason = "; ".join(dict.fromkeys(filter(None, reasons)))
    task = tasks.pop() if len(tasks) == 1 else None
    return Sources([by_url[url] for url in sorted(by_url)], reason, certain, task, beats)


def _of_file(location: Location, asked: bool) -> Sources | None:
    name = posixpath.basename(location.path)
    # Beside no builds, it is a file like any other.
    if name == LATEST and location.parent is not None and kind(location.parent.below(BUILDS)) == "directory":
        return _of_output(location.parent)
    if name == "MLTable" and location.parent is not None:
        return Sources(list(_of_table(location.parent, "", None)), "found an MLTable")
    if not asked and extension(name) not in _EXTENSIONS:
        return None
    size = stat(location).size
    head = read_range(location, 0, min(size, HEAD))
    if asked:
        _check_text(location, head)
    elif not holds_records(head):
        return None
    return Sources([SourceFile(location, location.path)], "" if asked else f"{name} holds training records")


def _of_directory(tree: Tree, root: Location, asked: bool) -> Sources | None:
    if kind(root.below(LATEST)) == "file" and kind(root.below(BUILDS)) == "directory":
        listed_below = [file.path for file in tree.listing_of(root).files]
        if LATEST in listed_below:  # Not where it is the output of this very build, which is none of its source.
            beside = any(extension(path) in IMAGE_FORMATS for path in listed_below if not path.startswith(f"{BUILDS}/"))
            return _of_output(root)._replace(certain=not beside, beats=frozenset() if beside else BEATEN)
    name = posixpath.basename(root.path)
    if BUILD_NAME.fullmatch(name) and kind(root.below(MANIFEST)) == "file":
        return _of_build(root, manifest_at(root.below(MANIFEST)))

    def near(*extensions: str) -> list[StoredFile]:
        return [file for file in tree.visible_of(*extensions, below=root) if file.path.count("/") <= _DEEPEST]

    # Beside images and other annotations, records may be what somebody has made of these.
    alone = not near(*IMAGE_FORMATS)
    tables = [file.path for file in near("") if posixpath.basename(file.path) == "MLTable"]
    if not (asked or alone) and tree.config.task.startswith("image_classification"):
        return None
    if tables:
        names = _near(tree, root)
        found = [each for path in tables for each in _of_table(root, posixpath.dirname(path), names)]
        return Sources(found, f"found {listed(tables)}", alone)
    candidates = near(*_EXTENSIONS[:2])[:_LOOKED_AT]
    heads = in_threads(lambda file: read_range(root.below(file.path), 0, min(file.size, HEAD)), candidates)
    chosen = [file.path for file, head in zip(candidates, heads, strict=True) if holds_records(head)]
    if not chosen:
        if asked:
            raise UsageError(
                f"{root.shown}: found no MLTable, no build, and no file of JSON objects with image_url and label among "
                f"{counted(len(_near(tree, root)), 'file')}; name the file itself"
            )
        return None
    return Sources(
        [SourceFile(root.below(path), path) for path in chosen], f"found {listed(chosen)}, training records", alone
    )


def _near(tree: Tree, root: Location) -> list[str]:
    """The paths of the files below a directory that are looked at."""
    return [
        file.path for file in tree.listing_of(root).files if not hidden(file.path) and file.path.count("/") <= _DEEPEST
    ]


# Files of records. --------------------------------------------------------------------------------------------------


def first_records(head: bytes) -> list[dict[str, Any]]:
    """The JSON objects among the whole lines that a file begins with; a line that is longer than the head is no whole one."""
    lines = head.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    records: list[dict[str, Any]] = []
    for line in lines[:20]:
        try:
            # Python's takes NaN as well, which costs no more than the object where it stands.
            record = json.loads(line) if b"NaN" in line else msgspec.json.decode(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(record, dict):
            records.append(record)
    return records


def _task_of(files: Sequence[SourceFile]) -> Task | None:
    """The task that the labels of the first records are of; None where they do not tell."""
    for file in files:
        head = read_range(file.location, 0, min(stat(file.location).size, HEAD))
        for record in first_records(head):
            label = record.get("label")
            if isinstance(label, str):
                return "image_classification"
            if isinstance(label, list) and label:
                if not isinstance(label[0], dict):
                    return "image_classification_multilabel"
                return "image_instance_segmentation" if "polygon" in label[0] else "image_object_detection"
    return None


_LONG_LINE = re.compile(rb'\s*\{[^\n]*"image_url"\s*:\s*"')


def holds_records(head: bytes) -> bool:
    """Tell whether a file that begins with `head` holds training records: objects with image_url and label, one a line."""
    records = first_records(head)
    if records:
        return any("image_url" in record and "label" in record for record in records)
    return b"\n" not in head and _LONG_LINE.match(head.removeprefix(b"\xef\xbb\xbf")) is not None


def _begins_between_lines(head: bytes) -> bool:
    """Tell whether the first object ends in another line than it begins in, or another one begins where it ends."""
    text = head.decode("utf-8-sig", "replace").lstrip()
    try:
        found, end = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and "image_url" in found and ("\n" in text[:end] or text[end : end + 1] == "{")


def _check_text(location: Location, head: bytes) -> None:
    """Refuse a file that was named as JSON Lines and is none.

    Raises:
        UsageError: it is compressed, in another encoding, one JSON document, or of objects without image_url.
    """
    expected = "expected a JSON object a line, with image_url and label"
    if head.startswith(b"\x1f\x8b"):
        raise UsageError(f"{location.shown}: is compressed with gzip; {expected}; unpack it first")
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in head[:8]:
        raise UsageError(
            f"{location.shown}: is UTF-16 or UTF-32, or no text at all; {expected}, as UTF-8; convert it with: iconv -f "
            "UTF-16 -t UTF-8"
        )
    if head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"["):
        raise UsageError(
            f"{location.shown}: is a JSON list; {expected}; write its elements one a line, with: jq -c '.[]'"
        )
    records = first_records(head)
    if not records and _begins_between_lines(head):
        raise UsageError(
            f"{location.shown}: holds JSON objects over several lines, or several in one; {expected}; write them so with: jq -c ."
        )
    if records and not any("image_url" in record for record in records):
        raise UsageError(f"{location.shown}: its first record has the keys {listed(records[0])}; {expected}")


# MLTable. -----------------------------------------------------------------------------------------------------------

_KEEPS_ROWS = frozenset({"read_json_lines", "convert_column_types"})
"""Transformations that leave every record what it is."""


def _of_table(root: Location, folder: str, names: Sequence[str] | None) -> Iterator[SourceFile]:
    """The files that an MLTable names; `names` are those below the root, None where it was not listed."""
    here = root.below(folder) if folder else root
    table = here.below("MLTable")
    try:
        content = load_yaml(read_bounded(table, _LARGEST_TABLE))
    except NoYamlError as error:
        raise UsageError(f"{table.shown}: not YAML: {error}") from None
    paths = content.get("paths") if isinstance(content, dict) else None
    steps = content.get("transformations") if isinstance(content, dict) else None
    done = [next(iter(step)) if isinstance(step, dict) and step else step for step in steps or []]
    if "read_json_lines" not in done or not isinstance(paths, list):
        raise UsageError(
            f"{table.shown}: found the transformations {listed(map(str, done)) or 'none'}, expected paths and read_json_lines"
        )
    if others := [str(step) for step in done if step not in _KEEPS_ROWS]:
        raise UsageError(
            f"{table.shown}: {listed(others)} may leave out records or columns, and is not followed; name the JSON Lines files "
            "themselves"
        )
    if names is None:
        from labelbeam.transforms.stores.listing import list_files

        names = [file.path for file in list_files(here).files]
    above = f"{folder}/" if folder else ""
    inside = [name[len(above) :] for name in names if name.startswith(above)]
    for entry in paths:
        (how, pattern) = next(iter(entry.items())) if isinstance(entry, dict) and len(entry) == 1 else ("", entry)
        safe = safe_relative(pattern) if isinstance(pattern, str) and "://" not in pattern else None
        if how not in ("file", "pattern") or safe is None:
            raise UsageError(
                f"{table.shown}: found the path {entry!r}, expected `file` or `pattern` below the directory; name the JSON Lines "
                "files themselves"
            )
        found = sorted(name for name in inside if (fnmatchcase(name, safe) if how == "pattern" else name == safe))
        if not found:
            raise LabelBeamError(f"{table.shown}: {how} {pattern}: no such file in {here.shown}")
        for name in found:
            yield SourceFile(here.below(name), posixpath.join(posixpath.basename(here.path), name))


# Earlier builds. ----------------------------------------------------------------------------------------------------


def _of_output(output: Location) -> Sources:
    manifest = latest_manifest(output)
    if manifest is None:
        raise nothing_published(output)
    return _of_build(place_of(output, manifest), manifest)


def _of_build(build: Location, manifest: Manifest) -> Sources:
    """The JSON Lines of a build, by its manifest, which somebody else may have written."""
    said = manifest.source.images
    named = bool(said) and manifest.source.image_prefix != ""
    prefix = configured_prefix(manifest) or (default_prefix(said) if named else None)
    prefix = None if prefix is None or is_redacted(prefix) else prefix
    images = said if named and not is_redacted(said) else None
    files: list[SourceFile] = []
    for split, part in manifest.splits.items():
        for entry in part.files:
            inside = (
                BUILD_FILE.fullmatch(entry.path) and entry.path.startswith(f"{split}/") and within(build, entry.path)
            )
            if not inside:
                raise LabelBeamError(
                    f"{build.below(MANIFEST).shown}: names a file {entry.path!r} of split {split!r}, expected one in its folder"
                )
            files.append(SourceFile(build.below(entry.path), entry.path, split, prefix, images, entry.bytes))
    return Sources(
        files,
        f"found the build {manifest.build} of {manifest.task}",
        task=cast("Task", manifest.task) if manifest.task in TASKS else None,
    )
