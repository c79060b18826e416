"""What a stream may hold and use: its buffers when it is idle."""
import pytest

from lib import ns

HIBERNATE = {"now": 0, "soon": 1, "late": 60_000, "never": "infinity"}

LISTENERS = {name: {"hibernate_after": after} for name, after in HIBERNATE.items()}
LISTENERS |= {f"{name}_tls": {"hibernate_after": after, "tls": {"mode": "starttls"}}
              for name, after in HIBERNATE.items()}


# --- hibernate_after ---

@pytest.mark.parametrize("listener", sorted(LISTENERS))
def test_whenever_it_hibernates_it_wakes_up(listener, login):
    client, other = login(listener=listener), login()
    for n in (1, 70_000, 10):
        client.message(client.jid, "x" * n)
        assert ns.body(client.expect_message()) == "x" * n
        other.sync()
    client.close()
