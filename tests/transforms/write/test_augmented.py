"""Augmented copies of one image in several splits."""

from __future__ import annotations

import msgspec
import pytest

from labelbeam.schemas.manifest import Counts, Receipt
from labelbeam.transforms.write import augmented
from labelbeam.transforms.write.augmented import copies_in_splits, copies_of, origin_of

NOTHING = Receipt(0, {}, [], None, Counts(), {}, {}, {}, {}, 0)
HASHES = ("0a1b2c3d4e5f60718293a4b5c6d7e8f9", "f9e8d7c6b5a4938271605f4e3d2c1b0a")


def copy(name: str, number: int) -> str:
    return f"{name}_jpg.rf.{HASHES[number]}.jpg"


@pytest.mark.parametrize("path", ["dog.jpg", "dog.rf.jpg", "rf.0a1b2c3d4e5f.jpg", "dog.rf.0a1b2c3d4e5f/1.jpg"])
def test_other_names_are_of_no_copy(path: str) -> None:
    assert origin_of(path) == path


def told(*parts: dict[str, list[str]]) -> list[tuple[int, str]]:
    receipts = [msgspec.structs.replace(NOTHING, copies_of=copies_of(part)) for part in parts]
    return [(doubt.count, doubt.example) for doubt in copies_in_splits(receipts)]


def test_copies_of_one_image_in_two_splits_are_told_whatever_bucket_they_are_in() -> None:
    train, valid = f"train/{copy('dog', 0)}", f"valid/{copy('dog', 1)}"
    assert told({"train": [train], "validation": [valid]}) == [(1, train)]
    assert told({"train": [train]}, {"validation": [valid]}) == [(1, train)]
    assert told({"train": [train, f"train/{copy('dog', 1)}"], "validation": [f"valid/{copy('cat', 1)}"]}) == []
    assert told({"train": ["train/dog.jpg"], "validation": ["valid/dog.jpg"]}) == []


def test_of_many_copies_those_are_compared_that_all_buckets_have_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(augmented, "_MOST", 10)
    names = [f"dog{number}" for number in range(40)]
    parts = [{"train": [copy(name, 0) for name in names]}, {"validation": [copy(name, 1) for name in names]}]
    assert [len(copies_of(part)) for part in parts] == [10, 10]
    ((count, _),) = told(*parts)
    assert count == 10
    # A bucket that is not full has kept all that it has.
    ((count, _),) = told(parts[0], {"validation": [copy(name, 1) for name in names[:3]]})
    assert count <= 3
