"""Hostile YOLO datasets: names, paths and lines that would cost hours, were every reading of them tried."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from labelbeam.transforms.formats.yolo.lines import parse_labels
from labelbeam.transforms.formats.yolo.recognise import holds_labels
from labelbeam.transforms.formats.yolo.tree import YoloPlan, plan_yolo

SECONDS = 20
"""Far more than any of these takes on a busy machine, and far less than trying all readings would."""


@pytest.fixture(autouse=True)
def _soon() -> Iterator[None]:
    start = time.process_time()
    yield
    assert time.process_time() - start < SECONDS


def plan(files: list[str], **texts: str) -> YoloPlan:
    contents = {path.replace("_dot_", "."): text.encode() for path, text in texts.items()}
    return plan_yolo([*files, *contents], lambda path: contents.get(path, b""))


def test_a_line_of_many_numbers_that_ends_otherwise() -> None:
    assert not holds_labels("0 " + "1111 " * 5_000 + "x")
    assert holds_labels("0 " + "1111 " * 5_000)


def test_a_path_of_very_many_directories() -> None:
    deep = "../" * 50_000 + "a/" * 100_000 + "images"
    found = plan(
        ["images/1.jpg", "labels/1.txt"], data_dot_yaml=f"train: {deep}\nval: t.txt\nnames: [a]", t_dot_txt=deep
    )
    assert found.items[-1].split == "train"


def test_very_many_entries_of_very_many_folders() -> None:
    files = [f"f{folder}/images/{number}.jpg" for folder in range(300) for number in range(20)]
    entries = ", ".join(f"/x/f{folder % 300}/images" for folder in range(6_000))
    found = plan([*files, "f0/labels/0.txt"], data_dot_yaml=f"train: [{entries}]\nnames: [a]")
    assert {item.split for item in found.items} == {"train"}


def test_very_many_images_of_one_name() -> None:
    files = [f"set/f{folder}/images/1.jpg" for folder in range(4_000)]
    lines = "\n".join(f"/home/me/f{folder}/images/1.jpg" for folder in range(4_000))
    found = plan([*files, "set/f0/labels/1.txt"], data_dot_yaml="train: t.txt\nnames: [a]", t_dot_txt=lines)
    assert len(found.items) == 4_000
    assert {item.split for item in found.items} == {"train"}


def test_a_label_file_of_very_many_lines_and_one_of_a_very_long_line() -> None:
    assert len(parse_labels(b"0 0.5 0.5 0.1 0.1\n" * 100_000).lines) == 1
    (line,) = parse_labels(b"0" + b" 0.5 0.25" * 100_000).lines
    assert len(line.values) == 200_000
