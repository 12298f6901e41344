"""A runner that loses an element of a step's output, or gives it out twice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.transforms.ptransform import _NamedPTransform


class Spoiling:
    """Spoils the element `at` of the output `tag` of each step that is called `label`; `spoilt` counts what was spoilt so far.

    A step without tags has the output None. `outputs` are those that were seen: of steps, with their tags.
    """

    def __init__(self, label: str, tag: str | None, times: int, at: int = 0) -> None:
        self.label, self.tag, self.times, self.at = label, tag, times, at
        self.spoilt, self.outputs = 0, list[tuple[str, str | None]]()

    def begin(self, patch: pytest.MonkeyPatch) -> None:
        """Spoil every pipeline that is made from now on."""

        def named(transform: beam.PTransform, label: str) -> Any:
            several = isinstance(transform, beam.Flatten)  # Has several inputs, and gives out what these hold.
            return _NamedPTransform(transform if several else _Behind(transform, label, self), label)

        patch.setattr(beam.PTransform, "__rrshift__", named)


class _Behind(beam.PTransform):  # type: ignore[misc]  # Beam has no types
    def __init__(self, transform: beam.PTransform, label: str, spoiling: Spoiling) -> None:
        super().__init__()
        self.transform, self.step, self.spoiling = transform, label, spoiling

    def expand(self, before: Any) -> Any:
        found = before | self.transform
        if isinstance(found, beam.PCollection):
            return self._output(None, found)
        names = found if isinstance(found, dict) else [tag for tag in (*found._tags, found._main_tag) if tag]
        return {name: self._output(name, found[name]) for name in names}

    def _output(self, tag: str | None, output: Any) -> Any:
        self.spoiling.outputs.append((self.step, tag))
        if (self.step, tag) != (self.spoiling.label, self.spoiling.tag):
            return output
        return output | beam.ParDo(_Spoil(self.spoiling))


class _Spoil(beam.DoFn):  # type: ignore[misc]
    spoiling: Spoiling | None = None  # One for all copies that a runner in this process makes of it.
    met = 0

    def __init__(self, spoiling: Spoiling) -> None:
        _Spoil.spoiling, _Spoil.met = spoiling, 0

    def process(self, element: Any) -> Iterator[Any]:
        spoiling = _Spoil.spoiling
        assert spoiling is not None, "made in this process"
        times = spoiling.times if _Spoil.met == spoiling.at else 1
        _Spoil.met += 1
        spoiling.spoilt += times != 1
        yield from [element] * times
