"""`labelbeam verify`: read a published build again and tell every way in which it is not as it was published."""

from __future__ import annotations

import sys

import msgspec

from labelbeam.pipelines.terminal.streams import write_stdout
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.location import StorageOptions
from labelbeam.transforms.verify.check import check
from labelbeam.transforms.verify.differences import Difference


class _Answer(msgspec.Struct):
    """What `--json` prints; `more` counts, by kind, the differences beyond those that are listed."""

    status: str
    build: str | None
    differences: list[Difference]
    more: dict[str, int]
    files: int
    records: int


def verify(output_url: str, storage: StorageOptions, as_json: bool, copies_url: str | None = None) -> int:
    """Check the build in force at `output_url` and tell what was found; the exit status, 0 or 3.

    `copies_url` is where its copied images lie, by default the place that the manifest names.

    Raises:
        UsageError: the manifest does not tell where the copies are, or there are none.
        StoreError: nothing was published there, or a file cannot be read.
    """
    output = locate(output_url, storage)
    checked = check(output, storage, copies_url)
    differences = checked.differences
    if as_json:
        status = "different" if len(differences) else "ok"
        answer = _Answer(status, checked.build, differences.told, differences.untold, checked.files, checked.records)
        write_stdout(msgspec.json.encode(answer).decode())
        return 3 if len(differences) else 0
    for item in differences.told:
        print(f"{item.file}: found {item.found}; expected {item.expected}", file=sys.stderr)
    for kind, count in differences.untold.items():
        print(f"… and {count} more of the kind: {kind}", file=sys.stderr)
    looked_at = f"{checked.files} files with {checked.records} records"
    if checked.copies is not None:
        looked_at += f", {checked.copies} copied images"
    if not len(differences):
        print(f"ok: build {checked.build}, {looked_at}, is as it was published", file=sys.stderr)
        return 0
    print(
        f"different: {len(differences)} differences in {looked_at} of {output.shown}; build again with labelbeam convert, or "
        "put back the files from a copy",
        file=sys.stderr,
    )
    return 3
