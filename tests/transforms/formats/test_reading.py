"""Findings of reading, merged in any order."""

from __future__ import annotations

import itertools
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from labelbeam.schemas.doubts import Doubt, merge_doubts
from labelbeam.transforms.columns.fragments import Fragment, decode
from labelbeam.transforms.formats.frames import Evidence, Tally
from labelbeam.transforms.formats.reading import Findings, ReadResult, encode_fragments, merge_findings
from labelbeam.transforms.workers.parcels import parcel_sum, unwrap

tallies = st.builds(Tally, st.integers(1, 9), st.sampled_from(["", "a 1", "a 2"]))


evidence = st.builds(Evidence, st.dictionaries(st.sampled_from(["boxes", "corners"]), tallies))


names = st.lists(st.sampled_from(["a", "b", "c"]), max_size=2, unique=True)


doubts = st.lists(st.builds(Doubt, st.sampled_from("ab"), st.sampled_from("xy"), st.integers(1, 3)), max_size=2)


findings = st.builds(
    Findings,
    st.integers(0, 9),
    st.dictionaries(st.sampled_from(["a", "b"]), evidence),
    doubts,
    names.map(sorted),
)


@settings(deadline=None, max_examples=60)
@given(st.lists(findings, min_size=1, max_size=3))
def test_findings_merge_to_the_same_in_any_order(parts: list[Findings]) -> None:
    assert len({repr(sorted_of(merge_findings(order))) for order in itertools.permutations(parts)}) == 1
    assert merge_findings(parts).records == sum(part.records for part in parts)


def sorted_of(merged: Findings) -> list[Any]:
    return [merged.records, sorted(merged.evidence.items(), key=str), merge_doubts(merged.doubts), merged.unsafe]


def test_a_result_says_what_it_hands_on() -> None:
    parts = encode_fragments([(3, Fragment(labels=["cat"])), (5, Fragment())])
    assert [bucket for bucket, _ in parts] == [3, 5]
    assert decode(unwrap(parts[0][1])).labels == ["cat"]
    result = ReadResult(Findings(records=7), parts)
    assert result.findings.sent == parcel_sum(data for _, data in parts) > 0
    assert ReadResult(Findings()).findings.sent == 0


def test_findings_of_nothing_are_none_and_a_file_that_was_cut_wrongly_is_named_once() -> None:
    assert merge_findings([]) == Findings()
    assert merge_findings([Findings(unsafe=["b"]), Findings(unsafe=["a", "b"])]).unsafe == ["a", "b"]
