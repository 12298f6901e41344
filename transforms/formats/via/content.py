"""Files of VIA 2 as one list of images with their regions, whatever they were saved or exported as.

The fields are those of VIA's `CodeDoc.md` and `via.js`: `_via_img_metadata` of a project is what an export of annotations is alone,
and a row of a CSV is one region of it. VIA 1 has `regions` by number, and `#filename`.
"""

from __future__ import annotations

import csv
import io
from typing import Any, NamedTuple

from labelbeam.transforms.formats.drawn import JsonError, decode_json
from labelbeam.transforms.messages.words import counted

_LONGEST_CELL = 16 * 2**20
_DIGITS = 16


class ViaError(ValueError):
    """A file that cannot be read as a whole; the message says why."""


class ViaFile(NamedTuple):
    """One image of a file: its name, attributes and regions, each with its place. `bad` says why it cannot be read.

    `size` are its bytes, which VIA tells images of one name apart by; 0 where it does not say.
    """

    name: Any
    locator: str
    attributes: Any
    regions: list[tuple[str, Any, Any]]
    bad: str = ""
    size: int = 0


class ViaContent(NamedTuple):
    """Images of a file, and the folder that its project says they lie in."""

    files: list[ViaFile]
    folder: str = ""


def read_content(data: bytes, path: str) -> ViaContent:
    """Read a project, exported JSON, or exported CSV, by the extension.

    Raises:
        ViaError: it is none of these.
    """
    return _of_csv(data) if path.lower().endswith(".csv") else _of_json(data)


def _of_json(data: bytes) -> ViaContent:
    try:
        content = decode_json(data)
    except JsonError as error:
        raise ViaError(str(error)) from None
    if not isinstance(content, dict):
        raise ViaError("it holds no JSON object")
    entries, folder = content, ""
    if "_via_img_metadata" in content:
        entries = content["_via_img_metadata"]
        settings = content.get("_via_settings")
        core = settings.get("core") if isinstance(settings, dict) else None
        named = core.get("default_filepath") if isinstance(core, dict) else None
        folder = named if isinstance(named, str) else ""
    if not isinstance(entries, dict):
        raise ViaError("_via_img_metadata is no object")
    return ViaContent([_entry(key, entry) for key, entry in entries.items() if not key.startswith("_via_")], folder)


def _entry(key: str, entry: Any) -> ViaFile:
    locator = f"{key:.200}"
    if not isinstance(entry, dict):
        return ViaFile(key, locator, {}, [], f"the entry is {entry!r:.60}, expected an object")
    regions = entry.get("regions") or []
    pairs: list[tuple[Any, Any]]
    if isinstance(regions, dict):
        pairs = list(regions.items())
    elif isinstance(regions, list):
        pairs = list(enumerate(regions))
    else:
        return ViaFile(entry.get("filename"), locator, {}, [], f"regions is {regions!r:.60}, expected a list")
    read = [
        (f"regions[{place!s:.20}]", region.get("shape_attributes"), region.get("region_attributes"))
        if isinstance(region, dict)
        else (f"regions[{place!s:.20}]", region, None)
        for place, region in pairs
    ]
    size = entry.get("size")
    known = size if isinstance(size, int) and size > 0 else 0
    return ViaFile(entry.get("filename"), locator, entry.get("file_attributes"), read, size=known)


def _of_csv(data: bytes) -> ViaContent:
    if csv.field_size_limit() < _LONGEST_CELL:
        csv.field_size_limit(_LONGEST_CELL)
    try:
        text = data.decode("utf-8-sig")
        rows = list(csv.reader(io.StringIO(text, newline=""), skipinitialspace=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise ViaError(f"it is no CSV in UTF-8: {error}") from None
    columns = [cell.strip().lstrip("#") for cell in rows[0]] if rows else []
    needed = ("filename", "region_shape_attributes", "region_attributes")
    if missing := [name for name in needed if name not in columns]:
        raise ViaError(f"its first row has no column {missing[0]}")
    files: dict[tuple[str, str], ViaFile] = {}
    for count, row in enumerate(rows[1:], 2):
        if not any(row):
            continue
        cells = dict(zip(columns, row, strict=False))
        name, size = cells.get("filename", ""), cells.get("file_size", "")
        bad = "" if len(row) == len(columns) else f"the row has {counted(len(row), 'cell')}, expected {len(columns)}"
        known = int(size) if size.isascii() and size.isdigit() and len(size) < _DIGITS else 0
        new = ViaFile(name, f"row {count}", _json_cell(cells.get("file_attributes")), [], size=known)
        file = files.setdefault((name, size), new)
        shape = _json_cell(cells.get("region_shape_attributes"))
        # An image without a region has a row of its own, with an empty shape.
        if bad or shape != {}:
            file.regions.append((f"row {count}", bad or shape, _json_cell(cells.get("region_attributes"))))
    return ViaContent(list(files.values()))


def _json_cell(cell: str | None) -> Any:
    """The JSON of a cell; the text itself where it is none, which no shape is."""
    if not cell or not cell.strip():
        return {}
    try:
        return decode_json(cell.encode("utf-8", "surrogatepass"))
    except JsonError:
        return cell
