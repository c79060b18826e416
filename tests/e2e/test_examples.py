"""Each TOML example of the documentation is a good configuration, without a warning."""
import os
import re
import subprocess

import pytest

from lib.server import run

DOCS = os.path.join(os.path.dirname(__file__), "..", "..", "docs")
PAGE = f"{DOCS}/listener.md"
CONFIGURATION = f"{DOCS}/configuration.md"
PAGES = {"listener": 15, "authentication": 5}  # how many examples there are at least
GENERAL = """[general]
hosts = ["example.net"]
default_server_domain = "example.net"

"""
LISTENER = "\n[[listen.c2s]]\nport = 5222\n"
FILES = r"""
set -e
new="-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
openssl req -x509 $new -days 300 -subj /CN=example.net -keyout key.pem -out cert.pem
openssl req -x509 $new -days 300 -subj "/CN=An authority" -keyout ca-key.pem -out ca.pem
openssl req $new -subj /CN=example.net -keyout issued-key.pem -out request.pem
openssl x509 -req -in request.pem -CA ca.pem -CAkey ca-key.pem -set_serial 0x1000 -days 300 \
	-out issued.pem
cat issued.pem ca.pem issued-key.pem >server.pem
cat cert.pem key.pem >other.pem
printf 'V\t401231235959Z\t\t1000\tunknown\t/CN=example.net\n' >index.txt
printf '[ca]\ndefault_ca=a\n[a]\ndatabase=index.txt\ndefault_md=sha256\ndefault_crl_days=30\n' >ca.cnf
openssl ca -config ca.cnf -gencrl -keyfile ca-key.pem -cert ca.pem -out revoked.crl
openssl ocsp -issuer ca.pem -cert issued.pem -no_nonce -reqout request.der
openssl ocsp -index index.txt -CA ca.pem -rsigner ca.pem -rkey ca-key.pem -reqin request.der \
	-ndays 7 -respout server.ocsp
openssl genpkey -genparam -algorithm DH -pkeyopt group:ffdhe2048 -out dh.pem
"""


def examples(name):
    """(page and line, text) of each example, in the order of the page."""
    with open(f"{DOCS}/{name}.md", encoding="utf-8") as f:
        page = f.read()
    return [(f"{name}-{page[:found.start()].count(chr(10)) + 2}", found.group(1))
            for found in re.finditer(r"^```toml\n(.*?)^```$", page, re.M | re.S)]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    directory = tmp_path_factory.mktemp("examples")
    subprocess.run(["sh", "-c", FILES], cwd=directory, check=True, capture_output=True)
    return directory


@pytest.mark.parametrize("line, text", [e for name in PAGES for e in examples(name)],
                         ids=lambda x: x if "\n" not in x else "")
def test_example(place, line, text):
    text = text.replace("/etc/meerkat/", f"{place}/")
    if "[general]" not in text:
        text = GENERAL + text
    if "[[listen.c2s]]" not in text:
        text += LISTENER
    (place / f"{line}.toml").write_text(text, encoding="utf-8")
    done = run("check", "-c", f"{line}.toml", cwd=place)
    assert (done.returncode, done.stderr) == (0, ""), (line, done.stderr)
    assert done.stdout.splitlines()[-1] == f"{line}.toml: the configuration is good"


def options(section):
    """Those of a section of docs/configuration.md."""
    with open(CONFIGURATION, encoding="utf-8") as f:
        text = f.read().split(f"### `{section}`\n")[1].split("\n### ")[0]
    return re.findall(r"^\| `(\w+)` \|", text, re.M)


@pytest.mark.parametrize("section, prefix", [("[[listen.c2s]]", ""), ("[listen.c2s.tls]", "tls.")])
def test_each_option_has_its_place(section, prefix):
    """In a heading of the page: what is new must be explained there, too."""
    with open(PAGE, encoding="utf-8") as f:
        headings = " ".join(line for line in f if line.startswith("### "))
    names = options(section)
    assert len(names) > 10
    assert [n for n in names if f"`{prefix}{n}`" not in headings] == []


@pytest.mark.parametrize("name", PAGES)
def test_there_are_examples(name):
    assert len(examples(name)) >= PAGES[name]
