"""Cells of labels: lists in every writing, and labels that hold what separates others."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelbeam.transforms.formats.folder.cells import CellLabels, CellReader, parse_list, read_cells

SEVERAL = "image_classification_multilabel"
SINGLE = "image_classification"


@pytest.mark.parametrize(
    ("cell", "labels"),
    [
        (r'["caf\u00e9", "dog"]', ["café", "dog"]),
        (r'["\ud83d\ude00"]', ["😀"]),
        (r"['\ud83d\ude00', '\U0001f600', '\x41']", ["😀", "A"]),
        (r"['l\'eau', 'cat']", ["l'eau", "cat"]),
        (r"""["l'eau", 'say \"hi\"']""", ["l'eau", 'say "hi"']),
        ('["it\'s"]', ["it's"]),
        (r"['C:\\x', 'a\d']", ["C:\\x", r"a\d"]),
        ("['a, b', 'c]d']", ["a, b", "c]d"]),
        ("['cat' 'dog']", ["cat", "dog"]),
        ("['cat'\n 'dog']", ["cat", "dog"]),
        ("['cat'; 'dog'|'cow']", ["cat", "dog", "cow"]),
        ("[np.str_('cat'), np.str_('dog')]", ["cat", "dog"]),
        ("[u'cat', b'dog']", ["cat", "dog"]),
        ("('cat', 'dog')", ["cat", "dog"]),
        ("('cat',)", ["cat"]),
        ("{'cat', 'dog'}", ["cat", "dog"]),
        ("[cat, dog]", ["cat", "dog"]),
        ("[milk bottle; can]", ["milk bottle", "can"]),
        ("[cat]", ["cat"]),
        ("[]", []),
        ("[ ]", []),
        ("['']", []),
        ("[None, nan, 'cat']", ["cat"]),
        ("['cat', 'cat']", ["cat"]),
        ("\"['cat', 'dog']\"", ["cat", "dog"]),
        ('"[""cat"", ""dog""]"', ["cat", "dog"]),
        (r'"[\"cat\", \"dog\"]"', ["cat", "dog"]),
        ("'[\"cat\"]'", ["cat"]),
    ],
)
@pytest.mark.parametrize("separator", [None, ";", ",", " "])
def test_a_list_is_a_list_whatever_is_in_its_strings(cell: str, labels: list[str], separator: str | None) -> None:
    read = CellReader(separator).read(cell)
    assert (read.labels, read.invalid) == (labels, ())


@pytest.mark.parametrize(
    ("cell", "labels"),
    [("[3, 7]", ["3", "7"]), ("[7]", ["7"]), ("[3 7 12]", ["3", "7", "12"]), ("[3.0, -1]", ["3", "-1"]),
     ("[np.int64(3), 7]", ["3", "7"]), ("[1e2]", ["100"])],
)  # fmt: skip
def test_numbers_of_a_list_are_text_and_counted(cell: str, labels: list[str]) -> None:
    assert CellReader().read(cell) == CellLabels(labels, len(labels))


@pytest.mark.parametrize(
    "cell", ["[['cat'], ['dog']]", "['cat', 'dog]", "[[1, 2]]", '["cat" "dog]', "[{'name': 'cat'}]", "[0.5]"]
)
def test_what_is_in_a_list_and_no_label_is_told_and_is_none(cell: str) -> None:
    read = CellReader().read(cell)
    assert len(read.invalid) == 1 and read.labels == []


@pytest.mark.parametrize("cell", ["cat", "(left)", "{cat}", "[a] and [b]", "(3)", "[", "]", "'cat'", "cat [1]", '"'])
def test_other_cells_are_no_lists(cell: str) -> None:
    assert parse_list(cell) is None
    assert CellReader().read(cell).labels == [cell]


@given(st.text("[](){}'\"\\,; \nau0d83", max_size=30))
def test_whatever_a_cell_holds_it_is_read(cell: str) -> None:
    CellReader(" ").read(cell)


def test_blanks_in_a_list_are_counted() -> None:
    assert CellReader().read("[' cat', 'dog ', 'cow']") == CellLabels(["cat", "dog", "cow"], 0, 2)


def read(cells: list[str], task: str = SEVERAL) -> tuple[list[list[str]], list[str]]:
    reader, doubts = read_cells("t.csv", cells, task, None)
    return [reader.read(cell).labels for cell in cells], [doubt.option for doubt in doubts]


@pytest.mark.parametrize(
    "cells",
    [
        ["Pepper, bell", "Tomato, cherry", "Bean, green", "Corn"],
        ["Pepper, bell", "Pepper, bell", "Pepper, bell", "Corn"],
        ["golden retriever", "border collie", "great dane", "husky"],
        ["tench, Tinca tinca", "goldfish, Carassius auratus", "great white shark, man-eater"],
    ],
)
def test_cells_of_which_no_part_occurs_elsewhere_are_labels_as_they_are(cells: list[str]) -> None:
    labels, options = read(cells)
    assert labels == [[cell] for cell in cells]
    assert len(options) == 1 and options[0].startswith("--label-separator")


@pytest.mark.parametrize("mark", [",", ", ", " "])
def test_cells_whose_parts_occur_elsewhere_are_separated_without_a_word(mark: str) -> None:
    cells = [f"cat{mark}dog", "cat", "dog", f"cow{mark}dog", f"cow{mark}cat"]
    labels, options = read(cells)
    assert labels == [["cat", "dog"], ["cat"], ["dog"], ["cow", "dog"], ["cow", "cat"]]
    assert options == []


@pytest.mark.parametrize("cell", ["Pepper, bell - healthy", "milk bottle", "a,b"])
def test_a_few_cells_do_not_tell_and_that_is_said(cell: str) -> None:
    assert read([cell, "can"])[1] == ['--label-separator ""']


def test_one_label_with_a_comma_among_separated_ones_is_told() -> None:
    labels, options = read(["cat,dog", "cat", "dog", "Pepper, bell"])
    assert labels[3] == ["Pepper", "bell"] and len(options) == 1


@pytest.mark.parametrize("cell", ["can carton", "can, carton"])
def test_where_an_image_has_one_label_a_cell_of_labels_is_told(cell: str) -> None:
    assert read([cell, "can", "carton"], SINGLE) == ([[cell], ["can"], ["carton"]], [f"--task {SEVERAL}"])


def test_both_marks_in_one_table_are_told() -> None:
    labels, options = read(["cat|dog", "cat;dog", "dog|cow"])
    assert labels == [["cat", "dog"], ["cat;dog"], ["dog", "cow"]]
    assert options == ['--label-separator ";"']


@pytest.mark.parametrize("quote", ["'", '"'])
def test_quotes_around_every_label_are_not_part_of_it(quote: str) -> None:
    assert read([f"{quote}cat{quote};{quote}milk bottle{quote}", f"{quote}cat{quote}"])[0] == [
        ["cat", "milk bottle"],
        ["cat"],
    ]
    assert read([f"{quote}cat{quote}", "dog"])[0] == [[f"{quote}cat{quote}"], ["dog"]]
