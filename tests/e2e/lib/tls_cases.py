"""What the section `tls` of a pool may say, and what comes of it: for a service, and for a database."""
from dataclasses import dataclass, field

from . import tls_files
from .tls_files import AES128, AES256, NAME

V12, V13 = ["tlsv1.2"], ["tlsv1.3"]
WEAK = {"ciphers": "ALL:TLS_AES_128_GCM_SHA256:@SECLEVEL=0"}
OTHER = {"cacertfile": "other.pem"}
CLIENT = {"certfile": "client.pem", "keyfile": "client-key.pem"}
LOCKED = CLIENT | {"keyfile": "locked-key.pem", "password": tls_files.PASSWORD}


def sni(**options):
    return {"server_name_indication": options}


@dataclass
class Case:
    """`at`: which certificate is there; `seen`: the name that is sent, the version and the cipher,
    as far as they are given; `why`: what the log says."""
    at: str = "address"
    tls: dict = field(default_factory=dict)
    why: str = ""
    seen: tuple = ()
    host: str = "127.0.0.1"


CASES = {
    # whom to trust
    "verified": Case(seen=(None, "TLSv1.3")),
    "another authority": Case(tls=OTHER, why="TLS: the certificate is not valid: unable to get "
                                             "local issuer certificate"),
    "not verified": Case(tls=OTHER | {"verify_mode": "none"}),
    "one of ours": Case("name", {"verify_mode": "selfsigned_peer", "cacertfile": "name.pem"}),
    "none of ours": Case("name", {"verify_mode": "selfsigned_peer"} | OTHER,
                         "TLS: the certificate is not valid"),
    # for which name
    "another name": Case("name", why='TLS: the certificate is not for "127.0.0.1"'),
    "told the name": Case("name", sni(host=NAME), seen=(NAME,)),
    "told another name": Case(tls=sni(host=NAME), why=f'is not for "{NAME}"'),
    "any name": Case("name", sni(enabled=False), seen=(None,)),
    "any name, another authority": Case("name", sni(enabled=False) | OTHER,
                                        "TLS: the certificate is not valid"),
    "localhost": Case("localhost", seen=("localhost",), host="localhost"),
    "no name for localhost": Case("localhost", sni(enabled=False), seen=(None,),
                                  host="localhost"),
    "a name for nobody": Case("name", {"verify_mode": "none"} | sni(host="other.example.net"),
                              seen=("other.example.net",)),
    "wildcard by default": Case("wildcard", sni(host=NAME), f'is not for "{NAME}"'),
    "wildcard": Case("wildcard", sni(host=NAME, protocol="https"), seen=(NAME,)),
    "wildcard for two labels": Case("wildcard", sni(host=f"a.{NAME}", protocol="https"),
                                    f'is not for "a.{NAME}"'),
    "exactly": Case("name", sni(host=NAME, protocol="default"), seen=(NAME,)),
    # how
    "TLS 1.2": Case(tls={"versions": V12}, seen=(None, "TLSv1.2")),
    "TLS 1.3": Case(tls={"versions": V13}, seen=(None, "TLSv1.3")),
    "no TLS 1.3 there": Case("1.2", {"versions": V13}, "TLS: alert protocol version"),
    "no TLS 1.2 there": Case("1.3", {"versions": V12}, "TLS: alert protocol version"),
    "TLS 1.0": Case("1.0", {"versions": ["tlsv1"]} | WEAK, seen=(None, "TLSv1")),
    "TLS 1.0 and 1.2": Case("1.1", {"versions": ["tlsv1", "tlsv1.2"]} | WEAK, "TLS: alert protocol version"),
    "TLS 1.1 and 1.3": Case("1.1", {"versions": ["tlsv1.1", "tlsv1.3"]} | WEAK,
                            seen=(None, "TLSv1.1")),
    "AES-128": Case(tls={"versions": V12, "ciphers": AES128}, seen=(None, "TLSv1.2", AES128)),
    "suite": Case(tls={"ciphers": f"TLS_CHACHA20_POLY1305_SHA256:{AES256}"},
                  seen=(None, "TLSv1.3", "TLS_CHACHA20_POLY1305_SHA256")),
    "no common cipher": Case("1.2", {"ciphers": AES128}, "TLS: alert handshake failure"),
    # who we are
    "certificate": Case("asks", CLIENT),
    "certificate with its key": Case("asks", {"certfile": "both.pem"}),
    "locked key": Case("asks", LOCKED),
    "no certificate": Case("asks", why="."),  # the alert may be lost
    "no certificate in TLS 1.2": Case("asks", {"versions": V12}, "TLS: alert handshake failure"),
}
