"""SASL (RFC 6120 section 6, RFC 5802, XEP-0440)."""
import base64
import hashlib
import ssl

import pytest

from lib import ns
from lib.client import SaslFailure
from lib.raw import tls_context
from lib.scram import HASHES, Scram
from lib.sclient import OpensslClient

PLUS = [name + "-PLUS" for name in HASHES]


def mechanisms(features):
    return [m.text for m in features.find(ns.SASL + "mechanisms") if m.tag.endswith("mechanism")]


def refused(attempt, *args, **kwargs):
    """The condition with which this SASL step fails."""
    with pytest.raises(SaslFailure) as failure:
        attempt(*args, **kwargs)
    return failure.value.condition


def end_point(connection):
    """tls-server-end-point (RFC 5929): the hash of the certificate, signed with SHA-256."""
    return hashlib.sha256(connection.socket.getpeercert(binary_form=True)).digest()


def over_tls(connect, version=None):
    c = connect("tls", tls=tls_context(version))
    return c, c.start()[1]


# --- success ---

@pytest.mark.parametrize("mechanism", list(HASHES))
def test_scram(connect, server, mechanism):
    account = server.account()
    c = connect()
    _, features = c.start()
    assert mechanism in mechanisms(features)
    scram = c.auth_scram(mechanism, account.user, account.password)
    assert scram.iterations == 4096
    c.restart()
    c.start()
    c.bind()
    assert ns.bare(c.jid) == account.jid


def test_plain(connect, server):
    account = server.account()
    c, features = over_tls(connect)
    assert "PLAIN" in mechanisms(features)
    c.auth_plain(account.user, account.password)
    c.restart()
    c.start()
    c.bind()
    assert ns.bare(c.jid) == account.jid


def test_plain_without_an_initial_response(connect, server):
    account = server.account()
    c, _ = over_tls(connect)
    challenge = c.sasl("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'/>")
    assert challenge.tag == ns.SASL + "challenge"
    assert not challenge.text or challenge.text == "="
    answer = c.respond(f"\0{account.user}\0{account.password}".encode())
    assert answer.tag == ns.SASL + "success"


def test_names_are_prepared(connect, server):
    """The localpart is compared case-insensitively (RFC 7622)."""
    account = server.account()
    c = connect().login(type(account)(account.jid.upper().replace("LOCALHOST", "localhost"),
                                      account.password))
    assert ns.bare(c.jid) == account.jid


def test_own_authzid(connect, server):
    account = server.account()
    c, _ = over_tls(connect)
    c.auth_plain(account.user, account.password, authzid=account.jid)


def test_stronger_mechanisms_come_first(connect):
    _, features = over_tls(connect)
    offered = mechanisms(features)
    assert offered.index("SCRAM-SHA-256") < offered.index("SCRAM-SHA-1")
    assert offered.index("SCRAM-SHA-1") < offered.index("PLAIN")


# --- channel binding ---

def test_no_plus_without_tls(connect):
    _, features = connect().start()
    assert not [m for m in mechanisms(features) if m.endswith("-PLUS")]
    assert features.find(ns.SASL_CB + "sasl-channel-binding") is None


@pytest.mark.parametrize("version, wanted", [
    (ssl.TLSVersion.TLSv1_2, {"tls-unique", "tls-server-end-point"}),
    (ssl.TLSVersion.TLSv1_3, {"tls-exporter", "tls-server-end-point"}),
], ids=["TLSv1_2", "TLSv1_3"])
def test_channel_bindings_offered(connect, version, wanted):
    _, features = over_tls(connect, version)
    assert set(PLUS) <= set(mechanisms(features))
    bindings = features.find(ns.SASL_CB + "sasl-channel-binding")
    assert bindings is not None, ns.show(features)
    offered = {b.get("type") for b in bindings}
    assert wanted <= offered
    if version == ssl.TLSVersion.TLSv1_3:
        assert "tls-unique" not in offered


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3],
                         ids=lambda v: v.name)
@pytest.mark.parametrize("mechanism", PLUS)
def test_end_point(connect, server, mechanism, version):
    account = server.account()
    c, _ = over_tls(connect, version)
    c.auth_scram(mechanism, account.user, account.password, gs2="p=tls-server-end-point,,",
                 binding=end_point(c))


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-1-PLUS", "SCRAM-SHA-512-PLUS"])
def test_tls_exporter(server, mechanism):
    account = server.account()
    with OpensslClient(server.ports["tls"]) as c:
        c.start()
        assert refused(c.auth_scram, mechanism, account.user, account.password,
                       gs2="p=tls-exporter,,", binding=b"\0" * 32) == "not-authorized"
        c.auth_scram(mechanism, account.user, account.password, gs2="p=tls-exporter,,",
                     binding=c.exporter)


