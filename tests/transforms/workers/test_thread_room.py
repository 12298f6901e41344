"""Threads that are started while memory ends: each begins, or is refused in words, and nobody waits for one without an end."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

from labelbeam.transforms.workers import thread_room

STARTING = """
import os, resource, select, sys, threading
from pathlib import Path
from labelbeam.transforms.workers.thread_room import keep_room_for_threads

resource.setrlimit(resource.RLIMIT_STACK, (2**23, -1))
if sys.argv[1] == "kept":
    keep_room_for_threads()
for pages in range(40):
    read, write = os.pipe()
    child = os.fork()
    if not child:
        page = resource.getpagesize()
        used = int(Path("/proc/self/statm").read_text().split()[0]) * page
        resource.setrlimit(resource.RLIMIT_AS, (used + 3 * (2**23 + page) + pages * page, -1))
        began = 0
        try:
            while True:
                threading.Thread(target=threading.Event().wait, daemon=True).start()
                began += 1
        except RuntimeError:
            os.write(write, b"%d" % began)
        os._exit(0)
    os.close(write)
    ready = select.select([read], [], [], 10)[0]
    print(os.read(read, 10).decode() if ready else "hangs", flush=True)
    os.kill(child, 9)
    os.waitpid(child, 0)
    os.close(read)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_thread_for_whose_beginning_no_memory_is_left_is_refused_at_once() -> None:
    command = [sys.executable, "-c", STARTING, "kept"]
    environment = os.environ | {"MALLOC_ARENA_MAX": "1"}
    ran = subprocess.run(command, capture_output=True, text=True, timeout=500, check=True, env=environment)
    assert ran.stdout.split() == ["2"] * 40, ran.stderr


def test_a_thread_that_ended_before_it_could_say_that_it_began_is_refused_in_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(threading.Thread, "start", threading.Thread.start)
    monkeypatch.setattr(thread_room, "PATIENCE", 1)
    thread_room.keep_room_for_threads()
    monkeypatch.setattr(threading.Thread, "_bootstrap", lambda _: None)
    with pytest.raises(RuntimeError, match="can't start new thread"):
        threading.Thread(target=str, daemon=True).start()


def test_threads_begin_once_and_can_be_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading.Thread, "start", threading.Thread.start)
    thread_room.keep_room_for_threads()
    done: list[int] = []
    threads = [threading.Thread(target=done.append, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == list(range(20))
    with pytest.raises(RuntimeError, match="threads can only be started once"):
        threads[0].start()
