"""Defaults of the client of Google Cloud Storage, and its protocols."""

from __future__ import annotations

from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.remote.limits import CONNECT_SECONDS, READ_SECONDS

OPTIONS = {"token": "anon", "endpoint_url": "http://127.0.0.1:9"}


def test_a_process_opens_a_store_once_and_caches_no_listing() -> None:
    first = locate("gs://b/x", {"gs": OPTIONS})
    assert locate("gs://b/x/y", {"gs": OPTIONS}).fs is first.fs
    assert first.fs.storage_options == OPTIONS, "what is hidden from messages"
    assert first.fs.dircache.use_listings_cache is False


def test_a_request_has_a_limit_unless_another_is_said() -> None:
    usual = locate("gs://b/x", {"gs": OPTIONS}).fs.requests_timeout
    assert (usual.sock_connect, usual.sock_read, usual.total) == (CONNECT_SECONDS, READ_SECONDS, None)
    assert locate("gs://b/x", {"gs": {**OPTIONS, "requests_timeout": 5}}).fs.requests_timeout == 5
