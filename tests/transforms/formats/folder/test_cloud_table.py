"""Tables of AutoML Vision and Vertex AI as tables of labels."""

from __future__ import annotations

import pytest

from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.formats.folder.cloud_table import read_cloud_table
from labelbeam.transforms.formats.folder.format import FolderOptions
from labelbeam.transforms.formats.folder.tables import LabelTable, TableContent, read_table

SINGLE = "image_classification"
TEXT = "TRAIN,gs://b/cat/1.jpg,cat\nVALIDATION,gs://b/cat/3.jpg,cat\nUNASSIGNED,gs://b/dog/2.jpg,dog\n"
FILES = {"cat/1.jpg", "cat/3.jpg", "dog/2.jpg"}


def read(text: str, files: set[str], options: FolderOptions | None = None) -> TableContent:
    return read_table(LabelTable("data.csv"), text.encode(), files, SINGLE, options)


@pytest.mark.parametrize("below", ["", "images/", "b/"])
def test_images_are_found_below_the_bucket(below: str) -> None:
    found = read(TEXT, {below + path for path in FILES})
    said = {image.path: (image.split, [item.label for item in image.objects]) for image in found.images}
    assert said == {
        f"{below}cat/1.jpg": ("train", ["cat"]),
        f"{below}cat/3.jpg": ("validation", ["cat"]),
        f"{below}dog/2.jpg": (None, ["dog"]),
    }
    assert [doubt.code for doubt in found.doubts] == ["listed_in_no_split"]


def test_an_image_that_is_not_there_is_rejected_by_itself() -> None:
    found = read(f"{TEXT}TEST,gs://b/cat/7.jpg,cat\n", FILES)
    assert [[str(item.code) for item in image.rejected] for image in found.images] == [[], [], [], ["unsupported_url"]]
    assert "--images" in found.images[3].rejected[0].message


@pytest.mark.parametrize("files", [set[str](), {"other/9.jpg"}])
def test_a_table_of_images_elsewhere_is_refused_with_the_option(files: set[str]) -> None:
    with pytest.raises(UsageError, match="--images"):
        read(TEXT, files)


def test_uses_are_no_splits_where_a_person_says_so() -> None:
    found = read(TEXT, FILES, FolderOptions(split_column="none"))
    assert ({image.split for image in found.images}, found.doubts) == ({None}, [])


def test_rows_without_a_use_are_doubted_beside_others_only() -> None:
    assert read_cloud_table("d.csv", "gs://b/1.jpg,a\ngs://b/2.jpg,b\n").doubts == []
    assert len(read_cloud_table("d.csv", "TEST,gs://b/1.jpg,a\ngs://b/2.jpg,b\nbroken").rows) == 3
