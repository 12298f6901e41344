"""What was found in all buckets before any is written, with what shows that it was found in all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from labelbeam.transforms.workers.parcels import parcel_sum


@dataclass(frozen=True, slots=True)
class Surveyed:
    """What was found in some buckets.

    arrived: the `parcel_sum` of what these buckets held. told: what their surveys were told of the whole source, as `told_sum` has it.
    found: a survey of these buckets, or what was made of one of all.
    """

    arrived: int = 0
    told: frozenset[int] = frozenset()
    found: Any = None


def survey_parcels(look: Callable[..., Any], told: int, encoded: Sequence[bytes], *arguments: Any) -> Surveyed:
    """Look through one bucket."""
    return Surveyed(parcel_sum(encoded), frozenset([told]), look(encoded, *arguments))


def join_surveyed(join: Callable[[Iterable[Any]], Any], parts: Iterable[Surveyed]) -> Surveyed:
    """All of `parts`, whose findings `join` makes one of."""
    parts = list(parts)
    told = frozenset[int]().union(*(part.told for part in parts))
    return Surveyed(sum(part.arrived for part in parts), told, join(part.found for part in parts))


def are_whole(surveys: Mapping[str, Surveyed], names: Iterable[str], sent: int, told: int) -> bool:
    """Tell whether each survey is there and was made of all that the readers sent, by what the writers are told as well."""
    found = [surveys.get(name, Surveyed()) for name in names]
    return all(survey.arrived == sent and survey.told <= {told} for survey in found)
