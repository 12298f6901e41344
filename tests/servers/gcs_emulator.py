"""The emulator of Google Cloud Storage, which ignores preconditions, with the one that its uploads have in the real API.

https://cloud.google.com/storage/docs/request-preconditions: an upload with `ifGenerationMatch` takes effect only where the object
has that generation, 0 meaning that there is none; else the answer is 412.
"""

from __future__ import annotations

import sys
import threading
from http import HTTPStatus
from typing import Any

from gcp_storage_emulator.exceptions import NotFound
from gcp_storage_emulator.handlers import objects

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


if __name__ == "__main__":
    objects.insert = insert  # The emulator's routes take it when they are imported.
    from gcp_storage_emulator.__main__ import main

    sys.exit(main(sys.argv[1:], False))
