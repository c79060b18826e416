"""SCRAM, the client's side (RFC 5802, RFC 7677), written from the RFC for these tests."""
import base64
import hashlib
import hmac
import os

HASHES = {
    "SCRAM-SHA-1": "sha1",
    "SCRAM-SHA-224": "sha224",
    "SCRAM-SHA-256": "sha256",
    "SCRAM-SHA-384": "sha384",
    "SCRAM-SHA-512": "sha512",
}
STRONG_FIRST = list(reversed(HASHES))

_salted = {}  # (hash, password, salt, iterations) -> the salted password


def salted_password(hash_name, password, salt, iterations):
    key = (hash_name, password, salt, iterations)
    if key not in _salted:
        _salted[key] = hashlib.pbkdf2_hmac(hash_name, password.encode(), salt, iterations)
    return _salted[key]


class Scram:
    """One exchange: first(), final(challenge), check(success)."""

    def __init__(self, mechanism, user, password, gs2="n,,", binding=b"", nonce=None):
        self.hash = HASHES[mechanism.removesuffix("-PLUS")]
        self.password = password
        self.gs2 = gs2
        self.binding = binding
        self.nonce = nonce or base64.b64encode(os.urandom(18)).decode()
        name = user.replace("=", "=3D").replace(",", "=2C")
        self.bare = f"n={name},r={self.nonce}"
        self.salt = self.iterations = self.signature = None

    def first(self):
        return (self.gs2 + self.bare).encode()

    def _mac(self, key, message):
        return hmac.new(key, message, self.hash).digest()

    def parse(self, challenge):
        """Takes the server's first message apart and checks it."""
        text = challenge.decode()
        parts = dict(p.split("=", 1) for p in text.split(","))
        assert parts["r"].startswith(self.nonce) and len(parts["r"]) > len(self.nonce), text
        self.salt = base64.b64decode(parts["s"], validate=True)
        self.iterations = int(parts["i"])
        return parts["r"]

    def final(self, challenge):
        nonce = self.parse(challenge)
        bound = base64.b64encode(self.gs2.encode() + self.binding).decode()
        without_proof = f"c={bound},r={nonce}"
        message = f"{self.bare},{challenge.decode()},{without_proof}".encode()
        salted = salted_password(self.hash, self.password, self.salt, self.iterations)
        client_key = self._mac(salted, b"Client Key")
        stored_key = hashlib.new(self.hash, client_key).digest()
        client_signature = self._mac(stored_key, message)
        self.signature = self._mac(self._mac(salted, b"Server Key"), message)
        proof = bytes(a ^ b for a, b in zip(client_key, client_signature))
        return f"{without_proof},p={base64.b64encode(proof).decode()}".encode()

    def check(self, success):
        """The server has proved that it knows the password, too."""
        assert success == b"v=" + base64.b64encode(self.signature), success


def serialised(password, hashes=STRONG_FIRST, iterations=4096):
    """What MongooseIM keeps of a password: its keys."""
    parts = [f"==MULTI_SCRAM==,{iterations}"]
    for mechanism in sorted(hashes):
        name, word = HASHES[mechanism], mechanism.removeprefix("SCRAM-").replace("-", "")
        salt = os.urandom(16)
        salted = hashlib.pbkdf2_hmac(name, password.encode(), salt, iterations)
        client = hmac.digest(salted, b"Client Key", name)
        keys = salt, hashlib.new(name, client).digest(), hmac.digest(salted, b"Server Key", name)
        equals = "===" if word == "SHA1" else "=="
        parts.append(f"{equals}{word}{equals}" +
                     "|".join(base64.b64encode(k).decode() for k in keys))
    return ",".join(parts)
