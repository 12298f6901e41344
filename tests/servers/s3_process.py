"""Moto, on the host and port that it is given, without what costs half of its time and some of its clients'.

Its own server closes the connection after each answer, so that each request takes a connection and a thread of its own; S3 keeps it. It
lists its own directories to find out which service is asked for, and reads the time of each object of a listing as if it were a person's.
"""

from __future__ import annotations

import sys
from functools import cache, lru_cache
from io import BytesIO
from typing import Any

from moto.core import serialize
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import run_simple

BODILESS = ("204", "304")
"""Statuses of answers that have no body, and so no length."""


class KeptConnection(MotoRequestHandler):
    """Answers one request after the other on a connection, each answer in one piece."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def handle_expect_100(self) -> bool:
        """Ask for the body, which a client may hold back until then."""
        self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        return True

    def run_wsgi(self) -> None:
        """Hand a request to moto, whole, so that the next one begins where it ends; send the answer."""
        environ = self.make_environ()
        body = environ["wsgi.input"]
        terminated = environ.get("wsgi.input_terminated", False)
        environ["wsgi.input"] = BytesIO(
            body.read() if terminated else body.read(int(environ.get("CONTENT_LENGTH") or 0))
        )
        begun: list[Any] = []
        data = b"".join(self.server.app(environ, lambda status, fields, _=None: begun.extend((status, fields))))
        status, fields = begun
        lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in fields)]
        if not status.startswith(BODILESS) and "content-length" not in {name.lower() for name, _ in fields}:
            lines.append(f"Content-Length: {len(data)}")
        head = "\r\n".join([*lines, "", ""]).encode("latin-1")
        self.wfile.write(head if self.command == "HEAD" else head + data)


if __name__ == "__main__":
    DomainDispatcherApplication.get_backend_for_host = cache(DomainDispatcherApplication.get_backend_for_host)
    serialize.parse_to_aware_datetime = lru_cache(2**16)(serialize.parse_to_aware_datetime)
    app = DomainDispatcherApplication(create_backend_app)
    run_simple(sys.argv[1], int(sys.argv[2]), app, threaded=True, request_handler=KeptConnection)
