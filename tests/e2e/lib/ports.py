"""Ports for what a test starts. Runs that go side by side never have one in common, not even one at
which nobody listens at the moment: whoever tries again and again to reach a server that is away
would come to somebody else's."""
import itertools
import random
import socket

_FIRST, _RANGE, _RANGES = 10000, 2750, 8  # below the ports of outgoing connections
_claim = socket.socket(socket.AF_UNIX)  # has the name of this run's range, as long as it runs


def _claimed():
    for n in random.sample(range(_RANGES), _RANGES):
        try:
            _claim.bind(f"\0meerkat-e2e-ports-{n}")
        except OSError:
            continue
        return range(_FIRST + n * _RANGE, _FIRST + (n + 1) * _RANGE)
    raise RuntimeError(f"{_RANGES} runs have all the ports")


def _from_anywhere(ports):
    """In order, so that each comes back as late as can be."""
    at = random.randrange(len(ports))
    return itertools.cycle([*ports[at:], *ports[:at]])


_ports = None


def free_port():
    """A port that nobody has at any address."""
    global _ports
    _ports = _ports or _from_anywhere(_claimed())
    for _ in range(_RANGE):
        port = next(_ports)
        with socket.socket() as s:
            try:
                s.bind(("", port))
            except OSError:
                continue
        return port
    raise RuntimeError("somebody has all the ports of this run")
