"""What is told of a file of JSON Lines by the evidence of all of its records."""

from __future__ import annotations

import pytest

from labelbeam.schemas.doubts import Doubted
from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.formats.frames import Evidence
from labelbeam.transforms.formats.jsonl.remarks import doubts_of, refuse_pixels

SOURCE = "https://h/s.jsonl?sig=hunter2secret"


def evidence(example: str = "line 3", **counts: int) -> Evidence:
    found = Evidence()
    for name, count in counts.items():
        found.add(name, count, example)
    return found


@pytest.mark.parametrize(("beyond", "objects", "refused"), [(6, 10, True), (5, 10, False), (1, 1, True), (0, 0, False)])
def test_coordinates_that_are_mostly_far_outside_are_taken_for_pixels(beyond: int, objects: int, refused: bool) -> None:
    found = evidence(objects=objects, coordinates_beyond_2=beyond)
    if not refused:
        refuse_pixels(SOURCE, found)
        return
    with pytest.raises(
        UsageError, match=f"{beyond} of {objects} objects have coordinates beyond 2, such as that of line 3"
    ) as caught:
        refuse_pixels(SOURCE, found)
    assert "hunter2" not in str(caught.value)


def test_of_nothing_nothing_is_told() -> None:
    assert list(doubts_of(SOURCE, evidence(objects=100))) == []


def test_each_kind_of_evidence_is_one_doubt_with_its_count_and_no_credential() -> None:
    names = (
        "dropped_by_trainer",
        "coordinates_beyond_2",
        "crowd_unknown",
        "confidences_below_one",
        "urls_elsewhere",
        "urls_with_query",
    )
    doubts = list(
        doubts_of(
            SOURCE,
            evidence(
                "line 3: https://h/1.jpg?sig=hunter2secret", **{name: number for number, name in enumerate(names, 2)}
            ),
        )
    )
    assert [(doubt.code, doubt.count) for doubt in doubts] == [
        (Doubted.DROPPED_BY_TRAINER, 2),
        (Doubted.FRAMES_DISAGREE, 3),
        (Doubted.CROWD_UNKNOWN, 4),
        (Doubted.CONFIDENCES_BELOW_ONE, 5),
        (Doubted.URLS_ELSEWHERE, 6),
    ]
    for doubt in doubts:
        assert f"{doubt.count} " in doubt.message
        assert "hunter2" not in doubt.message + doubt.example
