"""Limits of every store that is reached over a network, unless --storage-options say otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

CONNECT_SECONDS = 10
"""How long a server may take to accept a connection."""

READ_SECONDS = 60
"""How long a server may send nothing before it counts as gone; a store that is throttling can take tens of seconds."""

CONNECTIONS = 96
"""Connections of a process to one store: more than reads at the same time, so that none waits for another."""


def merged(defaults: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """`options` laid over `defaults`, key by key, also inside of mappings.

    >>> merged({"config": {"retries": 1, "timeout": 60}}, {"config": {"timeout": 5}})
    {'config': {'retries': 1, 'timeout': 5}}
    """
    result = deepcopy(dict(defaults))  # The packages write into what they are given.
    for key, value in options.items():
        below = result.get(key)
        result[key] = merged(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return result
