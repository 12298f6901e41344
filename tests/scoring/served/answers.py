"""What a served model says of each image, known by heart; for environments that have no labelbeam.

ANSWERS names a JSON file, read anew for each request: how answers are made (`makes`), and by the SHA-256 of an image what is said of it,
or what goes wrong: `raise`, `sleep`, `die`.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from pathlib import Path
from typing import Any


def table() -> dict[str, Any]:
    """The file's content as it is now."""
    found: dict[str, Any] = json.loads(Path(os.environ["ANSWERS"]).read_bytes())
    return found


def entry_for(image: bytes) -> Any:
    """The entry for an image, or what goes wrong with it."""
    said = table()["images"][hashlib.sha256(image).hexdigest()]
    if said == "raise":
        raise ValueError("this image is no image")
    if said == "sleep":
        time.sleep(60)
    if said == "die":
        os._exit(1)
    return said
