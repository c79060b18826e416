"""Clients that others have written: slixmpp (Python) and libstrophe (C)."""
import asyncio
import os
import ssl
import subprocess

import pytest
import slixmpp

from lib import env

HASHES = ("SHA-1", "SHA-224", "SHA-256", "SHA-384", "SHA-512")


class Slix(slixmpp.ClientXMPP):
    """Logs in, gets the roster, becomes available; then `ready` is done."""

    def __init__(self, account, server, how="starttls", mechanism=None, version=None):
        super().__init__(account.jid, account.password, sasl_mech=mechanism)
        for plugin in ("xep_0030", "xep_0012", "xep_0049", "xep_0054", "xep_0092", "xep_0199",
                       "xep_0203"):
            self.register_plugin(plugin)
        loop = asyncio.get_event_loop()
        self.ready = loop.create_future()
        self.gone = loop.create_future()
        self.messages = asyncio.Queue()
        self.auto_authorize = self.auto_subscribe = True
        self.add_event_handler("session_start", self.on_start)
        self.add_event_handler("failed_all_auth", self.on_failure)
        self.add_event_handler("message", self.messages.put_nowait)
        self.add_event_handler("disconnected", self.on_disconnected)
        self.ssl_context.check_hostname = False
        self.ssl_context.verify_mode = ssl.CERT_NONE
        if version:
            self.ssl_context.maximum_version = version
        self.connect(("127.0.0.1", server.ports[how]), use_ssl=how == "tls",
                     force_starttls=how == "starttls", disable_starttls=how != "starttls")

    async def on_start(self, _):
        await self.get_roster()
        self.send_presence()
        if not self.ready.done():
            self.ready.set_result(True)

    def on_failure(self, _):
        if not self.ready.done():
            self.ready.set_result(False)

    def on_disconnected(self, _):
        if not self.gone.done():
            self.gone.set_result(True)

    async def leave(self):
        self.disconnect()
        await within(self.gone)


async def within(awaitable):
    return await asyncio.wait_for(awaitable, env.DEADLINE)


@pytest.fixture
def run_async():
    """Runs a coroutine in a loop of its own, and cancels what it leaves behind."""
    def run(coroutine):
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        try:
            loop.run_until_complete(asyncio.wait_for(coroutine, env.TEST_DEADLINE))
        finally:
            for task in asyncio.all_tasks(loop):
                task.cancel()
            loop.run_until_complete(asyncio.sleep(0))
            loop.close()
            asyncio.set_event_loop(None)
    return run


# Forced to SCRAM without -PLUS, slixmpp 1.8 says 'y' over TLS, though -PLUS is offered: that has
# to fail. Its -PLUS is tls-unique only, which TLS 1.3 does not have.
@pytest.mark.parametrize("how, mechanism, version", [
    ("starttls", None, None),
    ("starttls", "PLAIN", None),
    ("tls", "PLAIN", None),
    *(("plain", f"SCRAM-{name}", None) for name in HASHES),
    *(("starttls", f"SCRAM-{name}-PLUS", ssl.TLSVersion.TLSv1_2) for name in HASHES),
    ("tls", "SCRAM-SHA-256-PLUS", ssl.TLSVersion.TLSv1_2),
])
def test_slixmpp_login(server, run_async, how, mechanism, version):
    account = server.account()

    async def scenario():
        client = Slix(account, server, how, mechanism, version)
        assert await within(client.ready)
        await client.leave()
    run_async(scenario())


def test_slixmpp_wrong_password(server, run_async):
    account = server.account()

    async def scenario():
        client = Slix(type(account)(account.jid, "wrong"), server)
        assert not await within(client.ready)
        client.abort()
    run_async(scenario())


def test_slixmpp_conversation(server, run_async):
    """Two clients make friends, talk, and ask the server for everything that it has."""
    accounts = server.account(), server.account()

    async def scenario():
        one, two = (Slix(a, server) for a in accounts)
        assert await within(one.ready) and await within(two.ready)

        seen = asyncio.get_event_loop().create_future()

        def on_available(presence):
            if presence["from"] == two.boundjid and not seen.done():
                seen.set_result(True)
        one.add_event_handler("presence_available", on_available)
        one.send_presence_subscription(two.boundjid.bare)
        await within(seen)

        one.send_message(two.boundjid.full, "hi <&>", mtype="chat")
        message = await within(two.messages.get())
        assert message["body"] == "hi <&>" and message["from"] == one.boundjid
        message.reply("hi yourself").send()
        assert (await within(one.messages.get()))["body"] == "hi yourself"

        info = await within(one["xep_0030"].get_info("localhost", cached=False))
        assert ("server", "im") in {(c, t) for c, t, *_ in info["disco_info"]["identities"]}
        await within(one["xep_0199"].ping("localhost"))
        await within(one["xep_0199"].ping(two.boundjid))
        version = await within(one["xep_0092"].get_version("localhost"))
        assert version["software_version"]["name"] == "Meerkat"
        last = await within(one["xep_0012"].get_last_activity("localhost"))
        assert last["last_activity"]["seconds"] >= 0

        card = one["xep_0054"].make_vcard()
        card["FN"] = "One"
        await within(one["xep_0054"].publish_vcard(card))
        got = await within(two["xep_0054"].get_vcard(one.boundjid.bare, cached=False))
        assert got["vcard_temp"]["FN"] == "One"
        for client in (one, two):
            await client.leave()
    run_async(scenario())


def test_slixmpp_offline_message(server, run_async):
    accounts = server.account(), server.account()

    async def scenario():
        one = Slix(accounts[0], server)
        assert await within(one.ready)
        one.send_message(accounts[1].jid, "for later", mtype="chat")
        await within(one["xep_0199"].ping("localhost"))
        two = Slix(accounts[1], server)
        message = await within(two.messages.get())
        assert message["body"] == "for later"
        await one.leave()
        await two.leave()
    run_async(scenario())


# --- libstrophe ---

@pytest.fixture(scope="session")
def strophe(tmp_path_factory):
    """The small client beside this file, compiled."""
    source = os.path.join(os.path.dirname(__file__), "libstrophe_client.c")
    binary = str(tmp_path_factory.mktemp("strophe") / "client")
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "libstrophe"], check=True,
                           capture_output=True, text=True).stdout.split()
    subprocess.run(["cc", "-o", binary, source, *flags], check=True, capture_output=True)
    return binary


def test_libstrophe(server, strophe):
    account = server.account()
    done = subprocess.run(
        [strophe, account.jid, account.password, str(server.ports["starttls"])],
        capture_output=True, text=True, timeout=env.DEADLINE, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    assert done.stdout.strip() == "hello from libstrophe <&>"
    assert "not secured" not in done.stderr


def test_libstrophe_wrong_password(server, strophe):
    account = server.account()
    done = subprocess.run(
        [strophe, account.jid, "wrong", str(server.ports["starttls"])],
        capture_output=True, text=True, timeout=env.DEADLINE, check=False)
    assert done.returncode == 1
