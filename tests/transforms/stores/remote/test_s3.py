"""Defaults of the client of S3."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from botocore.session import get_session

from labelbeam.transforms.stores.files import StoredFile
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.remote import s3
from labelbeam.transforms.stores.remote.limits import CONNECTIONS
from tests.servers.stores import S3Store

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


def taken(
    status: int = 200, ours: bool = True, operation: str = "ListObjectsV2", **holes: str
) -> tuple[list[StoredFile] | None, bytes]:
    """The files that are taken out of a page, and what botocore is left with."""
    body = PAGE.format(**{"tag": "<ETag>2</ETag>", "size": "0", "encoding": ""} | holes).encode()
    answer: dict[str, Any] = {"status_code": status, "body": body}
    found: dict[str, Any] = {}
    token = s3._for_us.set(ours)
    s3.take_files(SimpleNamespace(name=operation), answer, found)
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
    [
        *({"tag": tag} for tag in ("", "<ETag/>", "<", "<ETag>&#34;2</ETag>", "<ETag>2</ETag><ETag>3</ETag>")),
        *({"tag": f"<ETag>2</ETag>{more}"} for more in ("<New><Size>1</Size></New>", "<!-- -->")),
        *({"size": "many"}, {"size": ""}, {"status": 500}, {"ours": False}, {"operation": "ListObjectVersions"}),
    ],
)
def test_a_page_with_anything_unexpected_is_left_as_a_whole(odd: dict[str, Any]) -> None:
    files, rest = taken(**odd)
    assert files is None
    assert rest.count(b"<Contents>") == 2


IN_ORDER = (
    "<Contents><Key>{key}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>&quot;{key}&quot;</ETag>"
    "<ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm><ChecksumType>FULL_OBJECT</ChecksumType><Size>3</Size>"
    "<StorageClass>STANDARD</StorageClass></Contents>"
)


@pytest.mark.parametrize("between", ["", "\n  ", "<CommonPrefixes><Prefix>d/</Prefix></CommonPrefixes>"])
def test_files_in_the_order_of_s3_are_taken_whatever_stands_between_them(between: str) -> None:
    files = [IN_ORDER.format(key=key) for key in ("a&amp;amp;", "b+", "\0")]
    head, _, end = PAGE.format(tag="<ETag>2</ETag>", size="0", encoding="").partition("<CommonPrefixes>")
    head = head.partition("<Contents>")[0]
    answer: dict[str, Any] = {"status_code": 200, "body": f"{head}{between.join(files[:2])}{between}<D/>{end}".encode()}
    found: dict[str, Any] = {}
    token = s3._for_us.set(True)
    s3.take_files(SimpleNamespace(name="ListObjectsV2"), answer, found)
    body = "".join([head, *files, end])
    broken: dict[str, Any] = {"status_code": 200, "body": body.encode()}
    missed: dict[str, Any] = {}
    s3.take_files(SimpleNamespace(name="ListObjectsV2"), broken, missed)
    s3._for_us.reset(token)
    assert list(found.values()) == [[StoredFile("a&amp;", 3, '"a&amp;"'), StoredFile("b+", 3, '"b+"')]]
    assert b"Contents" not in answer["body"] and b"IsTruncated>true<" in answer["body"]
    assert (b"Prefix>d/<" in answer["body"]) is ("d/" in between or "d/" in end)
    assert not missed and broken["body"] == body.encode(), "a parser is to refuse what is no XML"


def s3_client() -> Any:
    return get_session().create_client("s3", "us-east-1", aws_access_key_id="k", aws_secret_access_key="s")


def arrives(client: Any, operation: str, answer: dict[str, Any], ours: bool = True) -> None:
    """Have a client look at an answer that has arrived; `ours` says that our code asked for it."""
    token = s3._for_us.set(ours)
    client.meta.events.emit(
        f"before-parse.s3.{operation}",
        operation_model=client.meta.service_model.operation_model(operation),
        response_dict=answer,
        customized_response_dict={},
    )
    s3._for_us.reset(token)


def test_files_are_taken_before_botocore_reads_a_page_to_look_for_an_error() -> None:
    seen: list[bytes] = []
    client = s3_client()
    client.meta.events.register_first(
        "before-parse.s3.*", lambda response_dict, **_: seen.append(response_dict["body"])
    )
    for _ in range(2):
        s3.take_for_us(client)
    answer = {"status_code": 200, "body": PAGE.format(tag="<ETag>2</ETag>", size="0", encoding="").encode()}
    arrives(client, "ListObjectsV2", answer)
    assert len(seen) == 1 and b"Contents" not in seen[0]
    assert answer["status_code"] == 200


@pytest.mark.parametrize(
    "body", ["<Error><Code>InternalError</Code></Error>", PAGE.partition("</ListBucketResult>")[0]]
)
def test_an_error_under_status_200_and_a_page_that_was_cut_are_failures_as_before(body: str) -> None:
    client = s3_client()
    s3.take_for_us(client)
    answer = {"status_code": 200, "body": body.format(tag="<ETag>2</ETag>", size="0", encoding="").encode()}
    arrives(client, "ListObjectsV2", answer)
    assert answer["status_code"] == 500


@pytest.mark.parametrize(
    ("operation", "status", "ours", "left"),
    [
        ("GetObject", 200, True, False),
        ("GetObject", 206, True, False),
        ("GetObject", 200, False, True),
        ("GetObject", 404, True, True),
        ("HeadObject", 200, True, True),
    ],
)
def test_headers_are_left_out_of_an_object_that_is_read_and_of_nothing_else(
    operation: str, status: int, ours: bool, left: bool
) -> None:
    answer = {"status_code": status, "headers": {"ETag": "1", "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT"}}
    client = s3_client()
    s3.take_for_us(client)
    arrives(client, operation, answer | {"body": b""} if operation != "GetObject" else answer, ours)
    assert bool(answer["headers"]) is left


@pytest.mark.server
def test_whoever_asks_for_more_than_bytes_is_told_of_headers(s3_store: S3Store) -> None:
    s3_store.write({"a.txt": b"hello"})
    root = locate(s3_store.root, s3_store.storage_options)
    place = root.below("a.txt").path
    assert root.fs.cat_file(place) == b"hello"
    assert root.fs.cat_file(place, start=1, end=3) == b"el"
    bucket, key, _ = root.fs.split_path(place)
    assert root.fs.call_s3("get_object", Bucket=bucket, Key=key)["ETag"] == root.fs.info(place)["ETag"]
    assert root.fs.open(place).read() == b"hello"
