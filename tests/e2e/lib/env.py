"""What the environment says: how patient to be, and which server is under test."""
import os

_MARKS = (b"__asan_init", b"__tsan_init")


def _is_sanitized(path):
    """Whether the binary was built with ASan or TSan: then everything takes longer."""
    try:
        with open(path, "rb") as f:
            data = f.read()
    except OSError:
        return False
    return any(mark in data for mark in _MARKS)


BINARY = os.path.abspath(os.environ.get("MEERKAT_E2E_BINARY", "build/src/main/meerkat"))
SANITIZED = _is_sanitized(BINARY)
SCALE = float(os.environ.get("MEERKAT_E2E_TIMEOUT", "2" if SANITIZED else "1"))

# No test relies on these being short: they only end a test that would never end.
DEADLINE = 30.0 * SCALE
TEST_DEADLINE = 180.0 * SCALE
EXIT_DEADLINE = (30.0 if SANITIZED else 10.0) * max(SCALE, 1.0)
