"""Processors of a virtual machine that have nothing to do for a moment are the host's, who gives them
back when it likes: milliseconds later, sometimes. They poll for a while first, where the user may
say so (the kernel's haltpoll)."""

import contextlib

FOR_NS = 2000000
FOR_MS = FOR_NS / 1e6
_PATH = "/sys/module/haltpoll/parameters/guest_halt_poll_ns"


def _write(text):
    with open(_PATH, "w", encoding="ascii") as f:
        f.write(text)


@contextlib.contextmanager
def awake():
    """Whether it is so meanwhile."""
    try:
        with open(_PATH, encoding="ascii") as f:
            before = f.read()
        _write(str(FOR_NS))
    except OSError:
        yield False
        return
    try:
        yield True
    finally:
        _write(before)
