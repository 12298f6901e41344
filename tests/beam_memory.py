"""Beam works these out anew for each step of each pipeline, and the command its parsers; a test process, which makes hundreds, once.

More than half of the CPU time of a small build is Beam's reading of signatures (each DoFn's methods some ten times) and its making
of argument parsers (one for each look at an option, two hundred a build). All of it depends on code and arguments alone, so
that the same question has the same answer. Commands that are run as a shell runs them, and all that runs on clusters, have Beam
as it is.
"""

from __future__ import annotations

import copy
import logging
import sys
from argparse import Namespace
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from types import FunctionType, MethodType
from typing import Any
from weakref import WeakKeyDictionary

from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.transforms import core, ptransform, userstate, util
from apache_beam.typehints import decorators
from objsize import traverse

from labelbeam.pipelines import cli
from labelbeam.pipelines.command_line.parser import Parser
from labelbeam.pipelines.commands.registry import make_parsers
from labelbeam.pipelines.runners.options import BEAM_OPTIONS

# Options ------------------------------------------------------------------------------------------------------------

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
    vars(self).update(_of_its_own(_parsed[key]), _flags=flags)


def _of_its_own(parsed: dict[str, Any]) -> dict[str, Any]:
    """The same, with lists of its own: each one of them in both views of the options, as Beam has it."""
    made: dict[int, Any] = {}

    def own(value: Any) -> Any:
        if value is None or isinstance(value, (str, int, float)):
            return value
        return made.setdefault(id(value), copy.deepcopy(value))

    return {
        name: Namespace(**{option: own(value) for option, value in vars(part).items()})
        if isinstance(part, Namespace)
        else {option: own(value) for option, value in part.items()}
        for name, part in parsed.items()
    }


_view = PipelineOptions.view_as
_views: WeakKeyDictionary[PipelineOptions, dict[tuple[type, tuple[str, ...]], PipelineOptions]] = WeakKeyDictionary()


def _view_once(self: PipelineOptions, cls: type[PipelineOptions]) -> PipelineOptions:
    # All that a view holds of its own are its flags; values are in the dictionary that all views of the options share.
    views = _views.setdefault(self, {})
    key = (cls, tuple(self._flags or ()))
    if key not in views or views[key]._all_options is not self._all_options:
        views[key] = _view(self, cls)
    return views[key]


_all = PipelineOptions.get_all_options
_known_all: dict[tuple[Any, ...], dict[str, Any]] = {}


def _all_once(self: PipelineOptions, *arguments: Any, **more: Any) -> dict[str, Any]:
    """Of the same flags and values: each run of a pipeline asks for all options, to warn of those that nobody knows."""
    if arguments or more.get("add_extra_args_fn"):
        return _all(self, *arguments, **more)
    values = repr(sorted(self._all_options.items(), key=lambda item: item[0]))
    key = (type(self), tuple(self._flags or ()), values, *sorted(more.items()))
    if key not in _known_all:
        _known_all[key] = _all(self, **more)
    return copy.deepcopy(_known_all[key])


# Functions and DoFns ------------------------------------------------------------------------------------------------


def _once(sign: Callable[[Any], Any]) -> Callable[[Any], Any]:
    bound: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()

    def signature(func: Any) -> Any:
        if not isinstance(func, MethodType):
            return sign(func)
        if func.__func__ not in bound:
            bound[func.__func__] = sign(func)
        return bound[func.__func__]

    return signature


_yields = core._check_fn_use_yield_and_return
_yielding: dict[Any, bool] = {}


def _yields_once(func: Any) -> bool:
    code = getattr(func, "__code__", None)
    if code is None:
        return bool(_yields(func))
    if code not in _yielding:
        _yielding[code] = _yields(func)
    return _yielding[code]


_specs = userstate.get_dofn_specs
_specified: dict[type, tuple[set[Any], set[Any]]] = {}


def _specs_once(dofn: core.DoFn) -> tuple[set[Any], set[Any]]:
    """State and timers of a DoFn, which stand in its methods' defaults: of its class, and of a function that it may hold."""
    kind = type(dofn)
    holds = [value for value in vars(dofn).values() if isinstance(value, (FunctionType, MethodType))]
    if kind is core.CallableWrapperDoFn:
        known = bool(holds) and not dofn._fullargspec and isinstance(dofn._fn, (FunctionType, MethodType))
    else:
        known = not hasattr(kind, "_inspect_process")
    if not known or not all(map(_is_plain, holds)):
        return _specs(dofn)
    if kind not in _specified:
        _specified[kind] = _specs(dofn)
    states, timers = _specified[kind]
    return set(states), set(timers)


def _is_plain(function: Any) -> bool:
    """Whether it has no defaults, nor has one that it says to read instead of it."""
    plain = getattr(function, "__func__", function)
    return (
        isinstance(plain, FunctionType)
        and not (plain.__defaults__ or plain.__kwdefaults__)
        and "__wrapped__" not in vars(plain)
        and ("_argspec_fn" not in vars(plain) or _is_plain(vars(plain)["_argspec_fn"]))
    )


_origin = decorators.IOTypeHints._make_origin.__func__


def _origin_without_stack(cls: type, bases: list[Any], tb: bool = True, msg: Iterable[str] = ()) -> Any:
    """Where hints come from, told only where they turn out wrong; without the stack, which is formatted for each of them."""
    return _origin(cls, bases, False, msg)


# Sizes --------------------------------------------------------------------------------------------------------------

_globals = traverse._iter_modules_globals
_known_globals: tuple[int, list[dict[str, Any]]] = (0, [])


def _globals_once() -> list[dict[str, Any]]:
    """The globals of all modules, which Beam leaves out whenever it weighs an object; anew when there are others."""
    global _known_globals
    if _known_globals[0] != len(sys.modules):
        _known_globals = (len(sys.modules), list(_globals()))
    return _known_globals[1]


# Parsers of the command ---------------------------------------------------------------------------------------------


@cache
def _parsers_of(names: tuple[str, ...], options: bool, _: tuple[str, ...]) -> tuple[Parser, dict[str, Parser]]:
    return make_parsers(names, options)


def _parsers_once(names: Iterable[str], options: bool = True) -> tuple[Parser, dict[str, Parser]]:
    """What has parsed once has kept nothing of it."""
    return _parsers_of(tuple(names), options, tuple(BEAM_OPTIONS))


def remember() -> None:
    """Have Beam remember, in this process, until it ends."""
    if PipelineOptions.__init__ is _parse_once:
        return
    PipelineOptions.__init__ = _parse_once
    PipelineOptions.view_as = _view_once
    PipelineOptions.get_all_options = _all_once
    decorators.get_signature = signature = _once(decorators.get_signature)
    for module in (core, ptransform, util):
        module.get_signature = signature
    core._check_fn_use_yield_and_return = _yields_once
    userstate.get_dofn_specs = _specs_once
    decorators.IOTypeHints._make_origin = classmethod(_origin_without_stack)
    traverse._iter_modules_globals = _globals_once
    cli.make_parsers = _parsers_once
