"""Defaults of the client of S3."""

from __future__ import annotations

from labelbeam.transforms.stores.locate import locate
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
