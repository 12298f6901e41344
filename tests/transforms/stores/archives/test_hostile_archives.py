"""Archives that are hostile, damaged, or none: nothing leaves them, and what cannot be read is said so."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.stores.errors import StoreError
from labelbeam.transforms.stores.files import kind
from labelbeam.transforms.stores.listing import list_files
from labelbeam.transforms.stores.locate import locate
from tests.transforms.stores.archives_made import PACKED, inside, written


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.zip", b"PK? no", "is no ZIP archive, or a damaged one .*unzip -t"),
        ("a.zip", PACKED["a.zip"][:-30], "is no ZIP archive, or a damaged one"),
        ("a.zip", b"", "is no ZIP archive, or a damaged one"),
        ("a.tar", b"no archive" * 200, "is no TAR archive, or a damaged one .*tar -tf"),
        ("a.tar", PACKED["a.tar"][:30_000], "is no TAR archive, or a damaged one"),
        ("a.tar", gzip.compress(PACKED["a.tar"]), r"is compressed with gzip.*gzip -dk"),
        ("a.tar", b"BZh91AY", "is compressed with bzip2"),
    ],
)
def test_what_is_no_archive_is_an_error_that_says_what_to_do(name: str, data: bytes, said: str, tmp_path: Path) -> None:
    archive = written(tmp_path, name, data)
    with pytest.raises(StoreError, match=f"{archive} {said}"):
        list_files(inside(archive))


def test_a_missing_archive_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=rf"the archive file://{tmp_path}/none.zip does not exist"):
        kind(inside(tmp_path / "none.zip", "x"))


def test_a_url_without_an_archive_is_refused_with_an_example() -> None:
    with pytest.raises(UsageError, match=r"zip://data/a.zip: names no archive; expected zip://PATH/IN/IT::ARCHIVE"):
        locate("zip://data/a.zip", {})
