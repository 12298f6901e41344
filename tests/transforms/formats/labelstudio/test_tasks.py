"""Exports of Label Studio as one list of tasks, and which of a task's annotations are read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from labelbeam.transforms.formats.labelstudio.tasks import Annotation, StudioError, StudioTask, choose, read_tasks

RESULT = {"from_name": "label", "value": {"rectanglelabels": ["cat"]}}


def tasks(content: Any) -> list[StudioTask]:
    return read_tasks(json.dumps(content).encode())


def test_every_export_gives_the_same_task() -> None:
    about = {"completed_by": {"id": 5, "email": "a@b"}, "updated_at": "2024", "was_cancelled": False}
    annotation = {"result": [RESULT], **about}
    full = {"id": 3, "data": {"image": "1.jpg"}, "annotations": [annotation], "predictions": [{"result": []}]}
    old = {"id": 3, "data": {"image": "1.jpg"}, "completions": [annotation], "predictions": [{"result": []}]}
    stored = {**annotation, "id": 9, "task": {"id": 3, "data": {"image": "1.jpg"}}}
    people = frozenset({"5", "a@b"})
    expected = StudioTask("task 3", {"image": "1.jpg"}, [Annotation([RESULT], people, "2024")], [Annotation([])])
    assert tasks([full]) == tasks(full) == tasks({"tasks": [full]}) == tasks([old]) == [expected]
    assert tasks(stored) == [expected._replace(predictions=())]


def test_a_minimal_export_tells_results_by_their_place() -> None:
    box = {"x": 1, "rectanglelabels": ["cat"], "original_width": 9}
    entry = {
        "image": "1.jpg",
        "caption": "a cat",
        "id": 3,
        "label": [box],
        "kind": "wet",
        "note": {"choices": ["a", "b"]},
    }
    behind = {"annotator": 5, "annotation_id": 8, "created_at": "2023", "updated_at": "2024", "lead_time": 1.5}
    (task,) = tasks([entry | behind])
    assert task.data == {"image": "1.jpg", "caption": "a cat"}
    (annotation,) = task.annotations
    assert (annotation.by, annotation.changed) == (frozenset({"5"}), "2024")
    assert annotation.results == [
        {"from_name": "label", "value": box, "original_width": 9},
        {"from_name": "kind", "value": {"choices": ["wet"]}},
        {"from_name": "note", "value": {"choices": ["a", "b"]}},
    ]


def test_entries_of_one_task_are_its_annotations() -> None:
    first = {"image": "1.jpg", "id": 3, "kind": "wet", "annotator": 1}
    found = tasks([first, first | {"kind": "dry", "annotator": 2}, first | {"image": "2.jpg"}])
    assert [(task.data, len(task.annotations)) for task in found] == [({"image": "1.jpg"}, 2), ({"image": "2.jpg"}, 1)]


@pytest.mark.parametrize(
    ("entry", "bad"),
    [
        (7, "the task is 7"),
        ({"id": 1, "data": "x"}, "data is 'x'"),
        ({"id": 1, "data": {}, "annotations": 5}, "annotations or predictions are no lists"),
    ],
)
def test_a_task_that_cannot_be_read_says_why(entry: Any, bad: str) -> None:
    assert tasks([entry, {"id": 2, "data": {}}])[0].bad.startswith(bad)


@pytest.mark.parametrize("data", [b"", b"7", b'"x"', b"[" * 99999])
def test_what_is_no_list_is_refused(data: bytes) -> None:
    with pytest.raises(StudioError):
        read_tasks(data)


OLD, NEW = Annotation([1], frozenset({"1"}), "2023"), Annotation([2], frozenset({"2"}), "2024")
GONE, TRUE = NEW._replace(cancelled=True), OLD._replace(truth=True)
MODEL = Annotation([9], changed="2022")


@pytest.mark.parametrize(
    ("made", "which", "annotator", "read", "several"),
    [
        ([NEW], "detect", None, [NEW], False),
        ([NEW, OLD], "detect", None, [NEW], True),
        ([NEW, OLD], "latest", None, [NEW], False),
        ([NEW, OLD], "first", None, [OLD], False),
        ([NEW, OLD], "all", None, [NEW, OLD], False),
        ([NEW, TRUE], "detect", None, [TRUE], False),
        ([TRUE, TRUE], "detect", None, [TRUE], True),
        ([GONE, OLD], "detect", None, [OLD], False),
        ([NEW, OLD], "detect", "1", [OLD], False),
        ([NEW], "detect", "3", [], False),
        ([GONE], "detect", None, [], False),
        ([], "detect", None, [], False),
        ([], "predictions", None, [MODEL], False),
        ([NEW, OLD], "predictions", None, [NEW], True),
    ],
)
def test_which_annotations_are_read_is_decided_by_the_options(
    made: Any, which: str, annotator: str | None, read: Any, several: bool
) -> None:
    found = choose(StudioTask("task 1", {}, made, [MODEL]), which, annotator)
    assert (list(found.annotations), found.several, found.predicted) == (read, several, read == [MODEL])
