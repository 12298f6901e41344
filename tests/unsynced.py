"""Test processes do not wait for the disk: a build waits some 24 times until what it wrote would outlive the machine.

No test takes the machine down; whoever asks which files are synced, and when, looks at the calls. Commands that are run as a shell
runs them sync as ever.
"""

from __future__ import annotations

import os


def _fsync(descriptor: int) -> None:
    os.fstat(descriptor)  # Of no file, it fails as the other does.


def spare() -> None:
    """Leave out waiting for the disk, in this process, until it ends."""
    os.fsync = _fsync  # type: ignore[assignment]
