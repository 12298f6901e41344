"""Exceptions that LabelBeam raises. Each message is one for people: what was read, where, what was found and expected, what to do.

```
LabelBeamError                    every failure; its exit_code is the command's exit status
├── UsageError                    an option is wrong or missing
├── StoreError                    a store could not be opened, listed, read or written
│   └── MissingFileError          nothing is where something was expected, such as a published build
├── UnavailableError              a store failed again and again in a retryable way: run again later
├── BusyError                     another run is at work on the output
├── LostLockError                 another run has taken this one for dead
├── CountsError                   what was found is not what was written, rejected and skipped
├── TooManyRejectedError          more was rejected than max_rejected allows
├── SuspiciousChangeError         the build differs from the current one by more than max_change allows
├── TooManyFailedError            more images were not scored than max_failed allows
└── BelowGateError                a figure of an evaluation is below what a min_ option asks for
```

Some steps raise further subclasses of `LabelBeamError`, which are of no use to tell apart. Whatever else a run ends in, such as a
failure of a runner, is raised as `LabelBeamError` from the exception itself.
"""

from __future__ import annotations

from labelbeam.schemas.errors import (
    BelowGateError,
    BusyError,
    CountsError,
    LabelBeamError,
    LostLockError,
    SuspiciousChangeError,
    TooManyFailedError,
    TooManyRejectedError,
    UsageError,
)
from labelbeam.transforms.stores.errors import MissingFileError, StoreError, UnavailableError

__all__ = [
    "BelowGateError",
    "BusyError",
    "CountsError",
    "LabelBeamError",
    "LostLockError",
    "MissingFileError",
    "StoreError",
    "SuspiciousChangeError",
    "TooManyFailedError",
    "TooManyRejectedError",
    "UnavailableError",
    "UsageError",
]
