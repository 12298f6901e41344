"""Findings of reading, merged in any order."""

from __future__ import annotations

import itertools
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from labelbeam.schemas.doubts import Doubt, merge_doubts
from labelbeam.schemas.neutral import SourceImage
from labelbeam.schemas.reasons import Skipped
from labelbeam.transforms.columns.fragments import Fragment, decode, fragments_of
from labelbeam.transforms.columns.hashes import sample_hash
from labelbeam.transforms.formats.frames import Evidence, Tally
from labelbeam.transforms.formats.reading import Findings, Reading, ReadResult, in_order, merge_findings
from labelbeam.transforms.workers.parcels import parcel_sum, unwrap
from tests.transforms.unit_runs import options
from tests.transforms.write.images import box, image

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
    st.just(0),
    st.dictionaries(st.sampled_from("ab"), st.integers(0, 3)),
    st.dictionaries(
        st.sampled_from("ab"), st.lists(st.sampled_from([1, 2, "1"]), max_size=2, unique=True).map(in_order)
    ),
    st.just(2),
    st.lists(st.integers(0, 9), max_size=2, unique=True).map(sorted),
)


@settings(deadline=None, max_examples=60)
@given(st.lists(findings, min_size=1, max_size=3))
def test_findings_merge_to_the_same_in_any_order(parts: list[Findings]) -> None:
    assert len({repr(sorted_of(merge_findings(order))) for order in itertools.permutations(parts)}) == 1
    assert merge_findings(parts).records == sum(part.records for part in parts)


def sorted_of(merged: Findings) -> list[Any]:
    tallies = [sorted(part.items()) for part in (merged.evidence, merged.labels, merged.label_ids)]
    return [merged.records, tallies, merge_doubts(merged.doubts), merged.unsafe, merged.lowest]


def test_a_result_says_what_it_hands_on() -> None:
    result = Reading(options()).result(Findings(records=7), [(3, Fragment(labels=["cat"])), (5, Fragment())])
    parts = result.fragments
    assert [bucket for bucket, _ in parts] == [3, 5]
    assert decode(unwrap(parts[0][1])).labels == ["cat"]
    assert result.findings.records == 7 and result.findings.labels == {}
    assert result.findings.sent == parcel_sum(data for _, data in parts) > 0
    assert ReadResult(Findings()).findings.sent == 0


def test_objects_are_counted_by_label_where_that_is_asked_for() -> None:
    images = [image("a.jpg", box("cat"), box("dog")), image("b.jpg", box("cat"))]
    parts = fragments_of([*images, image("c.jpg")], 2, 0)
    assert Reading(options(labels={"cat": "dog"})).result(Findings(), parts).findings.labels == {"cat": 2, "dog": 1}


def test_the_lowest_hashes_of_images_are_kept_where_a_number_of_them_is_asked_for() -> None:
    images = [image(f"{number}.jpg") for number in range(9)]
    images += [image("left.jpg", left_out=Skipped.OUTSIDE_IMAGE_SETS), image("0.jpg")]
    hashes = sorted(sample_hash(each.path) for each in images[:9])

    def lowest(sample: int | float, parts: list[list[SourceImage]]) -> list[int]:
        read = Reading(options(sample=sample))
        return merge_findings(read.result(Findings(), fragments_of(part, 2, 0)).findings for part in parts).lowest

    for parts in ([images], [images[:5], images[5:]], [images[5:], images[:2], images[2:5]]):
        assert lowest(4, parts) == hashes[:4]
        assert lowest(100, parts) == hashes
        assert lowest(0.5, parts) == []


def test_findings_of_nothing_are_none_and_a_file_that_was_cut_wrongly_is_named_once() -> None:
    assert merge_findings([]) == Findings()
    assert merge_findings([Findings(unsafe=["b"]), Findings(unsafe=["a", "b"])]).unsafe == ["a", "b"]