def test_tls_unique(connect, server):
    account = server.account()
    c, _ = over_tls(connect, ssl.TLSVersion.TLSv1_2)
    c.auth_scram("SCRAM-SHA-256-PLUS", account.user, account.password, gs2="p=tls-unique,,",
                 binding=c.socket.get_channel_binding("tls-unique"))


def test_tls_unique_after_starttls(connect, server):
    account = server.account()
    c = connect("starttls")
    c.start()
    c.starttls(tls_context(ssl.TLSVersion.TLSv1_2))
    c.start()
    c.auth_scram("SCRAM-SHA-1-PLUS", account.user, account.password, gs2="p=tls-unique,,",
                 binding=c.socket.get_channel_binding("tls-unique"))


@pytest.mark.parametrize("gs2, binding", [
    ("p=tls-server-end-point,,", b"\0" * 32),
    ("p=tls-exporter,,", b"\0" * 32),
], ids=["end-point", "exporter"])
def test_wrong_channel_binding(connect, server, gs2, binding):
    account = server.account()
    c, _ = over_tls(connect, ssl.TLSVersion.TLSv1_3)
    assert refused(c.auth_scram, "SCRAM-SHA-256-PLUS", account.user, account.password,
                   gs2=gs2, binding=binding) == "not-authorized"


def test_unknown_channel_binding(connect, server):
    account = server.account()
    c, _ = over_tls(connect)
    assert refused(c.auth_scram, "SCRAM-SHA-256-PLUS", account.user, account.password,
                   gs2="p=tls-telepathy,,", binding=b"x") in (
                       "malformed-request", "not-authorized")


def test_downgrade_is_refused(connect, server):
    """'y' says: I could bind, but you do not offer it. It was offered, so somebody between
    took it out of the list (RFC 5802 section 6)."""
    account = server.account()
    c, _ = over_tls(connect)
    assert refused(c.auth_scram, "SCRAM-SHA-256", account.user, account.password,
                   gs2="y,,") == "not-authorized"


def test_y_is_right_where_nothing_can_be_bound(connect, server):
    account = server.account()
    c = connect()
    c.start()
    c.auth_scram("SCRAM-SHA-256", account.user, account.password, gs2="y,,")


def test_plus_needs_p(connect, server):
    account = server.account()
    c, _ = over_tls(connect)
    assert refused(c.auth_scram, "SCRAM-SHA-256-PLUS", account.user, account.password,
                   gs2="n,,") in ("malformed-request", "not-authorized")


# --- failure ---

@pytest.mark.parametrize("mechanism", list(HASHES))
def test_wrong_password(connect, server, mechanism):
    c = connect()
    c.start()
    assert refused(c.auth_scram, mechanism, server.account().user, "wrong") == "not-authorized"


def test_wrong_password_plain(connect, server):
    c, _ = over_tls(connect)
    assert refused(c.auth_plain, server.account().user, "wrong") == "not-authorized"


def test_right_password_after_a_wrong_one(connect, server):
    account = server.account()
    c = connect()
    c.start()
    assert refused(c.auth_scram, "SCRAM-SHA-1", account.user, "wrong") == "not-authorized"
    c.auth_scram("SCRAM-SHA-1", account.user, account.password)


def failing_exchange(connect, user, mechanism):
    """(salt, iterations, the failure's bytes) of an attempt with a wrong password."""
    c = connect()
    c.start()
    scram = Scram(mechanism, user, "wrong")
    challenge = base64.b64decode(c.auth(mechanism, scram.first()).text)
    final = scram.final(challenge)
    before = len(c.received)
    assert refused(c.respond, final) == "not-authorized"
    return scram.salt, scram.iterations, c.received[before:]


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-1", "SCRAM-SHA-512"])
def test_unknown_users_cannot_be_told(connect, server, mechanism):
    known = failing_exchange(connect, server.account().user, mechanism)
    unknown = failing_exchange(connect, "nobody", mechanism)
    again = failing_exchange(connect, "nobody", mechanism)
    other = failing_exchange(connect, "nobody2", mechanism)
    assert unknown == again, "the salt of an account does not change"
    assert unknown[0] != other[0], "accounts do not share a salt"
    assert len(unknown[0]) == len(known[0])
    assert unknown[1:] == known[1:]


def test_unknown_user_plain(connect, server):
    answers = []
    for user in (server.account().user, "nobody"):
        c, _ = over_tls(connect)
        before = len(c.received)
        assert refused(c.auth_plain, user, "wrong") == "not-authorized"
        answers.append(c.received[before:])
    assert answers[0] == answers[1]


@pytest.mark.parametrize("text", ["!!!", "AAA", "A===", "AAAA AAAA"])
def test_not_base64(connect, text):
    c = connect()
    c.start()
    assert refused(c.sasl, "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' "
                   f"mechanism='SCRAM-SHA-1'>{text}</auth>") == "incorrect-encoding"


