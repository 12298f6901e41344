"""Files of Label Studio as one list of tasks with their annotations, whichever export they are of.

A task of JSON has `data`, `annotations` (`completions` before version 1.0) and `predictions`. JSON-MIN has an entry for each annotation:
the fields of `data`, then `id`, then each control's results by its name, then `annotator` and what else is known of the annotation. What a
storage is synchronised with is an annotation that holds its task.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from labelbeam.transforms.formats.drawn import JsonError, decode_json

_BEHIND = frozenset(
    {"id", "annotator", "annotation_id", "created_at", "updated_at", "lead_time", "agreement", "annotators"}
)


class StudioError(ValueError):
    """A file that cannot be read as a whole; the message says why."""


class Annotation(NamedTuple):
    """An annotation of a task, or a model's prediction: results, and who made it when, as far as it is known."""

    results: Any
    by: frozenset[str] = frozenset()
    changed: str = ""
    cancelled: bool = False
    truth: bool = False


class StudioTask(NamedTuple):
    """One task: its data, of which a field names the image, and all that was said of it. `bad` says why it cannot be read."""

    locator: str
    data: Mapping[str, Any]
    annotations: Sequence[Annotation] = ()
    predictions: Sequence[Annotation] = ()
    bad: str = ""


def read_tasks(data: bytes) -> list[StudioTask]:
    """Read an export.

    Raises:
        StudioError: it is no JSON, or neither a list nor an object.
    """
    try:
        content = decode_json(data)
    except JsonError as error:
        raise StudioError(str(error)) from None
    if isinstance(content, dict):
        content = content["tasks"] if isinstance(content.get("tasks"), list) else [content]
    if not isinstance(content, list):
        raise StudioError("it holds no list of tasks")
    return _joined([_task(place, entry) for place, entry in enumerate(content)])


def _task(place: int, entry: Any) -> StudioTask:
    if not isinstance(entry, dict):
        return StudioTask(f"[{place}]", {}, bad=f"the task is {entry!r:.60}, expected an object")
    inner = entry.get("task")
    if isinstance(inner, dict) and "result" in entry:
        return StudioTask(_locator(place, inner), _mapping(inner.get("data")), [_annotation(entry)])
    locator = _locator(place, entry)
    if "data" in entry and not {"annotator", "annotation_id"} & set(entry):
        if not isinstance(entry["data"], dict):
            return StudioTask(locator, {}, bad=f"data is {entry['data']!r:.60}, expected an object")
        said = [entry.get(key) or [] for key in ("annotations", "completions", "predictions")]
        if not all(isinstance(each, list) for each in said):
            return StudioTask(locator, entry["data"], bad="annotations or predictions are no lists")
        named = {"file_upload": entry["file_upload"]} if isinstance(entry.get("file_upload"), str) else {}
        made = [_annotation(each) for each in (*said[0], *said[1])]
        return StudioTask(locator, {**named, **entry["data"]}, made, [_annotation(each) for each in said[2]])
    return _minimal(locator, entry)


def _minimal(locator: str, entry: Mapping[str, Any]) -> StudioTask:
    """An entry of JSON-MIN: fields up to `id` are data; behind it are results, whose lists of regions tell them anywhere else."""
    names = list(entry)
    first = names.index("id") if "id" in names else -1
    last = names.index("annotator") if "annotator" in names else len(names)
    results: list[Any] = []
    data: dict[str, Any] = {}
    for at, (name, value) in enumerate(entry.items()):
        regions = value if isinstance(value, list) else [value]
        if name in _BEHIND:
            continue
        if first < at < last and first >= 0:
            results += [_of_minimal(name, each) for each in regions]
        elif any(isinstance(each, dict) for each in regions):
            results += [_of_minimal(name, each) for each in regions if isinstance(each, dict)]
        else:
            data[name] = value
    changed = str(entry.get("updated_at") or entry.get("created_at") or "")
    return StudioTask(locator, data, [Annotation(results, _people(entry.get("annotator")), changed)])


def _of_minimal(name: str, value: Any) -> Any:
    """A result as JSON has it, from one of JSON-MIN: a region, choices, or one choice alone."""
    if isinstance(value, str):
        value = {"choices": [value]}
    if not isinstance(value, dict):
        return {"from_name": name, "value": {}}
    sizes = {key: value[key] for key in ("original_width", "original_height", "image_rotation") if key in value}
    return {"from_name": name, "value": value, **sizes}


def _joined(tasks: list[StudioTask]) -> list[StudioTask]:
    """The same tasks, those of one locator as one: JSON-MIN has an entry for each annotation, with the id of its task."""
    joined: dict[str, StudioTask] = {}
    for task in tasks:
        before = joined.get(task.locator)
        same = before is not None and before.data == task.data and not before.bad and not task.bad
        if before is not None and same:
            task = before._replace(annotations=[*before.annotations, *task.annotations])
            joined[task.locator] = task
        else:
            key = task.locator if before is None else f"{task.locator} again {len(joined)}"
            joined[key] = task
    return list(joined.values())


def _locator(place: int, entry: Mapping[str, Any]) -> str:
    known = entry.get("id")
    return f"task {known!s:.40}" if isinstance(known, int | str) and not isinstance(known, bool) else f"[{place}]"


def _annotation(entry: Any) -> Annotation:
    if not isinstance(entry, dict):
        return Annotation(entry)
    changed = str(entry.get("updated_at") or entry.get("created_at") or "")
    cancelled, truth = (entry.get(key) is True for key in ("was_cancelled", "ground_truth"))
    return Annotation(entry.get("result"), _people(entry.get("completed_by")), changed, cancelled, truth)


def _people(value: Any) -> frozenset[str]:
    """The names of whoever made an annotation: an id, or an object with id and email."""
    values = [value.get("id"), value.get("email")] if isinstance(value, dict) else [value]
    return frozenset(str(each) for each in values if isinstance(each, int | str) and each != "")


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


class Chosen(NamedTuple):
    """The annotations of a task that are read; whether others were left, between which nothing decides, or a model made them."""

    annotations: Sequence[Annotation]
    several: bool = False
    predicted: bool = False


def choose(task: StudioTask, which: str, annotator: str | None) -> Chosen:
    """Choose by --labelstudio-annotations and --labelstudio-annotator; none where nobody has annotated the task."""
    live = [each for each in task.annotations if not each.cancelled and (annotator is None or annotator in each.by)]
    if not live:
        made = list(task.predictions) if which == "predictions" and annotator is None else []
        return Chosen([_latest(made)] if made else [], predicted=bool(made))
    if which == "all":
        return Chosen(live)
    if which == "first":
        return Chosen([min(live, key=lambda each: each.changed)])
    truths = [each for each in live if each.truth]
    candidates = truths or live
    return Chosen([_latest(candidates)], which != "latest" and len(candidates) > 1)


def _latest(annotations: Sequence[Annotation]) -> Annotation:
    """The last that was changed; of those of one time, the last."""
    latest = annotations[0]
    for each in annotations:
        latest = each if each.changed >= latest.changed else latest
    return latest
