"""Find annotation files of Pascal VOC."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from labelbeam.transforms.stores.errors import StoreError
from labelbeam.transforms.stores.files import StoredFile
from labelbeam.transforms.stores.threads import in_threads

_ANNOTATION = re.compile(rb"<(?:\w+:)?annotation\b", re.IGNORECASE)
XMLS_LOOKED_AT = 20


def holds_voc(head_of: Callable[[StoredFile], bytes], xmls: Sequence[StoredFile]) -> bool:
    """Tell whether one of them is an annotation file, by its first bytes. One that cannot be read is left to who reads them all, if another can."""

    def look(file: StoredFile) -> bool | StoreError:
        try:
            head = head_of(file)[:4096]
        except StoreError as error:
            return error
        # As in `_is_coco`.
        return _ANNOTATION.search(head.replace(b"\0", b"")) is not None

    # Nearly always the first one tells.
    looked = [look(file) for file in xmls[:1]]
    if True not in looked:
        looked += in_threads(look, xmls[1:])
    if True in looked:
        return True
    for result in looked:
        if isinstance(result, StoreError):
            raise result
    return False
