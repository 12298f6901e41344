"""Beam works these out anew for each step of each pipeline; a test process, which makes hundreds of the same ones, once.

Half of the CPU time of a small build is Beam's reading of signatures (each DoFn's methods some ten times) and its making of
argument parsers (one for each look at an option, two hundred a build). Both depend on code and arguments alone, so that the same
question has the same answer. Commands that are run as a shell runs them, and all that runs on clusters, have Beam as it is.
"""

from __future__ import annotations

import copy
import logging
import sys
from collections.abc import Callable, Sequence
from types import MethodType
from typing import Any
from weakref import WeakKeyDictionary

from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.transforms import core, ptransform, util
from apache_beam.typehints import decorators

_parse = PipelineOptions.__init__
_parsed: dict[tuple[type, tuple[str, ...]], dict[str, Any]] = {}


def _parse_once(self: PipelineOptions, flags: Sequence[str] | None = None, **overrides: Any) -> None:
    if overrides or isinstance(flags, str):
        _parse(self, flags, **overrides)
        return
    logging.basicConfig()  # As Beam's own does each time.
    key = (type(self), tuple(sys.argv[1:] if flags is None else flags))
    if key not in _parsed:
        _parse(self, flags)
        _parsed[key] = {name: value for name, value in vars(self).items() if name != "_flags"}
    # Together, since a list among the options is the same one in both views of them.
    vars(self).update(copy.deepcopy(_parsed[key]), _flags=flags)


def _once(sign: Callable[[Any], Any]) -> Callable[[Any], Any]:
    bound: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()

    def signature(func: Any) -> Any:
        if not isinstance(func, MethodType):
            return sign(func)
        if func.__func__ not in bound:
            bound[func.__func__] = sign(func)
        return bound[func.__func__]

    return signature


def remember() -> None:
    """Have Beam remember, in this process, until it ends."""
    if PipelineOptions.__init__ is _parse_once:
        return
    PipelineOptions.__init__ = _parse_once
    decorators.get_signature = signature = _once(decorators.get_signature)
    for module in (core, ptransform, util):
        module.get_signature = signature
