"""slixmpp's stream management (XEP-0198) against a server: the environment says which
(XMPPWIRE_SERVER_*, see ../README.md)."""

import asyncio
import contextlib

from client import SECONDS, Client, get, juliet, romeo, run


class Managed(Client):
    """A client whose session outlives its connection."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.register_plugin("xep_0198")
        self.stream = self.plugin["xep_0198"]
        self.acked = asyncio.Queue()
        self.add_event_handler("stanza_acked", self.acked.put_nowait)

    async def log_in(self):
        # The event may come before the start of the session is told.
        enabled = asyncio.ensure_future(self.first_of("sm_enabled"))
        await super().log_in()
        await enabled
        assert self.stream.sm_id, "the session cannot be resumed"

    def cut(self):
        """The connection is just gone, as where a network fails."""
        self.transport.abort()

    async def resume(self):
        """Connects again; the session has to be the same."""
        jid = str(self.boundjid)
        self.connect(get("ADDRESS"), int(get("PORT")))
        outcome = await self.first_of("session_resumed", "sm_failed", "session_start", "failed_all_auth")
        assert outcome == "session_resumed", outcome
        assert str(self.boundjid) == jid, f"{self.boundjid} instead of {jid}"

    def tell(self, other, text):
        self.send_message(mto=other.boundjid, mbody=text, mtype="chat")

    async def hears(self, *texts):
        for text in texts:
            message = await self.next_message()
            assert message["body"] == text, f"{message['body']!r} instead of {text!r}"
        # What comes twice comes right behind.
        await asyncio.sleep(0.2)
        assert self.inbox.empty(), f"also {self.inbox.get_nowait()}"


@contextlib.asynccontextmanager
async def managed(*arguments, **options):
    client = Managed(*arguments, **options)
    try:
        await client.log_in()
        yield client
        await client.log_out()
    finally:
        client.abort()


async def stanzas_are_acknowledged():
    async with managed() as one, managed(romeo()) as other:
        for number in range(20):
            one.tell(other, str(number))
        await other.hears(*map(str, range(20)))
        one.stream.request_ack()
        acked = [await asyncio.wait_for(one.acked.get(), SECONDS) for _ in range(20)]
        assert [stanza["body"] for stanza in acked] == [str(number) for number in range(20)]


async def a_session_continues():
    async with managed() as one, managed(romeo()) as other:
        one.tell(other, "before")
        other.tell(one, "before")
        await other.hears("before")
        await one.hears("before")
        for number in range(5):
            # Given to the connection, which is gone a moment later.
            one.tell(other, f"{number} last")
            gone = asyncio.ensure_future(one.first_of("disconnected"))
            await asyncio.sleep(0.01 * number)
            one.cut()
            await gone
            other.tell(one, f"{number} while away")
            await one.resume()
            one.tell(other, f"{number} again")
            await one.hears(f"{number} while away")
            await other.hears(f"{number} last", f"{number} again")


async def an_unknown_session_is_replaced():
    async with managed() as one:
        one.stream.sm_id = "no-such-session"
        gone = asyncio.ensure_future(one.first_of("disconnected"))
        one.cut()
        await gone
        started = asyncio.ensure_future(one.first_of("session_start"))
        enabled = asyncio.ensure_future(one.first_of("sm_enabled"))
        one.connect(get("ADDRESS"), int(get("PORT")))
        await started
        await enabled
        assert one.stream.sm_id != "no-such-session"
        one.tell(one, "new")
        await one.hears("new")


async def a_session_of_another_account_stays_with_it():
    async with managed() as one, managed(romeo()) as other:
        other.stream.sm_id = one.stream.sm_id
        gone = asyncio.ensure_future(other.first_of("disconnected"))
        other.cut()
        await gone
        started = asyncio.ensure_future(other.first_of("session_start", "session_resumed"))
        other.connect(get("ADDRESS"), int(get("PORT")))
        assert await started == "session_start", "the session of another account was resumed"
        one.tell(one, "still here")
        await one.hears("still here")


def checks():
    assert juliet() and romeo()
    yield "stanzas are acknowledged", stanzas_are_acknowledged()
    yield "a session continues", a_session_continues()
    yield "an unknown session is replaced", an_unknown_session_is_replaced()
    yield "a session of another account", a_session_of_another_account_stays_with_it()


if __name__ == "__main__":
    run("slixmpp with stream management", checks)
