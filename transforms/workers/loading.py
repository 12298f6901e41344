"""Packages that a command does without, though they are installed: it loads in half of the time.

pyarrow and Beam load pandas wherever they find it, for conversions that nothing here asks for. Beam loads clients of MongoDB,
BigQuery and of object stores as well, for pipelines of other kinds; a build on the in-process runner has no use for them. Modules
are made of some 200,000 objects that stay: a collector that looks through them again and again takes a fifth of loading.
"""

from __future__ import annotations

import contextlib
import gc
import os
import sys
from collections.abc import Iterator

OTHERS = (
    "apache_beam.io.aws.s3filesystem",
    "apache_beam.io.azure.blobstoragefilesystem",
    "apache_beam.io.gcp.bigquery",
    "apache_beam.io.gcp.gcsfilesystem",
    "apache_beam.io.gcp.gcsio",
    "apache_beam.io.hadoopfilesystem",
    "bson",
    "pymongo",
)
"""Modules that Beam does without where they cannot be imported."""


class _Absent:
    """The first to be asked for a module; says of `names` that there are none."""

    names: frozenset[str] = frozenset()

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        """Fail for these, leave others to who knows them."""
        if name in self.names:
            raise ModuleNotFoundError(f"No module named {name!r} in a process of labelbeam", name=name)


_absent = _Absent()

COLLECT_AFTER = 50_000
"""Objects that may hold others, made and not freed, after which Python looks for cycles among them; its own default is 700."""


def is_ours_alone() -> None:
    """Note that this process runs a command, or works for a run, and nothing else; in others somebody may need all that there is."""
    gc.set_threshold(COLLECT_AFTER, *gc.get_threshold()[1:])
    # numpy would make a thread for each core in each process, which is more than some containers allow, and interrupts a process that
    # gets none. The products here are of short vectors.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if _absent not in sys.meta_path:
        _absent.names = frozenset({"pandas"})
        sys.meta_path.insert(0, _absent)


def ours_alone() -> bool:
    """Tell whether `is_ours_alone` was noted."""
    return _absent in sys.meta_path


@contextlib.contextmanager
def without_others(local: bool) -> Iterator[None]:
    """Have what is imported meanwhile not find `OTHERS` either, where that is Beam with its `local`, in-process runner."""
    before = _absent.names
    if local:
        _absent.names = before | set(OTHERS)
    try:
        yield
    finally:
        _absent.names = before
