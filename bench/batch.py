"""Server and clients that take turns on one processor, and neither takes it from the other before all is
done that there was to do. A server that is quicker than its clients would else sleep and wake for each
of their packets, and be charged for that instead of for what many cost at a time."""

import contextlib
import os

from apart import threads


def _set(thread, policy, processors):
    with contextlib.suppress(ProcessLookupError):
        os.sched_setscheduler(thread, policy, os.sched_param(0))
        os.sched_setaffinity(thread, processors)


@contextlib.contextmanager
def batch(server):
    """The server, and what this process starts meanwhile."""
    usable = os.sched_getaffinity(0)
    for pid in server.tree():
        for thread in threads(pid):
            _set(thread, os.SCHED_BATCH, {min(usable)})
    _set(0, os.SCHED_BATCH, {min(usable)})
    try:
        yield
    finally:
        _set(0, os.SCHED_OTHER, usable)
