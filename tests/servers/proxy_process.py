"""A proxy before one HTTP server: `python -m tests.servers.proxy_process HOST PORT`. `Proxy` starts it and talks to it.

Its first line on stdout is the port it listens on; each line on its stdin, a JSON object, is answered by one. It ends with
its stdin. Each request gets a connection of its own to the server; answers are read whole and sent on with their length.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
import struct
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any, NamedTuple

from tests.servers.faults import CUT, HUNG, LOST, OK, REFUSED, RESET, SHORT, Faults, Request, draw

HOST = "127.0.0.1"

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)

_ERROR_XML = (
    b'<?xml version="1.0" encoding="UTF-8"?><Error><Code>ServiceUnavailable</Code><Message>by test</Message></Error>'
)


class _Head(NamedTuple):
    """The first line of a message, and its fields by lower-case name."""

    line: str
    fields: dict[str, tuple[str, str]]

    def get(self, name: str) -> str:
        return self.fields.get(name, ("", ""))[1]

    def encoded(self, *without: str, **instead: str) -> bytes:
        fields = {name: field for name, field in self.fields.items() if name not in without}
        fields |= {name.replace("_", "-"): (name.replace("_", "-"), value) for name, value in instead.items()}
        return "\r\n".join([self.line, *(f"{name}: {value}" for name, value in fields.values()), "", ""]).encode(
            "latin-1"
        )


class _Answer(NamedTuple):
    head: _Head
    status: int
    body: bytes


class Proxy:
    """The server's side: rules, and what came."""

    def __init__(self, server: tuple[str, int]) -> None:
        self.server = server
        self.rules: list[Faults] = []
        self.seed = 0
        self.log: list[Request] = []
        self.began = monotonic()
        self.seen: Counter[tuple[str, str]] = Counter()
        self.matched: Counter[int] = Counter()

    def command(self, given: dict[str, Any]) -> Any:
        """Set rules, or tell what came."""
        if "rules" in given:
            self.rules = [Faults(**rule) for rule in given["rules"]]
            self.seed = given["seed"]
            self.matched.clear()
            self.seen.clear()
        answer = list(self.log)
        if given.get("forget"):
            self.log.clear()
        return answer

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        try:
            while await self._one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # The other side went away.
        finally:
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await _read_head(reader)
        method, target, _ = head.line.split(" ")
        if head.get("expect").lower() == "100-continue":
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = await _read_body(reader, head, at_end=False)
        rule, outcome = self._fate(method, target, head.get("range"))
        with self._logged(method, target, head.get("range"), outcome) as entry:
            if rule.latency:
                await asyncio.sleep(rule.latency)
            if outcome == HUNG:
                await reader.read()
                return False
            if outcome == RESET:
                return _reset(writer)
            if outcome == REFUSED:
                answer = _refusal(rule, target)
            else:
                answer = await self._forward(head, body, method)
            if outcome == LOST:
                return _reset(writer)
            cuttable = 200 <= answer.status < 300 and len(answer.body) > 1
            if outcome in (CUT, SHORT) and not cuttable:
                entry["outcome"] = outcome = OK
            entry["status"] = answer.status
            return await _send(writer, answer, method, outcome, entry)

    def _fate(self, method: str, target: str, range_: str) -> tuple[Faults, str]:
        for number, rule in enumerate(self.rules):
            if rule.is_for(method, target):
                self.matched[number] += 1
                if rule.first is not None and self.matched[number] > rule.first:
                    continue
                what = f"{target} {range_}"
                self.seen[method, what] += 1
                return rule, draw(rule, self.seed, method, what, self.seen[method, what])
        return Faults(), OK

    @contextmanager
    def _logged(self, method: str, target: str, range_: str, outcome: str) -> Iterator[dict[str, Any]]:
        """Note a request at its end, however it ends."""
        started = monotonic()
        entry = {"outcome": outcome, "status": 0, "size": 0}
        try:
            yield entry
        finally:
            seconds = monotonic() - started
            self.log.append(
                Request(method, target, range_, started=started - self.began, seconds=seconds, **entry)  # type: ignore[arg-type]
            )

    async def _forward(self, head: _Head, body: bytes, method: str) -> _Answer:
        reader, writer = await asyncio.open_connection(*self.server)
        try:
            length = {"content_length": str(len(body))} if body or head.get("content-length") else {}
            hop = ("connection", "expect", "transfer-encoding", "content-length", "keep-alive")
            writer.write(head.encoded(*hop, connection="close", **length) + body)
            answer = await _read_head(reader)
            while answer.line.split(" ")[1].startswith("1"):
                answer = await _read_head(reader)
            status = int(answer.line.split(" ")[1])
            bodiless = method == "HEAD" or status in (204, 304)
            return _Answer(answer, status, b"" if bodiless else await _read_body(reader, answer, at_end=True))
        finally:
            writer.close()


