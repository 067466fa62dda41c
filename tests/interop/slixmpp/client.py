"""slixmpp against a server: the environment says which (XMPPWIRE_SERVER_*, see ../README.md).

Every check is a coroutine of its own with its own connections and its own deadline.
"""

import asyncio
import contextlib
import logging
import os
import ssl
import sys
import time
import traceback

from slixmpp import ClientXMPP, JID
from slixmpp.exceptions import IqError, IqTimeout

SECONDS = 15
NASTY = [
    "plain",
    "a < b && c > d, \"quoted\" and 'quoted', ]]> and &amp; as text",
    "Grüße, Привет, 你好, \N{CAT FACE WITH TEARS OF JOY}, e\N{COMBINING ACUTE ACCENT}",
    "line\nline\ttab  two spaces ",
    "<message to='nobody@localhost'><body>not markup</body></message>",
    "long: " + "lorem <ipsum> & ünïcödé " * 300,
]


def get(name):
    return os.environ[f"XMPPWIRE_SERVER_{name}"]


def juliet():
    return get("USER"), get("PASSWORD")


def romeo():
    return get("OTHER_USER"), get("OTHER_PASSWORD")


def odd():
    """An account whose name SCRAM has to escape."""
    return get("ODD_USER"), get("ODD_PASSWORD")


class Client(ClientXMPP):
    """A slixmpp client that never leaves the loopback interface and remembers what it saw."""

    def __init__(self, account=None, mechanism=None, resource=None, authority="CA"):
        user, password = account or juliet()
        jid = f"{user}@{get('DOMAIN')}" + (f"/{resource}" if resource else "")
        super().__init__(jid, password, sasl_mech=mechanism)
        self.ssl_context = ssl.create_default_context(cafile=get(authority))
        self.ca_certs = None
        self.enable_direct_tls = False
        self.enable_plaintext = False
        self.register_plugin("xep_0030")
        self.register_plugin("xep_0199")
        self.inbox = asyncio.Queue()
        self.failures = []
        self.received = b""
        self.add_event_handler("message", self.inbox.put_nowait)
        self.add_event_handler("failed_auth", lambda failure: self.failures.append(failure["condition"]))

    def data_received(self, data):
        self.received += data
        super().data_received(data)

    async def first_of(self, *names):
        """The name of the first of these events."""
        first = asyncio.get_running_loop().create_future()
        for name in names:
            self.add_event_handler(name, lambda _, name=name: first.done() or first.set_result(name))
        return await asyncio.wait_for(first, SECONDS)

    async def log_in(self):
        self.connect(get("ADDRESS"), int(get("PORT")))
        outcome = await self.first_of("session_start", "failed_all_auth", "disconnected")
        assert outcome == "session_start", f"{outcome}, {self.failures}"
        assert isinstance(self.socket, (ssl.SSLSocket, ssl.SSLObject)), "the session is not encrypted"

    async def log_out(self):
        started = time.monotonic()
        await self.disconnect(wait=5)
        assert self.received.endswith(b"</stream:stream>"), "no closing tag from the server"
        assert time.monotonic() - started < 4, "the server did not close the connection"

    async def next_message(self):
        return await asyncio.wait_for(self.inbox.get(), SECONDS)


@contextlib.asynccontextmanager
async def logged_in(*arguments, **options):
    client = Client(*arguments, **options)
    try:
        await client.log_in()
        yield client
        await client.log_out()
    finally:
        client.abort()


async def logs_in(account, mechanism):
    async with logged_in(account, mechanism) as client:
        assert client.boundjid.bare == f"{account[0]}@{get('DOMAIN')}", client.boundjid
        assert client.boundjid.resource, "no resource"
        before_tls = client.received.split(b"<proceed", 1)[0]
        assert b"<mechanism>" not in before_tls, "mechanisms are offered before TLS"


async def binds_the_wanted_resource():
    async with logged_in(resource="balcony & <garden>") as client:
        assert client.boundjid.resource == "balcony & <garden>", client.boundjid


async def pings_the_server():
    async with logged_in() as client:
        assert await client.plugin["xep_0199"].ping(JID(get("DOMAIN")), timeout=SECONDS) < SECONDS


async def unknown_request_is_answered_with_an_error():
    async with logged_in() as client:
        iq = client.make_iq_get(queryxmlns="urn:example:unheard-of", ito=get("DOMAIN"))
        try:
            await iq.send(timeout=SECONDS)
        except IqError as error:
            assert error.condition in ("service-unavailable", "feature-not-implemented"), error.condition
        else:
            raise AssertionError("an unknown request got a result")


async def request_to_an_unknown_user_is_answered_with_an_error():
    async with logged_in() as client:
        iq = client.make_iq_get(queryxmlns="urn:example:unheard-of", ito=f"nobody@{get('DOMAIN')}")
        try:
            await iq.send(timeout=SECONDS)
        except IqError as error:
            assert error.condition == "service-unavailable", error.condition
        else:
            raise AssertionError("the user nobody answered")


