"""Where the Azure Blob emulator is; it is installed where it is missing. It comes from npm, so pip cannot bring it."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.servers.installing import cache

VERSION = "3.37.0"

INSTALLING = 600
"""Seconds that npm may take."""


def azurite_blob() -> str:
    """The command `azurite-blob`: the one on PATH, else the pinned version, which is installed once.

    A test that asks for it is skipped where npm is missing, and fails where npm fails.
    """
    if (found := shutil.which("azurite-blob")) is not None:
        return found
    folder = cache() / f"azurite-{VERSION}"
    command = folder / "node_modules" / ".bin" / "azurite-blob"
    if command.exists():
        return str(command)
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip(
            "azurite-blob is not on PATH, and npm, which would install it, is not either; install Node.js 20 or later with "
            f"npm, or run where there is npm: npm install --global azurite@{VERSION}"
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / "azurite.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # Test processes that run side by side install it once.
        if not command.exists():
            _install(npm, folder)
    return str(command)


def _install(npm: str, folder: Path) -> None:
    """Install next to `folder` and rename, so that an installation which was interrupted is not taken for one."""
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".azurite-") as unfinished:
        ran = subprocess.run(
            [
                npm,
                "install",
                "--prefix",
                unfinished,
                "--no-audit",
                "--no-fund",
                "--loglevel=error",
                f"azurite@{VERSION}",
            ],
            capture_output=True,
            text=True,
            timeout=INSTALLING,
            check=False,
        )
        if ran.returncode:
            pytest.fail(f"npm install azurite@{VERSION} failed with exit status {ran.returncode}: {ran.stderr[-2000:]}")
        shutil.rmtree(folder, ignore_errors=True)
        Path(unfinished, "node_modules").rename(_made(folder) / "node_modules")


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
