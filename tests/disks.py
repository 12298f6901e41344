"""What the disk that tests write to can hold: not all of what Linux's can, on macOS."""

from __future__ import annotations

import os
import tempfile

import pytest


def _takes(name: bytes) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        try:
            with open(os.path.join(os.fsencode(folder), name), "wb"):
                return True
        except OSError:
            return False


any_bytes_as_names = pytest.mark.skipif(not _takes(b"caf\xe9"), reason="this disk takes no names but UTF-8")
