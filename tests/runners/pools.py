"""A worker pool for each machine of a cluster: on one machine, the same address leads each member to a pool of its own.

A cluster's members all get the same --environment_config, and number their workers alike. So two members must not share a pool:
when one stops its first worker, the pool would kill the other's. On real machines the address is `localhost`, on each another
pool; here each member has a hosts file of its own, in which the name `workers` is another address of the loopback network.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.runners.driving import Installed, worker_pool
from tests.servers.processes import HOST, free_port

NAME = "workers"
"""The host that --environment_config names."""


@dataclass
class Pool:
    """A pool that can be killed, and the option of Java by which one member of a cluster finds it."""

    running: ExitStack
    java_option: str

    def kill(self) -> None:
        """Kill the pool and its workers at once."""
        self.running.close()


@contextmanager
def pools(installed: Installed, folder: Path, count: int) -> Iterator[tuple[str, list[Pool]]]:
    """The address that leads each member to its own pool, and the pools."""
    port = free_port()
    with ExitStack() as running:
        made = []
        for number in range(1, count + 1):
            own = running.enter_context(ExitStack())
            to = own.enter_context(worker_pool(installed, folder / f"pool-{number}.log"))
            host = f"127.0.0.{number + 1}"
            own.enter_context(_forwarded(host, port, int(to.rpartition(":")[2])))
            hosts = folder / f"hosts-{number}"
            hosts.write_text(f"{HOST} localhost {socket.gethostname()}\n{host} {NAME}\n", encoding="utf-8")
            made.append(Pool(own, f"-Djdk.net.hosts.file={hosts}"))
        yield f"{NAME}:{port}", made


@contextmanager
def _forwarded(host: str, port: int, to: int) -> Iterator[None]:
    """Connections to `host:port` go on to the port `to` of this machine."""

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.ExitStack() as closing:
            closing.callback(writer.close)
            with contextlib.suppress(OSError, asyncio.CancelledError):
                there, back = await asyncio.open_connection(HOST, to)
                closing.callback(back.close)
                await asyncio.gather(pump(reader, back), pump(there, writer))

    async def serve() -> None:
        stop = asyncio.Event()
        async with await asyncio.start_server(connected, host, port):
            started.set_result((asyncio.get_running_loop(), stop))
            await stop.wait()

    started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()
    # Its end cancels what is under way, and waits for that.
    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    loop, stop = started.result(timeout=10)
    try:
        yield
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
