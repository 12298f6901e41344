"""Listings of object stores, as each tells of its pages, against what its package makes of one flat listing."""

from __future__ import annotations

import pytest
from fsspec.asyn import sync

from labelbeam.transforms.stores.listing import list_files
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.tokens import content_token
from tests.servers.stores import S3Store, Store

pytestmark = pytest.mark.server

NAMES = ["a/1 +%20&<é猫.jpg", "a/2.jpg", "a/3/4.jpg", "a.jpg", "b/c/d/1.jpg", "b/c/d/2.jpg", "b/c/e/1.jpg", "z"]
STORES = ["s3_store", "azure_store", "gcs_store"]


def filled(store: Store) -> Store:
    store.write({f"in/{name}": name.encode() for name in NAMES} | {"in.jpg": b"beside"})
    return store


@pytest.mark.parametrize("name", STORES)
def test_a_listing_is_what_one_flat_listing_tells(name: str, request: pytest.FixtureRequest) -> None:
    store = filled(request.getfixturevalue(name))
    root = locate(store.url("in"), store.storage_options)
    found = root.fs.find(root.path, detail=True)
    assert [tuple(file) for file in list_files(root).files] == [
        (path.removeprefix(f"{root.path}/"), info["size"], content_token(info)) for path, info in sorted(found.items())
    ]
    assert len(found) == len(NAMES)


@pytest.mark.parametrize("name", STORES)
def test_a_page_by_a_delimiter_tells_of_files_and_folders(name: str, request: pytest.FixtureRequest) -> None:
    store = filled(request.getfixturevalue(name))
    fs = locate(store.url(), store.storage_options).fs
    bucket, below, _ = fs.split_path(f"{store.path}/in/")
    below = f"{below.rstrip('/')}/"
    page = sync(fs.loop, fs._page, bucket, below, "/", None)
    assert sorted(file.path for file in page.files) == [f"{below}a.jpg", f"{below}z"]
    assert (sorted(page.folders), page.more) == ([f"{below}a/", f"{below}b/"], None)


@pytest.mark.parametrize("in_a_page", [1, 2, 3])
def test_pages_that_are_listed_side_by_side_hold_each_name_of_s3_once(in_a_page: int, s3_store: S3Store) -> None:
    filled(s3_store)
    keys = ["in/", "in//", "in//x.jpg", "in/a/", "in/a//1.jpg", "in/b/c/_$folder$"]
    bucket, _, below = s3_store.path.partition("/")
    for key in keys:
        s3_store.fs.call_s3("put_object", Bucket=bucket, Key=f"{below}/{key}".lstrip("/"), Body=b"1")
    options = {"s3": s3_store.storage_options["s3"] | {"s3_additional_kwargs": {"MaxKeys": in_a_page}}}
    expected = sorted([*NAMES, *(key.removeprefix("in/") for key in keys[1:])])
    assert [file.path for file in list_files(locate(s3_store.url("in"), options)).files] == expected
