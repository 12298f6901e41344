"""Surveys of all buckets, and what shows that they are of all."""

from __future__ import annotations

from labelbeam.transforms.workers.parcels import parcel_sum
from labelbeam.transforms.write.surveyed import Surveyed, are_whole, join_surveyed, survey_parcels


def test_a_survey_says_what_it_was_made_of() -> None:
    parts = [
        survey_parcels(lambda encoded, more: len(encoded) + more, 5, encoded, 1) for encoded in ([b"a"], [b"b", b"c"])
    ]
    assert [part.found for part in parts] == [2, 3]
    joined = join_surveyed(sum, [join_surveyed(sum, parts[:1]), parts[1]])
    assert joined == Surveyed(parcel_sum([b"a", b"b", b"c"]), frozenset([5]), 5)


def test_a_survey_is_whole_when_it_was_made_of_what_was_sent_by_what_all_are_told() -> None:
    survey = Surveyed(9, frozenset([5]))
    assert are_whole({"s": survey}, ["s"], 9, 5)
    assert are_whole({}, [], 9, 5)
    assert not are_whole({"s": survey}, ["s"], 8, 5)
    assert not are_whole({"s": survey}, ["s"], 9, 6)
    assert not are_whole({"s": survey}, ["s", "t"], 9, 5)
