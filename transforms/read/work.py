"""Read one unit, as a function of arguments that can be pickled. Imports no Beam."""

from __future__ import annotations

from labelbeam.transforms.formats.reading import IndexUnit, Reading, ReadOptions, ReadResult, Unit
from labelbeam.transforms.workers.quiet_gc import quiet_gc
from labelbeam.transforms.workers.staged_units import StagedUnit, staged_unit


def read_unit(
    options: ReadOptions, unit: Unit | IndexUnit | StagedUnit, index: bytes | str | StagedUnit | None = None
) -> ReadResult:
    """Read a unit, against the index that it names, wherever unit and index were left.

    Raises:
        StoreError: a file cannot be read.
        LabelBeamError: a file is malformed as a whole, or a staged unit is not what was staged.
    """
    found: Unit | IndexUnit = staged_unit(unit, options.storage) if isinstance(unit, StagedUnit) else unit
    with quiet_gc():
        return found.read(Reading(options, index))
