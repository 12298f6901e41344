"""Limits of every store over a network, and what --storage-options make of them."""

from __future__ import annotations

from labelbeam.transforms.stores.remote.limits import CONNECTIONS, merged
from labelbeam.transforms.stores.threads import READS_AT_ONCE


def test_options_are_laid_over_defaults_key_by_key() -> None:
    assert merged({"a": {"b": 1, "c": 2}, "d": 3}, {"a": {"b": 9}, "e": 4}) == {"a": {"b": 9, "c": 2}, "d": 3, "e": 4}
    assert merged({"a": {"b": 1}}, {"a": None}) == {"a": None}


def test_defaults_are_not_written_into() -> None:
    defaults = {"a": {"b": {"c": 1}}}
    found = merged(defaults, {"a": {"b": {"d": 2}}})
    assert found == {"a": {"b": {"c": 1, "d": 2}}}
    found["a"]["b"]["c"] = 9
    assert defaults == {"a": {"b": {"c": 1}}}


def test_there_are_connections_for_all_reads_at_once() -> None:
    assert CONNECTIONS >= READS_AT_ONCE
