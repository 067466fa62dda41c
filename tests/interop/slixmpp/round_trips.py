"""A login of slixmpp whose round trips ../round_trips.py counts: `starttls` or `direct`, then what the
last connection does: `sasl`, or `sasl-resume`."""

import asyncio
import sys

from client import Client, get
from resume import Managed

MODE, LOGIN = sys.argv[1:]


def prepare(client):
    client.enable_direct_tls = MODE == "direct"
    client.enable_starttls = MODE == "starttls"
    return client


def connect(client):
    client.connect(get("ADDRESS"), int(get("TLS_PORT" if MODE == "direct" else "PORT")))


def speak(client):
    """Sends the first stanza, which the count recognises by its size."""
    client.send_message(mto=client.boundjid, mbody="x" * 12_000, mtype="chat")


async def run():
    client = prepare(Client() if LOGIN == "sasl" else Managed())
    client.add_event_handler("session_start", lambda _: speak(client))
    enabled = asyncio.ensure_future(client.first_of("sm_enabled")) if LOGIN != "sasl" else None
    connect(client)
    await client.next_message()
    if LOGIN == "sasl-resume":
        await enabled
        client.add_event_handler("session_resumed", lambda _: speak(client))
        gone = asyncio.ensure_future(client.first_of("disconnected"))
        client.cut()
        await gone
        resumed = asyncio.ensure_future(client.first_of("session_resumed", "session_start"))
        connect(client)
        assert await resumed == "session_resumed"
        await client.next_message()
    await client.disconnect(wait=5)


asyncio.run(asyncio.wait_for(run(), 60))
