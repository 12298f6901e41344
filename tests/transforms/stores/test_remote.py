"""Defaults of the stores' packages, and what --storage-options make of them."""

from __future__ import annotations

import pytest

from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.remote.limits import CONNECTIONS, merged
from labelbeam.transforms.stores.threads import READS_AT_ONCE

S3 = {"key": "k", "secret": "s", "endpoint_url": "http://127.0.0.1:9"}
AZURE = {"account_name": "a", "account_key": "a2V5"}
GS = {"token": "anon", "endpoint_url": "http://127.0.0.1:9"}


def test_options_are_laid_over_defaults_key_by_key() -> None:
    assert merged({"a": {"b": 1, "c": 2}, "d": 3}, {"a": {"b": 9}, "e": 4}) == {"a": {"b": 9, "c": 2}, "d": 3, "e": 4}
    assert merged({"a": {"b": 1}}, {"a": None}) == {"a": None}


def test_there_are_connections_for_all_reads_at_once() -> None:
    assert CONNECTIONS >= READS_AT_ONCE
    config = locate("s3://connections", {"s3": {**S3, "key": "of this test alone"}}).fs.config_kwargs
    assert config["max_pool_connections"] == CONNECTIONS
    assert config["retries"] == {"max_attempts": 0}


def test_what_storage_options_say_outweighs_a_default_and_leaves_the_others() -> None:
    mine = {**S3, "config_kwargs": {"read_timeout": 5, "retries": {"max_attempts": 3}}}
    config = locate("s3://b", {"s3": mine}).fs.config_kwargs
    assert (config["read_timeout"], config["retries"]["max_attempts"]) == (5, 3)
    assert config["max_pool_connections"] == CONNECTIONS


@pytest.mark.parametrize(("url", "options"), [("s3://b/x", S3), ("az://c/x", AZURE), ("gs://b/x", GS)])
def test_a_process_opens_a_store_once_and_caches_no_listing(url: str, options: dict[str, str]) -> None:
    protocol = url.partition("://")[0]
    first = locate(url, {protocol: options})
    assert locate(f"{url}/y", {protocol: options}).fs is first.fs
    assert first.fs.storage_options == options, "what is hidden from messages"
    assert first.fs.dircache.use_listings_cache is False


def test_a_short_protocol_that_nobody_knows_is_no_windows_drive() -> None:
    with pytest.raises(
        UsageError, match=r"x://y: Protocol not known: x; expected a path or an fsspec URL such as s3://"
    ):
        locate("x://y", {})
