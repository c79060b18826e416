"""A share of the processor for one process, by a control group of its own; where the user may."""

import os
import tempfile
from contextlib import contextmanager

PERIOD_US = 10000


def _write(path, text):
    with open(path, "w", encoding="ascii") as f:
        f.write(text)


def _limit(place, quota_us):
    if os.path.exists(f"{place}/cpu.cfs_quota_us"):  # version 1
        _write(f"{place}/cpu.cfs_period_us", str(PERIOD_US))
        _write(f"{place}/cpu.cfs_quota_us", str(quota_us))
    else:
        _write(f"{place}/cpu.max", f"{quota_us} {PERIOD_US}")


@contextmanager
def share(pid, cores):
    """It has no more than so many cores meanwhile."""
    root = "/sys/fs/cgroup/cpu" if os.path.isdir("/sys/fs/cgroup/cpu") else "/sys/fs/cgroup"
    place = None
    try:
        place = tempfile.mkdtemp(prefix="meerkat-bench-", dir=root)
        _limit(place, int(cores * PERIOD_US))
        _write(f"{place}/cgroup.procs", str(pid))
        limited = True
    except OSError:
        limited = False
    try:
        yield
    finally:
        if limited:
            _write(f"{root}/cgroup.procs", str(pid))
        if place:
            os.rmdir(place)