async def exchange(sender, receiver):
    """Sends every text; they arrive in order, unchanged, and stamped with who sent them."""
    for text in NASTY:
        sender.send_message(mto=receiver.boundjid, mbody=text, mtype="chat")
    for text in NASTY:
        message = await receiver.next_message()
        assert message["type"] == "chat", message
        assert message["from"] == sender.boundjid, f"from {message['from']}"
        assert message["to"] == receiver.boundjid, f"to {message['to']}"
        assert message["body"] == text, f"{message['body']!r} instead of {text!r}"


async def sends_messages_to_itself():
    async with logged_in() as client:
        await exchange(client, client)


async def sends_messages_to_another():
    async with logged_in() as one, logged_in(romeo()) as other:
        await exchange(one, other)
        await exchange(other, one)


async def two_resources_are_apart():
    async with logged_in(resource="one") as one, logged_in(resource="two") as two:
        await exchange(one, two)
        await exchange(two, one)
        assert one.inbox.empty() and two.inbox.empty(), "a message was delivered twice"


async def fetches_its_roster():
    async with logged_in() as client:
        answer = await client.get_roster(timeout=SECONDS)
        assert answer["type"] == "result", answer


async def sees_its_own_presence():
    """A server tells every available resource, the sender's own included (RFC 6121 §4.2.2)."""
    async with logged_in(resource="seen") as client:
        seen = asyncio.get_running_loop().create_future()

        def presence(stanza):
            if stanza["from"] == client.boundjid and not seen.done():
                seen.set_result(stanza["type"])

        client.add_event_handler("presence", presence)
        client.send_presence()
        assert await asyncio.wait_for(seen, SECONDS) == "available"


async def newer_login_takes_the_resource():
    older = Client(resource="contested")
    try:
        await older.log_in()
        gone = asyncio.ensure_future(older.first_of("disconnected"))
        async with logged_in(resource="contested") as newer:
            await gone
            assert b"<conflict " in older.received, older.received[-200:]
            await exchange(newer, newer)
    finally:
        older.abort()


async def wrong_credentials_are_refused(account, mechanism):
    client = Client(account, mechanism)
    try:
        client.connect(get("ADDRESS"), int(get("PORT")))
        outcome = await client.first_of("session_start", "failed_all_auth", "disconnected")
        assert outcome == "failed_all_auth", outcome
        assert client.failures == ["not-authorized"], client.failures
    finally:
        client.abort()


async def untrusted_certificate_ends_it(then):
    """The handshake fails on our side; the server must outlive it."""
    client = Client(authority="OTHER_CA")
    try:
        client.connect(get("ADDRESS"), int(get("PORT")))
        outcome = await client.first_of("session_start", "ssl_invalid_chain")
        assert outcome == "ssl_invalid_chain", outcome
    finally:
        client.abort()
    await then()


def checks():
    for mechanism in get("MECHANISMS").split():
        for account in (juliet(), romeo(), odd()):
            yield f"{account[0]} logs in with {mechanism}", logs_in(account, mechanism)
        for account in ((juliet()[0], "wrong"), ("nobody", "wrong")):
            yield f"{account[0]} is refused with {mechanism}", wrong_credentials_are_refused(account, mechanism)
    yield "logs in with whatever is best", logs_in(juliet(), None)
    yield "binds the wanted resource", binds_the_wanted_resource()
    yield "pings the server", pings_the_server()
    yield "its roster", fetches_its_roster()
    yield "its own presence", sees_its_own_presence()
    yield "a contested resource", newer_login_takes_the_resource()
    yield "unknown request", unknown_request_is_answered_with_an_error()
    yield "unknown user", request_to_an_unknown_user_is_answered_with_an_error()
    yield "messages to itself", sends_messages_to_itself()
    yield "messages to another", sends_messages_to_another()
    yield "two resources", two_resources_are_apart()
    yield "untrusted certificate", untrusted_certificate_ends_it(then=pings_the_server)


async def run_all(program, checks):
    passed = failed = 0
    for name, check in checks():
        try:
            await asyncio.wait_for(check, 2 * SECONDS)
            passed += 1
        except (AssertionError, asyncio.TimeoutError, IqError, IqTimeout, OSError) as error:
            failed += 1
            where = traceback.extract_tb(error.__traceback__)[-1].lineno
            print(f"FAILED {name}: {type(error).__name__} {error} (line {where})", flush=True)
    print(f"{program}: {passed} passed, {failed} failed")
    return 1 if failed else 0


def run(program, checks):
    """Runs every check and ends the program."""
    logging.basicConfig(level=os.environ.get("SLIXMPP_LOG", "CRITICAL"))
    sys.exit(asyncio.run(run_all(program, checks)))


if __name__ == "__main__":
    run("slixmpp", checks)
