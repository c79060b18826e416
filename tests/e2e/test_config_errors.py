"""What `meerkat check` says: one configuration and its whole output a pair of golden files.

MEERKAT_E2E_GOLDEN=write writes the outputs anew. What is "known here" is left out of them: a new
option need not change them all."""
import os
import re
import shutil
import subprocess

import pytest

from lib import pki
from lib.server import run

GOLDEN = os.path.join(os.path.dirname(__file__), "golden")
NAMES = sorted(name[:-5] for name in os.listdir(GOLDEN) if name.endswith(".toml"))
WRITE = os.environ.get("MEERKAT_E2E_GOLDEN") == "write"

# The files that the configurations name.
FILES = """
set -e
mkdir directory
: >empty.pem
echo 'This is not PEM.' >not.pem
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 100 \
	-subj /CN=example.net -keyout key.pem -out cert.pem
openssl genpkey -algorithm ec -pkeyopt ec_paramgen_curve:P-256 -out other-key.pem
cat cert.pem key.pem >server.pem
cat cert.pem other-key.pem >mixed.pem
openssl dhparam -out dh512.pem 512
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    directory = tmp_path_factory.mktemp("golden")
    subprocess.run(["sh", "-c", FILES], cwd=directory, check=True, capture_output=True)
    # Not a new one each time: of 256 wrong passwords one is not noticed before the key is read.
    shutil.copy(f"{GOLDEN}/locked-key.pem", directory)
    root = pki.make("Root", purpose="ca")
    (directory / "good.crl").write_bytes(pki.make_crl(root))
    (directory / "stale.crl").write_bytes(pki.make_crl(root, days=(-9, -1)))
    return directory


@pytest.mark.parametrize("name", NAMES)
def test_output(place, name, monkeypatch):
    """Warnings, "warn-*", are no reason to refuse a configuration; errors are."""
    monkeypatch.delenv("SSLKEYLOGFILE", raising=False)
    shutil.copy(f"{GOLDEN}/{name}.toml", place)
    done = run("check", "-c", f"{name}.toml", cwd=place)
    text = re.sub("known here: .*", "known here: ...", done.stderr + done.stdout)
    text = re.sub(r"certificate is good until [0-9TZ:-]+", "certificate is good until ...", text)
    assert done.returncode == (0 if name.startswith("warn-") else 1), text
    assert (" error: " in text) == (done.returncode == 1), text
    assert "tell-nobody" not in text
    if WRITE:
        with open(f"{GOLDEN}/{name}.txt", "w", encoding="utf-8") as f:
            f.write(text)
    with open(f"{GOLDEN}/{name}.txt", encoding="utf-8") as f:
        assert text == f.read()


def test_no_output_without_its_configuration():
    assert sorted(n[:-4] for n in os.listdir(GOLDEN) if n.endswith(".txt")) == NAMES
