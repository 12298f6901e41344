"""Counts of scores add up, and a receipt names all of its files."""

from __future__ import annotations

import pytest

from labelbeam.schemas.manifest import FileEntry
from labelbeam.schemas.scores import Failed, ScoreCounts, ScoreReceipt


@pytest.mark.parametrize(
    ("counts", "balanced"), [((5, 3, 2), True), ((0, 0, 0), True), ((5, 3, 1), False), ((4, 3, 2), False)]
)
def test_what_was_found_is_scored_or_failed(counts: tuple[int, int, int], balanced: bool) -> None:
    assert ScoreCounts(*counts).balanced is balanced


def test_counts_are_added_number_by_number() -> None:
    both = ScoreCounts(5, 3, 2)
    both.add(ScoreCounts(7, 7, 0))
    assert both == ScoreCounts(12, 10, 2)


def test_a_receipt_names_every_file_of_its_unit() -> None:
    files = [FileEntry(name, 1, 1, "00") for name in "pqf"]
    receipt = ScoreReceipt(0, files[0], files[1], files[2], ScoreCounts(), {})
    assert receipt.files() == files
    receipt.failed = None
    assert receipt.files() == files[:2]


@pytest.mark.parametrize("code", Failed)
def test_a_code_is_a_word_with_a_sentence(code: Failed) -> None:
    assert code.isidentifier() and code.islower() and len(code.doc.split()) > 3
