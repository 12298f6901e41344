"""data.yaml, obj.data and files of class names: what is read of each, and what is refused."""

from __future__ import annotations

import pytest

from labelbeam.schemas.errors import LabelBeamError
from labelbeam.transforms.formats.yolo.description import (
    Description,
    Names,
    describes,
    parse_description,
    parse_names,
)


def read(text: str | bytes, path: str = "data.yaml") -> Description:
    return parse_description(text.encode() if isinstance(text, str) else text, path)


def names(text: str | bytes) -> dict[int, str]:
    found = read(text).names
    assert found is not None
    return found.by_number


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("names: [cat, dog]", {0: "cat", 1: "dog"}),
        ("names:\n- cat\n- dog\n", {0: "cat", 1: "dog"}),
        ("names:\n  0: cat\n  1: dog\n", {0: "cat", 1: "dog"}),
        ("names: {1: dog, 0: cat, 7: cow}", {0: "cat", 1: "dog", 7: "cow"}),
        ("names: {'0': cat}", {0: "cat"}),
        ('"names": ["a, b", "c"]', {0: "a, b", 1: "c"}),
        ("\ufeffnames: [cat]\r\n", {0: "cat"}),
        ("names: [cat]\n".encode("utf-16"), {0: "cat"}),
        ("names: []", {}),
        ("names: {cat: 0, dog: 1}", {0: "cat", 1: "dog"}),
        ("names:\n  no: 1\n  yes: 0\n", {0: "yes", 1: "no"}),
    ],
)
def test_names_are_a_list_or_a_mapping_of_numbers(text: str | bytes, expected: dict[int, str]) -> None:
    assert names(text) == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("[no, yes, on, off, y, n, true, null, ~]", ["no", "yes", "on", "off", "y", "n", "true", "null", "~"]),
        ("[1, 010, 1.0, 1_000, 0x1F, 12:30, 2024-01-01]", ["1", "010", "1.0", "1_000", "0x1F", "12:30", "2024-01-01"]),
        ("['no', \"yes\", !!python/object:os.system x, !!int 3]", ["no", "yes", "x", "3"]),
        ("[<<, =, .inf]", ["<<", "=", ".inf"]),
        ("[&a cat, *a]", ["cat", "cat"]),
    ],
)
def test_a_name_is_what_stands_there_whatever_yaml_makes_of_it(written: str, expected: list[str]) -> None:
    assert list(names(f"names: {written}").values()) == expected


def test_a_number_with_two_names_is_known_to_have_two() -> None:
    found = read("names: {0: cat, 0: dog, 1: cow, 1: cow}").names
    assert found == Names({0: "cat", 1: "cow"}, frozenset({0}))


def test_splits_are_a_path_or_a_list_of_paths_under_any_of_their_names() -> None:
    text = "path: ../d\ntrain: [a, 'b c']\nval: v/images\ntest:\nvalid: w.txt\nnc: 3\nother: x\n"
    found = read(text)
    assert found.splits == {"train": ("a", "b c"), "validation": ("v/images", "w.txt")}
    assert (found.root, found.count, found.names) == ("../d", 3, None)


@pytest.mark.parametrize("empty", ["", " ~", " null", " # none", ' ""', " []"])
def test_a_split_without_an_entry_is_none(empty: str) -> None:
    assert read(f"train: a\ntest:{empty}\n").splits == {"train": ("a",)}


def test_keypoints_are_told_by_their_shape() -> None:
    assert read("names: [a]\nkpt_shape: [17, 3]").keypoints == 51
    assert read("names: [a]").keypoints == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("names: cat", "line 1: names is 'cat', expected a list"),
        ("nc: 1\nnames: {cat: 0, dog: x}", "line 2: 'cat' is a key of names, expected a class number"),
        ("names: {-1: cat}", "expected a class number"),
        ("names:\n- [cat]", "line 2: a name in names is a list or mapping"),
        ("names: [a]\ntrain: [[x]]", "train holds a list or mapping, expected a path"),
        ("names: [a]\nnames: [b]", "line 2: the key 'names' occurs twice"),
        ("names: [a", "line 1: "),
        ("names: *x", "undefined alias"),
        ("- a\n- b", "found no keys"),
        ("", "found no keys"),
        ("a: b\n---\nc: d", "expected YAML"),
        ("x: " + "[" * 5000, "nested too deeply"),
        ("names: [a]\nkpt_shape: 17", "kpt_shape is no pair"),
        ("names: [a]\nkpt_shape: [99999999, 3]", "kpt_shape is no pair"),
        (b"names: [caf\xe9]", "byte 11 is no UTF-8"),
        ("names: [\x00]", "expected YAML"),
    ],
)
def test_what_is_malformed_is_refused_with_its_place(text: str | bytes, words: str) -> None:
    with pytest.raises(LabelBeamError, match=r"^data\.yaml: ") as caught:
        read(text)
    assert words in str(caught.value)


def test_aliases_of_aliases_do_not_grow() -> None:
    text = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 60)) + "names: [cat]"
    assert names(text) == {0: "cat"}


def test_darknet_has_keys_and_values() -> None:
    text = "classes= 2\r\n# train = no\n train  = data/train.txt\nvalid=data/test.txt\nnames = data/obj.names\nbackup = b/\n"
    assert read(text, "obj.data") == Description(
        "obj.data",
        None,
        splits={"train": ("data/train.txt",), "validation": ("data/test.txt",)},
        count=2,
        names_file="data/obj.names",
    )


def test_names_a_line_count_from_0_with_blank_ones_between_them() -> None:
    assert parse_names(b"\xef\xbb\xbfcat\r\n\r\n b c \n\n\n", "classes.txt").by_number == {0: "cat", 1: "", 2: "b c"}
    with pytest.raises(LabelBeamError, match=r"classes\.txt: byte 1 is no UTF-8"):
        parse_names(b"a\xff", "classes.txt")


@pytest.mark.parametrize(
    ("path", "head", "expected"),
    [
        ("a/coco128.yaml", "# comment\npath: ../x\nnames:\n  0: a\n", True),
        ("data.yml", "\ufefftrain: x\nnc: 1\n", True),
        ("data.yaml", "'names': [a]\nval: x\n", True),
        ("a/data.yaml", "names: [a]\n", True),
        ("data.yaml", "train:\n- a\n", True),
        ("data.yaml", "path: x\nmy: y\n", False),
        ("obj.data", "names = a\n", True),
        ("my.yaml", "names: [a]\n", False),
        ("hyp.yaml", "lr0: 0.01\nnames: x\n", False),
        ("docker-compose.yaml", "services:\n  names: x\n  path: y\n", False),
        ("obj.data", "classes = 1\nnames = a\n", True),
        ("x.data", "0 1 2\n", False),
        ("data.txt", "names: [a]\nnc: 1\n", False),
    ],
)
def test_a_description_is_known_by_its_keys(path: str, head: str, expected: bool) -> None:
    assert describes(path, head) is expected
