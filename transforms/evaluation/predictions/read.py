"""Predictions, in every form that they come in: found out by content, read strictly.

A row that cannot be read ends the evaluation: what is left of the others would be figures of something else.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain
from typing import NamedTuple, TypeAlias

import msgspec

from labelbeam.schemas.layout import build_folder
from labelbeam.schemas.predictions import PREDICTIONS, LabelsPrediction, ObjectsPrediction
from labelbeam.schemas.python_json import oddity
from labelbeam.transforms.builds.published import latest_build
from labelbeam.transforms.evaluation.predictions.azure import CsvRow, csv_rows, prediction_of_row, prediction_of_text
from labelbeam.transforms.evaluation.predictions.batch import BatchRow, prediction_of_answer, prediction_of_batch_row
from labelbeam.transforms.evaluation.predictions.checks import PredictionsError, check_prediction
from labelbeam.transforms.evaluation.predictions.coco import CocoNames, CocoObjects, collect_results
from labelbeam.transforms.messages.redact import redact
from labelbeam.transforms.stores.errors import MissingFileError
from labelbeam.transforms.stores.files import kind, list_directory
from labelbeam.transforms.stores.globs import expand
from labelbeam.transforms.stores.location import Location, StorageOptions
from labelbeam.transforms.stores.reading import ANY, read_bounded

Value: TypeAlias = LabelsPrediction | ObjectsPrediction | CocoObjects


class Form(StrEnum):
    """The forms of predictions, in words."""

    LINES = "JSON lines of labelbeam score"
    COCO = "COCO results"
    AZURE_JSON = "labeled_dataset.json of Azure's batch scoring"
    AZURE_CSV = "predictions.csv of Azure's batch scoring"
    BATCH = "predictions of an Azure batch endpoint"


class Said(NamedTuple):
    """Prediction for one image: `name` is its URL or path, `place` where it was said, for messages."""

    name: str
    place: str
    value: Value


@dataclass(slots=True)
class Predictions:
    """All predictions, in the order of their files, and the form of these."""

    form: Form
    said: list[Said]


class _Item(NamedTuple):
    """An element of a JSON array, or a line: where it is, and its bytes."""

    place: str
    raw: bytes | msgspec.Raw


def read_predictions(url: str, storage: StorageOptions, task: str, names: CocoNames) -> Predictions:
    """Read what `url` names: the output of `labelbeam score` or of Azure's batch scoring, a file of any form, or a glob.

    Args:
        url: where they are.
        storage: fsspec options by protocol.
        task: the task that they have to be of.
        names: what the ids in COCO results stand for.

    Raises:
        StoreError: a file is missing or cannot be read.
        PredictionsError: a file is of no known form, or a row of it cannot be read; the files differ in form; or there is not
            one prediction.
    """
    parts: list[Predictions] = []
    before: Location | None = None
    for location in prediction_files(url, storage):
        found = parse_predictions(read_bounded(location, ANY), location.shown, task, names)
        if found is None:
            continue
        if before is not None and found.form != parts[0].form:
            raise PredictionsError(
                f"{location.shown}: found {found.form}, while {before.shown} holds {parts[0].form}; expected one form in all files"
            )
        parts.append(found)
        before = before or location
    if not parts:
        raise PredictionsError(f"{redact(url)}: found no predictions; expected {EXPECTED}")
    return Predictions(parts[0].form, list(chain.from_iterable(part.said for part in parts)))


EXPECTED = (
    "the output directory of labelbeam score, JSON lines as labelbeam schema prints them, COCO results, or predictions.csv or "
    "labeled_dataset.json of Azure's batch scoring or of a batch endpoint"
)


def prediction_files(url: str, storage: StorageOptions) -> list[Location]:
    """The files of predictions that `url` names.

    Raises:
        StoreError: there are none, or the store cannot be asked; or a pointer leads elsewhere than to a build.
        PredictionsError: a directory holds none.
    """
    found = expand(url, storage)
    if len(found) > 1 or (what := kind(found[0])) not in (None, "directory"):
        return found
    (folder,) = found
    if what is None:
        raise MissingFileError(f"{folder.shown}: it does not exist; expected {EXPECTED}")
    build = latest_build(folder)
    if build is None:
        names = {file.path for file in list_directory(folder).files}
        for name in ("labeled_dataset.json", "predictions.csv"):
            if name in names:
                return [folder.below(name)]
        raise PredictionsError(
            f"{folder.shown}: found neither latest.json nor labeled_dataset.json nor predictions.csv; expected {EXPECTED}. "
            "Other files are named by themselves, or by a glob"
        )
    held = folder.below(f"{build_folder(build)}/predictions")
    shards = [file.path for file in list_directory(held).files if file.path.startswith("predictions-")]
    if not shards:
        raise PredictionsError(
            f"{held.shown}: found no predictions-*.jsonl; expected the output of labelbeam score. If this is a build of labelbeam "
            "convert, it is the truth: labelbeam evaluate BUILDS --predictions SCORES"
        )
    return [held.below(name) for name in shards if name.endswith(".jsonl")]


def parse_predictions(data: bytes, shown: str, task: str, names: CocoNames) -> Predictions | None:
    """Predictions in the bytes of one file; None where there is nothing. `shown` is the file's name for messages.

    Raises:
        PredictionsError: as for `read_predictions`.
    """
    data = _as_utf8(data, shown)
    start = data.lstrip()[:1]
    if not start:
        return None
    if start not in (b"[", b"{"):
        rows = csv_rows(data, shown)
        if rows and isinstance(rows[0], BatchRow):
            return Predictions(
                Form.BATCH, [Said(*prediction_of_batch_row(row, task)) for row in rows if isinstance(row, BatchRow)]
            )
        return Predictions(
            Form.AZURE_CSV, [Said(*prediction_of_row(row, task)) for row in rows if isinstance(row, CsvRow)]
        )
    items = _elements(data, shown) if start == b"[" else _lines(data, shown)
    first = next(items, None)
    if first is None:  # An array of nothing: what a detector writes that has found nothing.
        return Predictions(Form.COCO, [])
    form = _form(first, task)
    everything = chain([first], items)
    if form is Form.COCO:
        results = collect_results(everything, names, task)
        return Predictions(form, [Said(name, objects.place, objects) for name, objects in results.items()])
    if form is Form.AZURE_JSON:
        return Predictions(form, [Said(*prediction_of_text(*item, task)) for item in everything])
    if form is Form.BATCH:
        return Predictions(form, [Said(*prediction_of_answer(*item, task)) for item in everything])
    decoder = msgspec.json.Decoder(PREDICTIONS[task])
    return Predictions(form, [_decode(item, decoder) for item in everything])


def _as_utf8(data: bytes, shown: str) -> bytes:
    """The bytes of a file without a byte order mark, from UTF-16 where its mark says so, as PowerShell's `>` writes it.

    Raises:
        PredictionsError: it is compressed, or no text.
    """
    if data.startswith(b"\x1f\x8b"):
        raise PredictionsError(
            f"{shown}: is compressed with gzip; expected JSON or CSV; unpack it first, with: gzip -d"
        )
    if not data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.removeprefix(codecs.BOM_UTF8)
    try:
        return data.decode("utf-16").encode()
    except UnicodeError as error:
        raise PredictionsError(
            f"{shown}: begins as UTF-16 and is none: {error}; expected JSON or CSV in UTF-8"
        ) from None


def _elements(data: bytes, shown: str) -> Iterator[_Item]:
    try:
        elements = msgspec.json.decode(data, type=list[msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise PredictionsError(f"{shown}: not JSON: {_words(error, data)}") from None
    for number, raw in enumerate(elements):
        yield _Item(f"{shown}, element {number}", raw)


def _lines(data: bytes, shown: str) -> Iterator[_Item]:
    for number, line in enumerate(data.splitlines(), 1):
        if line.strip():
            yield _Item(f"{shown}, line {number}", line)


def _words(error: Exception, data: bytes) -> str:
    """The fault of a JSON text; a score of NaN, as Python writes it, is named as such."""
    odd = oddity(data)
    return str(error) if odd is None else odd.words


def _form(item: _Item, task: str) -> Form:
    """The form of JSON, by the keys of its first element."""
    try:
        keys = msgspec.json.decode(item.raw, type=dict[str, msgspec.Raw]).keys()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        words = _words(error, bytes(item.raw))
        advice = "; if it goes on in the next line, write it so with: jq -c ." if "truncated" in words else ""
        raise PredictionsError(f"{item.place}: {words}; expected a JSON object on a line of its own{advice}") from None
    if "image_id" in keys:
        return Form.COCO
    if "label_confidence" in keys:
        return Form.AZURE_JSON
    if {"annotations", "images"} & keys:
        raise PredictionsError(
            f"{item.place}: found a COCO dataset; expected COCO results, an array of objects with image_id, category_id, bbox "
            "and score. A dataset that says what their ids mean is named by --coco"
        )
    kinds = {"boxes": ObjectsPrediction, "probs": LabelsPrediction}
    for key, form in kinds.items():
        if key in keys and PREDICTIONS[task] is not form:
            wanted = next(other for other in kinds if other != key)
            raise PredictionsError(f"{item.place}: found {key}; expected {wanted}, since the build is for {task}")
    if kinds.keys() & keys and {"image_url", "filename"} & keys:
        return Form.LINES if "image_url" in keys else Form.BATCH
    raise PredictionsError(
        f"{item.place}: found an object with {', '.join(sorted(keys)) or 'nothing'}; expected {EXPECTED}"
    )


def _decode(item: _Item, decoder: msgspec.json.Decoder[LabelsPrediction | ObjectsPrediction]) -> Said:
    try:
        value = decoder.decode(item.raw)
        check_prediction(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
        fractions = (
            "; coordinates, scores and probabilities are fractions from 0 to 1" if "`float` " in str(error) else ""
        )
        raise PredictionsError(f"{item.place}: {_words(error, bytes(item.raw))}{fractions}") from None
    if isinstance(value, LabelsPrediction):  # Explanations are many times as large as all else, and not compared.
        value.visualizations = value.attributions = None
    return Said(value.image_url, item.place, value)
