"""The emulator of Google Cloud Storage, whose arguments this takes, without two things that cost minutes of a run.

After each change it writes all that it knows to a file, so that each write takes longer the more a run has stored; in memory nobody
reads that file. And it sends the head and the body of an answer by themselves, of which the second waits for the first's receipt.
"""

import sys

from gcp_storage_emulator.__main__ import main
from gcp_storage_emulator.server import RequestHandler
from gcp_storage_emulator.storage import Storage


def leave_unwritten(storage: Storage) -> None:
    """Stands for the writing of what the storage knows."""


if __name__ == "__main__":
    Storage._write_config_to_file = leave_unwritten
    RequestHandler.disable_nagle_algorithm = True
    sys.exit(main())
