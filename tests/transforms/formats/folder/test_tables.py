from __future__ import annotations

import contextlib
import json
import threading

from hypothesis import given, settings
from hypothesis import strategies as st

from labelbeam.schemas.neutral import RAW_LIMIT
from labelbeam.schemas.reasons import Adjusted, Rejected
from labelbeam.transforms.formats.folder.columns import TableError
from labelbeam.transforms.formats.folder.rows import is_label_table
from labelbeam.transforms.formats.folder.tables import LabelTable
from tests.transforms.formats.folder.read_tables import (
    SEVERAL,
    SINGLE,
    codes,
    labels,
    read,
    refused,
)

# labels.csv


# One-hot


# Hugging Face metadata


# Splits


def test_without_a_split_of_its_own_an_image_has_that_of_its_folder() -> None:
    table = LabelTable("labels.csv", "", None, {"train": "train", "a/dev": "validation"})
    content = read("filename,label\ntrain/x/1.jpg,a\na/dev/2.jpg,a\na/3.jpg,a\n", table=table)
    assert [image.split for image in content.images] == ["train", "validation", None]


# Rows of one image


def test_rows_of_one_image_are_joined_and_their_new_labels_counted_as_adjusted() -> None:
    content = read("filename,label\n1.jpg,cat\n2.jpg,dog\n1.jpg,dog\n1.jpg,cat\n./1.jpg,cat\n")
    assert labels(content) == {"1.jpg": ["cat", "dog"], "2.jpg": ["dog"]}
    assert content.images[0].adjusted == [Adjusted.OBJECT_OF_DUPLICATE_IMAGE]
    assert [item.locator for item in content.images[0].objects] == ["line 2", "line 4"]
    assert content.rejected == []


def test_identical_rows_are_one_image_without_a_trace() -> None:
    content = read("filename,label\n1.jpg,cat\n1.jpg,cat\n")
    assert (labels(content), content.images[0].adjusted, content.rejected) == ({"1.jpg": ["cat"]}, [], [])


def test_a_row_that_puts_its_image_into_another_split_is_rejected_and_the_image_kept() -> None:
    content = read("filename,label,split\n1.jpg,cat,train\n1.jpg,dog,test\n")
    assert [(image.split, image.rejected) for image in content.images] == [("train", [])]
    assert labels(content) == {"1.jpg": ["cat", "dog"]}
    assert refused(content) == [("line 3", Rejected.DUPLICATE_IMAGE)]


# Names of files


# Bytes and dialects


def test_tables_are_read_alike_in_threads() -> None:
    found: list[dict[str, list[str]]] = []
    data = f'filename,label,note\n1.jpg,cat,"{"x" * 500_000}"\n'

    def work() -> None:
        found.append(labels(read(data)))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [{"1.jpg": ["cat"]}] * 4


# Tables that cannot be read


# Recognition


# Anything at all

SCRAPS = st.sampled_from(
    [
        *(
            b"filename",
            b"label",
            b"labels",
            b"split",
            b"file_name",
            b"a.jpg",
            b"../b.png",
            b"https://h/c.jpg",
            b"train",
        ),
        *(b",", b";", b"\t", b"|", b'"', b"\n", b"\r", b"\r\n", b" ", b"0", b"1", b"{", b"}", b"[", b"]", b":", b"NaN"),
        *(b"\0", b"\xff", b"\xef\xbb\xbf", b"\xff\xfe", b"\\ud800", b"'", b"\\", b'{"file_name":"a.jpg","label":'),
    ]
)


def csv_of(rows: list[list[str]]) -> bytes:
    return ("filename,labels,c\n" + "\n".join(map(",".join, rows))).encode("utf-8", "surrogatepass")


@settings(max_examples=300, deadline=None)
@given(
    data=st.binary(max_size=60)
    | st.lists(SCRAPS, max_size=30).map(b"".join)
    | st.lists(SCRAPS, max_size=20).map(lambda scraps: b"filename,label,x\n" + b"".join(scraps))
    | st.lists(st.lists(st.text(max_size=6), max_size=4), max_size=6).map(csv_of),
    name=st.sampled_from(["labels.csv", "metadata.jsonl"]),
    task=st.sampled_from([SINGLE, SEVERAL]),
    separator=st.sampled_from([None, "", " ", ";"]),
    files=st.sampled_from([None, frozenset[str](), frozenset({"a.jpg", "1", "images/A.JPG"})]),
)
def test_whatever_the_bytes_a_table_is_read_or_refused_and_what_it_says_can_be_written(
    data: bytes, name: str, task: str, separator: str | None, files: frozenset[str] | None
) -> None:
    with contextlib.suppress(TableError):
        content = read(data, name, files, task, separator)
        paths = [image.path for image in content.images]
        assert len(paths) == len(set(paths))
        for image in content.images:
            image.path.encode()
            found = [item.label for item in image.objects]
            assert len(found) == len(set(found)) and all(label.strip() for label in found)
            "".join(found).encode()
        for rejection in [*content.rejected, *(one for image in content.images for one in image.rejected)]:
            (rejection.message + rejection.raw + (rejection.image or "")).encode()
            assert len(rejection.raw) <= RAW_LIMIT
        "".join(content.warnings).encode()
    is_label_table(name, data)


# No word of these letters is the name of a column.
LABELS = st.text("bcdf hé", min_size=1, max_size=6).map(str.strip).filter(lambda label: len(label) > 0)


@given(st.dictionaries(st.integers(0, 99), st.lists(LABELS, min_size=1, max_size=4, unique=True), min_size=1))
def test_labels_written_in_any_of_the_forms_come_back_as_they_were(truth: dict[int, list[str]]) -> None:
    expected = {f"{number}.jpg": found for number, found in truth.items()}
    classes = sorted({label for found in truth.values() for label in found})
    jsonl = "\n".join(json.dumps({"file_name": name, "labels": found}) for name, found in expected.items())
    cells = "filename,labels\n" + "\n".join(f"{name},{';'.join(found)};" for name, found in expected.items())
    assert labels(read(jsonl, "metadata.jsonl")) == expected
    assert labels(read(cells)) == expected
    one_hot = "\n".join(
        ",".join([name, *("01"[label in found] for label in classes)]) for name, found in expected.items()
    )
    read_back = labels(read(f"filename,{','.join(classes)}\n{one_hot}\n"))
    assert {name: sorted(found) for name, found in read_back.items()} == {
        name: sorted(found) for name, found in expected.items()
    }


def test_rows_of_other_folders_that_lead_to_one_file_may_mean_two_pictures() -> None:
    files = frozenset({"1.jpg", "2.jpg"})
    content = read("filename,label\na/1.jpg,cat\nb/1.jpg,dog\na/2.jpg,dog\nx/a/2.jpg,cat\n", files=files)
    assert labels(content) == {"1.jpg": ["cat", "dog"], "2.jpg": ["dog", "cat"]}
    assert [codes(image) for image in content.images] == [[("image", Rejected.AMBIGUOUS_IMAGE)], []]
