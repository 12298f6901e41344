"""The emulator of Google Cloud Storage, whose arguments this takes, with two things more and without two that cost minutes of a run.

It ignores preconditions: here an upload with `ifGenerationMatch` takes effect only where the object has that generation, 0 meaning
that there is none; else the answer is 412 (https://cloud.google.com/storage/docs/request-preconditions). And it waits for ever for a
client that stands still within its request, while it answers nobody: here that one is dropped, as a store does.

After each change it writes all that it knows to a file, so that each write takes longer the more a run has stored; in memory nobody
reads that file. And it sends the head and the body of an answer by themselves, of which the second waits for the first's receipt.
"""

import sys
import threading
from http import HTTPStatus
from http.server import HTTPServer
from typing import Any

from gcp_storage_emulator.exceptions import NotFound
from gcp_storage_emulator.handlers import objects

PATIENCE = 10
"""Seconds after which a client that stands still within its request is dropped."""

_insert = objects.insert
_one_at_a_time = threading.Lock()


def insert(request: Any, response: Any, storage: Any, *arguments: Any, **options: Any) -> Any:
    """Upload an object, if its generation is the one that is asked for."""
    wanted = request.query.get("ifGenerationMatch")
    if wanted is None:
        return _insert(request, response, storage, *arguments, **options)
    with _one_at_a_time:
        try:
            found = storage.get_file_obj(request.params["bucket_name"], request.query["name"][0])["generation"]
        except NotFound:
            found = "0"
        if found != wanted[0]:
            response.status = HTTPStatus.PRECONDITION_FAILED
            response.json({"error": {"code": 412, "message": "conditionNotMet"}})
            return None
        return _insert(request, response, storage, *arguments, **options)


def leave_unwritten(storage: Any) -> None:
    """Stands for the writing of what the storage knows."""


if __name__ == "__main__":
    objects.insert = insert  # The emulator's routes take it when they are imported.
    from gcp_storage_emulator.__main__ import main
    from gcp_storage_emulator.server import RequestHandler
    from gcp_storage_emulator.storage import Storage

    Storage._write_config_to_file = leave_unwritten
    RequestHandler.disable_nagle_algorithm = True
    RequestHandler.timeout = PATIENCE
    HTTPServer.request_queue_size = (
        128  # It answers one at a time; of more than five that wait some would be turned away.
    )
    sys.exit(main())
