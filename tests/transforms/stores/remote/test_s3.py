"""Defaults of the client of S3."""

from __future__ import annotations

from typing import Any

import pytest

from labelbeam.transforms.stores.files import StoredFile
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.remote import s3
from labelbeam.transforms.stores.remote.limits import CONNECTIONS

OPTIONS = {"key": "k", "secret": "s", "endpoint_url": "http://127.0.0.1:9"}


def test_there_are_connections_for_all_reads_at_once() -> None:
    config = locate("s3://connections", {"s3": {**OPTIONS, "key": "of this test alone"}}).fs.config_kwargs
    assert config["max_pool_connections"] == CONNECTIONS
    assert config["retries"] == {"max_attempts": 0}


def test_what_storage_options_say_outweighs_a_default_and_leaves_the_others() -> None:
    mine = {**OPTIONS, "config_kwargs": {"read_timeout": 5, "retries": {"max_attempts": 3}}}
    config = locate("s3://b", {"s3": mine}).fs.config_kwargs
    assert (config["read_timeout"], config["retries"]["max_attempts"]) == (5, 3)
    assert config["max_pool_connections"] == CONNECTIONS


def test_a_process_opens_a_store_once_and_caches_no_listing() -> None:
    first = locate("s3://b/x", {"s3": OPTIONS})
    assert locate("s3://b/x/y", {"s3": OPTIONS}).fs is first.fs
    assert first.fs.storage_options == OPTIONS, "what is hidden from messages"
    assert first.fs.dircache.use_listings_cache is False


PAGE = (
    '<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
    "<IsTruncated>true</IsTruncated><Contents><Key>a+b%2B&amp;%C3%A9</Key><Size>7</Size><ETag>&quot;1&quot;</ETag></Contents>"
    "<Contents><Owner><ID>x</ID></Owner>{tag}<ChecksumAlgorithm>CRC32</ChecksumAlgorithm><Size>{size}</Size><Key>c</Key>"
    "</Contents><CommonPrefixes><Prefix>d/</Prefix></CommonPrefixes>{encoding}</ListBucketResult>"
)


def taken(status: int = 200, ours: bool = True, **holes: str) -> tuple[list[StoredFile] | None, bytes]:
    """The files that are taken out of a page, and what botocore is left with."""
    body = PAGE.format(**{"tag": "<ETag>2</ETag>", "size": "0", "encoding": ""} | holes).encode()
    answer: dict[str, Any] = {"status_code": status, "body": body}
    found: dict[str, Any] = {}
    token = s3._for_us.set(ours)
    s3.take_files(answer, found)
    s3._for_us.reset(token)
    return next(iter(found.values()), None), answer["body"]


def test_files_are_taken_out_of_a_page_and_the_rest_is_left() -> None:
    files, rest = taken(encoding="<EncodingType>url</EncodingType>")
    assert files == [StoredFile("a b+&é", 7, '"1"'), StoredFile("c", 0, "2")]
    assert b"Contents" not in rest
    assert b"IsTruncated>true<" in rest
    assert b"Prefix>d/<" in rest
    plain, _ = taken()
    assert plain == [StoredFile("a+b%2B&%C3%A9", 7, '"1"'), StoredFile("c", 0, "2")]


@pytest.mark.parametrize(
    "odd",
    [{"tag": ""}, {"tag": "<ETag/>"}, {"size": "many"}, {"size": ""}, {"tag": "<"}, {"status": 500}, {"ours": False}],
)
def test_a_page_with_anything_unexpected_is_left_as_a_whole(odd: dict[str, Any]) -> None:
    files, rest = taken(**odd)
    assert files is None
    assert rest.count(b"<Contents>") == 2