async def _read_head(reader: asyncio.StreamReader) -> _Head:
    line, *fields = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").rstrip("\r\n").split("\r\n")
    parted = (field.partition(":") for field in fields)
    return _Head(line, {name.lower(): (name, value.strip()) for name, _, value in parted})


async def _read_body(reader: asyncio.StreamReader, head: _Head, *, at_end: bool) -> bytes:
    """The body; without a length it goes on to the end of the connection (`at_end`), or is none."""
    if "chunked" in head.get("transfer-encoding").lower():
        chunks = []
        while size := int((await reader.readuntil(b"\r\n")).partition(b";")[0], 16):
            chunks.append(await reader.readexactly(size))
            await reader.readexactly(2)
        while await reader.readuntil(b"\r\n") != b"\r\n":
            pass
        return b"".join(chunks)
    if length := head.get("content-length"):
        return await reader.readexactly(int(length))
    return await reader.read() if at_end else b""


def _refusal(rule: Faults, target: str) -> _Answer:
    """An error as the store would put it: Google's in JSON, all others' in XML."""
    body, kind = _ERROR_XML, "application/xml"
    if re.match(r"/(upload/|download/)?storage/v1", target):
        error = {"error": {"code": rule.status, "message": "by test"}}
        body, kind = json.dumps(error).encode(), "application/json"
    fields = {"content-type": ("Content-Type", kind)}
    if rule.retry_after is not None:
        fields["retry-after"] = ("Retry-After", rule.retry_after)
    return _Answer(_Head(f"HTTP/1.1 {rule.status} by test", fields), rule.status, body)


async def _send(
    writer: asyncio.StreamWriter, answer: _Answer, method: str, outcome: str, entry: dict[str, Any]
) -> bool:
    """Send an answer, as far as the outcome lets it; whether the connection goes on."""
    body = answer.body
    if outcome == SHORT:
        body = body[: len(body) // 2]
    length = str(len(body)) if method != "HEAD" else answer.head.get("content-length") or "0"
    if answer.status in (204, 304):
        length = "0"
    line = f"HTTP/1.1 {answer.head.line.partition(' ')[2]}"
    head = _Head(line, answer.head.fields).encoded(
        "transfer-encoding", "connection", "keep-alive", "content-length", content_length=length
    )
    if outcome == CUT:
        body = body[: len(body) // 2]
    entry["size"] = len(body)
    writer.write(head + (b"" if method == "HEAD" else body))  # What a refusal says would be taken for the next answer.
    await writer.drain()
    return outcome != CUT


def _reset(writer: asyncio.StreamWriter) -> bool:
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    writer.transport.abort()
    return False


async def _main(host: str, port: int) -> None:
    proxy = Proxy((host, port))
    server = await asyncio.start_server(proxy.serve, HOST, 0, backlog=1024)
    commands = asyncio.StreamReader(limit=2**24)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    _say(server.sockets[0].getsockname()[1])
    while line := await commands.readline():
        _say(proxy.command(json.loads(line)))
    os._exit(0)  # As it is, with connections open: nothing is left to be saved.


def _say(answer: Any) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], int(sys.argv[2])))
