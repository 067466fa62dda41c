"""slixmpp's components (XEP-0114) against a server: the environment says which (XMPPWIRE_SERVER_*,
see ../README.md)."""

import asyncio
import contextlib

from slixmpp import JID, ComponentXMPP

from client import NASTY, SECONDS, get, logged_in, run

DOMAIN, OWN = get("COMPONENT"), f"bot@{get('COMPONENT')}/hall"


class Component(ComponentXMPP):
    """A component that remembers what it saw, and echoes nothing by itself."""

    def __init__(self, domain=DOMAIN, secret=None, **options):
        secret = secret or get("COMPONENT_SECRET")
        port = int(get("COMPONENT_PORT"))
        super().__init__(domain, secret, get("ADDRESS"), port, **options)
        self.register_plugin("xep_0030")
        self.register_plugin("xep_0199")
        self.inbox = asyncio.Queue()
        self.presences = asyncio.Queue()
        self.received = b""
        self.add_event_handler("message", self.inbox.put_nowait)
        self.add_event_handler("presence", self.presences.put_nowait)

    def data_received(self, data):
        self.received += data
        super().data_received(data)

    async def outcome(self):
        """Whether it is attached or was disconnected."""
        first = asyncio.get_running_loop().create_future()
        for name in ("session_start", "disconnected"):
            self.add_event_handler(name, lambda _, name=name: first.done() or first.set_result(name))
        self.connect()
        return await asyncio.wait_for(first, SECONDS)


@contextlib.asynccontextmanager
async def attached(**options):
    component = Component(**options)
    try:
        outcome = await component.outcome()
        assert outcome == "session_start", f"{outcome}, {component.received[-300:]}"
        yield component
        await component.disconnect(wait=5)
        assert component.received.endswith(b"</stream:stream>"), "no closing tag from the server"
    finally:
        component.abort()


async def next_of(queue):
    return await asyncio.wait_for(queue.get(), SECONDS)


async def messages_pass_both_ways():
    async with attached() as component, logged_in() as client:
        for text in NASTY:
            client.send_message(mto=OWN, mbody=text, mtype="chat")
            component.send_message(mto=client.boundjid, mfrom=OWN, mbody=text, mtype="chat")
        for text in NASTY:
            heard = await next_of(component.inbox)
            assert heard["body"] == text, f"{heard['body']!r} instead of {text!r}"
            assert heard["from"] == client.boundjid and heard["to"] == OWN, heard
            heard = await next_of(client.inbox)
            assert heard["body"] == text, f"{heard['body']!r} instead of {text!r}"
            assert heard["from"] == OWN and heard["to"] == client.boundjid, heard


async def messages_pass_in_the_namespace_of_clients():
    """Some components write that one. slixmpp then does not understand what servers write."""
    async with attached(use_jc_ns=True) as component, logged_in() as client:
        for text in NASTY:
            component.send_message(mto=client.boundjid, mfrom=OWN, mbody=text, mtype="chat")
        for text in NASTY:
            heard = await next_of(client.inbox)
            assert heard["body"] == text and heard["from"] == OWN, heard


async def requests_pass_both_ways():
    async with attached() as component, logged_in() as client:
        host = JID(get("DOMAIN"))
        for jid in (host, client.boundjid):
            await component.plugin["xep_0199"].ping(jid, ifrom=JID(DOMAIN), timeout=SECONDS)
        await client.plugin["xep_0199"].ping(JID(DOMAIN), timeout=SECONDS)


async def presence_passes_both_ways():
    async with attached() as component, logged_in() as client:
        seen = asyncio.Queue()
        client.add_event_handler("presence", seen.put_nowait)
        client.send_presence(pto=OWN)
        presence = await next_of(component.presences)
        assert presence["from"] == client.boundjid, presence
        component.send_presence(pto=client.boundjid, pfrom=OWN)
        while (await next_of(seen))["from"] != OWN:
            pass


async def is_refused(condition, **options):
    component = Component(**options)
    try:
        outcome = await component.outcome()
        assert outcome == "disconnected", outcome
        # Servers differ in what they say about an unknown domain.
        assert any(f"<{name} ".encode() in component.received for name in condition), component.received
    finally:
        component.abort()


async def a_foreign_from_ends_the_stream():
    async with logged_in() as client:
        component = Component()
        try:
            assert await component.outcome() == "session_start"
            gone = asyncio.get_running_loop().create_future()
            component.add_event_handler("disconnected", lambda _: gone.done() or gone.set_result(None))
            component.send_message(mto=client.boundjid, mfrom=f"evil@{get('DOMAIN')}", mbody="false")
            await asyncio.wait_for(gone, SECONDS)
            assert b"<invalid-from " in component.received, component.received[-300:]
            assert client.inbox.empty(), "a message with a false sender was delivered"
        finally:
            component.abort()


async def attaches_again():
    for _ in range(3):
        async with attached() as component:
            host = JID(get("DOMAIN"))
            await component.plugin["xep_0199"].ping(host, ifrom=JID(DOMAIN), timeout=SECONDS)


def checks():
    yield "messages", messages_pass_both_ways()
    yield "messages in jabber:client", messages_pass_in_the_namespace_of_clients()
    yield "requests", requests_pass_both_ways()
    yield "presence", presence_passes_both_ways()
    yield "a wrong secret", is_refused(["not-authorized"], secret="wrong")
    yield "an unknown domain", is_refused(["host-unknown", "not-authorized"], domain="no.such.component")
    yield "a foreign sender", a_foreign_from_ends_the_stream()
    yield "attaches again", attaches_again()


if __name__ == "__main__":
    run("slixmpp's component", checks)