@pytest.mark.parametrize("first", [b"", b"garbage", b"n,,n=romeo", b"n,,r=abc,n=romeo",
                                   b"x,,n=romeo,r=abc", b"n,,n=ro=meo,r=abc",
                                   b"n,,m=ext,n=romeo,r=abc"],
                         ids=["empty", "garbage", "no-nonce", "order", "flag", "escape",
                              "extension"])
def test_malformed_scram(connect, first):
    c = connect()
    c.start()
    assert refused(c.auth, "SCRAM-SHA-1", first) == "malformed-request"


def test_malformed_final(connect, server):
    c = connect()
    c.start()
    c.auth("SCRAM-SHA-1", Scram("SCRAM-SHA-1", server.account().user, "x").first())
    assert refused(c.respond, b"garbage") == "malformed-request"


def test_wrong_nonce_in_final(connect, server):
    account = server.account()
    c = connect()
    c.start()
    scram = Scram("SCRAM-SHA-1", account.user, account.password)
    challenge = base64.b64decode(c.auth("SCRAM-SHA-1", scram.first()).text)
    final = scram.final(challenge).replace(b"r=" + scram.nonce.encode(), b"r=other")
    assert refused(c.respond, final) in ("not-authorized", "malformed-request")


@pytest.mark.parametrize("data", [b"no separators", b"\0user", b"\0\0pw", b"\0user\0"],
                         ids=["none", "one", "no-user", "no-password"])
def test_malformed_plain(connect, data):
    c, _ = over_tls(connect)
    assert refused(c.auth, "PLAIN", data) in ("malformed-request", "not-authorized")


@pytest.mark.parametrize("mechanism", ["UNKNOWN", "", "scram-sha-1", "SCRAM-SHA-1-PLUS"])
def test_invalid_mechanism(connect, mechanism):
    c = connect()  # without TLS there is no -PLUS
    c.start()
    assert refused(c.auth, mechanism, b"n,,n=a,r=b") == "invalid-mechanism"


def test_abort(connect, server):
    account = server.account()
    c = connect()
    c.start()
    c.auth("SCRAM-SHA-1", Scram("SCRAM-SHA-1", account.user, "x").first())
    assert refused(c.sasl, "<abort xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>") == "aborted"
    c.auth_scram("SCRAM-SHA-1", account.user, account.password)


def test_response_without_auth(connect):
    c = connect()
    c.start()
    c.send("<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>AAAA</response>")
    assert c.stanza().tag in (ns.SASL + "failure", ns.STREAM + "error")


@pytest.mark.parametrize("domain", ["localhost", "LOCALHOST", "localhost."])
@pytest.mark.parametrize("authzid", ["", "{jid}"])
def test_whole_address_as_the_name(connect, server, domain, authzid):
    account = server.account()
    c = connect(domain=account.domain)
    c.start()
    c.auth_plain(f"{account.user.upper()}@{domain}", account.password,
                 authzid=authzid.format(jid=account.jid))
    c.restart()
    c.start()
    c.bind()
    assert c.jid.startswith(f"{account.jid}/")


@pytest.mark.parametrize("end", ["@elsewhere.example", "@", "@localhost@localhost", "@localhost/x"])
def test_other_address_as_the_name(connect, server, end):
    account = server.account()
    c = connect(domain=account.domain)
    c.start()
    with pytest.raises(SaslFailure) as failure:
        c.auth_plain(account.user + end, account.password)
    assert failure.value.condition == "not-authorized"


def test_other_authzid(connect, server):
    account = server.account()
    c, _ = over_tls(connect)
    assert refused(c.auth_plain, account.user, account.password,
                   authzid="juliet@localhost") == "invalid-authzid"


def test_other_authzid_scram(connect, server):
    account = server.account()
    c = connect()
    c.start()
    assert refused(c.auth_scram, "SCRAM-SHA-1", account.user, account.password,
                   gs2="n,a=juliet@localhost,") == "invalid-authzid"


def test_too_many_failures(connect, server):
    user = server.account().user
    c = connect()
    c.start()
    for _ in range(3):
        assert refused(c.auth_scram, "SCRAM-SHA-1", user, "wrong") == "not-authorized"
    scram = Scram("SCRAM-SHA-1", user, "wrong")
    challenge = base64.b64decode(c.auth("SCRAM-SHA-1", scram.first()).text)
    final = base64.b64encode(scram.final(challenge)).decode()
    c.send(f"<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>{final}</response>")
    failure = c.event()
    assert failure.tag == ns.SASL + "failure"
    c.expect_error("policy-violation")


def test_account_of_another_domain(connect, server):
    """An account is one of its domain: the same name elsewhere is somebody else."""
    account = server.account()
    c = connect(domain="other.example")
    c.start()
    assert refused(c.auth_scram, "SCRAM-SHA-1", account.user,
                   account.password) == "not-authorized"


def test_auth_after_success(login):
    c = login()
    c.send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AAAA</auth>")
    c.expect_error("unsupported-stanza-type")
