"""Names of categories in a README's metadata and in dataset_infos.json."""

from __future__ import annotations

import json

import pytest

from labelbeam.transforms.formats.huggingface.names import names_in

README = """---
license: mit
dataset_info:
  features:
  - name: label
    dtype:
      class_label:
        names:
          '0': of an image
  - name: objects
    KIND:
    - name: bbox
      sequence: float32
      length: 4
    - name: category
      dtype:
        class_label:
          names:
            '0': cat
            '1': no
---
# A card
"""
INFOS = json.dumps(
    {"default": {"features": {"objects": {"feature": {"category": {"names": ["cat", "no"], "_type": "ClassLabel"}}}}}}
)


@pytest.mark.parametrize("kind", ["sequence", "list", "struct"])
def test_names_are_those_of_the_objects(kind: str) -> None:
    assert names_in("README.md", README.replace("KIND", kind).encode()) == [{0: "cat", 1: "no"}]
    assert names_in("dataset_infos.json", INFOS.encode()) == [{0: "cat", 1: "no"}]


def test_several_lists_are_all_told_and_equal_ones_once() -> None:
    found = json.loads(INFOS)["default"]
    other = json.loads(INFOS.replace("cat", "dog"))["default"]
    names = names_in("dataset_infos.json", json.dumps({"a": found, "b": other, "c": found}).encode())
    assert sorted(each[0] for each in names) == ["cat", "dog"]


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("README.md", b"# A card"),
        ("README.md", b"---\n*alias\n---\n"),
        ("README.md", b"---\nobjects: {class_label: {names: 5}}\n---\n"),
        ("README.md", b"---\nobjects: {class_label: {names: {x: cat, -1: dog, 1: [a]}}}\n---\n"),
        ("README.md", b"---\nother: {class_label: {names: [a]}}\n---\n"),
        ("dataset_infos.json", b"["),
        ("dataset_infos.json", b"[" * 100_000),
    ],
)
def test_what_gives_no_names_gives_none(path: str, data: bytes) -> None:
    assert names_in(path, data) == []


@pytest.mark.parametrize("name", ["no", "1_000", "0o7", "1:30", "2001-01-01", "~", "1.0", "yes", "0x1F", ".inf"])
def test_a_name_is_what_stands_there_whatever_yaml_makes_of_it(name: str) -> None:
    assert names_in("README.md", README.replace("KIND", "list").replace("no\n", f"{name}\n").encode()) == [
        {0: "cat", 1: name}
    ]
