"""Run a server for as long as whoever started it lives: `guard.py COMMAND…`, killed at the end of its own stdin.

A test process that is killed cannot end its servers, but the system closes its end of the pipe.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading


def main(command: list[str]) -> int:
    """Run the command in a session of its own; return its exit status."""
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)

    def kill_at_the_end() -> None:
        while os.read(0, 4096):
            pass
        # The group, since a launcher may have started the server as its child.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)

    threading.Thread(target=kill_at_the_end, daemon=True).start()
    return child.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
