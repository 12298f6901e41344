"""Servers that live for a whole run, each started once when a test first asks for it, for all test processes.

With pytest-xdist they run beside the process that hands out the tests, which the others ask by a socket; else beside the one
process that there is.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from functools import cached_property
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from typing import Any

import pytest

from tests.servers.processes import serving

PORT = "PORT"
"""What stands for the port in a command."""

_ROOM = pytest.StashKey["Room"]()


class Room:
    """The servers of a run, and `folder`, which goes with it; HTTP servers show the directory `shown` in it."""

    def __init__(self) -> None:
        self._running = ExitStack()
        self._endpoints: dict[str, str] = {}
        self._starting = threading.Lock()
        self.folder = Path(self._running.enter_context(tempfile.TemporaryDirectory(prefix="labelbeam-servers-")))
        self.shown = self.folder / "shown"
        self.shown.mkdir()

    def endpoint(self, name: str, command: Sequence[str]) -> str:
        """The endpoint of the server of that name; `command` starts it, in `shown`, where it does not run yet.

        Raises:
            RuntimeError: it does not start.
        """
        with self._starting:
            if name not in self._endpoints:

                def on(port: int) -> list[str]:
                    return [part.replace(PORT, str(port)) for part in command]

                server = serving(on, self.folder / f"{name}.log", cwd=self.shown)
                self._endpoints[name] = self._running.enter_context(server)
            return self._endpoints[name]

    @cached_property
    def door(self) -> tuple[str, bytes, str]:
        """Where other processes may ask, as `Visitor` takes it."""
        listener = Listener(str(self.folder / "door"), authkey=(key := self.folder.name.encode()))
        self._running.callback(listener.close)
        threading.Thread(target=self._let_in, args=[listener], daemon=True).start()
        return str(self.folder / "door"), key, str(self.shown)

    def _let_in(self, listener: Listener) -> None:
        with suppress(OSError):  # It has been closed.
            while True:
                threading.Thread(target=self._answer, args=[listener.accept()], daemon=True).start()

    def _answer(self, visitor: Connection) -> None:
        with visitor:
            try:
                visitor.send(self.endpoint(*visitor.recv()))
            except RuntimeError as error:
                visitor.send(error)

    def close(self) -> None:
        """End the servers."""
        self._running.close()


class Visitor:
    """The room of another process, by its `door`."""

    def __init__(self, door: str, key: bytes, shown: str) -> None:
        self._door, self._key, self.shown = door, key, Path(shown)
        self.folder = self.shown.parent

    def endpoint(self, name: str, command: Sequence[str]) -> str:
        """As that of `Room`."""
        with Client(self._door, authkey=self._key) as room:
            room.send((name, list(command)))
            answer = room.recv()
        if isinstance(answer, RuntimeError):
            raise answer
        return str(answer)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a test process where to ask; called in the one that hands out the tests."""
    node.workerinput["room"] = _own(node.config).door


def room_of(config: pytest.Config) -> Room | Visitor:
    """The room of this run."""
    given = getattr(config, "workerinput", {}).get("room")
    return _own(config) if given is None else Visitor(*given)


def _own(config: pytest.Config) -> Room:
    if _ROOM not in config.stash:
        config.stash[_ROOM] = Room()
        config.add_cleanup(config.stash[_ROOM].close)
    return config.stash[_ROOM]
