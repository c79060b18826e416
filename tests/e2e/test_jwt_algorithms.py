"""auth.jwt.algorithm, each of them, with tokens made by another library: who has signed with the
right key logs in, nobody else does."""
import base64
import functools
import hmac
import json

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

from lib.client import SaslFailure
from lib.ports import free_port

LISTENERS = {"plain": {}, "tls": {"tls": {"mode": "tls"}}}
HASHES = {"256": hashes.SHA256, "384": hashes.SHA384, "512": hashes.SHA512}
CURVES = {"256": ec.SECP256R1, "384": ec.SECP384R1, "512": ec.SECP521R1}
MISSPELT = ["HS386", "RS386", "ES386"]  # as MongooseIM writes them
ALGORITHMS = [f"{kind}{size}" for kind in ("HS", "RS", "ES") for size in HASHES] + MISSPELT


class Secret:
    """Of HS."""

    def __init__(self, text):
        self.text = text

    def public(self):
        return self.text

    def sign(self, algorithm, data):
        return hmac.digest(self.text.encode(), data, f"sha{algorithm[2:]}")


class Pair:
    """Of RS, or of ES."""

    def __init__(self, key):
        self.key = key

    def public(self):
        return self.key.public_key().public_bytes(
            serialization.Encoding.PEM,
            serialization.PublicFormat.SubjectPublicKeyInfo).decode()


class Rsa(Pair):
    def __init__(self):
        super().__init__(rsa.generate_private_key(65537, 2048))

    def sign(self, algorithm, data):
        return self.key.sign(data, padding.PKCS1v15(), HASHES[algorithm[2:]]())


class Curve(Pair):
    def __init__(self, size):
        super().__init__(ec.generate_private_key(CURVES[size]()))

    def sign(self, algorithm, data):
        """RFC 7518 3.4: two numbers of a fixed size."""
        size = (self.key.curve.key_size + 7) // 8
        return b"".join(n.to_bytes(size, "big")
                        for n in utils.decode_dss_signature(self.sign_asn1(algorithm, data)))

    def sign_asn1(self, algorithm, data):
        return self.key.sign(data, ec.ECDSA(HASHES[algorithm[2:]]()))


def spelt(algorithm):
    """As it is in tokens."""
    return algorithm.replace("386", "384")


def domain_of(algorithm):
    return f"{algorithm.lower()}.example"


@functools.cache
class Keys:
    """Made once, when they are asked for: those that are configured, and others of their kinds."""

    def __init__(self):
        self.right, self.wrong = map(self.make, ("right-", "wrong-"))

    @staticmethod
    def make(secret):
        one = {"HS": Secret(32 * secret), "RS": Rsa()}
        one |= {f"ES{size}": Curve(size) for size in CURVES}
        return {name: one.get(name[:2]) or one[spelt(name)] for name in ALGORITHMS}


def prepare(server):
    """Each algorithm has a domain."""
    server.over = {
        "general": {"hosts": ["localhost", *map(domain_of, ALGORITHMS)]},
        "host_config": [{"host": domain_of(name), "auth": {"methods": ["jwt"], "jwt": {
            "secret": {"value": Keys().right[name].public()}, "algorithm": name,
            "username_key": "user"}}} for name in ALGORITHMS],
    }


def part(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signed(algorithm, sign, user="romeo", name=None):
    """`name`: what its header says, if it is not the truth."""
    text = (part(json.dumps({"alg": name or algorithm}).encode()) + "."
            + part(json.dumps({"user": user}).encode()))
    return f"{text}.{part(sign(algorithm, text.encode()))}"


@pytest.mark.parametrize("listener", LISTENERS)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_algorithm(connect, algorithm, listener):
    name, right, wrong = spelt(algorithm), Keys().right[algorithm], Keys().wrong[algorithm]
    other_size = name[:2] + {"256": "512", "384": "256", "512": "384"}[name[2:]]
    good = signed(name, right.sign)
    bad = {
        "another key": signed(name, wrong.sign),
        "another name": signed(name, right.sign, "juliet"),
        "another hash": signed(other_size, right.sign),
        "another hash, which it hides": signed(other_size, right.sign, name=name),
        "no signature": signed(name, lambda *_: b""),
        "nothing but a name": signed(name, lambda *_: b"", name="none"),
        "half a signature": signed(name, lambda *a: right.sign(*a)[:-1]),
    }
    if algorithm in MISSPELT:
        bad["misspelt"] = signed(name, right.sign, name=algorithm)
    if name[0] != "H":  # everybody knows the public key
        secret = Secret(right.public())
        for other in (name, "HS256"):
            bad[f"the public key as a secret, {other}"] = signed(
                "HS" + name[2:], secret.sign, name=other)
    if name[0] == "E":
        bad["in ASN.1"] = signed(name, right.sign_asn1)
    for what, token in bad.items():
        client = connect(listener, domain=domain_of(algorithm))
        client.start()
        with pytest.raises(SaslFailure) as failure:
            client.auth_plain("romeo", token)
        assert failure.value.condition == "not-authorized", what
        client.abort()
    client = connect(listener, domain=domain_of(algorithm))
    client.start()
    client.auth_plain("romeo", good)
    client.restart()
    client.start()
    client.bind()
    assert client.sync() == []


@pytest.mark.parametrize("algorithm", ["RS256", "ES384", "HS512"])
def test_key_in_a_file(new_server, tmp_path, algorithm):
    """A new one holds from the reload on."""
    path = tmp_path / "key.pem"
    path.write_text(Keys().right[algorithm].public(), encoding="ascii")
    server = new_server(listeners={"plain": {}}, over={"auth": {"methods": ["jwt"], "jwt": {
        "secret": {"file": str(path)}, "algorithm": algorithm, "username_key": "user"}}})

    def attempt(keys):
        client = server.connect()
        client.start()
        client.auth_plain("romeo", signed(algorithm, keys[algorithm].sign))

    for right, wrong in ((Keys().right, Keys().wrong), (Keys().wrong, Keys().right)):
        path.write_text(right[algorithm].public(), encoding="ascii")
        assert server.run("reload").returncode == 0
        attempt(right)
        with pytest.raises(SaslFailure) as failure:
            attempt(wrong)
        assert failure.value.condition == "not-authorized"


KEYS_OF_OTHERS = {  # the algorithm, whose key it gets, and what is said
    "RS256": ("ES256", "a public key in PEM of RSA"),
    "RS386": ("HS256", "a public key in PEM of RSA"),
    "ES256": ("ES384", "a public key in PEM of the curve P-256"),
    "ES386": ("ES512", "a public key in PEM of the curve P-384"),
    "ES512": ("RS512", "a public key in PEM of the curve P-521"),
    "HS512": ("RS512", "a secret, found a public key or a certificate"),
}


@pytest.mark.parametrize("algorithm", KEYS_OF_OTHERS)
def test_keys_of_another_kind_are_refused(new_server, algorithm):
    other, expected = KEYS_OF_OTHERS[algorithm]
    key = Keys().right[other].public()
    server = new_server(listeners={"plain": {}}, start=False, over={
        "auth": {"methods": ["jwt"], "jwt": {"secret": {"value": key}, "algorithm": algorithm,
                                             "username_key": "user"}}})
    server.ports = {"plain": free_port()}
    server.write_config()
    done = server.run("check")
    assert done.returncode == 1
    assert f"auth.jwt.secret: expected {expected}" in done.stdout + done.stderr
    assert key not in done.stdout + done.stderr
