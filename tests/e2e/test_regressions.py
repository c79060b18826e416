"""What has gone wrong once: odd input that a client may send, and what must not come of it."""
import pytest

# --- stanzas at the reader's limits are written with more than they came with ---

MANY_ATTRIBUTES = "".join(f" a{i}='{i}'" for i in range(255))
MANY_PREFIXES = "".join(f" xmlns:p{i}='u:{i}'" for i in range(128))


@pytest.mark.parametrize("receiver", ["offline", "online"])
@pytest.mark.parametrize("attributes, inner", [
    (MANY_ATTRIBUTES, ""),
    ("", "<a/>" * 65534),
    ("", f"<a{MANY_PREFIXES}><stream:b/></a>"),
], ids=["attributes", "nodes", "prefixes"])
def test_stanza_at_the_limits(server, online, attributes, inner, receiver):
    account = server.account()
    sender = online()
    to = online(account) if receiver == "online" else None
    sender.send(f"<message to='{account.jid}'{attributes}><body>x</body>{inner}</message>")
    sender.sync()
    (to or online(account)).expect_message("x")
