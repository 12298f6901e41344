"""Counts add up, receipts name all of their files, and a manifest survives its bytes."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from labelbeam.schemas.manifest import Copies, Counts, FileEntry, Manifest, Receipt, SplitCounts, Tally
from tests.manifests import manifest

tallies = st.builds(Tally, *[st.integers(0, 99)] * 4)


@given(tallies, tallies)
def test_tallies_are_added_number_by_number(one: Tally, other: Tally) -> None:
    both = Tally()
    both.add(one)
    both.add(other)
    assert [getattr(both, name) for name in Tally.__struct_fields__] == [
        getattr(one, name) + getattr(other, name) for name in Tally.__struct_fields__
    ]
    assert both.balanced or not (one.balanced and other.balanced)


@given(tallies)
def test_what_was_found_is_written_rejected_or_skipped(tally: Tally) -> None:
    assert tally.balanced is (tally.found - tally.written - tally.rejected - tally.skipped == 0)


def entry(path: str) -> FileEntry:
    return FileEntry(path, 1, 2, "00")


def test_copies_are_added_and_their_lists_joined_without_changing_the_parts() -> None:
    whole, part = Copies("there", 1, 10, [entry("a")]), Copies("there", 2, 20, [entry("b")])
    before = whole.files
    whole.add(part)
    assert (whole.images, whole.bytes, [file.path for file in whole.files]) == (3, 30, ["a", "b"])
    assert [file.path for file in before] == ["a"]


def test_a_receipt_names_every_file_of_its_bucket() -> None:
    receipt = Receipt(
        0, {"train": SplitCounts(1, 1, [entry("t")]), "test": SplitCounts(1, 1, [entry("e")])}, [entry("p")], entry("r"),
        Counts(), {}, {}, {}, {}, 0, copied=Copies("there", files=[entry("c")]),
    )  # fmt: skip
    assert [file.path for file in receipt.files()] == ["t", "e", "p", "r", "c"]
    receipt.rejected = receipt.copied = None
    assert [file.path for file in receipt.files()] == ["t", "e", "p"]


def test_a_manifest_of_an_earlier_version_is_read_with_what_it_lacks_left_open() -> None:
    whole = manifest(image_roots={"https://": 1})
    data = msgspec.to_builtins(whole)
    assert msgspec.convert(data, Manifest) == whole
    for name in ("copied", "warnings", "doubts", "evidence", "statistics", "image_roots"):
        del data[name]
    read = msgspec.convert(data, Manifest)
    assert (read.copied, read.doubts, read.statistics, read.image_roots) == (None, [], None, {})
