"""Defaults of the client of Azure Blob Storage, and its protocols."""

from __future__ import annotations

from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.remote.azure import _Repeat
from labelbeam.transforms.stores.remote.limits import CONNECT_SECONDS

OPTIONS = {"account_name": "a", "account_key": "a2V5"}


def test_a_process_opens_a_store_once_and_caches_no_listing() -> None:
    first = locate("az://c/x", {"az": OPTIONS})
    assert locate("az://c/x/y", {"az": OPTIONS}).fs is first.fs
    assert first.fs.storage_options == OPTIONS, "what is hidden from messages"
    assert first.fs.dircache.use_listings_cache is False


def test_the_client_s_own_policy_that_waits_long_is_not_in_its_pipeline() -> None:
    client = locate("az://c/x", {"az": OPTIONS}).fs.service_client
    policies = client._pipeline._impl_policies
    assert client._config.retry_policy not in policies
    (place,) = (number for number, policy in enumerate(policies) if isinstance(policy, _Repeat))
    assert policies[place - 1].next is policies[place]
    assert policies[place].next is policies[place + 1]


def test_how_long_a_server_is_waited_for_may_be_said() -> None:
    limits = locate("az://c/x", {"az": {**OPTIONS, "read_timeout": 5}}).fs._timeout_kwargs
    assert limits == {"read_timeout": 5, "connection_timeout": CONNECT_SECONDS}
