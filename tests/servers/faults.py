"""What goes wrong between a store and who asks it: rates of each fault, and which request suffers which."""

from __future__ import annotations

import re
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

OK = "ok"
REFUSED = "refused"
RESET = "reset"
CUT = "cut"
SHORT = "short"
LOST = "lost"
HUNG = "hung"

READS = ("GET", "HEAD")


@dataclass(frozen=True)
class Faults:
    """Rates of faults, each the share of requests in [0, 1] that suffers it; together at most 1.

    - `refused`: answered with `status`, and with `retry_after` as Retry-After where that is given; not forwarded
    - `reset`: the connection is reset without an answer; not forwarded
    - `cut`: the answer's Content-Length is right, and the connection is closed half-way through the body
    - `short`: the answer says that it is half as long as it should be, and is
    - `lost`: forwarded, so that it takes effect, and then the connection is reset without an answer
    - `hung`: never answered; not forwarded
    - `latency`: seconds that every request waits first

    Only successful answers to GET can be cut or short, and only the acknowledgement of a write lost: what cannot happen to
    a request becomes `reset` for a read, `lost` for a write, so that the rates hold for both.

    A rule is for requests of `methods` (empty: all) whose target, path and query, matches the regular expression `path`
    somewhere. `first` limits it to the first requests that it is for; later ones are answered as they should be.
    """

    refused: float = 0.0
    reset: float = 0.0
    cut: float = 0.0
    short: float = 0.0
    lost: float = 0.0
    hung: float = 0.0
    latency: float = 0.0
    status: int = 503
    retry_after: str | None = None
    methods: tuple[str, ...] = ()
    path: str = ""
    first: int | None = None

    def is_for(self, method: str, target: str) -> bool:
        """Whether a request falls under this rule."""
        return (not self.methods or method in self.methods) and re.search(self.path, target) is not None


def mixed(rate: float, latency: float = 0.0) -> Faults:
    """Refusals, resets, answers cut and lost acknowledgements, together `rate` of all requests."""
    each = rate / 4
    return Faults(refused=each, reset=each, cut=each, lost=each, latency=latency)


def draw(faults: Faults, seed: int, method: str, target: str, nth: int) -> str:
    """What the request suffers that is the `nth` of its method and target: always the same, in whatever order they come."""
    chance = Random(f"{seed} {method} {target} {nth}").random()
    for fault in (REFUSED, RESET, CUT, SHORT, LOST, HUNG):
        chance -= getattr(faults, fault)
        if chance < 0:
            return _possible(fault, method)
    return OK


def _possible(fault: str, method: str) -> str:
    if method not in READS:
        return LOST if fault in (CUT, SHORT) else fault
    impossible = (LOST,) if method == "GET" else (LOST, CUT, SHORT)
    return RESET if fault in impossible else fault


class Request(NamedTuple):
    """A request that went through a proxy.

    `target` is path and query as sent, `range` the Range header or "", `outcome` one of the faults or "ok", `status` the
    status answered (0: none), `started` the second of its coming since the proxy began, `seconds` until the end of its
    answer, `size` the bytes of body answered.
    """

    method: str
    target: str
    range: str
    outcome: str
    status: int
    started: float
    seconds: float
    size: int
