"""Processors of their own for the clients, who have machines of their own elsewhere: whom they take
one from, and when, is otherwise up to the kernel, and has nothing to do with the server."""

import contextlib
import os


def threads(pid):
    with contextlib.suppress(OSError):
        yield from map(int, os.listdir(f"/proc/{pid}/task"))


@contextlib.contextmanager
def apart(server):
    """What this process starts meanwhile has one, and the server has the others; where there are
    two at least."""
    usable = os.sched_getaffinity(0)
    clients = {max(usable)}
    if usable == clients:
        yield
        return
    for pid in server.tree():
        for thread in threads(pid):
            with contextlib.suppress(ProcessLookupError):
                os.sched_setaffinity(thread, usable - clients)
    os.sched_setaffinity(0, clients)
    try:
        yield
    finally:
        os.sched_setaffinity(0, usable)
